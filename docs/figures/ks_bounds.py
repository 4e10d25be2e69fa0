"""What bins hide: the exact Kolmogorov-Smirnov distance lies between the bounds that counts give."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from docs.figures.drawing import Panel, say, write
from markupsafe import Markup

from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift import kolmogorov_smirnov
from driftlog.profile.edges import numeric_bins

SHOWN, PRODUCT = 12, 100
TICKS = (-0.05, 0, 0.05, 0.1, 0.15, 0.2)


def draw() -> None:
    """5,000 normal rows against 2,000 whose mean is 0.2 standard deviations higher, 15 % of them in one spike."""
    generator = np.random.default_rng(5)
    before = generator.normal(size=5000)
    now = np.where(generator.random(2000) < 0.15, generator.normal(0.15, 0.02, 2000), generator.normal(0.2, 1, 2000))
    grid = np.sort(np.concatenate((before, now)))
    grid = grid[np.abs(grid) < 3]
    gap = _share(before, grid) - _share(now, grid)
    exact = float(np.abs(gap).max())
    for bins in (SHOWN, PRODUCT):
        lower, upper, _ = _bounds(before, now, bins)
        say(f"ks_bounds: {bins} bins: at the edges {lower:.4f}, exact {exact:.4f}, upper bound {upper:.4f}")
    lower, upper, edges = _bounds(before, now, SHOWN)
    panel = Panel((70, 50, 900, 330), (-3.0, 3.2), (-0.06, 0.22))
    parts = panel.axes(
        f"Difference of the cumulative shares, counted in {SHOWN} bins",
        "value; blue: the bin edges",
        y_ticks=TICKS,
    )
    parts += _envelope(panel, before, now, edges)
    parts.append(panel.line(list(zip(grid[::8].tolist(), gap[::8].tolist(), strict=True)), "ink thin"))
    at_edges = _share(before, edges) - _share(now, edges)
    parts += panel.dots(list(zip(edges.tolist(), at_edges.tolist(), strict=True)), "blue", radius=4.5)
    for value, style, words in (
        (lower, "blue", f"at the edges: {lower:.3f}"),
        (exact, "ink", f"exact: {exact:.3f}"),
        (upper, "red", f"upper bound: {upper:.3f}"),
    ):
        parts.append(panel.line([(-3.0, value), (3.2, value)], f"{style} dash thin"))
        parts.append(panel.name(words, -2.95, value, style, up=-16 if style == "blue" else 5))
    parts.append(panel.name("grey: all that the counts allow", 1.2, -0.035, "grey"))
    label = "The exact difference of two cumulative distributions stays inside the boxes that bin counts allow"
    write("ks-bounds", parts, width=930, height=380, label=label)


def _share(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.sort(values), at, side="left") / len(values)


def _bounds(before: np.ndarray, now: np.ndarray, number: int) -> tuple[float, float, np.ndarray]:
    bins = numeric_bins(before, bins=number)
    edges = np.asarray(bins.edges)
    counts = [np.bincount(np.searchsorted(edges, v, side="right"), minlength=bins.size) for v in (before, now)]
    found = kolmogorov_smirnov.compare(FieldCounts(counts[0]), FieldCounts(counts[1]), bins, seed=1)
    return float(found.lower or 0.0), float(found.upper or 0.0), edges


def _envelope(panel: Panel, before: np.ndarray, now: np.ndarray, edges: np.ndarray) -> list[Markup]:
    borders = np.concatenate(([-3.0], edges, [3.2]))
    f = np.concatenate(([0.0], _share(before, edges), [1.0]))
    g = np.concatenate(([0.0], _share(now, edges), [1.0]))
    parts = []
    for i, (left, right) in enumerate(pairwise(borders.tolist())):
        gap, p, q = f[i] - g[i], f[i + 1] - f[i], g[i + 1] - g[i]
        parts.append(panel.band([(left, gap - q), (right, gap - q)], [(left, gap + p), (right, gap + p)], "grey"))
    return parts
