"""A chart as PNG, for emails: most mail programs show no SVG. One series with its interval, limits and breaches.

Drawn with Pillow and the font inside it, so that it looks the same in a container without fonts; the picture's own
words are therefore numbers, dates and a few plain words. Names stand in the email's text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from driftlog.contract.window import Window
from driftlog.present.charts.lines import Level, Point
from driftlog.present.charts.scales import Linear, Timeline, value_scale

WIDTH: Final = 560
HEIGHT: Final = 236
SCALE: Final = 2
"""Pixels for each point of the layout: sharp on fine screens."""
_OVERSAMPLE: Final = 2
"""Drawn larger still and reduced, as Pillow draws lines without smoothing."""
PAPER: Final = "#ffffff"
INK: Final = "#4f5d6d"
FAINT: Final = "#7a8797"
RULE: Final = "#e8ecf1"
LINE: Final = "#2563c4"
BAND: Final = "#dbe6f7"
COLOURS: Final = {
    "critical": "#b3264c",
    "warning": "#c77800",
    "info": "#1f6fb2",
    "reference": "#7a8797",
}
_LEFT: Final = 54.0
_RIGHT: Final = WIDTH - 96.0
_TOP: Final = 16.0
_BOTTOM: Final = HEIGHT - 30.0


@dataclass(frozen=True)
class _Pen:
    """Draws in points of the layout."""

    draw: ImageDraw.ImageDraw
    factor: int

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float) -> None:
        scaled = [(x * self.factor, y * self.factor) for x, y in points]
        self.draw.line(scaled, fill=colour, width=max(1, round(width * self.factor)), joint="curve")

    def dashes(self, y: float, start: float, end: float, colour: str, width: float) -> None:
        x = start
        while x < end:
            self.line([(x, y), (min(x + 5.0, end), y)], colour, width)
            x += 9.0

    def area(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        self.draw.polygon([(x * self.factor, y * self.factor) for x, y in points], fill=colour)

    def dot(self, x: float, y: float, radius: float, colour: str, *, ring: str = PAPER) -> None:
        for r, fill in ((radius + 1.2, ring), (radius, colour)):
            box = [(x - r) * self.factor, (y - r) * self.factor, (x + r) * self.factor, (y + r) * self.factor]
            self.draw.ellipse(box, fill=fill)

    def text(self, x: float, y: float, words: str, colour: str, size: float = 11.0, anchor: str = "lm") -> None:
        font = ImageFont.load_default(size * self.factor)
        at, halo = (x * self.factor, y * self.factor), 2 * self.factor
        self.draw.text(at, drawable(words), fill=colour, font=font, anchor=anchor, stroke_width=halo, stroke_fill=PAPER)


def line_picture(
    points: Sequence[Point],
    levels: Sequence[Level],
    *,
    form: Callable[[float], str],
    floor: float | None = None,
    top: float | None = None,
) -> bytes | None:
    """The chart as PNG of ``SCALE * WIDTH`` x ``SCALE * HEIGHT`` pixels; None where no point has a value.

    Numbers that are not finite count as missing.
    """
    points = [_finite(point) for point in points]
    levels = [level for level in levels if math.isfinite(level.value)]
    shown = [point for point in points if point.value is not None]
    if not shown:
        return None
    factor = SCALE * _OVERSAMPLE
    image = Image.new("RGB", (WIDTH * factor, HEIGHT * factor), PAPER)
    pen = _Pen(ImageDraw.Draw(image), factor)
    values = [v for p in shown for v in (p.value, p.lower, p.upper) if v is not None]
    scale = value_scale([*values, *(level.value for level in levels)], _BOTTOM, _TOP, floor=floor, top=top)
    span = Window(points[0].window.start, max(point.window.end for point in points))
    times = Timeline(span.start, span.end, _LEFT, _RIGHT)
    _axes(pen, scale, times, form)
    _course(pen, points, scale, times)
    _levels(pen, levels, scale, form)
    _marks(pen, shown, scale, times)
    _newest(pen, shown[-1], [scale(level.value) for level in levels], scale, times, form)
    small = image.reduce(_OVERSAMPLE)
    content = BytesIO()
    small.quantize(64, method=Image.Quantize.FASTOCTREE).save(content, "PNG", optimize=True)
    return content.getvalue()


def _finite(point: Point) -> Point:
    def kept(value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None

    return replace(point, value=kept(point.value), lower=kept(point.lower), upper=kept(point.upper))


def drawable(words: str) -> str:
    """`words` without what the built-in font cannot draw.

    >>> drawable("12 %, –, 模型")
    '12 %, -, ??'
    """
    plain = words.replace("–", "-").replace("−", "-").replace("…", "...").replace("\u202f", " ").replace("\xa0", " ")
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in plain)


def _axes(pen: _Pen, scale: Linear, times: Timeline, form: Callable[[float], str]) -> None:
    for tick in scale.ticks(4):
        y = scale(tick)
        pen.line([(_LEFT, y), (_RIGHT, y)], RULE, 1.0)
        pen.text(_LEFT - 8, y, form(tick), FAINT, anchor="rm")
    taken = 0.0
    for when, words in times.ticks(6):
        x = times(when)
        pen.line([(x, _BOTTOM), (x, _BOTTOM + 4)], FAINT, 1.0)
        if x - 26 >= taken and x + 26 <= WIDTH:
            pen.text(x, _BOTTOM + 15, words, FAINT, anchor="mm")
            taken = x + 30
    pen.line([(_LEFT, _BOTTOM), (_RIGHT, _BOTTOM)], FAINT, 1.0)


def _course(pen: _Pen, points: Sequence[Point], scale: Linear, times: Timeline) -> None:
    """Interval and line; a window without a value interrupts both."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if point.value is None:
            runs.append([])
        else:
            runs[-1].append(point)
    for run in runs:
        bounded = [(times(p.middle), p.lower, p.upper) for p in run if p.lower is not None and p.upper is not None]
        if len(bounded) > 1:
            upper = [(x, scale(high)) for x, _, high in bounded]
            lower = [(x, scale(low)) for x, low, _ in reversed(bounded)]
            pen.area([*upper, *lower], BAND)
    for run in runs:
        if len(run) > 1:
            pen.line([(times(p.middle), scale(p.value or 0.0)) for p in run], LINE, 1.8)


