"""Simulated counts for the calibration: a fresh reference, its quantile bins and a window in every run.

Rows are never made where counts suffice. For continuous data the bins are spacings of uniform order statistics: the
reference's counts between its own quantiles are known beforehand, and the share of the population between them is
Dirichlet; so two million rows cost as much as fifty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from driftlog.contract.binning import CategoricalBins, NumericBins
from driftlog.contract.profile import FieldCounts
from driftlog.profile.edges import coarse_bins, numeric_bins

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Generator = np.random.Generator
BINS = 100


@dataclass(frozen=True, slots=True)
class Sides:
    """Counts of many runs, shape (runs, bins) each (the reference may be one row for all), in the same bins."""

    reference: Counts
    current: Counts
    bins: NumericBins | CategoricalBins

    def pair(self, run: int) -> tuple[FieldCounts, FieldCounts]:
        return FieldCounts(self.reference[min(run, len(self.reference) - 1)]), FieldCounts(self.current[run])


def quantile_targets(n: int) -> NDArray[np.int64]:
    """Which order statistics (from 0) of n rows without ties become edges; as `profile.edges.numeric_bins` does."""
    return np.unique(np.minimum(n - 1, (np.arange(1, BINS) * n) // BINS))


def spacings(n: int, runs: int, generator: Generator) -> Floats:
    """Population shares between the edges that n continuous rows give; shape (runs, edges + 1)."""
    targets = quantile_targets(n)
    alpha = np.concatenate(([targets[0] + 1], np.diff(targets), [n - targets[-1]])).astype(float)
    drawn = generator.standard_gamma(alpha, size=(runs, alpha.size))
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))


def continuous(
    n: int, m: int, runs: int, generator: Generator, change: Callable[[Floats], Floats] | None = None
) -> Sides:
    """A continuous field; `change` maps the reference's distribution function to the window's, at its quantiles."""
    targets = quantile_targets(n)
    reference = np.diff(np.concatenate(([0], targets, [n]))).astype(np.int64)
    shares = spacings(n, runs, generator)
    if change is not None:
        edges = np.cumsum(shares, axis=1)[:, :-1]
        ends = np.zeros((runs, 1)), np.ones((runs, 1))
        shares = np.clip(np.diff(np.concatenate((ends[0], change(edges), ends[1]), axis=1), axis=1), 0, 1)
    current = generator.multinomial(m, shares)
    bins = NumericBins(edges=tuple(map(float, range(targets.size))), coarse=coarse_bins(reference))
    return Sides(reference[None, :], current, bins)


def shifted(sd: float) -> Callable[[Floats], Floats]:
    """A normal field whose mean moves by `sd` standard deviations."""
    return lambda u: special.ndtr(special.ndtri(u) - sd)


def stretched(factor: float) -> Callable[[Floats], Floats]:
    """A normal field whose standard deviation grows by `factor`."""
    return lambda u: special.ndtr(special.ndtri(u) / factor)


def categories(shares: Floats, n: int, m: int, runs: int, generator: Generator, moved: Floats | None = None) -> Sides:
    """A categorical field; `moved` are the window's shares where they differ."""
    reference = np.pad(generator.multinomial(n, shares, size=runs), ((0, 0), (0, 1)))
    current = np.pad(generator.multinomial(m, shares if moved is None else moved, size=runs), ((0, 0), (0, 1)))
    return Sides(reference, current, CategoricalBins(tuple(f"c{i}" for i in range(shares.size))))


def repeated_values(shares: Floats, n: int, m: int, runs: int, generator: Generator) -> Sides:
    """A numeric field of few values, each in a bin of its own."""
    size = shares.size
    bins = NumericBins(
        edges=tuple(map(float, range(1, size))),
        coarse=tuple(np.arange(size) * min(10, size) // size),
        single=tuple(range(size)),
        discrete=True,
    )
    return Sides(generator.multinomial(n, shares, size=runs), generator.multinomial(m, shares, size=runs), bins)


def counted(rows: Floats, bins: NumericBins) -> FieldCounts:
    """Counts of rows, as the profile room makes them."""
    places = np.searchsorted(np.asarray(bins.edges), rows, side="right")
    return FieldCounts(np.bincount(places, minlength=bins.size).astype(np.int64))


def binned(reference: Floats, current: Floats) -> tuple[FieldCounts, FieldCounts, NumericBins]:
    """Both sides in the bins that the product would make of the reference's rows."""
    bins = numeric_bins(reference)
    return counted(reference, bins), counted(current, bins), bins
