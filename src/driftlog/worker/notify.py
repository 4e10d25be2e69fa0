"""Telling people: from stored alerts to the outbox, from there to channels, and what became of it back to the alerts.

Three steps, each of which can be repeated: `spread` creates notices (deterministic ids), `dispatch` sends what is due
(claims by conditional writes), `note` writes deliveries to the alerts of held models and records them. A worker spreads
and notes in the thread of its cycles, between them: an alert that is muted by the cycle that opened it is never seen
without its mute, and no two threads write an alert. It dispatches in a thread of its own, so that no receiver holds up
a cycle.
"""

from __future__ import annotations

import logging
import random
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from driftlog.act.notify import outbox
from driftlog.act.notify.deliveries import delivery_of, with_deliveries
from driftlog.act.notify.dispatch import Deliver, Dispatcher, deliver_by_apprise
from driftlog.act.notify.outbox import Stored, noted_mark
from driftlog.act.notify.tellings import hidden_now
from driftlog.act.notify.writing import notices_of
from driftlog.contract.alert import Alert
from driftlog.contract.audit import AuditEntry
from driftlog.contract.errors import DriftlogError, StoreConflict
from driftlog.contract.handling import Delivery
from driftlog.contract.measurement import Measurement
from driftlog.contract.notification import FINAL, Message, Notice
from driftlog.contract.settings import Settings
from driftlog.present.mail import Item, alert_message, digest_message
from driftlog.store.alerts import alerts_by_id, write_alerts
from driftlog.store.client import Store
from driftlog.store.documents import alert_of
from driftlog.store.results import find_measurements

log = logging.getLogger("driftlog.notify")

PERIOD: Final = timedelta(seconds=5)
"""How often the worker looks."""
OVERLAP: Final = timedelta(minutes=10)
"""How far before its last look it looks again for alerts that changed: clocks differ, writes take a moment."""
WINDOWS: Final = 30
"""Windows in the chart of a message."""
LONGEST_SERIES: Final = 400
MOST_NOTED: Final = 500
"""Deliveries that one look writes to alerts, so that cycles do not wait."""
KEEP: Final = 2
"""What was told is kept in the outbox for so many times `max_age`."""


class Book(Protocol):
    """Where it is recorded what was told: `driftlog.audit.chain.Chain`."""

    def record_many(self, entries: Sequence[AuditEntry]) -> Sequence[object]:
        """Record each entry once: those whose key is there already change nothing."""


