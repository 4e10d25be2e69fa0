"""What is open, what opened when, and what became of it."""

from __future__ import annotations

from typing import Final

from driftlog.present.kibana.column import Column, average, count, largest, newest, over_time, terms
from driftlog.present.kibana.dashboard import Dashboard
from driftlog.present.kibana.dashboards.common import head, models
from driftlog.present.kibana.dashboards.overview import ACTIVE
from driftlog.present.kibana.datatable import datatable
from driftlog.present.kibana.drilldown import TO_DOCUMENTS, to_dashboard
from driftlog.present.kibana.embedded import Embedded
from driftlog.present.kibana.heatmap import heatmap
from driftlog.present.kibana.lens import RED, YELLOW
from driftlog.present.kibana.metric import metric
from driftlog.present.kibana.palette import FAILURES, NONE_IS_GOOD
from driftlog.present.kibana.panel import Panel, Row
from driftlog.present.kibana.searches import BY_NAME
from driftlog.present.kibana.xy import xy

_OPENED = "alert.opened"
_COLOURS = {"critical": RED, "warning": YELLOW, "info": "#6092c0"}

_TEXT = """The numbers and the first table show what is open now, whatever the time range; the rest goes by the time an
alert opened. Work on alerts with the command line or the links in notifications: `driftlog alerts ack HANDLE`,
`assign`, `snooze`, `resolve --cause ... --lesson ...`; what you write there becomes the model's handbook."""


def _by_severity() -> tuple[Column, ...]:
    return tuple(count(name, where=f"alert.severity : {name}") for name in _COLOURS)


def _number(name: str, title: str, description: str, where: str, *, bad: bool = True) -> Panel:
    lens = metric(title, description, "alerts-now", count(title, where=where), palette=NONE_IS_GOOD if bad else None)
    return Panel(name, lens)


_NUMBERS = Row(
    6,
    (
        _number("open", "Open", "Not resolved. Red: take the worst one.", ACTIVE),
        _number("critical", "Critical", "Open and critical: act now.", f"{ACTIVE} and alert.severity : critical"),
        _number(
            "nobodys",
            "Nobody's",
            "Open, and neither acknowledged nor assigned. Red: acknowledge it, so that others know.",
            f'{ACTIVE} and alert.status : open and alert.assignee : ""',
        ),
        _number(
            "quiet",
            "Silenced or muted",
            "Open, and nobody is told of them: silenced by people, or explained by another alert.",
            f"{ACTIVE} and (alert.silenced : true or alert.muted : true or alert.snoozed : true)",
            bad=False,
        ),
        _number(
            "false",
            "False alarms",
            "Resolved as a false alarm, ever. Many of one measure: move its threshold; `driftlog thresholds suggest`.",
            "alert.false_alarm : true",
            bad=False,
        ),
    ),
)

_OPEN = Row(
    14,
    (
        Panel(
            "open-now",
            datatable(
                "Open alerts",
                "One row an open alert, worst first. Click a model to see its performance; use the handle in commands.",
                "alerts-now",
                (
                    terms("Handle", "alert.handle", size=200, by="Opened"),
                    models(size=1),
                    newest("Severity", "alert.severity", time=_OPENED, data_type="string"),
                    newest("Status", "alert.status", time=_OPENED, data_type="string"),
                    newest("What", "alert.title.keyword", time=_OPENED, data_type="string"),
                    newest("Part", "segment", time=_OPENED, data_type="string"),
                    newest("Assignee", "alert.assignee", time=_OPENED, data_type="string"),
                    largest("Windows", "alert.windows"),
                    largest("Escalations", "alert.escalations"),
                    Column("Opened", "max", "date", "ratio", _OPENED, params={"emptyAsNull": True}),
                ),
                where=ACTIVE,
            ),
            (to_dashboard("model", "Model"), to_dashboard("drift", "Drift")),
        ),
    ),
)

_HISTORY = Row(
    12,
    (
        Panel(
            "opened",
            xy(
                "Alerts that opened",
                "By severity and time of opening. A burst: look for one cause, such as a release or a failed load.",
                "alerts",
                over_time(_OPENED),
                _by_severity(),
                series="bar_stacked",
                colours=_COLOURS,
            ),
            (TO_DOCUMENTS,),
        ),
        Panel(
            "by-purpose",
            heatmap(
                "What alerts are about",
                "Alerts that opened, by model and purpose. Dark: that model needs work, or its threshold does.",
                "alerts",
                terms("About", "purpose", size=20),
                models(size=25, by="Alerts"),
                count("Alerts"),
                palette=FAILURES,
                labelled=True,
            ),
            (to_dashboard("model", "Model"),),
        ),
        Panel(
            "members",
            xy(
                "Fields in alerts",
                "Fields of drift and quality alerts, most frequent first. The same one in many: repair its source.",
                "alerts",
                terms("Field", "members.field", size=15, by="Alerts"),
                (count("Alerts"),),
                series="bar_horizontal",
                where='not members.field : ""',
            ),
        ),
    ),
)

_CAUSES = Row(
    12,
    (
        Panel(
            "causes",
            datatable(
                "Causes, as people wrote them",
                "What resolved alerts turned out to be. The same cause again: remove it for good.",
                "alerts",
                (
                    terms("Cause", "alert.cause.keyword", size=50, by="Alerts"),
                    count("Alerts"),
                    count("False alarms", where="alert.false_alarm : true"),
                    newest("Newest", "alert.opened", time=_OPENED, data_type="date"),
                ),
                where='alert.status : resolved and not alert.cause : ""',
            ),
        ),
        Panel(
            "by-model",
            datatable(
                "Alerts by model",
                "How many opened, how long they were in breach, and how many were false.",
                "alerts",
                (
                    models(size=200, by="Alerts"),
                    count("Alerts"),
                    count("Open", where=ACTIVE),
                    average("Windows in breach", "alert.windows"),
                    count("False alarms", where="alert.false_alarm : true"),
                ),
                coloured={"Open": NONE_IS_GOOD},
            ),
            (to_dashboard("model", "Model"),),
        ),
    ),
)

ALERTS: Final = Dashboard(
    "alerts",
    "Alerts",
    "What is open now, what opened when and about what, and what it turned out to be. Red: take the worst one.",
    (
        *head(_TEXT),
        _NUMBERS,
        _OPEN,
        _HISTORY,
        _CAUSES,
        Row(14, (Panel("alerts-search", Embedded(BY_NAME["alerts"])),)),
    ),
    since="now-30d",
    refresh_s=60,
)
