"""The triggers of a retraining, each as evidence: value, what is needed, whether it is met."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from driftlog.contract.maintenance import Evidence, LoopState
from driftlog.contract.settings import ModelSettings
from driftlog.decide.retrain_facts import Facts
from driftlog.decide.retrain_hours import last_time, next_time

_RANK: Final = {"info": 0, "warning": 1, "critical": 2}
_PERFORMANCE: Final = ("performance", "estimated_performance")


def trigger_evidence(settings: ModelSettings, facts: Facts, state: LoopState, now: datetime) -> list[Evidence]:
    """One entry for each trigger that is set, and for each open request of a person, in a fixed order."""
    triggers = settings.maintain.triggers
    found: list[Evidence] = []
    if triggers.schedule:
        found.append(_schedule(triggers.schedule, settings.timezone, state, now))
    if triggers.degraded:
        found.append(_degraded(triggers.degraded, facts))
    if triggers.drifted:
        found.append(_drifted(triggers.drifted[0], triggers.drifted[1], facts))
    if triggers.new_labels is not None:
        found.append(_new_labels(triggers.new_labels, facts))
    if triggers.estimated_loss is not None:
        found.append(_loss(triggers.estimated_loss, facts, settings.business_unit))
    found += [
        Evidence(kind="request", name="request", value=f"{request.by}: {request.why}", met=True, object=request.id)
        for request in facts.requests
    ]
    return found


def next_schedule(settings: ModelSettings, now: datetime) -> datetime | None:
    """When the schedule comes next."""
    cron = settings.maintain.triggers.schedule
    return next_time(cron, settings.timezone, now) if cron else None


def _schedule(cron: str, timezone: str, state: LoopState, now: datetime) -> Evidence:
    """Due where it came since the last training (since the first look, before any)."""
    last = last_time(cron, timezone, now)
    since = state.starts[-1] if state.starts else state.first or now
    due = last is not None and last > since
    return Evidence(kind="time", name="schedule", value=_minute(last), needed=f"after {_minute(since)}", met=due)


def _degraded(least: str, facts: Facts) -> Evidence:
    """The worst open alert about performance."""
    fitting = [alert for alert in facts.alerts if alert.purpose in _PERFORMANCE]
    worst = max(fitting, key=lambda alert: _RANK.get(alert.severity, 0), default=None)
    if worst is None:
        return Evidence(kind="alert", name="degraded", value="none open", needed=least, met=False)
    met = _RANK.get(worst.severity, 0) >= _RANK[least]
    told = f"{worst.severity}: {worst.title}" if worst.title else worst.severity
    return Evidence(kind="alert", name="degraded", value=told, needed=least, met=met, object=worst.id)


def _drifted(needed: int, of: int, facts: Facts) -> Evidence:
    """Windows in breach among the last ones."""
    breached = [window for window in facts.drifted[:of] if window.fields]
    worst = f": {breached[0].worst}" if breached and breached[0].worst else ""
    return Evidence(
        kind="measurement",
        name="drifted",
        value=f"{len(breached)} of {len(facts.drifted[:of])} windows{worst}",
        needed=f"{needed} of {of}",
        met=len(breached) >= needed,
        object=breached[0].object if breached else "",
    )


def _new_labels(needed: int, facts: Facts) -> Evidence:
    since = f"since {_minute(facts.new_since)}" if facts.new_since else "at all"
    value = facts.new_labels
    met = value is not None and value >= needed
    return Evidence(kind="count", name="new_labels", value=value, needed=needed, met=met, object=since)


def _loss(needed: float, facts: Facts, unit: str) -> Evidence:
    met = facts.loss is not None and facts.loss >= needed
    told = f"{unit} in {facts.loss_windows} windows since {_minute(facts.loss_since)}".strip()
    return Evidence(kind="measurement", name="estimated_loss", value=facts.loss, needed=needed, met=met, object=told)


def _minute(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M}" if when is not None else "never"


def cooling_until(settings: ModelSettings, state: LoopState) -> datetime | None:
    """End of the cool-down after the last training run, or after a person said no."""
    moments = [*state.starts[-1:], *([state.paused] if state.paused is not None else [])]
    return max(moments) + settings.maintain.conditions.cooldown if moments else None


def spent(settings: ModelSettings, state: LoopState, now: datetime) -> tuple[int, datetime | None]:
    """Training runs in the budget period, and when the oldest of them leaves it."""
    period: timedelta = settings.maintain.conditions.budget_period
    inside = [start for start in state.starts if start > now - period]
    return len(inside), min(inside) + period if inside else None
