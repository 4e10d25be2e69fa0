"""Lines over time: value with its interval, the reference's value, limits, and the times of alerts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from driftlog.contract.window import Window
from driftlog.present.charts.axes import LEFT, RIGHT, time_axis, value_axis
from driftlog.present.charts.scales import Linear, Timeline, value_scale
from driftlog.present.charts.svg import chart, element, path, text, titled


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
    height: float = 240.0,
    floor: float | None = None,
    top: float | None = None,
) -> Markup:
    """The chart; empty markup where no point has a value."""
    values = [v for line in lines for p in line.points for v in (p.value, p.lower, p.upper) if v is not None]
    if not any(p.value is not None for line in lines for p in line.points):
        return Markup("")
    bottom = height - 30
    scale = value_scale([*values, *(level.value for level in levels)], bottom, 14.0, floor=floor, top=top)
    timeline = Timeline(span.start, span.end, LEFT, RIGHT)
    parts = [*_shades(shades, timeline, bottom), *value_axis(scale, form), *time_axis(timeline, 14.0, bottom)]
    parts += [part for level in levels for part in _level(level, scale)]
    parts += [part for line in lines for part in _line(line, timeline, scale)]
    if len(lines) > 1:
        parts += _names(lines, timeline, scale)
    return chart(parts, height=height, label=label)


def _shades(shades: Sequence[Shade], timeline: Timeline, bottom: float) -> list[Markup]:
    parts = []
    for shade in shades:
        start = max(timeline(shade.window.start), timeline.start)
        end = min(timeline(shade.window.end), timeline.end)
        if end > start:
            parts.append(
                titled(
                    "rect",
                    shade.title,
                    x=start,
                    y=14,
                    width=end - start,
                    height=bottom - 14,
                    class_=f"shade {shade.severity}",
                )
            )
    return parts


def _level(level: Level, scale: Linear) -> list[Markup]:
    y = scale(level.value)
    return [
        element("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_=f"level {level.kind}"),
        text(level.name, LEFT + 6, y - 5, class_=f"level-name {level.kind}"),
    ]


def _line(line: Line, timeline: Timeline, scale: Linear) -> list[Markup]:
    runs = _runs(line.points)
    parts = []
    for run in runs:
        band = [
            (timeline(p.middle), scale(p.upper), scale(p.lower))
            for p in run
            if p.lower is not None and p.upper is not None
        ]
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
    if point.verdict in ("warning", "critical"):
        size = 7.0 if point.verdict == "critical" else 5.5
        triangle = [(x, y - size), (x + size, y + size * 0.8), (x - size, y + size * 0.8)]
        return titled("path", point.title, d=path(triangle, close=True), class_=f"mark {point.verdict}")
    style = f"mark tone{tone}" + (" hollow" if point.hollow else "")
    return titled("circle", point.title, cx=x, cy=y, r=2.0 if many else 3.5, class_=style)


def _names(lines: Sequence[Line], timeline: Timeline, scale: Linear) -> list[Markup]:
    """Names at the right end of each line, kept apart."""
    ends = []
    for line in lines:
        last = next((p for p in reversed(line.points) if p.value is not None), None)
        if last is not None:
            ends.append((scale(last.value or 0.0), line, timeline(last.middle)))
    parts, previous = [], -100.0
    for y, line, x in sorted(ends, key=lambda end: end[0]):
        previous = max(y - 8, previous + 14)
        parts.append(text(line.name, min(x, RIGHT), previous, class_=f"line-name tone{line.tone}", anchor="end"))
    return parts
