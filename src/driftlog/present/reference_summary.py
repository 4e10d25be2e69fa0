"""A reference, field by field, for people."""

from __future__ import annotations

import math
from dataclasses import dataclass

from driftlog.contract.binning import Binning, CategoricalBins, FieldBins, NumericBins
from driftlog.contract.profile import FieldCounts, Reference


@dataclass(frozen=True)
class ReferenceField:
    """One field of a reference.

    Attributes
    ----------
    top
        The most frequent values with their shares (categorical).
    """

    field: str
    kind: str
    bins: int
    present: int
    missing: int
    mean: float | None = None
    sd: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    top: tuple[tuple[str, float], ...] = ()


def summarise_reference(binning: Binning, reference: Reference) -> list[ReferenceField]:
    """Fields in order of their names."""
    counted = reference.predictions.fields
    return [_summarise(name, binning.fields[name], counted[name]) for name in sorted(counted) if name in binning.fields]


def _summarise(name: str, bins: FieldBins, counts: FieldCounts) -> ReferenceField:
    n = int(counts.counts.sum())
    if isinstance(bins, CategoricalBins):
        ranked = sorted(zip(bins.values, counts.counts.tolist(), strict=False), key=lambda pair: -pair[1])[:3]
        top = tuple((value, count / n) for value, count in ranked if count and n)
        return ReferenceField(name, "categorical", bins.size, counts.present, counts.missing, top=top)
    return ReferenceField(
        name,
        "numeric",
        bins.size,
        counts.present,
        counts.missing,
        mean=_mean(bins, counts, n),
        sd=_sd(counts, n),
        minimum=counts.minimum,
        maximum=counts.maximum,
    )


def _mean(bins: NumericBins, counts: FieldCounts, n: int) -> float | None:
    return bins.shift + counts.total / n if n else None


def _sd(counts: FieldCounts, n: int) -> float | None:
    """From sums shifted by the reference's mean."""
    return math.sqrt(max(0.0, (counts.squares - counts.total**2 / n) / (n - 1))) if n > 1 else None
