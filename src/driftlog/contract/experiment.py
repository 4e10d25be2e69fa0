"""Experiments: sums of their units, results, and the record of a stopped one.

A unit is what was randomised: a subject (``subject.id``), or a prediction where there are no subjects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Literal

import msgspec

from driftlog.contract.settings import ExperimentSettings

Unit = Literal["subject", "prediction"]
Decision = Literal["treatment", "control", "none"]
ExperimentVerdict = Literal[
    "insufficient_data",
    "keep_collecting",
    "treatment_better",
    "treatment_worse",
    "no_difference",
    "inconclusive",
    "sample_ratio_mismatch",
]
EXPERIMENT_VERDICTS: Final[dict[str, str]] = {
    "insufficient_data": "not enough data",
    "keep_collecting": "keep collecting",
    "treatment_better": "treatment better",
    "treatment_worse": "treatment worse",
    "no_difference": "no difference beyond the minimum effect",
    "inconclusive": "inconclusive",
    "sample_ratio_mismatch": "sample ratio mismatch: do not read the results",
}


@dataclass(slots=True)
class UnitSums:
    """Sufficient statistics of units, one value each (Welford; Chan, Golub and LeVeque for merging).

    Attributes
    ----------
    exposed
        Units that were seen, with a value or without one (yet).
    n, mean, m2
        Units with a value, their mean, and the sum of squared deviations from it.
    rows
        Predictions, outcomes or ratings behind the values.
    whole
        Units whose value is exactly 0 or 1.
    low, high
        Smallest and largest single row.
    """

    exposed: int = 0
    n: int = 0
    rows: int = 0
    mean: float = 0.0
    m2: float = 0.0
    whole: int = 0
    low: float = float("inf")
    high: float = float("-inf")

    def add(self, value: float, *, rows: int = 1, low: float | None = None, high: float | None = None) -> None:
        """Count one unit's value, the mean of its `rows`."""
        self.n += 1
        self.rows += rows
        step = value - self.mean
        self.mean += step / self.n
        self.m2 += step * (value - self.mean)
        self.whole += value in (0.0, 1.0)
        self.low = min(self.low, value if low is None else low)
        self.high = max(self.high, value if high is None else high)

    def merge(self, other: UnitSums) -> None:
        """Add the units of `other`.

        >>> one, other = UnitSums(), UnitSums()
        >>> one.add(1.0), other.add(3.0), one.merge(other)
        (None, None, None)
        >>> one.n, one.mean, one.variance
        (2, 2.0, 2.0)
        """
        self.exposed += other.exposed
        if other.n == 0:
            return
        n = self.n + other.n
        step = other.mean - self.mean
        self.mean += step * other.n / n
        self.m2 += other.m2 + step * step * self.n * other.n / n
        self.n, self.rows, self.whole = n, self.rows + other.rows, self.whole + other.whole
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    @property
    def variance(self) -> float:
        """Sample variance (n - 1) of the units' values; 0 for fewer than two."""
        return max(0.0, self.m2 / (self.n - 1)) if self.n > 1 else 0.0


@dataclass(frozen=True, slots=True)
class ExperimentData:
    """What an experiment has collected until an instant.

    Attributes
    ----------
    arms
        Variant -> UTC day on which a unit was first seen -> sums of these units.
    contaminated
        Subjects seen in two variants or more: in none of the arms.
    rows, rows_without_subject
        Predictions of the variants, and those of them that name no subject (left out where subjects are the units).
    unreadable
        Rows whose target is neither a number nor true or false.
    """

    unit: Unit
    until: datetime
    arms: Mapping[str, Mapping[date, UnitSums]]
    contaminated: int = 0
    rows: int = 0
    rows_without_subject: int = 0
    unreadable: int = 0

    def total(self, variant: str) -> UnitSums:
        """All days of a variant."""
        sums = UnitSums()
        for day in self.arms.get(variant, {}).values():
            sums.merge(day)
        return sums


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """One variant: `units` have a value, `exposed` were seen; `lower` and `upper` are a 95 % interval of its mean."""

    variant: str
    share: float
    exposed: int
    units: int
    rows: int
    mean: float | None
    sd: float | None
    lower: float | None
    upper: float | None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The difference and its confidence sequence from the units first seen until the end of a day."""

    day: date
    control_units: int
    treatment_units: int
    difference: float | None
    lower: float | None
    upper: float | None
    p_value: float | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One treatment against the control; every difference is treatment minus control.

    Attributes
    ----------
    lower, upper, level, p_value
        Confidence sequence and always-valid p-value: they hold at every look.
    fixed_lower, fixed_upper, fixed_level, fixed_p_value, method
        Interval and test for one look at the planned end.
    p_adjusted, fixed_p_adjusted
        By Holm over the treatments.
    relative
        Difference over the control's mean.
    expected
        The difference shrunk towards 0 by the prior of the sequential test: what to expect after the decision.
    detectable
        Smallest difference that the units collected so far find with the wanted power, in one look.
    """

    treatment: str
    verdict: ExperimentVerdict
    sentence: str
    difference: float | None = None
    relative: float | None = None
    lower: float | None = None
    upper: float | None = None
    level: float = 0.95
    p_value: float | None = None
    p_adjusted: float | None = None
    fixed_lower: float | None = None
    fixed_upper: float | None = None
    fixed_level: float = 0.95
    fixed_p_value: float | None = None
    fixed_p_adjusted: float | None = None
    method: str = ""
    expected: float | None = None
    detectable: float | None = None
    looks: tuple[Look, ...] = ()


class ExperimentResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an experiment says at one instant.

    Attributes
    ----------
    until
        Predictions before this instant count.
    sample_ratio_p_value, sample_ratio_always_valid
        Chi-square test of the exposed units against the shares, for one look; and one that holds at every look.
    planned_units
        Units over all variants that a single look at the end needs; None where that cannot be said yet.
    units_per_day
        Newly seen units a day, over the last week.
    notes
        Sentences for people: what was left out, what to be careful about.
    """

    model: str
    environment: str
    name: str
    verdict: ExperimentVerdict
    sentence: str
    target: str
    kind: str
    direction: str
    unit: Unit
    until: datetime
    start: datetime | None
    end: datetime | None
    ended: bool
    alpha: float
    power: float
    minimum_effect: float
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    sample_ratio_p_value: float | None = None
    sample_ratio_always_valid: float | None = None
    contaminated: int = 0
    rows: int = 0
    rows_without_subject: int = 0
    planned_units: int | None = None
    units_per_day: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def control(self) -> Arm:
        return self.arms[0]

    @property
    def units(self) -> int:
        return sum(arm.units for arm in self.arms)


class StoppedExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an experiment: what was decided, why, by whom, and the result as it was then."""

    name: str
    model: str
    environment: str
    decision: Decision
    reason: str
    by: str
    at: datetime
    result: ExperimentResult


def intended_shares(settings: ExperimentSettings) -> tuple[float, ...]:
    """Share of the units that control and treatments were meant to get, control first.

    >>> intended_shares(ExperimentSettings(name="x", control="a", treatments=("b", "c", "d")))
    (0.25, 0.25, 0.25, 0.25)
    """
    variants = 1 + len(settings.treatments)
    return settings.shares or (1.0 / variants,) * variants


def parse_instant(text: str) -> datetime | None:
    """A day or an instant, in UTC where it names no zone; None for an empty text.

    Raises
    ------
    ValueError
        It is neither.

    >>> parse_instant("2026-03-01")
    datetime.datetime(2026, 3, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if not text.strip():
        return None
    when = datetime.fromisoformat(text.strip())
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """One way to run an experiment: units an arm (control first) and in all, days, and where it stops on average.

    `average_total` and `average_days` are expected when the effect is as planned; None where it cannot stop early.
    """

    name: str
    alpha: float
    units: tuple[int, ...]
    total: int
    days: float | None = None
    average_total: int | None = None
    average_days: float | None = None


class Detectable(msgspec.Struct, frozen=True, kw_only=True):
    """Smallest effect found in one look after `days` with the planned power; None: not even the largest."""

    days: int
    total: int
    effect: float | None


class ExperimentPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How many units an experiment needs. `traffic` is new units a day, `source` says where the figures are from."""

    kind: Literal["binary", "numeric"]
    baseline: float | None
    sd: float | None
    effect: float
    alpha: float
    power: float
    shares: tuple[float, ...]
    traffic: float | None
    designs: tuple[Design, ...]
    detectable: tuple[Detectable, ...] = ()
    source: str = ""
    notes: tuple[str, ...] = ()
