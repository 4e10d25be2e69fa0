"""Notifications for people to look at: channels, who would be told of an alert and why, a message to try a channel."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from driftlog.act.notify import outbox
from driftlog.act.notify.direct import tell
from driftlog.act.notify.dispatch import Deliver, deliver_by_apprise
from driftlog.act.notify.outbox import Stored
from driftlog.act.notify.routing import consider
from driftlog.act.notify.services import describe_address
from driftlog.act.notify.tellings import tellings
from driftlog.audit.chain import Chain
from driftlog.contract.alert import Alert
from driftlog.contract.names import INSTALLATION
from driftlog.contract.notification import ChannelState, Explained, Notice, Tried
from driftlog.contract.notifying import ChannelSettings, NotificationSettings
from driftlog.contract.settings import Settings
from driftlog.present.mail import trial_message
from driftlog.store.client import Store
from driftlog.store.leases import LeaseBoard
from driftlog.worker.notify import Notifier
from driftlog.worker.watchdog import LEASE


def channel_states(settings: NotificationSettings, counts: Mapping[tuple[str, str], int]) -> list[ChannelState]:
    """Every channel with its notices by status (`outbox.count`), in the order of the settings."""
    return [_state(channel, settings, counts) for channel in settings.channels]


def count_notices(store: Store) -> dict[tuple[str, str], int]:
    """How many notices there are by channel and status."""
    return outbox.count(store)


def explain(alert: Alert, settings: Settings, now: datetime) -> list[Explained]:
    """What every route says of every transition of `alert`, as if it were to be told at `now`."""
    owner = next((model.owner for model in settings.models if model.name == alert.model), "")
    routes = settings.notifications.routes
    return [
        Explained(
            transition=telling.number,
            kind=telling.kind,
            at=telling.at,
            severity=telling.severity,
            route=assignment.route,
            channels=assignment.channels,
            due=assignment.due,
            why=assignment.why,
        )
        for telling in tellings(alert.history)
        for assignment in consider(routes, telling, model=alert.model, owner=owner, now=now)
    ]


def notices_about(store: Store, alert: Alert) -> list[Notice]:
    """What the outbox holds about `alert`, in order of transition and channel."""
    found: list[Stored] = outbox.find(
        store, names=(outbox.OPEN, outbox.DONE, outbox.NOTED), models=[alert.model], alert_id=alert.id
    )
    return sorted((one.notice for one in found), key=lambda notice: (notice.transition, notice.channel))


def try_channel(
    channel: ChannelSettings, *, by: str, now: datetime, deliver: Deliver = deliver_by_apprise
) -> list[Tried]:
    """Send a message that says it is a test to every address of `channel`, once, and tell what became of it."""
    message = trial_message(channel.name, key=f"test|{channel.name}|{uuid.uuid4().hex}", by=by, now=now)
    answers = tell(channel, message, deliver=deliver)
    return [
        Tried(channel=channel.name, address=n, service=describe_address(url), ok=answer.ok, reason=answer.reason)
        for n, (url, answer) in enumerate(zip(channel.urls, answers, strict=True), 1)
    ]


def send_once(
    store: Store,
    settings: Settings,
    models: Mapping[str, object],
    *,
    holder: str,
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
) -> list[Notice]:
    """One pass outside a worker, for cron; the notices that changed.

    Deliveries are written to alerts of models whose lease is free; the worker that holds a model writes the others.
    """
    notifier = Notifier(store, settings, holder=holder, now=now)
    notifier.spread([*models, INSTALLATION])
    changed = notifier.dispatch()
    chain = Chain(store)
    board = LeaseBoard(store, holder, settings.worker.lease, monotonic)
    try:
        for model in sorted({notice.model for notice in changed}):
            term = board.take(LEASE if model == INSTALLATION else model)
            if term is not None:
                notifier.note({model: term}, chain)
    finally:
        board.release_all()
    return changed


def _state(
    channel: ChannelSettings, settings: NotificationSettings, counts: Mapping[tuple[str, str], int]
) -> ChannelState:
    def count(*statuses: str) -> int:
        return sum(counts.get((channel.name, status), 0) for status in statuses)

    return ChannelState(
        name=channel.name,
        services=tuple(describe_address(url) for url in channel.urls),
        rate_per_hour=channel.rate_per_hour,
        digest=_length(channel.digest) if channel.digest is not None else "",
        fallback=channel.fallback,
        routes=tuple(n for n, route in enumerate(settings.routes, 1) if channel.name in route.channels),
        waiting=count("waiting", "sending"),
        sent=count("sent"),
        failed=count("failed"),
        suppressed=count("suppressed"),
    )


def _length(period: timedelta) -> str:
    """A period in the largest unit that fits.

    >>> _length(timedelta(hours=1)), _length(timedelta(days=1)), _length(timedelta(minutes=90))
    ('1 h', '1 d', '90 min')
    """
    for unit, name in ((timedelta(days=1), "d"), (timedelta(hours=1), "h")):
        if period % unit == timedelta(0):
            return f"{period // unit} {name}"
    return f"{period / timedelta(minutes=1):g} min"
