"""Columns over time: one a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from driftlog.contract.window import Window
from driftlog.present.charts.axes import LOW, TOP, Frame, level_line, time_axis, value_axis
from driftlog.present.charts.lines import Level, Point
from driftlog.present.charts.markers import Marker, marker_marks
from driftlog.present.charts.scales import LARGEST, Linear, Timeline
from driftlog.present.charts.svg import chart, titled


def column_chart(
    points: Sequence[Point],
    span: Window,
    *,
    label: str,
    form: Callable[[float], str],
    level: Level | None = None,
    markers: Sequence[Marker] = (),
    frame: Frame = LOW,
    top: float | None = None,
) -> Markup:
    """The chart; values start at 0. `top` fixes the upper end (1 for shares)."""
    drawn = [point for point in points if point.value is not None]
    if not drawn:
        return Markup("")
    highest = min(LARGEST, max([0.0, *(p.value or 0.0 for p in drawn), level.value if level is not None else 0.0]))
    scale = Linear(0.0, top if top is not None else (highest or 1.0) * 1.08, frame.bottom, TOP)
    timeline = frame.timeline(span)
    parts = [*value_axis(frame, scale, form, count=3), *time_axis(frame, timeline)]
    parts += [_column(point, timeline, scale, frame.bottom) for point in drawn]
    parts += marker_marks(markers, timeline, frame)
    if level is not None:
        parts += level_line(frame, scale(level.value), scale(level.value), level.name, level.kind)
    return chart(parts, height=frame.height, width=frame.width, label=label)


def _column(point: Point, timeline: Timeline, scale: Linear, bottom: float) -> Markup:
    start, end = timeline(point.window.start), timeline(point.window.end)
    gap = min(2.0, (end - start) * 0.15)
    y = scale(point.value or 0.0)
    style = f"column {point.verdict}" + (" hollow" if point.hollow else "")
    box = {"x": start + gap, "y": y, "width": max(0.6, end - start - 2 * gap), "height": max(0.5, bottom - y)}
    return titled("rect", point.title, **box, rx=1.5, class_=style)
