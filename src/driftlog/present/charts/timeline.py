"""Alerts as bars over time: from the window that opened them to their resolution, or to the end of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from driftlog.contract.window import Window
from driftlog.present.charts.heatmap import LABEL_WIDTH
from driftlog.present.charts.scales import Timeline
from driftlog.present.charts.svg import WIDTH, chart, element, text, titled

_ROW = 24.0


@dataclass(frozen=True)
class Bar:
    """One episode."""

    name: str
    title: str
    start: datetime
    end: datetime | None
    """None: open."""
    severity: str


def alert_timeline(rows: Sequence[tuple[str, Sequence[Bar]]], span: Window, *, label: str) -> Markup:
    """One line a cause, one bar an episode; empty markup without rows."""
    if not rows:
        return Markup("")
    timeline = Timeline(span.start, span.end, LABEL_WIDTH, WIDTH - 4.0)
    bottom = 6 + _ROW * len(rows)
    parts = []
    for when, name in timeline.ticks(8):
        x = timeline(when)
        parts.append(element("line", x1=x, x2=x, y1=0, y2=bottom + 5, class_="grid faint"))
        parts.append(text(name, x, bottom + 19, anchor="middle"))
    for index, (name, bars) in enumerate(rows):
        y = 4 + index * _ROW
        parts.append(text(name, LABEL_WIDTH - 10, y + 15, class_="row-name", anchor="end"))
        parts += [part for bar in bars for part in _bar(bar, timeline, y)]
    return chart(parts, height=bottom + 26, label=label)


def _bar(bar: Bar, timeline: Timeline, y: float) -> list[Markup]:
    start = max(timeline(bar.start), timeline.start)
    end = min(timeline(bar.end), timeline.end) if bar.end is not None else timeline.end
    parts = [
        titled(
            "rect",
            bar.title,
            x=start,
            y=y + 3,
            width=max(4.0, end - start),
            height=15,
            rx=3,
            class_=f"episode {bar.severity}",
        )
    ]
    if bar.end is None:
        parts.append(element("path", d=f"M{end - 9:.1f} {y + 6:.1f}l6 4.5l-6 4.5", class_="on-cell-line"))
    return parts
