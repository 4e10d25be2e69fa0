"""Panels with axes for the pictures of docs/statistics.md, drawn with the elements of driftlog's own charts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from driftlog.present.charts.scales import Linear
from driftlog.present.charts.svg import element, path, text

IMAGES = Path(__file__).parent.parent / "images"
STYLE = """
:root { --card: #fff; --ink: #16202c; --faint: #5d6a79; --rule: #e1e6ec; --blue: #2563c4; --blue-soft: #2563c42b;
  --red: #c2402d; --red-soft: #c2402d24; --grey: #8a97a6; --grey-soft: #98a4b33d; --green: #2b8a5b; }
@media (prefers-color-scheme: dark) { :root { --card: #0d1117; --ink: #e8edf3; --faint: #9aa7b5; --rule: #2b3642;
  --blue: #6ba5ff; --blue-soft: #6ba5ff38; --red: #ff8a75; --red-soft: #ff8a7530; --grey: #8290a1;
  --grey-soft: #8290a145; --green: #5cc492; } }
text { font: 12px system-ui, "Segoe UI", Roboto, Arial, sans-serif; fill: var(--faint); }
.head { font-size: 13px; font-weight: 600; fill: var(--ink); }
.card { fill: var(--card); } .grid { stroke: var(--rule); } .axis { stroke: var(--grey); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; } .thin { stroke-width: 1.2; }
.dash { stroke-dasharray: 5 4; } .bar { stroke-width: 1.6; }
.blue { stroke: var(--blue); } .red { stroke: var(--red); } .grey { stroke: var(--grey); }
.green { stroke: var(--green); } .ink { stroke: var(--ink); }
.dot { stroke: var(--card); } .dot.blue, .name.blue { fill: var(--blue); } .dot.red, .name.red { fill: var(--red); }
.dot.grey, .name.grey { fill: var(--grey); } .dot.green, .name.green { fill: var(--green); }
.dot.ink, .name.ink { fill: var(--ink); } .name { font-weight: 600; stroke: none; }
.band { stroke: none; } .band.blue { fill: var(--blue-soft); } .band.red { fill: var(--red-soft); }
.band.grey { fill: var(--grey-soft); }
"""
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """A plot area: `box` is left, top, right, bottom in the drawing; `x` and `y` are the ranges of the axes."""

    box: tuple[float, float, float, float]
    x: tuple[float, float]
    y: tuple[float, float]

    @property
    def across(self) -> Linear:
        return Linear(*self.x, self.box[0], self.box[2])

    @property
    def up(self) -> Linear:
        return Linear(*self.y, self.box[3], self.box[1])

    def at(self, points: Points) -> list[tuple[float, float]]:
        across, up = self.across, self.up
        low, high = sorted(self.y)
        return [(across(x), up(min(max(y, low), high))) for x, y in points]

    def axes(
        self,
        head: str,
        x_name: str,
        *,
        x_ticks: Sequence[float] | None = None,
        y_ticks: Sequence[float] | None = None,
        x_form: Callable[[float], str] = lambda v: f"{v:g}",
        y_form: Callable[[float], str] = lambda v: f"{v:g}",
    ) -> list[Markup]:
        """Heading, grid, ticks and the name of the horizontal axis."""
        left, top, right, bottom = self.box
        parts = [text(head, left, top - 14, "head")]
        for value in self.up.ticks() if y_ticks is None else y_ticks:
            y = self.up(value)
            parts += [
                element("line", x1=left, x2=right, y1=y, y2=y, class_="grid"),
                text(y_form(value), left - 8, y + 4, anchor="end"),
            ]
        for value in self.across.ticks() if x_ticks is None else x_ticks:
            parts.append(text(x_form(value), self.across(value), bottom + 18, anchor="middle"))
        parts.append(element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis"))
        parts.append(text(x_name, (left + right) / 2, bottom + 36, anchor="middle"))
        return parts

    def line(self, points: Points, style: str) -> Markup:
        return element("path", d=path(self.at(points)), class_=f"line {style}")

    def band(self, low: Points, high: Points, style: str) -> Markup:
        outline = [*self.at(high), *reversed(self.at(low))]
        return element("path", d=path(outline, close=True), class_=f"band {style}")

    def dots(self, points: Points, style: str, *, radius: float = 3.5) -> list[Markup]:
        return [element("circle", cx=x, cy=y, r=radius, class_=f"dot {style}") for x, y in self.at(points)]

    def name(self, words: str, x: float, y: float, style: str, *, anchor: str = "start", up: float = 0.0) -> Markup:
        return text(words, self.across(x), self.up(y) - up, f"name {style}", anchor)


def write(name: str, parts: Iterable[Markup], *, width: float, height: float, label: str) -> None:
    """Write docs/images/<name>.svg; `label` says in words what it shows."""
    IMAGES.mkdir(exist_ok=True)
    card = element("rect", width=width, height=height, rx=8.0, class_="card")
    drawing = element(
        "svg",
        element("style", Markup(STYLE)),  # noqa: S704 - a constant
        card,
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        width=width,
        height=height,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=label,
    )
    (IMAGES / f"{name}.svg").write_text(str(drawing) + "\n", encoding="utf-8")


def say(line: str) -> None:
    """Print a number that the page quotes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def percent(value: float) -> str:
    return f"{100 * value:g} %"
