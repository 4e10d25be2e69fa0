"""Where the bins of a score lie: what calibration and the bounds of ranking metrics need of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.binning import NumericBins

Floats = NDArray[np.float64]
GROUPS = 10
"""Equal-width groups of the expected calibration error."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class ScoreGrid:
    """Bins of one score, shape (bins,), or of several scores, shape (scores, bins), padded with empty bins.

    Attributes
    ----------
    middle, half
        Middle and half width of each bin within [0, 1]; a bin of one repeated value has its value and 0.
    several
        1.0 where the rows of a bin may have several values, 0.0 where they are truly tied.
    probability
        The score is a probability: all bins lie within [0, 1].
    """

    middle: Floats
    half: Floats
    several: Floats
    probability: bool

    @property
    def group(self) -> NDArray[np.intp]:
        """Index of the equal-width group of [0, 1] that holds the middle of each bin."""
        groups: NDArray[np.intp] = np.clip(np.floor(self.middle * GROUPS + _ROUNDING), 0, GROUPS - 1).astype(np.intp)
        return groups


def grid_of(bins: NumericBins) -> ScoreGrid:
    """The grid of one score's bins.

    >>> grid = grid_of(NumericBins(edges=(0.2, 0.6), coarse=(0, 1, 2)))
    >>> grid.middle.round(2).tolist(), grid.half.round(2).tolist()
    ([0.1, 0.4, 0.8], [0.1, 0.2, 0.2])
    """
    edges = np.asarray(bins.edges, dtype=np.float64)
    ends = [end for end in (bins.minimum, bins.maximum, *bins.edges[:1], *bins.edges[-1:]) if end is not None]
    probability = not ends or (min(ends) >= -_ROUNDING and max(ends) <= 1 + _ROUNDING)
    left = np.clip(np.concatenate(([0.0], edges)), 0.0, 1.0)
    right = np.clip(np.concatenate((edges, [1.0])), 0.0, 1.0)
    single = list(bins.single)
    middle, half, several = (left + right) / 2, (right - left) / 2, np.ones(left.size)
    middle[single], half[single], several[single] = left[single], 0.0, 0.0
    return ScoreGrid(middle, half, several, probability)


def stacked(grids: Sequence[ScoreGrid]) -> ScoreGrid | None:
    """Several scores' grids, padded at the end to the longest; None for none."""
    if not grids:
        return None
    size = max(grid.middle.size for grid in grids)

    def rows(name: str) -> Floats:
        return np.stack([padded(getattr(grid, name), size) for grid in grids])

    return ScoreGrid(rows("middle"), rows("half"), rows("several"), all(grid.probability for grid in grids))


def padded(values: Floats, size: int) -> Floats:
    """Zeros appended up to `size`."""
    return np.concatenate((values, np.zeros(size - values.size)))
