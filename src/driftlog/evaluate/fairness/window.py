"""Fairness of one window: each group of each protected field, and the groups against each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import MARK_IMMATURE, Measurement
from driftlog.contract.profile import OutcomeProfile, PredictionProfile
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.fairness.comparison import (
    Extent,
    Rate,
    largest_difference,
    pair_confidence,
    rate_of,
    smallest_ratio,
)
from driftlog.evaluate.fairness.groups import Group, Side, groups_of, protected_field
from driftlog.evaluate.fairness.registry import (
    BETWEEN_GROUPS,
    GROUP_RATES,
    OF_POSITIVE,
    SELECTION_RATE,
    Between,
    selection_rate,
)
from driftlog.evaluate.performance.intervals import Estimate, Interval, estimate, wilson
from driftlog.evaluate.performance.metric import PerformanceMetric

MOST_IN_DETAILS = 20
"""Groups named in details; further ones have their own measurements alone."""


def fairness_measurements(
    outcomes_by_segment: Mapping[str, Sequence[OutcomeProfile]],
    predictions_by_segment: Mapping[str, PredictionProfile | Sequence[PredictionProfile]],
    settings: ModelSettings,
    context: SeriesContext,
    *,
    binning: Binning,
) -> list[Measurement]:
    """Rates of each group and differences between groups, for every field in ``settings.protected``.

    Parameters
    ----------
    outcomes_by_segment, predictions_by_segment
        By segment name; segments of one condition on a protected field are its groups, all others are passed over.
        Buckets or days as they come; predictions may be one profile of the whole window.
    binning
        Its bins of ``prediction.label`` and ``prediction.score``.

    Returns
    -------
    list of measurements, purpose ``fairness``, field = the protected field
        Of each group (segment = the group): selection rate (of all predictions, whether or not their truth is known),
        true and false positive rate, positive predictive value, calibration gap and misclassification rate;
        regression: mean error and mean absolute error. Between groups (the context's segment): `BETWEEN_GROUPS`, with
        ``value <group>`` and ``n <group>`` in details.

    Groups below ``min_segment_rows`` predictions are left out and named in the note; a rate of fewer than ``min_rows``
    rows (true positives of a group with few positives) leaves its group out of that comparison. Intervals are those of
    `driftlog.evaluate.performance.intervals.estimate`, clustered by day, with a simultaneous 95 % over all pairs.
    """
    predictions = {
        name: [held] if isinstance(held, PredictionProfile) else list(held)
        for name, held in predictions_by_segment.items()
    }
    found: list[Measurement] = []
    for field in dict.fromkeys(protected_field(name) for name in settings.protected):
        groups = groups_of(field, outcomes_by_segment, predictions, binning, settings)
        found += _Field(field, groups, settings, context).measurements()
    return found


@dataclass(frozen=True, slots=True)
class _Field:
    """One protected field with its groups."""

    field: str
    groups: Sequence[Group]
    settings: ModelSettings
    context: SeriesContext

    def measurements(self) -> list[Measurement]:
        rates = [rate for rate in GROUP_RATES.values() if self._applies(rate)]
        names = {rate.name for rate in rates}
        of_groups = [self._of_group(group, rate) for group in self._large() for rate in rates]
        return [*of_groups, *(self._between(between) for between in BETWEEN_GROUPS if names.issuperset(between.rates))]

    def _large(self) -> list[Group]:
        return [group for group in self.groups if group.n >= self.settings.min_segment_rows]

    def _applies(self, rate: PerformanceMetric) -> bool:
        if self.settings.task not in rate.tasks:
            return False
        if self.settings.task == "binary" or rate.name not in OF_POSITIVE:
            return True
        sides = [side for group in self.groups for side in (group.outcomes, group.predictions) if side is not None]
        return any(self.settings.positive_label in side.sums.whole.labels for side in sides)

    def _of_group(self, group: Group, rate: PerformanceMetric) -> Measurement:
        side, rows, found = self._estimate(group, rate, 0.95)
        details: dict[str, float] = {}
        if found.value is not None and side is not None and rate.details is not None:
            with np.errstate(all="ignore"):
                details = {name: x for name, x in rate.details(side.sums.whole).items() if math.isfinite(x)}
        if found.design_effect is not None:
            details["design_effect"] = found.design_effect
        few = rows < self.settings.min_rows
        note = f"fewer than {self.settings.min_rows} rows ({rows:.0f}) to compute it from" if few else ""
        maturity = None if side is group.predictions else _maturity([group])
        return replace(self.context, segment=group.segment).measurement(
            rate.name,
            "fairness",
            found.value,
            field=self.field,
            lower=found.interval.lower,
            upper=found.interval.upper,
            n_current=int(rows),
            maturity=maturity,
            method=found.interval.method,
            details=details,
            marks=self._marks(maturity),
            note=note or ("" if found.value is not None else f"undefined: {rate.undefined}"),
        )

    def _estimate(
        self, group: Group, rate: PerformanceMetric, confidence: float
    ) -> tuple[Side | None, float, Estimate]:
        """(what it is computed from, rows behind it, the estimate)."""
        nothing = Estimate(None, Interval(None, None, ""))
        by_predictions = rate is SELECTION_RATE and group.predictions is not None
        side = group.predictions if by_predictions else group.outcomes
        rows = float(rate.rows(side.sums.whole)) if side is not None else 0.0
        if side is None or rows < self.settings.min_rows:
            return side, rows, nothing
        found = estimate(rate, side.sums, confidence=confidence)
        if by_predictions and side.spans_days and group.outcomes is not None:
            found = _widened(found, side, group.outcomes, confidence)
        return side, rows, found

    def _between(self, between: Between) -> Measurement:
        large = self._large()
        confidence = pair_confidence(len(large), len(between.rates))
        compare = smallest_ratio if between.kind == "ratio" else largest_difference
        extents, used, details = [], list(large), {"groups": float(len(large))}
        for name in between.rates:
            rates = {group.segment: self._rate(group, GROUP_RATES[name], confidence) for group in large}
            known = [rate for rate in rates.values() if rate is not None]
            used = [group for group in used if rates[group.segment] is not None]
            extents.append(compare(known))
            if len(between.rates) == 1:
                details |= _named("value", large, {key: rate.value for key, rate in rates.items() if rate is not None})
        details |= _named("n", large, {group.segment: float(group.n) for group in large})
        extent = _largest(extents) if len(used) > 1 else Extent(None)
        maturity = None if self._from_predictions(between) else _maturity(large)
        return self.context.measurement(
            between.name,
            "fairness",
            extent.value,
            field=self.field,
            lower=extent.lower,
            upper=extent.upper,
            n_current=sum(group.n for group in used),
            maturity=maturity,
            method=f"{between.kind} between groups, simultaneous 95 % over all pairs ({between.source})",
            details=details,
            marks=self._marks(maturity),
            note=self._note(used, extent),
        )

    def _rate(self, group: Group, rate: PerformanceMetric, confidence: float) -> Rate | None:
        side, _, found = self._estimate(group, rate, confidence)
        return rate_of(rate, side, confidence, found) if side is not None else None

    def _from_predictions(self, between: Between) -> bool:
        return between.rates == (SELECTION_RATE.name,) and all(group.predictions is not None for group in self._large())

    def _marks(self, maturity: float | None) -> tuple[str, ...]:
        return (MARK_IMMATURE,) if maturity is not None and maturity < self.settings.min_maturity else ()

    def _note(self, used: Sequence[Group], extent: Extent) -> str:
        small = [group.value for group in self.groups if group.n < self.settings.min_segment_rows]
        unknown = [group.value for group in self._large() if group not in used]
        told = []
        if len(used) < 2:
            told.append("fewer than two groups to compare")
        elif extent.value is None:
            told.append("undefined: the rate is 0 in every group")
        if small:
            told.append(f"left out, below {self.settings.min_segment_rows} rows: {', '.join(small)}")
        if unknown:
            told.append(f"left out, too few rows for this rate: {', '.join(unknown)}")
        return "; ".join(told)


def _largest(extents: Sequence[Extent]) -> Extent:
    """Of several differences the largest, with an interval that holds where all of theirs do."""
    known = [extent for extent in extents if extent.value is not None]
    if not known or len(known) < len(extents):
        return Extent(None)
    return Extent(
        max(extent.value or 0.0 for extent in known),
        max(extent.lower or 0.0 for extent in known),
        max(extent.upper or 0.0 for extent in known),
    )


def _named(prefix: str, groups: Sequence[Group], values: Mapping[str, float]) -> dict[str, float]:
    largest = sorted(groups, key=lambda group: (-group.n, group.segment))[:MOST_IN_DETAILS]
    return {f"{prefix} {group.value}": values[group.segment] for group in largest if group.segment in values}


def _maturity(groups: Sequence[Group]) -> float | None:
    """Outcomes / predictions."""
    n = sum(group.n for group in groups)
    known = sum(float(group.outcomes.sums.whole.n) for group in groups if group.outcomes is not None)
    return min(1.0, known / n) if n > 0 else None


def _widened(found: Estimate, side: Side, outcomes: Side, confidence: float) -> Estimate:
    """The interval of one profile of several days, widened by the design effect of the same days' outcomes.

    A cluster of m rows has a design effect of ``1 + (m - 1) rho``, so it is scaled from outcomes to predictions.
    """
    effect = estimate(SELECTION_RATE, outcomes.sums).design_effect
    rows, known = float(SELECTION_RATE.rows(side.sums.whole)), float(SELECTION_RATE.rows(outcomes.sums.whole))
    if effect is None or found.value is None or known <= 0:
        return found
    wider = max(1.0, 1 + (effect - 1) * rows / known)
    n = rows / wider
    interval = wilson(float(selection_rate(side.sums.whole)) * n, n, confidence)
    if interval is None:
        return found
    how = f"{interval.method} of {n:.0f} effective rows (design effect {wider:.3g} by day)"
    return replace(found, interval=replace(interval, method=how), design_effect=wider)
