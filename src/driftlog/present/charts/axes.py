"""Axes and grid that the charts over time share."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from driftlog.present.charts.scales import Linear, Timeline
from driftlog.present.charts.svg import element, text

LEFT = 64.0
RIGHT = 1024.0


def value_axis(scale: Linear, form: Callable[[float], str], *, count: int = 4) -> list[Markup]:
    """Horizontal grid lines with their values."""
    parts = []
    for tick in scale.ticks(count):
        y = scale(tick)
        parts.append(element("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(text(form(tick), LEFT - 10, y + 4, anchor="end"))
    return parts


def time_axis(timeline: Timeline, top: float, bottom: float, *, count: int = 9) -> list[Markup]:
    """Vertical tick marks with their times."""
    parts = [element("line", x1=timeline.start, x2=timeline.end, y1=bottom, y2=bottom, class_="axis")]
    for when, label in timeline.ticks(count):
        x = timeline(when)
        parts.append(element("line", x1=x, x2=x, y1=top, y2=bottom + 5, class_="grid faint"))
        parts.append(text(label, x, bottom + 20, anchor="middle"))
    return parts
