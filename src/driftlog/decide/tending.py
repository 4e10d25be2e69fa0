"""What time does to alerts between their windows: snoozes end, mutes and silences come and go, people are reminded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from driftlog.contract.alert import Alert
from driftlog.contract.alerting import AlertSettings
from driftlog.contract.handling import Silence, TransitionKind
from driftlog.decide.lifecycle import is_active
from driftlog.decide.planned import PREFIX, Planned, going_on
from driftlog.decide.transitions import last_of, moved

PIPELINE: Final = "integrity"
"""Purpose and cause of the alerts that explain others; silence and late truth (of this purpose, too) do not."""
EXPLAINED: Final = frozenset(
    {
        "data_drift",
        "prediction_drift",
        "target_drift",
        "attribution_drift",
        "concept_drift",
        "performance",
        "estimated_performance",
        "fairness",
        "quality",
    }
)
"""Purposes whose alerts a pipeline at fault explains: what is lost, repeated or late looks like drift."""
RANKS: Final = {"info": 0, "warning": 1, "critical": 2}
_RESTARTS: Final[tuple[TransitionKind, ...]] = (
    "opened",
    "reopened",
    "escalated",
    "unsnoozed",
    "unsilenced",
    "unmuted",
)


def tend(
    alerts: Iterable[Alert],
    settings: AlertSettings,
    silences: Sequence[Silence],
    now: datetime,
    *,
    timezone: str = "UTC",
) -> list[Alert]:
    """Alerts that `now` changes; of one model and environment. Alerts that are over are left alone.

    - A snooze that has ended is taken off.
    - Muted: by an active alert on the pipeline of the same model and environment, where the alert opened in or after
      the first window at fault; else by a maintenance window in which it opened (or opened again). Unmuted when that
      is over. An alert on the pipeline is muted by maintenance only.
    - Silenced, by the first silence that fits, and unsilenced when none fits any more.
    - Escalated: see `is_due`.

    The same call on its own result returns nothing.
    """
    active = [alert for alert in alerts if is_active(alert)]
    if not active:
        return []
    pipeline = (one for one in active if one.purpose == one.metric == PIPELINE)
    faults = sorted(pipeline, key=lambda one: (one.opened, one.id))
    planned = going_on(settings.maintenance, timezone, now)
    current = [silence for silence in silences if is_current(silence, now)]
    changed = []
    for alert in active:
        after = _awake(alert, now)
        after = _muted(after, faults, planned, now)
        after = _silenced(after, current, now)
        if is_due(after, settings, now):
            count = after.escalations + 1
            text = "nobody has acknowledged it" if count == 1 else f"nobody has acknowledged it, reminder {count}"
            after = moved(after, "escalated", now, text=text, escalations=count, escalated=now)
        if after is not alert:
            changed.append(after)
    return changed


def _awake(alert: Alert, now: datetime) -> Alert:
    if alert.snoozed_until is None or alert.snoozed_until > now:
        return alert
    return moved(alert, "unsnoozed", now, text="the snooze is over", snoozed_until=None)


def _muted(alert: Alert, faults: Sequence[Alert], planned: Sequence[Planned], now: datetime) -> Alert:
    reasons = [*_explanations(alert, faults), *_maintenance(alert, planned)]
    if alert.muted_by in {muter for muter, _, _ in reasons}:
        return alert
    if reasons:
        muter, text, until = reasons[0]
        return moved(alert, "muted", now, text=text, until=until, muted_by=muter)
    if not alert.muted_by:
        return alert
    over = "the maintenance is over" if alert.muted_by.startswith(PREFIX) else "the pipeline is well again"
    return moved(alert, "unmuted", now, text=over, muted_by="")


def _explanations(alert: Alert, faults: Sequence[Alert]) -> list[tuple[str, str, datetime | None]]:
    if alert.purpose not in EXPLAINED:
        return []
    return [
        (fault.id, f"explained by {fault.title}", None)
        for fault in faults
        if alert.first_window.end > fault.first_window.start
    ]


def _maintenance(alert: Alert, planned: Sequence[Planned]) -> list[tuple[str, str, datetime | None]]:
    """An alert that opened in the maintenance before, and is muted by it, stays so in one that follows at once."""
    opened = last_of(alert, "opened", "reopened")
    at = opened.at if opened is not None else alert.opened
    return [
        (one.muter, f"planned maintenance {one.name}" + (f": {one.why}" if one.why else ""), one.end)
        for one in planned
        if at >= one.start or alert.muted_by == one.muter
    ]


def _silenced(alert: Alert, silences: Sequence[Silence], now: datetime) -> Alert:
    fitting = [silence for silence in silences if fits(silence, alert)]
    if alert.silenced_by in {silence.id for silence in fitting}:
        return alert
    if fitting:
        first = min(fitting, key=lambda one: (one.start, one.id))
        return moved(alert, "silenced", now, by=first.by, text=first.why, until=first.until, silenced_by=first.id)
    if not alert.silenced_by:
        return alert
    return moved(alert, "unsilenced", now, text="the silence is over", silenced_by="")


def is_current(silence: Silence, now: datetime) -> bool:
    """Whether `now` lies in ``[start, until)`` and nobody has ended it before."""
    return silence.start <= now < silence.until and (silence.ended is None or now < silence.ended)


def fits(silence: Silence, alert: Alert) -> bool:
    """Whether the silence is about this alert: the episode it names, or all its patterns match.

    The pattern of the metric is held against the alert's cause and the metrics of its members, that of the segment
    also against the name without ``features.``.
    """
    if silence.alert_id:
        return silence.alert_id == alert.id
    metrics = {alert.metric, alert.evidence.metric, *(member.metric for member in alert.members)}
    segments = {alert.segment, alert.segment.replace("features.", "")}
    return (
        fnmatchcase(alert.model, silence.model)
        and fnmatchcase(alert.environment, silence.environment)
        and fnmatchcase(alert.purpose, silence.purpose)
        and any(fnmatchcase(metric, silence.metric) for metric in metrics)
        and any(fnmatchcase(segment, silence.segment) for segment in segments)
    )


def is_due(alert: Alert, settings: AlertSettings, now: datetime) -> bool:
    """Whether people are to be reminded of the alert now.

    It is open, at least `escalate_from`, not snoozed, muted or silenced, and `escalate_after` has passed since it
    opened, became as severe as that, was escalated, or came back from snooze, mute or silence. However long nobody
    looked, it is escalated once. A time that lies further ahead than `escalate_after` was told by a clock that was
    wrong, and counts as passed.
    """
    after = settings.escalate_after
    quiet = alert.snoozed_until is not None or alert.muted_by or alert.silenced_by
    if after is None or alert.status != "open" or quiet or RANKS[alert.severity] < RANKS[settings.escalate_from]:
        return False
    waited = now - _waiting_since(alert, settings.escalate_from)
    return waited >= after or waited < -after


def _waiting_since(alert: Alert, least: str) -> datetime:
    since, before = alert.opened, ""
    for one in alert.history:
        severity = one.severity or alert.severity
        newly = one.kind == "worsened" and RANKS.get(before, 0) < RANKS[least] <= RANKS[severity]
        if one.kind in _RESTARTS or newly:
            since = one.at
        before = severity
    return since
