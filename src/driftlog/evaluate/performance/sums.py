"""Outcomes of several days (or chunks) as arrays, so that a metric is computed for all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.binning import NumericBins
from driftlog.contract.profile import OutcomeProfile

Floats = NDArray[np.float64]
SCORE = "prediction.score"


@dataclass(frozen=True, slots=True)
class OutcomeSums:
    """Sums over outcomes; every array has the same leading axes (days, say, or none).

    Attributes
    ----------
    labels
        Labels of the confusion matrix, sorted.
    positive
        Index of the positive label in `labels`, or None where it never occurred.
    confusion
        Shape (..., actual, predicted).
    score_positive, score_negative
        Shape (..., bins): score histograms of actually positive and other outcomes.
    single
        Score bins that hold one repeated value: rows in them are truly tied.
    """

    labels: tuple[str, ...]
    positive: int | None
    single: tuple[int, ...]
    n: Floats
    confusion: Floats
    score_positive: Floats
    score_negative: Floats
    scored: Floats
    log_loss: Floats
    brier: Floats
    valued: Floats
    error: Floats
    absolute_error: Floats
    squared_error: Floats
    actual_total: Floats
    actual_squares: Floats

    def total(self) -> OutcomeSums:
        """Sums over the first axis."""
        return replace(self, **{name: getattr(self, name).sum(axis=0) for name in _ARRAYS})

    def without_each(self) -> OutcomeSums:
        """For each entry of the first axis, the sums of all others."""
        # Counts are whole numbers below 2**53, so that subtracting is exact for them.
        rest = {name: getattr(self, name).sum(axis=0) - getattr(self, name) for name in _ARRAYS}
        return replace(
            self, **{name: np.maximum(rest[name], 0.0) if name in _NOT_NEGATIVE else rest[name] for name in rest}
        )


_ARRAYS = tuple(f.name for f in fields(OutcomeSums) if f.name not in ("labels", "positive", "single"))
_NOT_NEGATIVE = frozenset(_ARRAYS) - {"error", "actual_total"}


def outcome_sums(
    profiles: Sequence[OutcomeProfile], *, positive_label: str, labels: Sequence[str], score_bins: NumericBins | None
) -> OutcomeSums:
    """Profiles side by side along the first axis; there must be at least one.

    Parameters
    ----------
    labels
        All labels, actual or predicted, that occur in the profiles.
    score_bins
        Bins of ``prediction.score``; None where the model has no score.
    """
    index = {label: i for i, label in enumerate(labels)}
    size = score_bins.size if score_bins is not None else 1
    confusion = np.zeros((len(profiles), len(labels), len(labels)))
    positive, negative = np.zeros((len(profiles), size)), np.zeros((len(profiles), size))
    for row, profile in enumerate(profiles):
        for (actual, predicted), count in profile.confusion.items():
            confusion[row, index[actual], index[predicted]] += count
        if score_bins is not None:
            for (actual, _), counts in profile.score.items():
                (positive if actual == positive_label else negative)[row] += counts

    def column(name: str) -> Floats:
        return np.array([getattr(profile, name) for profile in profiles], dtype=np.float64)

    return OutcomeSums(
        labels=tuple(labels),
        positive=index.get(positive_label),
        single=score_bins.single if score_bins is not None else (),
        confusion=confusion,
        score_positive=positive,
        score_negative=negative,
        **{name: column(name) for name in _SCALARS},
    )


_SCALARS = tuple(name for name in _ARRAYS if name not in ("confusion", "score_positive", "score_negative"))


def labels_of(profiles: Sequence[OutcomeProfile]) -> list[str]:
    """All labels, actual or predicted, in order."""
    return sorted({label for profile in profiles for pair in profile.confusion for label in pair})
