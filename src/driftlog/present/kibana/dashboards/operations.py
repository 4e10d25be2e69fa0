"""How the models are served: throughput, latency, errors, resources, and whether events arrive."""

from __future__ import annotations

from typing import Final

from driftlog.present.kibana import views
from driftlog.present.kibana.column import average, count, largest, over_time, percentile, terms
from driftlog.present.kibana.dashboard import Dashboard
from driftlog.present.kibana.dashboards.common import JUDGED, WHOLE, head, limits, slices, worst
from driftlog.present.kibana.drilldown import TO_DOCUMENTS, to_dashboard
from driftlog.present.kibana.embedded import Embedded
from driftlog.present.kibana.formats import column_number, column_percent, column_share
from driftlog.present.kibana.heatmap import heatmap
from driftlog.present.kibana.lens import BLUE, GREEN, RED, YELLOW
from driftlog.present.kibana.metric import metric
from driftlog.present.kibana.palette import FAILURES, NONE_IS_GOOD, PERCENT_USED, SEVERITY, SHARE_OF_FAILURES
from driftlog.present.kibana.panel import Panel, Row
from driftlog.present.kibana.searches import BY_NAME
from driftlog.present.kibana.xy import xy

_FAILED = "event.outcome : failure"
_MS = column_number(1)
_PERCENTILES = {"latency_p50_ms": GREEN, "latency_p95_ms": YELLOW, "latency_p99_ms": RED}

_TEXT = """Calls, latency and errors come from the predictions as they arrive; everything in windows comes from the
results. Red in *Pipeline integrity*: first make sure that events arrive, then believe the rest; drift and performance
of such a window are reported and not judged."""

_NUMBERS = Row(
    6,
    (
        Panel(
            "calls",
            metric("Calls", "Predictions in the time range.", "predictions", count("Calls")),
        ),
        Panel(
            "failed",
            metric(
                "Failed calls",
                "Calls that raised an error. Red: click, and read the errors in Discover.",
                "predictions",
                count("Failed", where=_FAILED),
                palette=NONE_IS_GOOD,
            ),
            (TO_DOCUMENTS,),
        ),
        *(
            Panel(
                f"p{rank}",
                metric(
                    f"Latency, {rank}th percentile",
                    f"{rank} % of the calls were at least as quick. Slow: open the slowest predictions below.",
                    "predictions",
                    percentile(f"{rank}th percentile", "event.duration", rank),
                ),
            )
            for rank in (50, 95, 99)
        ),
    ),
)

_TRAFFIC = Row(
    12,
    (
        Panel(
            "throughput",
            xy(
                "Throughput",
                "Calls over time by version. A drop: upstream or the app; a version you do not expect: see Audit.",
                "predictions",
                over_time(),
                (count("Calls"),),
                series="bar_stacked",
                split=terms("Version", views.VERSION, size=8, by="Calls"),
            ),
            (TO_DOCUMENTS,),
        ),
        Panel(
            "latency",
            xy(
                "Latency percentiles",
                "Median, 95th and 99th percentile of single calls. Only the 99th rises: some inputs are slow; all: "
                "the host is busy, open Resources.",
                "predictions",
                over_time(),
                (
                    percentile("median", "event.duration", 50),
                    percentile("95th percentile", "event.duration", 95),
                    percentile("99th percentile", "event.duration", 99),
                ),
                colours={"median": GREEN, "95th percentile": YELLOW, "99th percentile": RED},
            ),
            (to_dashboard("resources", "Resources"), TO_DOCUMENTS),
        ),
    ),
)

_ERRORS = Row(
    13,
    (
        Panel(
            "errors-by-type",
            heatmap(
                "Failures by type of error",
                "Number of failed calls of each type over time. Red: click the cell to read them in Discover.",
                "predictions",
                over_time(),
                terms("Error", "error.type", size=15, by="Failures"),
                count("Failures"),
                palette=FAILURES,
                where=_FAILED,
            ),
            (TO_DOCUMENTS,),
        ),
        Panel(
            "errors-by-segment",
            heatmap(
                "Error rate by segment",
                "Share of failed calls of each segment and window and of the whole model. Red: filter the "
                "failed predictions by what makes the segment.",
                "results",
                over_time(),
                terms("Segment", "segment", size=25, by="Error rate"),
                largest("Error rate", "value", format=column_share(1)),
                palette=SHARE_OF_FAILURES,
                where="purpose : operational and metric : error_rate",
            ),
        ),
        Panel(
            "error-rate",
            xy(
                "Error rate and its limits",
                "Share of failed calls by window. Beyond the dashed line in two windows of two: an alert opens.",
                "results",
                over_time(),
                (average("error rate", "value", format=column_share(2)),),
                split=slices(),
                across=limits("error_rate")[1:],
                where="purpose : operational and metric : error_rate",
            ),
        ),
    ),
)

