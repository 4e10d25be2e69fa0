"""One pass over the outbox: what is due is claimed, composed, sent and marked.

Order of writes, and what a death between two of them costs:

1. The claim (status sending, with an expiry). Died here: tried again after the expiry.
2. The receiver takes the message. Died here: it is sent **again** after the expiry, under the same key. This is the one
   stated duplication; its window is the time from the receiver's answer to the next write.
3. The mark (sent, failed, or waiting with a later due time). A notice for the fallback channel is created before
   the mark that makes it needed.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from driftlog.act.notify import outbox
from driftlog.act.notify.backoff import pause
from driftlog.act.notify.limited import Hands
from driftlog.act.notify.outbox import Stored
from driftlog.act.notify.services import deliver
from driftlog.act.notify.tellings import OPENING
from driftlog.act.notify.writing import end_of_period, fallback_notice
from driftlog.contract.errors import DriftlogError
from driftlog.contract.notification import Message, Notice, Sent
from driftlog.contract.notifying import ChannelSettings, NotificationSettings
from driftlog.contract.strict import Secret
from driftlog.store.client import Store

log = logging.getLogger("driftlog.notify")

HOUR: Final = timedelta(hours=1)
GRACE: Final = timedelta(seconds=60)
"""Added to what an attempt may take before whoever claimed it is taken for dead; covers clocks that differ."""
LOOK_AGAIN: Final = timedelta(seconds=60)
"""A notice whose alert is hidden right now is looked at again after this."""
LONGEST_TURN: Final = timedelta(seconds=30)
"""A channel that has been served for this long goes on at the next pass: the others wait for no slow receiver."""
CHANNELS_AT_ONCE: Final = 8


class Composer(Protocol):
    """What the worker knows and this room does not: the alerts, and how a message looks."""

    def prepare(self, notices: Sequence[Notice]) -> None:
        """Load what the messages of these notices need."""

    def hidden(self, notice: Notice) -> str:
        """Why nobody is told of the notice's alert right now; empty: nothing hides it."""

    def over(self, notice: Notice) -> bool:
        """Whether the notice's alert is resolved."""

    def message(self, notices: Sequence[Notice], key: str) -> Message | None:
        """One message about all of them; None where none of their alerts is there any more."""


Deliver = Callable[[Secret, Message, ChannelSettings], Sent]


def deliver_by_apprise(url: Secret, message: Message, channel: ChannelSettings) -> Sent:
    """One attempt through apprise."""
    return deliver(
        url, message, timeout_s=channel.timeout_s, short=channel.text == "short", attach_chart=channel.attach_chart
    )


