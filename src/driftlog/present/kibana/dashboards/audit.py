"""Who did what, and what was decided about versions."""

from __future__ import annotations

from typing import Final

from driftlog.present.kibana import views
from driftlog.present.kibana.column import count, distinct, largest, newest, over_time, terms
from driftlog.present.kibana.dashboard import Dashboard
from driftlog.present.kibana.dashboards.common import head, models
from driftlog.present.kibana.datatable import datatable
from driftlog.present.kibana.drilldown import TO_DOCUMENTS, to_dashboard
from driftlog.present.kibana.embedded import Embedded
from driftlog.present.kibana.heatmap import heatmap
from driftlog.present.kibana.metric import metric
from driftlog.present.kibana.palette import FAILURES, NONE_IS_GOOD
from driftlog.present.kibana.panel import Panel, Row
from driftlog.present.kibana.searches import BY_NAME
from driftlog.present.kibana.xy import xy

_CHANGES = "action : (settings.changed or thresholds.changed or reference.set)"
_DECISION = "kind : decision"

_TEXT = """Every change is a record tied to the one before it by a hash. Kibana shows the records; whether any was
changed or left out is proved by `driftlog audit verify` alone. Records of everybody's reading and writing of people's
data are here as well. Below: what the maintenance loop decided about versions, and why."""

_NUMBERS = Row(
    6,
    (
        Panel("records", metric("Records", "Records in the time range.", "audit", count("Records"))),
        Panel(
            "head",
            metric(
                "Newest sequence number",
                "Number of the newest record. Lower than it once was: records are gone; run `driftlog audit verify`.",
                "audit",
                largest("Sequence", "sequence"),
            ),
        ),
        Panel(
            "actors",
            metric(
                "People and programs",
                "Who acted. A name you do not know: look at its records.",
                "audit",
                distinct("Actors", "actor"),
            ),
        ),
        Panel(
            "changes",
            metric(
                "Changes of the rules",
                "Settings, thresholds or references that were changed. Each moves what is judged; was it agreed?",
                "audit",
                count("Changes", where=_CHANGES),
                palette=NONE_IS_GOOD,
            ),
            (TO_DOCUMENTS,),
        ),
    ),
)

_ACTIONS = Row(
    14,
    (
        Panel(
            "actions",
            heatmap(
                "What was done",
                "Records by action over time. Click a cell to read them.",
                "audit",
                over_time("recorded"),
                terms("Action", "action", size=30, by="Records"),
                count("Records"),
                palette=FAILURES,
            ),
            (TO_DOCUMENTS,),
        ),
        Panel(
            "who",
            datatable(
                "Who did it",
                "Actors and their actions, with the newest. A person's action at an odd time: ask.",
                "audit",
                (
                    terms("Actor", "actor", size=50, by="Records"),
                    terms("Action", "action", size=20, by="Records"),
                    count("Records"),
                    newest("Newest", "recorded", time="recorded", data_type="date"),
                ),
            ),
            (TO_DOCUMENTS,),
        ),
    ),
    (26, 22),
)

_VERSIONS = Row(
    13,
    (
        Panel(
            "decisions",
            xy(
                "Decisions about versions",
                "What the maintenance loop decided, by outcome. rollback or training_failed: read the reason beside.",
                "decisions",
                over_time(),
                (count("Decisions"),),
                series="bar_stacked",
                split=terms("Outcome", "outcome", size=15),
                where=_DECISION,
            ),
            (TO_DOCUMENTS, to_dashboard("model", "Model")),
        ),
        Panel(
            "decision-table",
            datatable(
                "Newest decisions",
                "Outcome by model, who approved, and when the loop looks next. waiting_for_approval: yours to give, "
                "`driftlog maintain approve MODEL`.",
                "decisions",
                (
                    models(size=100),
                    terms("Outcome", "outcome", size=20, by="Looks"),
                    largest("Looks", "looks"),
                    newest("Approval", "approval", data_type="string"),
                    newest("Version", "version", data_type="string"),
                    newest("At", "@timestamp", data_type="date"),
                ),
                where=_DECISION,
            ),
        ),
        Panel(
            "records-by-model",
            xy(
                "Records by model",
                "Where most was done.",
                "audit",
                terms("Model", views.MODEL, size=20, by="Records"),
                (count("Records"),),
                series="bar_horizontal",
            ),
            (to_dashboard("model", "Model"),),
        ),
    ),
)

AUDIT: Final = Dashboard(
    "audit",
    "Audit",
    "Who did what and when, and what was decided about versions and why. Something odd: run `driftlog audit verify`.",
    (*head(_TEXT), _NUMBERS, _ACTIONS, _VERSIONS, Row(16, (Panel("trail", Embedded(BY_NAME["audit"])),))),
    since="now-30d",
)
