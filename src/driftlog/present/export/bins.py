"""Stored counts as histograms with closed ends, and as shares of categories."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from driftlog.contract.binning import CategoricalBins, NumericBins
from driftlog.contract.profile import LATENCY_EDGES_NS, FieldCounts

if TYPE_CHECKING:
    from driftlog.contract.profile import Counts

Bins = list[tuple[float, float, float]]
"""(left, right, count)."""


def number_bins(bins: NumericBins, counts: FieldCounts) -> Bins:
    """The bins that hold something, and empty ones between them; the open ends reach to the extremes that were seen.

    >>> import numpy as np
    >>> number_bins(NumericBins((0.0, 1.0), (0, 1, 2)), FieldCounts(np.array([0, 3, 1]), minimum=0.5, maximum=4.0))
    [(0.0, 1.0, 3.0), (1.0, 4.0, 1.0)]
    """
    return _closed(bins.edges, counts.counts.tolist(), counts.minimum, counts.maximum)


def latency_bins(latency: Counts) -> Bins:
    """Latency in milliseconds; what took longer than the last edge ends one bin further."""
    return _closed([edge / 1e6 for edge in LATENCY_EDGES_NS], latency.tolist(), 0.0, None)


def _closed(edges: Sequence[float], counts: Sequence[int], low: float | None, high: float | None) -> Bins:
    if not edges:
        if low is None or high is None or not sum(counts):
            return []
        return [(low, max(high, math.nextafter(low, math.inf)), float(sum(counts)))]
    step = edges[-1] - edges[-2] if len(edges) > 1 else max(1.0, abs(edges[0]))
    first = low if low is not None and low < edges[0] else edges[0] - step
    last = high if high is not None and high > edges[-1] else edges[-1] + step
    borders = [first, *edges, last]
    held = [index for index, count in enumerate(counts) if count]
    if not held:
        return []
    return [(borders[index], borders[index + 1], float(counts[index])) for index in range(held[0], held[-1] + 1)]


def category_shares(bins: CategoricalBins, counts: FieldCounts, *, most: int) -> dict[str, float]:
    """Share of the first `most` values, of all others, and of values the reference never had.

    >>> import numpy as np
    >>> category_shares(CategoricalBins(("a", "b", "c")), FieldCounts(np.array([2, 1, 1, 0]), unseen=1), most=2)
    {'a': 0.4, 'b': 0.2, '(other)': 0.2, '(never seen before)': 0.2}
    """
    if not counts.present:
        return {}
    held = [count / counts.present for count in counts.counts.tolist()]
    shown = dict(zip(bins.values[:most], held, strict=False))
    rest = sum(held[len(shown) :])
    return shown | {"(other)": rest, "(never seen before)": counts.unseen / counts.present}
