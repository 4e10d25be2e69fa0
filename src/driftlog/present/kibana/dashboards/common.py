"""What the dashboards share: the links between them, the whole model as KQL, the slices of a model as groups."""

from __future__ import annotations

from typing import Final

from driftlog.present.kibana import views
from driftlog.present.kibana.column import Column, largest, newest, terms
from driftlog.present.kibana.links import Links
from driftlog.present.kibana.markdown import Markdown
from driftlog.present.kibana.panel import Panel, Row
from driftlog.present.kibana.xy import Across, at_critical, at_reference, at_warning

TITLES: Final = (
    ("overview", "Overview"),
    ("model", "Model"),
    ("drift", "Drift"),
    ("operations", "Operations"),
    ("resources", "Resources"),
    ("pipeline", "Pipeline"),
    ("alerts", "Alerts"),
    ("feedback", "Feedback and A/B"),
    ("audit", "Audit"),
)
"""Dashboards in the order in which they are linked."""

WHOLE: Final = f'{views.SEGMENT} : "" and {views.VERSION} : "*" and {views.VARIANT} : "*"'
"""Results about a model as a whole: no segment, all versions, all variants."""


JUDGED: Final = "verdict : (ok or info or warning or critical)"
"""Results that a threshold could judge; where there are none, a heatmap of verdicts stays empty, not green."""


def head(text: str) -> tuple[Row, Row]:
    """The links, and a text that says how to read the dashboard."""
    return (
        Row(3, (Panel("links", Links(TITLES)),)),
        Row(5, (Panel("how-to-read", Markdown(text)),)),
    )


def models(*, size: int = 20, by: str = "") -> Column:
    return terms("Model", views.MODEL, size=size, by=by)


def slices(size: int = 6) -> Column:
    """Segment, version and variant together: each group is one series of results, the whole model first."""
    return terms("Part of the model", views.SEGMENT, views.VERSION, views.VARIANT, size=size)


def worst() -> Column:
    """0 ok, 1 info, 2 warning, 3 critical."""
    return largest("Worst verdict", "severity")


def limits(metric: str, *, more: str = "") -> tuple[Across, ...]:
    """Lines at the newest reference value and limits of a metric of the whole model."""
    where = f'metric : "{metric}" and {WHOLE}' + (f" and {more}" if more else "")
    return (
        at_reference(newest("reference", "reference.value", where=where)),
        at_warning(newest("warning", "limit.warning", where=where)),
        at_critical(newest("critical", "limit.critical", where=where)),
    )
