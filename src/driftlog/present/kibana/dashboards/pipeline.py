"""The way of events into results: what is refused, and whether workers keep up."""

from __future__ import annotations

from typing import Final

from driftlog.present.kibana import views
from driftlog.present.kibana.column import count, largest, newest, over_time, percentile, terms, total
from driftlog.present.kibana.dashboard import Dashboard
from driftlog.present.kibana.dashboards.common import head, models
from driftlog.present.kibana.datatable import datatable
from driftlog.present.kibana.drilldown import TO_DOCUMENTS
from driftlog.present.kibana.embedded import Embedded
from driftlog.present.kibana.heatmap import heatmap
from driftlog.present.kibana.lens import BLUE, GREEN, RED
from driftlog.present.kibana.metric import metric
from driftlog.present.kibana.palette import FAILURES, NONE_IS_GOOD
from driftlog.present.kibana.panel import Panel, Row
from driftlog.present.kibana.searches import BY_NAME
from driftlog.present.kibana.xy import xy

_FAILED = "status : failed"

_TEXT = """**Quarantine** holds events that were refused, with the reason: nothing is thrown away unseen. **Cycles** are
the passes of workers over a model: no cycle for long means that nothing is evaluated and no alert can open. What was
lost or late, as a share of what should have come, is in Operations under *Pipeline integrity*."""

_NUMBERS = Row(
    6,
    (
        Panel(
            "refused",
            metric(
                "Quarantined",
                "Events refused in the time range. Red: see the reasons below, and repair the sender.",
                "quarantine",
                count("Quarantined"),
                palette=NONE_IS_GOOD,
            ),
            (TO_DOCUMENTS,),
        ),
        Panel(
            "last-cycle",
            metric(
                "Newest cycle",
                "When a worker last began a cycle. Longer ago than the interval of the worker: it has stopped; see "
                "`driftlog doctor` and start it.",
                "runs",
                newest("Newest cycle", "@timestamp", data_type="date"),
            ),
        ),
        Panel(
            "failed-cycles",
            metric(
                "Failed cycles",
                "Cycles that ended with an error. Red: the error stands in the list at the bottom.",
                "runs",
                count("Failed", where=_FAILED),
                second=count("of"),
                palette=NONE_IS_GOOD,
            ),
        ),
        Panel(
            "event-to-result",
            metric(
                "From event to result",
                "Seconds from the newest event to its result, 95th percentile of the cycles. Higher than the interval "
                "of the worker: cycles queue up; add a worker.",
                "runs",
                percentile("95th percentile, s", "event_to_result_s", 95),
            ),
        ),
    ),
)

_QUARANTINE = Row(
    13,
    (
        Panel(
            "reasons",
            heatmap(
                "Quarantine by reason",
                "Refused events by reason over time. Dark: click the cell to read them; unknown_model: register the "
                "model; too_old: look at the clock of the sender.",
                "quarantine",
                over_time(),
                terms("Reason", "quarantine.reason", size=20, by="Events"),
                count("Events"),
                palette=FAILURES,
            ),
            (TO_DOCUMENTS,),
        ),
        Panel(
            "reason-table",
            datatable(
                "Who sends what is refused",
                "Reasons by model and source, with the newest message.",
                "quarantine",
                (
                    terms("Reason", "quarantine.reason", size=20, by="Events"),
                    terms("Source", "quarantine.source", size=10, by="Events"),
                    count("Events"),
                    total("Bytes", "quarantine.size_bytes"),
                    newest("Newest", "@timestamp", data_type="date"),
                ),
            ),
            (TO_DOCUMENTS,),
        ),
    ),
)

_CYCLES = Row(
    12,
    (
        Panel(
            "cycles",
            xy(
                "Cycles of the workers",
                "Cycles over time, by how they ended. A gap: no worker ran. Red: open the failed cycles below.",
                "runs",
                over_time(),
                (
                    count("fine", where="status : ok"),
                    count("failed", where=_FAILED),
                    count("skipped", where="status : skipped"),
                ),
                series="bar_stacked",
                colours={"fine": GREEN, "failed": RED, "skipped": "#b9a888"},
            ),
        ),
        Panel(
            "durations",
            xy(
                "How long cycles take",
                "Median and largest duration. Close to the interval of the worker: add a worker.",
                "runs",
                over_time(),
                (percentile("median", "duration_s", 50), largest("longest", "duration_s")),
                colours={"median": BLUE, "longest": RED},
            ),
        ),
        Panel(
            "work",
            xy(
                "What cycles did",
                "Buckets counted, outcomes joined and measurements made. None of them while predictions come: see "
                "`driftlog doctor`.",
                "runs",
                over_time(),
                (total("buckets", "buckets"), total("outcomes", "outcomes"), total("measurements", "measurements")),
                series="bar",
            ),
        ),
    ),
)

_BY_MODEL = Row(
    13,
    (
        Panel(
            "by-model",
            datatable(
                "Cycles by model",
                "Newest cycle of each model. An old one: no worker holds that model.",
                "runs",
                (
                    models(size=200),
                    terms("Environment", views.ENVIRONMENT, size=5),
                    count("Cycles"),
                    count("Failed", where=_FAILED),
                    percentile("Median duration", "duration_s", 50),
                    newest("Newest cycle", "@timestamp", data_type="date"),
                    newest("Worker", "worker", data_type="string"),
                ),
                coloured={"Failed": NONE_IS_GOOD},
            ),
        ),
        Panel("failed-cycles-search", Embedded(BY_NAME["cycles"])),
    ),
)

PIPELINE: Final = Dashboard(
    "pipeline",
    "Pipeline",
    "What was refused and why, and whether the workers keep up. Red: repair the sender, or start a worker.",
    (
        *head(_TEXT),
        _NUMBERS,
        _QUARANTINE,
        _CYCLES,
        _BY_MODEL,
        Row(14, (Panel("quarantine-search", Embedded(BY_NAME["quarantine"])),)),
    ),
    since="now-7d",
    refresh_s=60,
)
