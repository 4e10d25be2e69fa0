"""What a score is worth: P(actual positive | score bin) from the reference's counts, and how well that holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from driftlog.evaluate.estimation.isotonic import Floats, isotonic_rates
from driftlog.evaluate.estimation.resampling import HalfSamples
from driftlog.evaluate.performance.classification import ratio

FOLDS = 10
FEWEST_FOLDS = 3
TOLERANCE = 0.10
"""Largest calibration error out of fold, as a share of the rarer class's share: 5 points at 50 : 50."""
CONFIDENT = 1.645


@dataclass(frozen=True, slots=True)
class Calibration:
    """Isotonic rates over score bins.

    Attributes
    ----------
    rates
        Shape (..., bins): of the whole reference.
    halves
        Shape (replicates, ..., bins): of half-samples of it.

    Nothing of it is stored: it is a deterministic function of the counts that are stored with the reference and of a
    seed made from the reference's id, so that keeping the counts is keeping the calibration.
    """

    rates: Floats
    halves: Floats


def calibrate(hits: Floats, total: Floats, position: Floats, samples: HalfSamples) -> Calibration:
    """Calibration of score bins.

    Parameters
    ----------
    hits, total
        Shape (days, ..., bins): rows of the reference whose truth is positive (or right), and all rows.
    position
        As in `isotonic_rates`.
    """
    rates = isotonic_rates(hits.sum(axis=0), total.sum(axis=0), position)
    drawn, missed = samples.draw(hits), samples.draw(total - hits)
    return Calibration(rates, isotonic_rates(drawn, drawn + missed, position))


@dataclass(frozen=True, slots=True)
class CalibrationCheck:
    """Calibration error out of fold.

    Attributes
    ----------
    error
        Root mean squared difference of calibrated and observed rates over the cells (fold x group of bins), in units
        of probability, weighted by rows, sampling noise taken off; NaN where it cannot be had.
    tolerance
        `TOLERANCE` times the share of the rarer class.
    failed
        The error is above the tolerance with 95 % confidence.
    folds
        Number of folds; they are runs of days, so that the check is one of time.
    """

    error: float
    tolerance: float
    failed: bool
    folds: int


def check_calibration(hits: Floats, total: Floats, position: Floats, groups: Sequence[int]) -> CalibrationCheck:
    """Calibrate on all days but a run of them, compare there; for each of up to 10 runs.

    With fewer than 3 days the rows are dealt into 5 folds by counts, which tells of the fit but not of time.

    Parameters
    ----------
    hits, total
        Shape (days, ..., bins); each of the axes between (predicted labels) is calibrated and compared apart.
    position
        As in `isotonic_rates`.
    groups
        For each bin the group it is compared in, `NumericBins.coarse`.

    With p the mean rate out of fold, ``error^2 = sum n ((hits / n - p)^2 - v) / sum n`` over cells of n rows, where
    ``v = r (1 - r) / n * folds / (folds - 1)``, r the group's rate in all folds, is what sampling alone makes of the
    first term.
    """
    rows, base = float(total.sum()), 0.0
    if rows > 0:
        base = float(hits.sum()) / rows
    tolerance = TOLERANCE * min(base, 1.0 - base)
    tops, sizes = _folds(hits, total)
    if len(tops) < FEWEST_FOLDS or tolerance == 0.0:
        return CalibrationCheck(math.nan, tolerance, failed=False, folds=len(tops))
    rates = isotonic_rates(tops.sum(axis=0) - tops, sizes.sum(axis=0) - sizes, position)
    merge = np.zeros((len(groups), max(groups) + 1))
    merge[np.arange(len(groups)), list(groups)] = 1.0
    n, seen, expected = sizes @ merge, tops @ merge, (sizes * rates) @ merge
    pooled = np.broadcast_to(ratio(seen.sum(axis=0), n.sum(axis=0)), n.shape)
    usable = (n > 0) & np.isfinite(expected)
    if not usable.any():
        return CalibrationCheck(math.nan, tolerance, failed=False, folds=len(tops))
    n, pooled = n[usable], pooled[usable]
    observed, expected = seen[usable] / n, expected[usable] / n
    noise = pooled * (1 - pooled) / n * len(tops) / (len(tops) - 1)
    excess = float((n * ((observed - expected) ** 2 - noise)).sum() / n.sum())
    doubt = CONFIDENT * math.sqrt(2 * float((n**2 * noise**2).sum())) / float(n.sum())
    return CalibrationCheck(
        math.sqrt(max(excess, 0.0)), tolerance, failed=excess - doubt > tolerance**2, folds=len(tops)
    )


def _folds(hits: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Runs of days (or dealt rows), shape (folds, ..., bins); those without rows are dropped."""
    if len(total) < FEWEST_FOLDS:
        dealt = _dealt(hits.sum(axis=0))
        return dealt, dealt + _dealt((total - hits).sum(axis=0))
    ends = np.linspace(0, len(total), min(FOLDS, len(total)) + 1).astype(int)[:-1]
    tops, sizes = np.add.reduceat(hits, ends, axis=0), np.add.reduceat(total, ends, axis=0)
    kept = sizes.reshape(len(sizes), -1).sum(axis=1) > 0
    return tops[kept], sizes[kept]


def _dealt(counts: Floats, folds: int = 5) -> Floats:
    """Counts dealt at random into folds; the same in every run."""
    generator = np.random.default_rng(0)
    dealt = generator.multinomial(counts.astype(np.int64), np.full(folds, 1 / folds))
    return np.moveaxis(dealt, -1, 0).astype(np.float64)