_JUDGED = Row(
    13,
    (
        Panel(
            "operational-verdicts",
            heatmap(
                "Service measures and their verdicts",
                "The worst verdict of throughput, latency and errors over time. Red: the panel above of that measure.",
                "results",
                over_time(),
                terms("Measure", "metric", size=15),
                worst(),
                palette=SEVERITY,
                where=f"purpose : operational and {JUDGED}",
            ),
        ),
        Panel(
            "latency-by-window",
            xy(
                "Latency by window, in milliseconds",
                "As judged: percentiles of whole windows, with the limit of the 99th.",
                "results",
                over_time(),
                tuple(average(name, "value", where=f"metric : {name}", format=_MS) for name in _PERCENTILES),
                across=limits("latency_p99_ms")[1:],
                where=f"purpose : operational and {WHOLE}",
                colours=_PERCENTILES,
            ),
        ),
    ),
)

_RESOURCES = Row(
    12,
    (
        Panel(
            "resource-heatmap",
            heatmap(
                "CPU, memory, GPU and storage",
                "Percent used by the processes and hosts that serve the model, by window. Red (90 and more): add "
                "processes or hosts, or move something; single hosts are in Resources.",
                "results",
                over_time(),
                terms("Measure", "metric", size=12),
                largest("Percent used", "value", format=column_percent()),
                palette=PERCENT_USED,
                where=f"purpose : resource and unit : percent and {WHOLE}",
            ),
            (to_dashboard("resources", "Resources"),),
        ),
        Panel(
            "memory",
            xy(
                "Memory by window",
                "Mean and largest memory of the serving processes. A line that only climbs: a leak.",
                "results",
                over_time(),
                (
                    average("mean", "value", where="metric : memory_bytes_mean", format={"id": "bytes"}),
                    largest("largest", "value", where="metric : memory_bytes_max", format={"id": "bytes"}),
                ),
                series="line",
                where=f"purpose : resource and {WHOLE}",
                colours={"mean": BLUE, "largest": RED},
            ),
        ),
    ),
    (30, 18),
)

_SHARES = (
    "metric : (shipping_loss_share or quarantine_rate or duplicate_share or clock_skew_share or rows_lacking_share)"
)

_INTEGRITY = Row(
    13,
    (
        Panel(
            "integrity-verdicts",
            heatmap(
                "Pipeline integrity",
                "Loss, quarantine, repeats, clocks, silence, late labels: the worst verdict by window. Red: repair the "
                "pipeline first; open Pipeline.",
                "results",
                over_time(),
                terms("Measure", "metric", size=15),
                worst(),
                palette=SEVERITY,
                where=f"purpose : integrity and {JUDGED}",
            ),
            (to_dashboard("pipeline", "Pipeline"),),
        ),
        Panel(
            "losses",
            xy(
                "Lost, refused, repeated",
                "Shares of events that were lost by a full spool, quarantined, stored twice or ahead of their time. "
                "Anything above zero has a cause worth finding.",
                "results",
                over_time(),
                (average("share", "value", format=column_share(2)),),
                split=terms("Measure", "metric", size=6),
                where=f"purpose : integrity and {_SHARES}",
            ),
        ),
        Panel(
            "lag",
            xy(
                "Lag and silence",
                "Seconds from an event to Elasticsearch (95th percentile), and hours that used to have events and had "
                "none. Lag grows: Elasticsearch or Logstash cannot keep up.",
                "results",
                over_time(),
                (
                    average("lag in seconds", "value", where="metric : ingest_lag_p95_s"),
                    average("silent hours", "value", where="metric : silent_hours"),
                ),
                where="purpose : integrity",
                colours={"lag in seconds": BLUE, "silent hours": RED},
            ),
        ),
    ),
)

OPERATIONS: Final = Dashboard(
    "operations",
    "Operations",
    "Throughput, latency, errors, resources and the integrity of the pipeline. Red: click it; the documents behind it "
    "open in Discover.",
    (
        *head(_TEXT),
        _NUMBERS,
        _TRAFFIC,
        _ERRORS,
        _JUDGED,
        _RESOURCES,
        _INTEGRITY,
        Row(13, (Panel("failed-search", Embedded(BY_NAME["errors"])), Panel("slow-search", Embedded(BY_NAME["slow"])))),
    ),
    since="now-24h",
    refresh_s=60,
)
