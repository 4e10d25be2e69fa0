"""A sparkline: the course of one number, without axes."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from driftlog.present.charts.scales import Linear, value_scale
from driftlog.present.charts.svg import chart, element, path


def sparkline(values: Sequence[float | None], *, label: str, level: float | None = None) -> Markup:
    """The line with a dot at its end; empty markup for fewer than two values."""
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return Markup("")
    scale = value_scale([v for _, v in known] + ([level] if level is not None else []), 34.0, 4.0)
    across = Linear(0.0, float(len(values) - 1), 2.0, 156.0)
    points = [(across(index), scale(value)) for index, value in known]
    parts = [element("path", d=path(points), class_="line tone0")]
    if level is not None:
        parts.insert(0, element("line", x1=2, x2=156, y1=scale(level), y2=scale(level), class_="level reference"))
    parts.append(element("circle", cx=points[-1][0], cy=points[-1][1], r=3.0, class_="mark tone0"))
    return chart(parts, height=38, width=160, label=label)