class Notifier:
    """Tells people of alerts. Keep one a process.

    Parameters
    ----------
    holder
        Name of this process.
    jitter
        Numbers in [0, 1), for the pauses between attempts.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        holder: str,
        now: Callable[[], datetime],
        jitter: Callable[[], float] = random.random,
        deliver: Deliver = deliver_by_apprise,
    ) -> None:
        self._store = store
        self._settings = settings
        self._now = now
        self._owners = {model.name: model.owner for model in settings.models}
        self._looked: dict[str, datetime] = {}
        self._forgotten: datetime | None = None
        self._dispatcher = Dispatcher(
            store,
            settings.notifications,
            holder=f"{holder}#{uuid.uuid4().hex[:12]}",
            now=now,
            jitter=jitter,
            deliver=deliver,
        )

    def dispatch(self, *, stopping: Callable[[], bool] = lambda: False) -> list[Notice]:
        """Send what is due, of whatever model, until `stopping`; the notices that changed."""
        letters = Letters(self._store, self._settings, self._owners, self._now)
        changed = self._dispatcher.run(letters, stopping=stopping)
        self._forget()
        return changed

    def spread(self, models: Collection[str]) -> int:
        """Create the notices that the alerts of `models` call for; how many were new."""
        now = self._now()
        oldest = now - self._settings.notifications.max_age
        by_time: dict[datetime, list[str]] = defaultdict(list)
        for model in sorted(models):
            by_time[max(oldest, self._looked.get(model, oldest) - OVERLAP)].append(model)
        created = 0
        for since, names in by_time.items():
            alerts = changed_alerts(self._store, names, since)
            notices = notices_of(alerts, self._settings.notifications, self._owners, now=now)
            known = outbox.existing(self._store, [notice.id for notice in notices])
            created += outbox.add(self._store, [notice for notice in notices if notice.id not in known])
            self._looked.update(dict.fromkeys(names, now))
        return created

    def note(self, held: Mapping[str, int], book: Book | None = None) -> list[Delivery]:
        """Write what became of notices to their alerts, and record it; those written, at most `MOST_NOTED`.

        Call it from the thread that runs the cycles: both read alerts and write them back.

        Parameters
        ----------
        held
            Models whose lease this process holds, with their terms.
        book
            The audit trail.
        """
        if not held:
            return []
        names = (outbox.DONE, outbox.OPEN)
        found = outbox.find(self._store, names=names, models=sorted(held))
        news = [one for one in found if _is_news(one.notice)][:MOST_NOTED]
        alerts = {alert.id: alert for alert in alerts_by_id(self._store, {one.notice.alert_id for one in news})}
        written: list[Delivery] = []
        for model in sorted({one.notice.model for one in news}):
            own = [one for one in news if one.notice.model == model]
            if self._write(own, alerts, held[model]):
                entries = [entry for one in own if (entry := _entry(one.notice)) is not None]
                if book is not None and entries:
                    book.record_many(entries)
                outbox.mark_noted(self._store, own)
                written += [delivery_of(one.notice) for one in own]
        return written

    def _write(self, news: Sequence[Stored], alerts: Mapping[str, Alert], term: int) -> bool:
        """Put the deliveries on their alerts, of one model; False where another worker holds it by now."""
        deliveries: dict[str, list[Delivery]] = defaultdict(list)
        for one in news:
            deliveries[one.notice.alert_id].append(delivery_of(one.notice))
        known = [(alerts[id], found) for id, found in deliveries.items() if id in alerts]
        changed = [after for alert, found in known if (after := with_deliveries(alert, found)) != alert]
        try:
            write_alerts(self._store, changed, term=term)
        except StoreConflict:
            log.info("%s: another worker holds it now and notes its deliveries", news[0].notice.model)
            return False
        return True

    def _forget(self) -> None:
        now = self._now()
        if self._forgotten is None or now - self._forgotten > timedelta(hours=1):
            outbox.forget(self._store, now - KEEP * self._settings.notifications.max_age)
            self._forgotten = now


def notify(
    store: Store,
    settings: Settings,
    held: Mapping[str, int],
    *,
    now: Callable[[], datetime],
    holder: str,
    jitter: Callable[[], float] = random.random,
    deliver: Deliver = deliver_by_apprise,
    book: Book | None = None,
) -> list[Delivery]:
    """One whole pass over the models of `held` (model -> term of its lease), in the calling thread.

    Returns
    -------
    list
        What was written to alerts.
    """
    notifier = Notifier(store, settings, holder=holder, now=now, jitter=jitter, deliver=deliver)
    notifier.spread(held)
    notifier.dispatch()
    return notifier.note(held, book)


class NotifyThread:
    """Dispatches every `PERIOD` in a thread of its own until `stop` is set."""

    def __init__(self, notifier: Notifier, stop: threading.Event) -> None:
        self._notifier = notifier
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name="driftlog-notify", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the pass at hand; what it has claimed and not sent by then is tried again by the next process."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._notifier.dispatch(stopping=self._stop.is_set)
            except DriftlogError as error:
                log.warning("notifications: %s; tried again in %d s", error, PERIOD.seconds)
            except Exception:
                log.exception("notifications failed in an unforeseen way; tried again in %d s", PERIOD.seconds)
            self._stop.wait(PERIOD.total_seconds())


class Letters:
    """The messages of one pass: alerts as last written, the course of their metric, and the page they become."""

    def __init__(
        self, store: Store, settings: Settings, owners: Mapping[str, str], now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._link = settings.notifications.link
        self._owners = owners
        self._now = now
        self._alerts: dict[str, Alert] = {}

    def prepare(self, notices: Sequence[Notice]) -> None:
        """Load the alerts of `notices`."""
        self._alerts = {alert.id: alert for alert in alerts_by_id(self._store, {one.alert_id for one in notices})}

    def hidden(self, notice: Notice) -> str:
        """Why nobody is told of the notice's alert right now."""
        alert = self._alerts.get(notice.alert_id)
        return hidden_now(alert.history, self._now()) if alert is not None else ""

    def over(self, notice: Notice) -> bool:
        """Whether the notice's alert is resolved."""
        alert = self._alerts.get(notice.alert_id)
        return alert is not None and alert.status == "resolved"

    def message(self, notices: Sequence[Notice], key: str) -> Message | None:
        """One message about `notices`; of a single alert with everything about it, else a digest."""
        by_alert: dict[str, list[Notice]] = defaultdict(list)
        for notice in notices:
            if notice.alert_id in self._alerts:
                by_alert[notice.alert_id].append(notice)
        if not by_alert:
            return None
        if len(by_alert) == 1:
            ((alert_id, told),) = by_alert.items()
            return alert_message(self._item(alert_id, told, course=True), key=key)
        items = [self._item(alert_id, told) for alert_id, told in by_alert.items()]
        limited = any(notice.collect for notice in notices)
        why = "More messages than this channel takes in an hour." if limited else "What happened since the last digest."
        return digest_message(items, key=key, why=why)

    def _item(self, alert_id: str, told: Sequence[Notice], *, course: bool = False) -> Item:
        alert = self._alerts[alert_id]
        return Item(
            alert=alert,
            notices=tuple(told),
            series=tuple(self._course(alert)) if course else (),
            owner=self._owners.get(alert.model, ""),
            link=self._link,
        )

    def _course(self, alert: Alert) -> list[Measurement]:
        """The alert's measurement in its last windows; without it the message goes out without its chart."""
        latest = alert.latest
        try:
            found = find_measurements(
                self._store,
                alert.model,
                environment=alert.environment,
                until=latest.window.end,
                metric=latest.metric,
                field=latest.field,
                purpose=latest.purpose,
                segment=latest.segment,
                size=LONGEST_SERIES,
                newest_first=True,
            )
        except DriftlogError as error:
            log.info("%s: a message goes out without its chart: %s", alert.model, error)
            return []
        return [m for m in found if m.series == latest.series][:WINDOWS][::-1]


