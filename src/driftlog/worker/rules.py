"""The rules of a model against what is stored: what judges what, what would have fired, which limits fit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.objectives import Standing, standing
from driftlog.decide.past import HISTORICAL_KINDS
from driftlog.decide.rehearsal import HISTORY_WINDOWS, Rehearsal, rehearse
from driftlog.decide.rules import Rule, rules_in_force
from driftlog.decide.tuning import ALERTS_A_MONTH, RuleUse, noisy_and_silent
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.store.results import find_measurements, latest_window
from driftlog.worker.history import values_span
from driftlog.worker.windows import history_span

MOST: Final = 500_000
"""Results read of a period; more are cut off at its beginning, and said."""


def results_of(
    store: Store, settings: ModelSettings, since: datetime | None, until: datetime | None
) -> list[Measurement]:
    """Stored results of windows inside the period, oldest first; of segments too where a rule names segments."""
    segment = None if any(one.segment for one in settings.thresholds) else ""
    found = find_measurements(
        store,
        settings.name,
        environment=settings.environment,
        since=since,
        until=until,
        segment=segment,
        size=MOST,
        newest_first=True,
    )
    return found[::-1]


def rules(store: Store, settings: ModelSettings) -> tuple[Rule, ...]:
    """Every rule in force, counted over the newest window."""
    window = latest_window(store, settings.name, settings.environment)
    found = results_of(store, settings, window.start, window.end) if window is not None else []
    return rules_in_force(settings, found)


def rehearse_period(store: Store, settings: ModelSettings, *, since: datetime, until: datetime) -> Rehearsal:
    """The rules of `settings`, perhaps not those of the time, over the stored results of a past period.

    Nothing is written. Results of windows of another length than the settings' are left out: see `foreign_windows`.
    """
    before = history_span(settings, Window(since, until), HISTORY_WINDOWS)
    found = [one for one in results_of(store, settings, before.start, until) if fits(one.window, settings)]
    span = values_span(settings) if any(one.kind in HISTORICAL_KINDS for one in settings.thresholds) else None
    earlier = results_of(store, settings, before.start - span, before.start) if span is not None else []
    return rehearse(settings, found, since=since, earlier=earlier)


def fits(window: Window, settings: ModelSettings) -> bool:
    """Whether the window is as long as the settings say, but for an hour when clocks change."""
    return abs(window.length - settings.window) <= timedelta(hours=1 if settings.window >= timedelta(days=1) else 0)


def use_of_rules(
    store: Store,
    settings: ModelSettings,
    *,
    since: datetime | None,
    until: datetime | None = None,
    alerts_a_month: float = ALERTS_A_MONTH,
) -> tuple[RuleUse, ...]:
    """Noisy and silent rules of a period, with limits that would do better."""
    alerts = [
        alert
        for alert in find_alerts(store, settings.name, since=since, until=until)
        if alert.environment == settings.environment
    ]
    return noisy_and_silent(alerts, results_of(store, settings, since, until), alerts_a_month=alerts_a_month)


def objectives_of(
    store: Store, settings: ModelSettings, *, since: datetime | None, until: datetime | None = None
) -> tuple[Standing, ...]:
    """How each objective of the settings stands."""
    metrics = sorted({one.metric for one in settings.objectives})
    if not metrics:
        return ()
    found = find_measurements(
        store,
        settings.name,
        environment=settings.environment,
        since=since,
        until=until,
        metric=metrics,
        segment=None,
        size=MOST,
        newest_first=True,
    )
    return standing(settings.objectives, found)
