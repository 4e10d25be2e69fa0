"""Profiles: what a bucket of events is reduced to. They add up; everything judged later is a function of them.

Counts are NumPy arrays; the contract itself never computes with NumPy beyond adding them, and does not import it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from driftlog.contract.window import Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

K = TypeVar("K")

LATENCY_EDGES_NS: Final[tuple[int, ...]] = tuple(round(10 ** (4 + step / 24)) for step in range(24 * 7 + 1))
"""Bin edges of ``event.duration``: 24 a decade (10 % apart) from 10 microseconds to 100 s; open ends."""


@dataclass(frozen=True, slots=True)
class FieldCounts:
    """Counts of one field over its bins.

    Attributes
    ----------
    counts
        int64, one a bin (`NumericBins.size`, or values + "other" for `CategoricalBins.size`).
    missing
        Events without a value (null included; NaN that became null is counted in `nonfinite` as well).
    unseen
        Values in no bin (categorical values the reference never had).
    malformed
        Values Elasticsearch could not read as the mapped type (``_ignored``); not counted as missing.
    nonfinite
        NaN and infinities that the shipper turned into null.
    total, squares
        Sum of (x - shift) and of (x - shift)**2 over the counted values; 0 for categorical fields.
    minimum, maximum
        Of the counted values; None where there are none, and for categorical fields.
    """

    counts: Counts
    missing: int = 0
    unseen: int = 0
    malformed: int = 0
    nonfinite: int = 0
    total: float = 0.0
    squares: float = 0.0
    minimum: float | None = None
    maximum: float | None = None

    @property
    def present(self) -> int:
        """Rows with a usable value: binned and unseen."""
        return int(self.counts.sum()) + self.unseen

    def __add__(self, other: FieldCounts) -> FieldCounts:
        return FieldCounts(
            counts=self.counts + other.counts,
            missing=self.missing + other.missing,
            unseen=self.unseen + other.unseen,
            malformed=self.malformed + other.malformed,
            nonfinite=self.nonfinite + other.nonfinite,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            minimum=_least(self.minimum, other.minimum),
            maximum=_greatest(self.maximum, other.maximum),
        )


def _least(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else min(a, b)


def _greatest(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else max(a, b)


@dataclass(frozen=True, slots=True, order=True)
class ProfileKey:
    """Whose events a profile counts, in which bins, over which bucket."""

    model: str
    environment: str
    version: str
    variant: str
    segment: str
    binning_id: str
    bucket: Window


@dataclass(frozen=True, slots=True)
class PredictionProfile:
    """Prediction events of one bucket (or a sum of buckets).

    Attributes
    ----------
    n
        Events, failures included.
    failures
        Events with ``event.outcome: failure``.
    fields
        By dotted field name, as in `Binning.fields`.
    score_by_label
        Predicted label -> int64 counts over the bins of ``prediction.score``.
    latency
        int64 counts over `LATENCY_EDGES_NS` (one more than there are edges); `latency_total_ns` their sum.
    errors
        ``error.type`` -> count.
    duplicates
        Events refused because they were stored before; known to the intake only, else 0.
    """

    key: ProfileKey
    n: int
    fields: Mapping[str, FieldCounts]
    latency: Counts
    latency_total_ns: float = 0.0
    failures: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    score_by_label: Mapping[str, Counts] = field(default_factory=dict)
    hours: int = 0
    """Hours of the window with at least one event (an upper estimate for buckets longer than an hour)."""

    def __add__(self, other: PredictionProfile) -> PredictionProfile:
        return PredictionProfile(
            key=merge_keys(self.key, other.key),
            n=self.n + other.n,
            fields=_merge(self.fields, other.fields),
            latency=self.latency + other.latency,
            latency_total_ns=self.latency_total_ns + other.latency_total_ns,
            failures=self.failures + other.failures,
            errors=_merge(self.errors, other.errors),
            score_by_label=_merge(self.score_by_label, other.score_by_label),
            hours=self.hours + other.hours,
        )


@dataclass(frozen=True, slots=True)
class OutcomeProfile:
    """Outcomes (predictions joined with their truth) of one bucket of prediction time, or a sum of buckets.

    Attributes
    ----------
    n
        Outcomes.
    confusion
        (actual, predicted) -> count.
    score
        (actual, predicted) -> int64 counts over the bins of ``prediction.score``; multiclass tasks keep
        (label, label) where the prediction was right and ("", label) where it was wrong.
    class_positive, class_negative
        Class -> int64 counts over the bins of ``prediction.probabilities.<class>``, of outcomes that are of the class
        and of the others (multiclass with probabilities).
    scored
        Outcomes with a score: the denominator of `log_loss` and `brier`.
    log_loss, brier
        Sums over scored outcomes.
    error, absolute_error, squared_error
        Sums over outcomes with values (regression); `valued` is their number.
    actual_total, actual_squares
        Sums of (y - `actual_shift`) and its square (regression), for R2.
    covered
        Outcomes with values whose actual value is at most the predicted one: quantile coverage.
    relative, relative_error
        Outcomes whose actual value is not zero, and their sum of ``|error / actual|``.
    delay_s
        Sum of the delays between prediction and truth, in seconds.
    """

    key: ProfileKey
    n: int
    confusion: Mapping[tuple[str, str], int] = field(default_factory=dict)
    score: Mapping[tuple[str, str], Counts] = field(default_factory=dict)
    scored: int = 0
    log_loss: float = 0.0
    brier: float = 0.0
    valued: int = 0
    error: float = 0.0
    absolute_error: float = 0.0
    squared_error: float = 0.0
    actual_shift: float = 0.0
    actual_total: float = 0.0
    actual_squares: float = 0.0
    delay_s: float = 0.0
    covered: int = 0
    relative: int = 0
    relative_error: float = 0.0
    class_positive: Mapping[str, Counts] = field(default_factory=dict)
    class_negative: Mapping[str, Counts] = field(default_factory=dict)

    def __add__(self, other: OutcomeProfile) -> OutcomeProfile:
        if self.actual_shift != other.actual_shift:
            raise ValueError("outcome profiles with different shifts do not add up")
        return OutcomeProfile(
            key=merge_keys(self.key, other.key),
            n=self.n + other.n,
            confusion=_merge(self.confusion, other.confusion),
            score=_merge(self.score, other.score),
            scored=self.scored + other.scored,
            log_loss=self.log_loss + other.log_loss,
            brier=self.brier + other.brier,
            valued=self.valued + other.valued,
            error=self.error + other.error,
            absolute_error=self.absolute_error + other.absolute_error,
            squared_error=self.squared_error + other.squared_error,
            actual_shift=self.actual_shift,
            actual_total=self.actual_total + other.actual_total,
            actual_squares=self.actual_squares + other.actual_squares,
            delay_s=self.delay_s + other.delay_s,
            covered=self.covered + other.covered,
            relative=self.relative + other.relative,
            relative_error=self.relative_error + other.relative_error,
            class_positive=_merge(self.class_positive, other.class_positive),
            class_negative=_merge(self.class_negative, other.class_negative),
        )


def _merge(a: Mapping[K, Any], b: Mapping[K, Any]) -> dict[K, Any]:
    merged = dict(a)
    for key, value in b.items():
        merged[key] = merged[key] + value if key in merged else value
    return merged


def merge_keys(a: ProfileKey, b: ProfileKey) -> ProfileKey:
    """Key of a sum: the spanning bucket; version and variant become ``*`` where the two differ."""
    return replace(
        a,
        version=a.version if a.version == b.version else "*",
        variant=a.variant if a.variant == b.variant else "*",
        bucket=Window(min(a.bucket.start, b.bucket.start), max(a.bucket.end, b.bucket.end)),
    )


@dataclass(frozen=True, slots=True)
class ReferenceChunk:
    """A slice of the reference, as long as a window and in phase with it."""

    window: Window
    predictions: PredictionProfile
    outcomes: tuple[OutcomeProfile, ...] = ()
    """One a day, for clustered intervals."""


@dataclass(frozen=True, slots=True)
class RowSample:
    """Whole rows, drawn at random: what joint measures and row models need.

    Attributes
    ----------
    columns
        Dotted field name -> float64, one value a row. Numeric fields as they are, NaN where missing; categorical ones
        as the position of their value in the binning's `values`, `len(values)` for "other", -1 where missing, -2 where
        unseen. Outcomes, where known: ``outcome.actual_value``, ``outcome.error``, ``outcome.correct`` (0 or 1).
    n
        Rows of the population the sample stands for.
    """

    columns: Mapping[str, NDArray[np.float64]]
    n: int

    @property
    def rows(self) -> int:
        return max((len(column) for column in self.columns.values()), default=0)


@dataclass(frozen=True, slots=True)
class Reference:
    """What current windows are compared with: a profile in a binning, its chunks, and where it came from.

    Attributes
    ----------
    id
        Digest of the content.
    window
        Time span; None when the rows had no time stamps.
    chunks
        In order of time; empty without time stamps. Only whole windows.
    sample
        Up to 10,000 exact values a numeric field (float64), for plots and exact tests.
    rows
        Up to 10,000 whole rows, for joint drift and row models.
    segments
        The same reference for each segment of the binning (its `id` is the whole reference's; no samples of its own).
    origin
        How it was made, for people: ``file reference.csv``, ``window 2026-01-01/2026-03-01``.
    """

    id: str
    model: str
    environment: str
    binning_id: str
    n: int
    predictions: PredictionProfile
    outcomes: tuple[OutcomeProfile, ...] = ()
    chunks: tuple[ReferenceChunk, ...] = ()
    window: Window | None = None
    sample: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    origin: str = ""
    rows: RowSample | None = None
    segments: Mapping[str, Reference] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceSummary:
    """Resource samples of one service over a window."""

    window: Window
    samples: int
    cpu_percent_mean: float | None = None
    cpu_percent_max: float | None = None
    memory_bytes_mean: float | None = None
    memory_bytes_max: float | None = None
    gpu_percent_mean: float | None = None
    gpu_memory_bytes_max: float | None = None
    storage_used_percent_max: float | None = None
    host_cpu_percent_mean: float | None = None
    host_memory_percent_max: float | None = None


P = TypeVar("P", PredictionProfile, OutcomeProfile)


def total(profiles: Iterable[P]) -> P | None:
    """Sum of profiles, None for none."""
    result: P | None = None
    for profile in profiles:
        result = profile if result is None else result + profile
    return result