class Dispatcher:
    """Sends what is due. Keep one a process: it remembers which receivers hang and which marks could not be written.

    Parameters
    ----------
    holder
        Name of this process's life, in the claims.
    jitter
        Numbers in [0, 1).
    """

    def __init__(
        self,
        store: Store,
        settings: NotificationSettings,
        *,
        holder: str,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
        deliver: Deliver = deliver_by_apprise,
    ) -> None:
        self._store = store
        self._channels = {channel.name: channel for channel in settings.channels}
        self._holder = holder
        self._now = now
        self._jitter = jitter
        self._deliver = deliver
        self._hands: Hands[Sent] = Hands()
        self._unwritten: dict[str, Notice] = {}

    def run(self, composer: Composer, *, stopping: Callable[[], bool] = lambda: False) -> list[Notice]:
        """One pass; the notices that changed. Channels are served at once, each in a thread of its own.

        Once `stopping` says so, no further message is begun.
        """
        self._write_late()
        now = self._now()
        ready = [one for one in outbox.due(self._store, now) if _free(one.notice, now)]
        if not ready:
            return []
        composer.prepare([one.notice for one in ready])
        by_channel: dict[str, list[Stored]] = defaultdict(list)
        for one in ready:
            by_channel[one.notice.channel].append(one)
        with ThreadPoolExecutor(CHANNELS_AT_ONCE, thread_name_prefix="driftlog-notify") as pool:
            parts = pool.map(lambda item: self._channel(item[0], item[1], composer, stopping), by_channel.items())
            return [notice for part in parts for notice in part]

    def _write_late(self) -> None:
        """Marks that Elasticsearch did not take at the time: nothing is sent twice because of them."""
        for id, notice in list(self._unwritten.items()):
            stored = outbox.read(self._store, id)
            if stored is not None and stored.notice.status == "sending" and stored.notice.holder == self._holder:
                outbox.write(self._store, stored, notice)
            self._unwritten.pop(id, None)

    def _channel(
        self, name: str, ready: Sequence[Stored], composer: Composer, stopping: Callable[[], bool]
    ) -> list[Notice]:
        """Everything that is due on one channel; after a failure that may pass the rest waits for the next pass."""
        channel = self._channels.get(name)
        changed: list[Notice] = []
        try:
            if channel is None:
                return [n for one in ready if (n := self._finish(one, "failed", "no such channel is configured"))]
            begun = self._now()
            shown = [one for one in ready if not self._hide(one, composer, changed)]
            for batch in batches(shown, together=channel.digest is not None):
                if stopping():
                    break
                notices, go_on = self._batch(channel, batch, composer)
                changed += notices
                if not go_on or self._now() - begun > LONGEST_TURN:
                    break
        except DriftlogError as error:
            log.warning("notifications to %s: %s; tried again at the next pass", name, error)
        except Exception:
            log.exception("notifications to %s failed in an unforeseen way; tried again at the next pass", name)
        return changed

    def _hide(self, one: Stored, composer: Composer, changed: list[Notice]) -> bool:
        """Put off what is hidden right now; suppress it where its alert is over."""
        why = composer.hidden(one.notice) if one.notice.kind in OPENING else ""
        if not why:
            return False
        if composer.over(one.notice):
            finished = self._finish(one, "suppressed", why)
            changed += [finished] if finished else []
        else:
            later = msgspec.structs.replace(one.notice, due=self._now() + LOOK_AGAIN, reason=why, status="waiting")
            outbox.write(self._store, one, later)
        return True

    def _batch(
        self, channel: ChannelSettings, batch: Sequence[Stored], composer: Composer
    ) -> tuple[list[Notice], bool]:
        """Send one message; the notices that changed, and whether the channel is worth going on with."""
        now = self._now()
        hour = end_of_period(now, HOUR)
        claimed = self._claim(channel, batch, now)
        if not claimed:
            return [], True
        if not outbox.reserve(self._store, channel.name, hour, channel.rate_per_hour):
            self._collect(channel, batch, claimed, hour)
            return [], True
        notices = [one.notice for one in claimed]
        done = set.intersection(*(set(notice.done) for notice in notices))
        try:
            message = composer.message(notices, notices[0].message_key)
        except DriftlogError:
            raise
        except Exception as error:
            log.exception("the message to %s about %s cannot be written", channel.name, notices[0].alert_id)
            return self._mark(channel, claimed, done, {-1: _unforeseen(error)})
        if message is None:
            gone = "its alert is not there any more"
            return [n for one in claimed if (n := self._finish(one, "failed", gone))], True
        return self._mark(channel, claimed, done, self._attempt(channel, message, done))

    def _claim(self, channel: ChannelSettings, batch: Sequence[Stored], now: datetime) -> list[Stored]:
        ids = sorted(one.notice.id for one in batch)
        keys = {one.notice.message_key for one in batch}
        key = keys.pop() if len(keys) == 1 and "" not in keys else message_key(ids)
        expires = now + timedelta(seconds=channel.timeout_s * len(channel.urls)) + GRACE
        claimed = []
        for one in batch:
            sending = msgspec.structs.replace(
                one.notice,
                status="sending",
                attempts=one.notice.attempts + 1,
                holder=self._holder,
                expires=expires,
                message_key=key,
            )
            if (written := outbox.write(self._store, one, sending)) is not None:
                claimed.append(written)
        return claimed

    def _attempt(self, channel: ChannelSettings, message: Message, done: set[int]) -> dict[int, Sent]:
        """One attempt at each of the channel's addresses that do not have it yet."""
        answers: dict[int, Sent] = {}
        for position, url in enumerate(channel.urls):
            if position in done:
                continue
            name = f"{channel.name}/{position}"
            if self._hands.busy(name):
                answers[position] = Sent(ok=False, reason="an earlier attempt still hangs")
                continue

            def attempt(url: Secret = url) -> Sent:
                return self._deliver(url, message, channel)

            try:
                answer = self._hands.run(name, attempt, channel.timeout_s)
            except Exception as error:  # noqa: BLE001 - whatever a service's code does is a failed attempt
                answer = _unforeseen(error)
            answers[position] = answer or Sent(ok=False, reason=f"no answer within {channel.timeout_s:g} s")
        return answers

    def _mark(
        self, channel: ChannelSettings, claimed: Sequence[Stored], done: set[int], answers: dict[int, Sent]
    ) -> tuple[list[Notice], bool]:
        failed = {position: answer for position, answer in answers.items() if not answer.ok}
        if not failed:
            reason = next((answer.reason for answer in answers.values() if answer.reason), "")
            return [n for one in claimed if (n := self._finish(one, "sent", reason))], True
        reason = _reasons(channel, failed)
        have = tuple(sorted(done | set(answers) - set(failed)))
        hopeless = all(answer.final for answer in failed.values())
        changed = []
        for one in claimed:
            if hopeless or one.notice.attempts >= channel.attempts:
                finished = self._fall_back(channel, one, reason)
            else:
                wait = pause(one.notice.attempts, channel.backoff, self._jitter())
                finished = self._write(
                    one,
                    msgspec.structs.replace(
                        one.notice, status="waiting", due=self._now() + wait, reason=reason, done=have, expires=None
                    ),
                )
            changed += [finished] if finished else []
        log.warning("notification to %s: attempt %d: %s", channel.name, claimed[0].notice.attempts, reason)
        return changed, hopeless

    def _fall_back(self, channel: ChannelSettings, one: Stored, reason: str) -> Notice | None:
        second = self._channels.get(channel.fallback)
        if second is not None:
            outbox.add(self._store, [fallback_notice(one.notice, second, now=self._now())])
            reason = f"{reason}; handed to {second.name}"
        return self._finish(one, "failed", reason)

    def _collect(
        self, channel: ChannelSettings, batch: Sequence[Stored], claimed: Sequence[Stored], hour: datetime
    ) -> None:
        """The hour's messages are used up: what was claimed goes out as one digest when it ends."""
        reason = f"more than {channel.rate_per_hour} messages in this hour"
        before = {one.notice.id: one.notice for one in batch}
        for one in claimed:
            notice = before[one.notice.id]
            later = msgspec.structs.replace(notice, due=hour, collect=True, reason=reason, status="waiting")
            outbox.write(self._store, one, later)

    def _finish(self, one: Stored, status: str, reason: str) -> Notice | None:
        notice = msgspec.structs.replace(
            one.notice,
            status=status,
            reason=reason,
            finished=self._now(),
            expires=None,
        )
        return self._write(one, notice)

    def _write(self, one: Stored, notice: Notice) -> Notice | None:
        try:
            return notice if outbox.write(self._store, one, notice) is not None else None
        except DriftlogError as error:
            self._unwritten[notice.id] = notice
            log.warning("notification %s: what became of it cannot be written yet: %s", notice.id, error)
            return None


