"""Where the data grew: bins and segments whose share of the predictions is larger than in the reference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from driftlog.contract.binning import Binning, CategoricalBins, NumericBins
from driftlog.contract.profile import FieldCounts, PredictionProfile, Reference
from driftlog.contract.segment import Between, Condition, segment_name

FLOOR: Final = 0.01
"""Growth of less than one prediction in a hundred is not worth a label."""
SURE: Final = 3.0
"""Standard errors that growth has to exceed."""
MOST: Final = 10
_FEATURES: Final = "features."


@dataclass(frozen=True, slots=True)
class Grown:
    """A part of the predictions, as a segment's name, with its share in the reference and now."""

    segment: str
    before: float
    now: float

    @property
    def growth(self) -> float:
        return self.now - self.before


def grown_parts(
    reference: Reference,
    current: PredictionProfile,
    binning: Binning,
    segments: Mapping[str, PredictionProfile] | None = None,
    *,
    most: int = MOST,
) -> list[Grown]:
    """The parts whose share grew most, largest first: at least `FLOOR`, and beyond what chance explains.

    Numeric features in their coarse bins (ten at most), categorical ones by value, and the segments of the binning. A
    share p of n rows has the standard error sqrt(p (1 - p) / n); growth counts where it exceeds three of both sides'
    together.
    """
    before = reference.predictions
    found = [
        Grown(segment_name({field: condition}), old / before.n, new / current.n)
        for field, bins in binning.fields.items()
        if field.startswith(_FEATURES) and field in before.fields and field in current.fields
        for condition, old, new in _counted(bins, before.fields[field], current.fields[field])
        if before.n and current.n
    ]
    for name, profile in (segments or {}).items():
        if name in reference.segments and before.n and current.n:
            found.append(Grown(name, reference.segments[name].n / before.n, profile.n / current.n))
    sure = [part for part in found if part.growth > max(FLOOR, SURE * _error(part, before.n, current.n))]
    unique = {part.segment: part for part in sure}
    return sorted(unique.values(), key=lambda part: (-part.growth, part.segment))[:most]


def _error(part: Grown, n_before: int, n_now: int) -> float:
    return math.sqrt(part.before * (1 - part.before) / n_before + part.now * (1 - part.now) / n_now)


def _counted(
    bins: NumericBins | CategoricalBins, before: FieldCounts, now: FieldCounts
) -> Iterator[tuple[Condition, int, int]]:
    """(condition, rows of the reference, rows now) of each part of a feature."""
    if isinstance(bins, CategoricalBins):
        for at, value in enumerate(bins.values):
            yield value, int(before.counts[at]), int(now.counts[at])
        return
    ends = [None, *bins.edges, None]
    for group in sorted(set(bins.coarse)):
        members = [at for at, each in enumerate(bins.coarse) if each == group]
        low, high = ends[members[0]], ends[members[-1] + 1]
        if low is not None or high is not None:
            inside = slice(members[0], members[-1] + 1)
            yield Between(low, high), int(before.counts[inside].sum()), int(now.counts[inside].sum())