def _levels(pen: _Pen, levels: Sequence[Level], scale: Linear, form: Callable[[float], str]) -> None:
    """Limits with their names at the right, moved apart where they are close."""
    below = -100.0
    for level in sorted(levels, key=lambda level: scale(level.value)):
        y = scale(level.value)
        colour = COLOURS.get(level.kind, INK)
        pen.dashes(y, _LEFT, _RIGHT, colour, 1.3)
        words = max(y, below + 14.0)
        pen.text(_RIGHT + 7, words, f"{level.name} {form(level.value)}", colour, 10.5)
        below = words


def _marks(pen: _Pen, shown: Sequence[Point], scale: Linear, times: Timeline) -> None:
    many = len(shown) > 40
    for point in shown:
        breach = point.verdict in COLOURS
        if breach or not many:
            radius = 3.6 if breach else 2.2
            pen.dot(times(point.middle), scale(point.value or 0.0), radius, COLOURS.get(point.verdict, LINE))


def _newest(
    pen: _Pen, last: Point, taken: Sequence[float], scale: Linear, times: Timeline, form: Callable[[float], str]
) -> None:
    """The last value in words, above its mark or below it, where no limit is drawn."""
    x, y = times(last.middle), scale(last.value or 0.0)
    colour = COLOURS.get(last.verdict, LINE)
    pen.dot(x, y, 5.0, colour)
    words = form(last.value or 0.0)
    places = [place for place in (y - 15, y + 15) if _TOP <= place <= _BOTTOM - 8]
    free = [place for place in places if all(abs(place - other) > 9 for other in taken)]
    pen.text(min(x, _RIGHT - 8), (free or places)[0], words, colour, 12.5, anchor="mm")
