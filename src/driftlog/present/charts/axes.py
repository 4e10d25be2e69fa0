"""The frame of a chart over time: margins, grid and axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from driftlog.contract.window import Window
from driftlog.present.charts.scales import Linear, Timeline
from driftlog.present.charts.svg import WIDTH, element, text

TOP: Final = 14.0


@dataclass(frozen=True)
class Frame:
    """Size of a chart; values stand left of the plot, names of lines right of it."""

    width: float = WIDTH
    height: float = 240.0

    @property
    def left(self) -> float:
        return 58.0

    @property
    def right(self) -> float:
        return self.width - 62.0

    @property
    def bottom(self) -> float:
        return self.height - 30.0

    def timeline(self, span: Window) -> Timeline:
        return Timeline(span.start, span.end, self.left, self.right)


FULL: Final = Frame()
LOW: Final = Frame(height=180.0)
SMALL: Final = Frame(width=510.0, height=210.0)
"""Two of these stand side by side."""


def value_axis(frame: Frame, scale: Linear, form: Callable[[float], str], *, count: int = 4) -> list[Markup]:
    """Horizontal grid lines with their values."""
    parts = []
    for tick in scale.ticks(count):
        y = scale(tick)
        parts.append(element("line", x1=frame.left, x2=frame.right, y1=y, y2=y, class_="grid"))
        parts.append(text(form(tick), frame.left - 10, y + 4, anchor="end"))
    return parts


def time_axis(frame: Frame, timeline: Timeline) -> list[Markup]:
    """Vertical tick marks with their times."""
    parts = [element("line", x1=frame.left, x2=frame.right, y1=frame.bottom, y2=frame.bottom, class_="axis")]
    for when, label in timeline.ticks(9 if frame.width > 700 else 5):
        x = timeline(when)
        parts.append(element("line", x1=x, x2=x, y1=TOP, y2=frame.bottom + 5, class_="grid faint"))
        parts.append(text(label, x, frame.bottom + 20, anchor="middle"))
    return parts


def level_line(frame: Frame, y: float, y_name: float, name: str, kind: str) -> list[Markup]:
    """A horizontal line at `y`, its name right of the plot at `y_name`."""
    return [
        element("line", x1=frame.left, x2=frame.right, y1=y, y2=y, class_=f"level {kind}"),
        text(name, frame.right + 7, y_name + 4, class_=f"level-name {kind}"),
    ]
