"""What queries, counters and codec have to agree on about a binning."""

from __future__ import annotations

from typing import Final

from driftlog.contract.binning import Binning, CategoricalBins, NumericBins

SPLIT_LABELS: Final = 50
"""Predicted labels with a score histogram of their own; beyond them only the shares of labels are kept."""


def split_labels(binning: Binning) -> tuple[str, ...]:
    """Predicted labels whose scores are counted apart: the 50 most frequent of the reference."""
    bins = binning.fields.get("prediction.label")
    if not isinstance(bins, CategoricalBins) or "prediction.score" not in binning.fields:
        return ()
    return bins.values[:SPLIT_LABELS]


def two_labels(binning: Binning) -> bool:
    """Whether outcomes keep a score histogram for each pair of actual and predicted label; else for right and wrong."""
    return len(split_labels(binning)) <= 2


def class_bins(binning: Binning) -> dict[str, NumericBins]:
    """Bins of the class probabilities, by class."""
    prefix = "prediction.probabilities."
    return {
        name.removeprefix(prefix): bins
        for name, bins in binning.fields.items()
        if name.startswith(prefix) and isinstance(bins, NumericBins)
    }
