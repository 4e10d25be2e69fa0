"""From alerts to notices: everything that is to be told and is not in the outbox yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from driftlog.act.notify.outbox import notice_id
from driftlog.act.notify.routing import choose, consider
from driftlog.act.notify.tellings import tellings
from driftlog.contract.alert import Alert
from driftlog.contract.notification import Notice, Telling
from driftlog.contract.notifying import ChannelSettings, NotificationSettings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def notices_of(
    alerts: Iterable[Alert], settings: NotificationSettings, owners: Mapping[str, str], *, now: datetime
) -> list[Notice]:
    """One notice for each telling and each channel that a route leads to; their ids are deterministic.

    Tellings that something hides, and those that a route drops outside its hours, become notices that are suppressed
    from the start, so that the alert can show why nobody was told. Tellings older than `max_age` are left out.
    """
    channels = {channel.name: channel for channel in settings.channels}
    oldest = now - settings.max_age
    found: list[Notice] = []
    for alert in alerts:
        for telling in tellings(alert.history):
            if telling.at >= oldest:
                found += _notices(alert, telling, settings, channels, owners.get(alert.model, ""), now)
    return found


def _notices(
    alert: Alert,
    telling: Telling,
    settings: NotificationSettings,
    channels: Mapping[str, ChannelSettings],
    owner: str,
    now: datetime,
) -> list[Notice]:
    shown = Telling(number=telling.number, kind=telling.kind, at=telling.at, severity=telling.severity)
    assignments = consider(settings.routes, shown, model=alert.model, owner=owner, now=now)
    found = []
    for name, due in choose(assignments).items():
        digest = channels[name].digest
        if digest is not None:
            due = max(due, end_of_period(now, digest))
        found.append(_notice(alert, telling, name, due=due, suppressed=telling.suppressed, now=now))
    told = {notice.channel for notice in found}
    for assignment in assignments:
        if assignment.due is None and assignment.why.endswith(": dropped"):
            reason = telling.suppressed or assignment.why
            dropped = [name for name in assignment.channels if name not in told]
            found += [_notice(alert, telling, name, due=now, suppressed=reason, now=now) for name in dropped]
            told.update(dropped)
    return found


def _notice(alert: Alert, telling: Telling, channel: str, *, due: datetime, suppressed: str, now: datetime) -> Notice:
    return Notice(
        id=notice_id(alert.id, telling.number, channel),
        alert_id=alert.id,
        transition=telling.number,
        kind=telling.kind,
        channel=channel,
        model=alert.model,
        environment=alert.environment,
        severity=telling.severity,
        at=telling.at,
        due=due,
        status="suppressed" if suppressed else "waiting",
        reason=suppressed,
        finished=now if suppressed else None,
    )


def fallback_notice(notice: Notice, channel: ChannelSettings, *, now: datetime) -> Notice:
    """The same for the channel that steps in."""
    return Notice(
        id=notice_id(notice.alert_id, notice.transition, channel.name),
        alert_id=notice.alert_id,
        transition=notice.transition,
        kind=notice.kind,
        channel=channel.name,
        model=notice.model,
        environment=notice.environment,
        severity=notice.severity,
        at=notice.at,
        due=end_of_period(now, channel.digest) if channel.digest is not None else now,
        fallback_of=notice.channel,
    )


def end_of_period(now: datetime, period: timedelta) -> datetime:
    """The next multiple of `period` since 1970 (UTC) after `now`.

    >>> end_of_period(datetime(2026, 3, 3, 14, 20, tzinfo=UTC), timedelta(hours=1)).isoformat()
    '2026-03-03T15:00:00+00:00'
    """
    return EPOCH + ((now - EPOCH) // period + 1) * period
