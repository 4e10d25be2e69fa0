"""Reference and current distribution of one field: step histograms of numbers, paired bars of categories."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from driftlog.present.charts.scales import Linear
from driftlog.present.charts.svg import chart, element, path, text, titled

PANEL_WIDTH: Final = 500.0
_HEIGHT: Final = 190.0
_BOTTOM: Final = 158.0


def rebin(edges: Sequence[float], counts: Sequence[float], low: float, high: float, bins: int = 32) -> list[float]:
    """Shares of `counts` in `bins` bins of equal width on [low, high], mass spread evenly inside each old bin.

    Parameters
    ----------
    edges
        k inner edges of k + 1 bins; the open ends reach to `low` and `high`.

    >>> rebin([1.0], [1, 3], 0.0, 2.0, bins=2)
    [0.25, 0.75]
    """
    borders = [min(low, edges[0]) if edges else low, *edges, max(high, edges[-1]) if edges else high]
    total = float(sum(counts)) or 1.0
    cumulative = [0.0]
    for count in counts:
        cumulative.append(cumulative[-1] + float(count) / total)
    at = [_interpolate(borders, cumulative, low + (high - low) * i / bins) for i in range(bins + 1)]
    at[0], at[-1] = 0.0, cumulative[-1]
    return [b - a for a, b in pairwise(at)]


def _interpolate(borders: Sequence[float], cumulative: Sequence[float], x: float) -> float:
    index = min(max(bisect_right(borders, x) - 1, 0), len(borders) - 2)
    width = borders[index + 1] - borders[index]
    inside = min(1.0, max(0.0, (x - borders[index]) / width)) if width > 0 else 1.0
    return cumulative[index] + inside * (cumulative[index + 1] - cumulative[index])


def histogram(
    reference: Sequence[float],
    current: Sequence[float],
    low: float,
    high: float,
    *,
    label: str,
    form: Callable[[float], str],
) -> Markup:
    """Two step histograms on the same bins of equal width."""
    highest = max([*reference, *current, 1e-9])
    across = Linear(low, high if high > low else low + 1.0, 8.0, PANEL_WIDTH - 8)
    up = Linear(0.0, highest * 1.06, _BOTTOM, 8.0)
    parts = [
        element("path", d=path(_steps(reference, across, up), close=True), class_="area reference"),
        element("path", d=path(_steps(current, across, up), close=True), class_="area current"),
        element("path", d=path(_steps(current, across, up)[1:-1]), class_="outline current"),
        element("line", x1=8, x2=PANEL_WIDTH - 8, y1=_BOTTOM, y2=_BOTTOM, class_="axis"),
    ]
    parts += [text(form(tick), across(tick), _BOTTOM + 18, anchor="middle") for tick in across.ticks(5)]
    width = (high - low) / len(reference)
    for index, (before, now) in enumerate(zip(reference, current, strict=True)):
        start = low + index * width
        title = f"{form(start)} to {form(start + width)}: reference {before:.1%}, current {now:.1%}"
        box = {"x": across(start), "y": 8.0, "width": across(start + width) - across(start), "height": _BOTTOM - 8}
        parts.append(titled("rect", title, **box, class_="hover"))
    return chart(parts, height=_HEIGHT, width=PANEL_WIDTH, label=label)


def _steps(shares: Sequence[float], across: Linear, up: Linear) -> list[tuple[float, float]]:
    width = (across.high - across.low) / len(shares)
    points = [(across(across.low), up(0.0))]
    for index, value in enumerate(shares):
        points.append((across(across.low + index * width), up(value)))
        points.append((across(across.low + (index + 1) * width), up(value)))
    return [*points, (across(across.high), up(0.0))]


def category_bars(names: Sequence[str], reference: Sequence[float], current: Sequence[float], *, label: str) -> Markup:
    """Two bars a category, reference above current."""
    highest = max([*reference, *current, 1e-9])
    across = Linear(0.0, highest, 150.0, PANEL_WIDTH - 64)
    parts = []
    for index, (name, before, now) in enumerate(zip(names, reference, current, strict=True)):
        y = 6.0 + index * 26
        title = f"{name}: reference {before:.1%}, current {now:.1%}"
        parts.append(text(name, 140, y + 14, class_="row-name", anchor="end"))
        parts.append(
            titled(
                "rect",
                title,
                x=150,
                y=y,
                width=max(1.0, across(before) - 150),
                height=9,
                rx=1.5,
                class_="bar reference",
            )
        )
        parts.append(
            titled(
                "rect",
                title,
                x=150,
                y=y + 10,
                width=max(1.0, across(now) - 150),
                height=9,
                rx=1.5,
                class_="bar current",
            )
        )
        parts.append(text(f"{now:.1%}", max(across(now), across(before)) + 7, y + 14))
    return chart(parts, height=6.0 + 26 * len(names) + 6, width=PANEL_WIDTH, label=label)
