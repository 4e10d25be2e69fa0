"""What queries, counters and codec have to agree on about a binning."""

from __future__ import annotations

from typing import Final

from driftlog.contract.binning import Binning, CategoricalBins

SPLIT_LABELS: Final = 50
"""Predicted labels with a score histogram of their own; beyond them only the shares of labels are kept."""


def split_labels(binning: Binning) -> tuple[str, ...]:
    """Predicted labels whose scores are counted apart: the 50 most frequent of the reference."""
    bins = binning.fields.get("prediction.label")
    if not isinstance(bins, CategoricalBins) or "prediction.score" not in binning.fields:
        return ()
    return bins.values[:SPLIT_LABELS]
