"""How a new version does beside what it replaced: from the outcome profiles of both."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

from driftlog.contract.binning import Binning
from driftlog.contract.maintenance import Comparison, Trial
from driftlog.contract.profile import OutcomeProfile
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window, bucket_at
from driftlog.decide.retrain_facts import Standing
from driftlog.decide.watch import FEWEST_DAYS
from driftlog.evaluate.performance.days import by_day
from driftlog.evaluate.performance.intervals import Estimate, estimate
from driftlog.evaluate.performance.registry import PERFORMANCE_METRICS
from driftlog.evaluate.performance.sums import ByDay, labels_of, sums_of
from driftlog.evaluate.trial.trial import main_metric
from driftlog.profile.stored import load_outcomes
from driftlog.store.client import Store

UNKNOWN_DAYS: Final = 14
"""Degrees of freedom of a champion's error at a trial whose days are not known."""


def standings(
    store: Store,
    settings: ModelSettings,
    binning: Binning,
    *,
    version: str,
    replaced: str,
    since: datetime,
    now: datetime,
    trial: Trial | None,
) -> tuple[Standing, ...]:
    """One `Standing` for each metric of `promotion.rollback_on` (empty: the main metric).

    The version before is taken from the same time where it still has `min_rows` outcomes on three days (its share, or
    its shadow), else as it was at the trial.
    """
    promotion = settings.maintain.promotion
    start = bucket_at(
        max(since, now - promotion.watch_window) + settings.bucket - timedelta(microseconds=1), settings.bucket
    ).start
    names = promotion.rollback_on or (trial.main.metric if trial is not None else main_metric(settings),)
    if start >= now:
        return tuple(_unknown(name, "nothing was measured yet") for name in names)
    window = Window(start, now)
    new = _days(store, settings, binning, window, version)
    old = _days(store, settings, binning, window, replaced) if replaced else []
    return tuple(_standing(name, settings, binning, new, old, trial) for name in names)


def _days(
    store: Store, settings: ModelSettings, binning: Binning, window: Window, version: str
) -> list[OutcomeProfile]:
    where = (store, settings.name, settings.environment, binning.id, window)
    return by_day(load_outcomes(*where, version=version), settings.timezone)


def _standing(
    name: str,
    settings: ModelSettings,
    binning: Binning,
    new: list[OutcomeProfile],
    old: list[OutcomeProfile],
    trial: Trial | None,
) -> Standing:
    metric = PERFORMANCE_METRICS.get(name)
    if metric is None or not metric.worse:
        return _unknown(name, f"{name} is no performance metric with a worse side")
    n = sum(day.n for day in new)
    if n < settings.min_rows:
        return _unknown(name, f"{n:,} of {settings.min_rows:,} outcomes of the new version", n=n)
    current = _estimate(name, new, binning, settings)
    if current.value is None or current.variance is None or current.days < FEWEST_DAYS:
        why = metric.undefined if current.value is None else f"{current.days} of {FEWEST_DAYS} days with outcomes"
        return _unknown(name, why, n=n)
    found = Standing(
        metric=name,
        worse=metric.worse,
        value=current.value,
        error=math.sqrt(current.variance),
        freedom=current.days - 1.0,
        n=n,
    )
    return _beside(found, old, binning, settings) or _at_trial(found, trial)


def _beside(found: Standing, old: list[OutcomeProfile], binning: Binning, settings: ModelSettings) -> Standing | None:
    """With the version before in the same time, where there is enough of it."""
    if sum(day.n for day in old) < settings.min_rows:
        return None
    before = _estimate(found.metric, old, binning, settings)
    if before.value is None or before.variance is None or before.days < FEWEST_DAYS:
        return None
    return Standing(
        metric=found.metric,
        worse=found.worse,
        value=found.value,
        error=found.error,
        freedom=found.freedom,
        n=found.n,
        replaced=before.value,
        replaced_error=math.sqrt(before.variance),
        replaced_freedom=before.days - 1.0,
        beside=True,
    )


def _at_trial(found: Standing, trial: Trial | None) -> Standing:
    compared = _compared(found.metric, trial)
    if trial is None or compared is None or compared.champion is None:
        note = "what it replaced was not measured by this metric: add it to validation.guards"
        return _unknown(found.metric, note, n=found.n)
    days = trial.window.length / timedelta(days=1)
    return Standing(
        metric=found.metric,
        worse=found.worse,
        value=found.value,
        error=found.error,
        freedom=found.freedom,
        n=found.n,
        replaced=compared.champion,
        replaced_error=compared.champion_error or 0.0,
        replaced_freedom=max(1.0, days - 1.0) if compared.champion_error is not None else UNKNOWN_DAYS,
    )


def _compared(metric: str, trial: Trial | None) -> Comparison | None:
    if trial is None:
        return None
    return next((each for each in (trial.main, *trial.guards) if each.metric == metric), None)


def _estimate(name: str, days: list[OutcomeProfile], binning: Binning, settings: ModelSettings) -> Estimate:
    return estimate(PERFORMANCE_METRICS[name], ByDay.of(sums_of(days, binning, settings, labels_of(days))))


def _unknown(metric: str, note: str, *, n: int = 0) -> Standing:
    return Standing(metric=metric, worse="below", n=n, note=note)
