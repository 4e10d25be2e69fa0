"""Lines over time: value with its interval, the reference's value, limits, and the times of alerts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from markupsafe import Markup

from driftlog.contract.window import Window
from driftlog.present.charts.axes import FULL, TOP, Frame, level_line, time_axis, value_axis
from driftlog.present.charts.markers import Marker, marker_marks
from driftlog.present.charts.scales import Linear, Timeline, value_scale
from driftlog.present.charts.svg import chart, element, path, text, titled

T = TypeVar("T")


@dataclass(frozen=True)
class Point:
    """One window of a series.

    Attributes
    ----------
    verdict
        ok, warning, critical, ...; draws the mark.
    hollow
        The value is provisional (truths are still arriving).
    title
        Shown when the pointer rests on it.
    """

    window: Window
    value: float | None
    lower: float | None = None
    upper: float | None = None
    verdict: str = "ok"
    hollow: bool = False
    title: str = ""

    @property
    def middle(self) -> datetime:
        return self.window.start + self.window.length / 2


@dataclass(frozen=True)
class Line:
    """One series; `tone` 0, 1, 2 chooses its colour and dashes."""

    name: str
    points: tuple[Point, ...]
    tone: int = 0


@dataclass(frozen=True)
class Shade:
    """A stretch of time in which an alert was open."""

    window: Window
    severity: str
    title: str


@dataclass(frozen=True)
class Level:
    """A horizontal line: the reference's value (``reference``) or a limit (``warning``, ``critical``)."""

    name: str
    value: float
    kind: str


def line_chart(
    lines: Sequence[Line],
    span: Window,
    *,
    label: str,
    form: Callable[[float], str],
    levels: Sequence[Level] = (),
    shades: Sequence[Shade] = (),
    markers: Sequence[Marker] = (),
    frame: Frame = FULL,
    floor: float | None = None,
    top: float | None = None,
) -> Markup:
    """The chart; empty markup where no point has a value."""
    values = [v for line in lines for p in line.points for v in (p.value, p.lower, p.upper) if v is not None]
    if not any(p.value is not None for line in lines for p in line.points):
        return Markup("")
    scale = value_scale([*values, *(level.value for level in levels)], frame.bottom, TOP, floor=floor, top=top)
    timeline = frame.timeline(span)
    parts = [*_shades(shades, timeline, frame), *value_axis(frame, scale, form), *time_axis(frame, timeline)]
    parts += marker_marks(markers, timeline, frame)
    for level, y in _apart([(level, scale(level.value)) for level in levels]):
        parts += level_line(frame, scale(level.value), y, level.name, level.kind)
    parts += [part for line in lines for part in _line(line, timeline, scale)]
    if len(lines) > 1:
        parts += _names(lines, frame, scale)
    return chart(parts, height=frame.height, width=frame.width, label=label)


def _shades(shades: Sequence[Shade], timeline: Timeline, frame: Frame) -> list[Markup]:
    parts = []
    for shade in shades:
        start = max(timeline(shade.window.start), timeline.start)
        end = min(timeline(shade.window.end), timeline.end)
        if end > start:
            box = {"x": start, "y": TOP, "width": end - start, "height": frame.bottom - TOP}
            parts.append(titled("rect", shade.title, **box, class_=f"shade {shade.severity}"))
    return parts


def _line(line: Line, timeline: Timeline, scale: Linear) -> list[Markup]:
    runs = _runs(line.points)
    parts = []
    for run in runs:
        bounded = [p for p in run if p.lower is not None and p.upper is not None]
        band = [(timeline(p.middle), scale(p.upper or 0.0), scale(p.lower or 0.0)) for p in bounded]
        if len(band) > 1:
            outline = [(x, high) for x, high, _ in band] + [(x, low) for x, _, low in reversed(band)]
            parts.append(element("path", d=path(outline, close=True), class_=f"band tone{line.tone}"))
    for run in runs:
        if len(run) > 1:
            points = [(timeline(p.middle), scale(p.value)) for p in run if p.value is not None]
            parts.append(element("path", d=path(points), class_=f"line tone{line.tone}"))
    return parts + [_mark(p, line.tone, timeline, scale, many=len(line.points) > 80) for run in runs for p in run]


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    """Stretches without a gap: a window without a value interrupts the line."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if point.value is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _mark(point: Point, tone: int, timeline: Timeline, scale: Linear, *, many: bool) -> Markup:
    x, y = timeline(point.middle), scale(point.value or 0.0)
    if point.verdict in ("info", "warning", "critical"):
        size = {"critical": 7.0, "warning": 5.5}.get(point.verdict, 4.5)
        triangle = [(x, y - size), (x + size, y + size * 0.8), (x - size, y + size * 0.8)]
        return titled("path", point.title, d=path(triangle, close=True), class_=f"mark {point.verdict}")
    style = f"mark tone{tone}" + (" hollow" if point.hollow else "")
    return titled("circle", point.title, cx=x, cy=y, r=2.0 if many else 3.5, class_=style)


def _apart(placed: Sequence[tuple[T, float]], distance: float = 13.0) -> list[tuple[T, float]]:
    """Heights moved down until no two names overlap, in order of height."""
    found: list[tuple[T, float]] = []
    for item, y in sorted(placed, key=lambda pair: pair[1]):
        found.append((item, max(y, found[-1][1] + distance) if found else y))
    return found


def _names(lines: Sequence[Line], frame: Frame, scale: Linear) -> list[Markup]:
    """Names right of each line's end, kept apart."""
    ends = []
    for line in lines:
        last = next((p for p in reversed(line.points) if p.value is not None), None)
        if last is not None:
            ends.append((line, scale(last.value or 0.0)))
    return [text(line.name, frame.right + 7, y + 4, class_=f"line-name tone{line.tone}") for line, y in _apart(ends)]
