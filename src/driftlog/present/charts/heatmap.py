"""A heatmap: rows x windows. Severity is said by colour and by a mark, never by colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from driftlog.contract.window import Window
from driftlog.present.charts.scales import Timeline
from driftlog.present.charts.svg import WIDTH, chart, element, group, path, text

ROW_HEIGHT: Final = 22.0
LABEL_WIDTH: Final = 190.0
_TOP: Final = 8.0
HATCH: Final = "hatch"


@dataclass(frozen=True)
class Cell:
    """One row in one window.

    Attributes
    ----------
    strength
        0 to 1: how strong the colour is; None has no value (grey).
    verdict
        warning and critical get a mark, cannot_alarm is hatched.
    title
        Shown when the pointer rests on it.
    """

    window: Window
    strength: float | None
    verdict: str = "ok"
    title: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the heatmap."""

    name: str
    title: str
    cells: tuple[Cell, ...]


def heatmap(rows: Sequence[Row], span: Window, *, label: str) -> Markup:
    """The chart; empty markup without rows."""
    if not rows:
        return Markup("")
    bottom = _TOP + ROW_HEIGHT * len(rows)
    timeline = Timeline(span.start, span.end, LABEL_WIDTH, WIDTH - 4.0)
    parts = []
    for index, row in enumerate(rows):
        y = _TOP + index * ROW_HEIGHT
        name = element(
            "text",
            element("title", row.title),
            row.name,
            x=LABEL_WIDTH - 10,
            y=y + 15,
            class_="row-name",
            text_anchor="end",
        )
        parts.append(group([name, *(_cell(cell, timeline, y) for cell in row.cells)]))
    parts += [_time(timeline(when), label_, bottom) for when, label_ in timeline.ticks(8)]
    return chart(parts, height=bottom + 26, label=label)


def _time(x: float, label: str, bottom: float) -> Markup:
    return group(
        [
            element("line", x1=x, x2=x, y1=bottom, y2=bottom + 5, class_="axis"),
            text(label, x, bottom + 19, anchor="middle"),
        ]
    )


def hatch_definition() -> Markup:
    """The pattern of hatched cells; once a page."""
    lines = element("path", d="M0 6L6 0M-1 1L1 -1M5 7L7 5", class_="hatch-line")
    pattern = element("pattern", lines, id=HATCH, width=6, height=6, patternUnits="userSpaceOnUse")
    return element("svg", element("defs", pattern), width=0, height=0, class_="definitions", aria_hidden="true")


def _cell(cell: Cell, timeline: Timeline, y: float) -> Markup:
    start, end = timeline(cell.window.start), timeline(cell.window.end)
    gap = 1.0 if end - start > 5 else 0.0
    box = {
        "x": start,
        "y": y + 1,
        "width": max(0.8, end - start - gap),
        "height": ROW_HEIGHT - 2,
        "rx": 2.0 if gap else 0.0,
    }
    parts = [element("title", cell.title)]
    breach = cell.verdict in ("info", "warning", "critical")
    if cell.strength is None:
        parts.append(element("rect", **box, class_="cell empty"))
    elif breach:
        parts.append(element("rect", **box, class_=f"cell {cell.verdict}"))
        parts += _marks(cell.verdict, (start + end - gap) / 2, y + ROW_HEIGHT / 2, end - start)
    else:
        opacity = f"{0.06 + 0.64 * min(1.0, max(0.0, cell.strength)):.2f}"
        parts.append(element("rect", **box, class_="cell base"))
        parts.append(element("rect", **box, class_="cell heat", fill_opacity=opacity))
    if cell.verdict == "cannot_alarm":
        parts.append(element("rect", **box, class_="cell", fill=f"url(#{HATCH})"))
    return group(parts)


def _marks(verdict: str, x: float, y: float, width: float) -> list[Markup]:
    """One triangle for a warning, a small one for an info, two for critical; a bar where there is no room."""
    size = min(4.0, width / 3)
    if size < 1.5:
        return []
    places = [x] if verdict != "critical" else [x - size * 0.95, x + size * 0.95]
    size *= {"critical": 0.85, "info": 0.6}.get(verdict, 1.0)
    return [
        element(
            "path",
            d=path([(p, y - size), (p + size, y + size * 0.8), (p - size, y + size * 0.8)], close=True),
            class_="on-cell",
        )
        for p in places
    ]


def legend() -> Markup:
    """What the cells mean."""
    window_width, x = 18.0, 0.0
    parts: list[Markup] = []
    entries: list[tuple[str, str, float | None]] = [
        ("far from the limit", "ok", 0.1),
        ("near the limit", "ok", 1.0),
        ("worth knowing", "info", 1.0),
        ("warning", "warning", 1.0),
        ("critical", "critical", 1.0),
        ("cannot alarm", "cannot_alarm", 0.2),
        ("not enough data", "insufficient_data", None),
    ]
    for name, verdict, strength in entries:
        parts.append(_swatch(x, window_width, verdict, strength))
        parts.append(text(name, x + window_width + 7, 16))
        x += window_width + 24 + 6.6 * len(name)
    return chart(parts, height=24, label="Legend")


def _swatch(x: float, width: float, verdict: str, strength: float | None) -> Markup:
    box = {"x": x, "y": 3.0, "width": width, "height": 18.0, "rx": 2.0}
    if strength is None:
        return element("rect", **box, class_="cell empty")
    if verdict in ("info", "warning", "critical"):
        return group([element("rect", **box, class_=f"cell {verdict}"), *_marks(verdict, x + width / 2, 12.0, width)])
    parts = [
        element("rect", **box, class_="cell base"),
        element("rect", **box, class_="cell heat", fill_opacity=f"{0.06 + 0.64 * strength:.2f}"),
    ]
    if verdict == "cannot_alarm":
        parts.append(element("rect", **box, class_="cell", fill=f"url(#{HATCH})"))
    return group(parts)