def changed_alerts(store: Store, models: Sequence[str], since: datetime) -> list[Alert]:
    """Alerts of `models` to which something happened since `since`, in order of that time.

    ``{"bool": {"filter": [{"terms": {"model.name": models}}, {"range": {"alert.updated": {"gte": since}}}]}}``
    """
    filters = [{"terms": {"model.name": list(models)}}, {"range": {"alert.updated": {"gte": since.isoformat()}}}]
    hits = store.scan(
        store.names.alerts,
        {"bool": {"filter": filters}},
        sort=[{"alert.updated": {"order": "asc", "unmapped_type": "date"}}],
    )
    return [alert_of(hit["_source"]) for hit in hits]


def _is_news(notice: Notice) -> bool:
    """Final, or failed at least once, and not yet on the alert."""
    told = notice.status in FINAL or (notice.status == "waiting" and notice.attempts > 0)
    return told and notice.noted != noted_mark(notice)


def _entry(notice: Notice) -> AuditEntry | None:
    """A notice as the audit trail keeps it; None where nothing was done."""
    if notice.status not in ("sent", "failed"):
        return None
    failed = notice.status == "failed"
    return AuditEntry(
        action="notification.failed" if failed else "notification.sent",
        object=notice.alert_id,
        actor="driftlog",
        model=notice.model,
        environment=notice.environment,
        at=notice.finished,
        summary=f"{notice.kind} {'not told' if failed else 'told'} to {notice.channel}",
        details={
            "channel": notice.channel,
            "transition": notice.transition,
            "attempts": notice.attempts,
            "reason": notice.reason,
        },
        key=f"{notice.id}|{notice.status}",
    )
