"""What a drift measure is: a value with its uncertainty, and the same effect for many pairs of counts at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.binning import FieldBins, NumericBins
from driftlog.contract.profile import FieldCounts

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Kind = Literal["numeric", "categorical"]


@dataclass(frozen=True, slots=True)
class DriftValue:
    """Value of a drift measure.

    Attributes
    ----------
    value
        None where it is not defined: no rows on one side, or a reference without spread for Wasserstein.
    lower, upper
        Bounds of the value on the raw data, where the bins allow one.
    p_value
        i.i.d. p-value of "both samples come from one distribution".
    n_reference, n_current
        Rows compared: present and, for categories, seen in the reference.
    """

    value: float | None
    n_reference: int
    n_current: int
    method: str
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    details: Mapping[str, float] = field(default_factory=dict)


class Compare(Protocol):
    """Compares two fields' counts in the same bins."""

    def __call__(
        self, reference: FieldCounts, current: FieldCounts, bins: FieldBins, *, seed: int
    ) -> DriftValue: ...  # pragma: no cover


Effect = Callable[[Counts, Counts, FieldBins], Floats]
"""The value alone, for counts of shapes (..., bins) that broadcast; no side may be empty."""


@dataclass(frozen=True, slots=True)
class DriftMeasure:
    """One entry of the registry; calling it compares two fields.

    Attributes
    ----------
    maximum
        Largest possible value; infinity where there is none.
    kinds
        Kinds of fields it is defined on.
    fits
        What else the bins must be; None: nothing.
    """

    name: str
    compare: Compare
    effect: Effect
    maximum: float
    kinds: tuple[Kind, ...] = ("numeric", "categorical")
    fits: Callable[[FieldBins], bool] | None = None

    def __call__(self, reference: FieldCounts, current: FieldCounts, bins: FieldBins, *, seed: int) -> DriftValue:
        return self.compare(reference, current, bins, seed=seed)

    def applies_to(self, bins: FieldBins) -> bool:
        return kind_of(bins) in self.kinds and (self.fits is None or self.fits(bins))


def kind_of(bins: FieldBins) -> Kind:
    return "numeric" if isinstance(bins, NumericBins) else "categorical"


def checked(
    reference: FieldCounts, current: FieldCounts, bins: FieldBins, method: str
) -> tuple[Counts, Counts, DriftValue | None]:
    """Counts of both sides, and the answer already where one side is empty.

    Raises
    ------
    ValueError
        The counts do not have the binning's number of bins.
    """
    for side, counts in (("reference", reference.counts), ("current", current.counts)):
        if counts.shape != (bins.size,):
            raise ValueError(f"{side} has counts of shape {counts.shape}, the binning has {bins.size} bins")
    n, m = int(reference.counts.sum()), int(current.counts.sum())
    empty = DriftValue(None, n, m, method) if n == 0 or m == 0 else None
    return reference.counts, current.counts, empty


def shares(counts: Counts) -> Floats:
    """Counts divided by their sum along the last axis."""
    result: Floats = counts / counts.sum(axis=-1, keepdims=True)
    return result