def batches(ready: Sequence[Stored], *, together: bool) -> list[list[Stored]]:
    """What goes into one message each: everything where `together`; else what was collected, and each alert's own.

    Notices that were tried in one message before stay together, so that its key stays what it was.
    """
    groups: dict[str, list[Stored]] = defaultdict(list)
    for one in ready:
        notice = one.notice
        collected = "collected" if together or notice.collect else ""
        groups[notice.message_key or collected or f"alert {notice.alert_id}"].append(one)
    return list(groups.values())


def message_key(ids: Sequence[str]) -> str:
    """Key of the message about these notices: a single one's own id."""
    if len(ids) == 1:
        return ids[0]
    return f"notices|{hashlib.blake2b(chr(10).join(ids).encode(), digest_size=16).hexdigest()}"


def _free(notice: Notice, now: datetime) -> bool:
    """Whether it waits, or whoever was sending it is taken for dead."""
    return notice.status == "waiting" or notice.expires is None or notice.expires <= now


def _unforeseen(error: Exception) -> Sent:
    """The kind of error alone: its words may hold an address."""
    return Sent(ok=False, reason=f"unforeseen: {type(error).__name__}")


def _reasons(channel: ChannelSettings, failed: dict[int, Sent]) -> str:
    if len(channel.urls) == 1 or -1 in failed:
        return next(iter(failed.values())).reason
    return "; ".join(f"address {position + 1}: {answer.reason}" for position, answer in failed.items())
