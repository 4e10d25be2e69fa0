"""What happened beside the numbers (notes, promotions, changes), as numbered marks on the time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from markupsafe import Markup

from driftlog.contract.window import Window
from driftlog.present.charts.axes import TOP, Frame
from driftlog.present.charts.scales import Timeline
from driftlog.present.charts.svg import element, text, titled

_APART: Final = 18.0
"""Numbers nearer to each other than this would overlap: they share one mark."""
_RADIUS: Final = 7.5
_CHARACTER: Final = 6.0


@dataclass(frozen=True)
class Marker:
    """One event.

    Attributes
    ----------
    number
        By which the list below the charts calls it.
    kind
        ``note``, ``version`` or ``change``: its tone.
    text
        One sentence; shown when the pointer rests on it, and in the list.
    """

    number: int
    at: datetime
    kind: str
    text: str
    by: str = ""


def marker_marks(markers: Sequence[Marker], timeline: Timeline, frame: Frame) -> list[Markup]:
    """A thin line over the whole height with the number at its top; near ones together, as ``3–5``."""
    inside = [marker for marker in markers if timeline.start <= timeline(marker.at) <= timeline.end]
    groups: list[list[Marker]] = []
    for marker in sorted(inside, key=lambda each: (each.at, each.number)):
        if groups and timeline(marker.at) - timeline(groups[-1][0].at) < _APART:
            groups[-1].append(marker)
        else:
            groups.append([marker])
    return [part for group in groups for part in _mark(group, timeline, frame)]


def _mark(group: Sequence[Marker], timeline: Timeline, frame: Frame) -> list[Markup]:
    x = timeline(group[0].at)
    name = str(group[0].number) if len(group) == 1 else f"{group[0].number}–{group[-1].number}"
    title = "\n".join(f"{marker.number}: {marker.text}" for marker in group)
    width = max(2 * _RADIUS, len(name) * _CHARACTER + 8)
    kind = group[0].kind if len({marker.kind for marker in group}) == 1 else "change"
    return [
        element("line", x1=x, x2=x, y1=TOP, y2=frame.bottom, class_=f"marker {kind}"),
        titled(
            "rect",
            title,
            x=x - width / 2,
            y=TOP - _RADIUS - 5,
            width=width,
            height=2 * _RADIUS,
            rx=_RADIUS,
            class_=f"marker-flag {kind}",
        ),
        text(name, x, TOP - 1.5, class_="marker-number", anchor="middle"),
    ]


def within(markers: Sequence[Marker], span: Window) -> list[Marker]:
    """Those in the span."""
    return [marker for marker in markers if span.start <= marker.at < span.end]
