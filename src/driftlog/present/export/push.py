"""One pass of an exporter that pushes: read, send, settle what counters have been handed on, tell of alerts.

What is promised
    Growth of counters is handed on once it can be: a receiver that is away, or this process being killed, loses none
    of it. Where nobody knows whether a receiver took something, it is sent again under its old time stamp if the
    receiver overwrites (Datadog's API, OpenTelemetry's cumulative sums), else it counts as sent (datagrams, deltas).
    Events are sent at most once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from driftlog.contract.alert import Alert
from driftlog.contract.errors import DeliveryError, DeliveryRefused, DriftlogError, StoreError
from driftlog.present.export.event import Event, event_of
from driftlog.present.export.ledger import Change, Ledger, Unsure
from driftlog.present.export.reading import Reading

log = logging.getLogger("driftlog.export")

LOOK_BACK: Final = timedelta(days=30)
"""Alerts resolved longer ago are not looked at."""


class Sent(NamedTuple):
    """What became of one batch.

    Attributes
    ----------
    requests
        Requests or datagrams.
    unsent
        Readings that certainly were not taken; None: all of them, where there is an error.
    unsure
        Whether it is not known if the rest was taken.
    dropped
        Series that the receiver refused for good, or that are too long for a datagram.
    unbegun
        Readings whose sending had not begun, so that they were not taken, whatever is said of the others.
    """

    requests: int = 0
    size_bytes: int = 0
    error: DeliveryError | None = None
    unsent: Sequence[Reading] | None = None
    unsure: bool = False
    dropped: int = 0
    unbegun: Sequence[Reading] = ()


class Destination(Protocol):
    """Where readings go."""

    @property
    def name(self) -> str:
        """Where it goes, for people; without credentials."""

    @property
    def unsure(self) -> Unsure:
        """What becomes of a batch of which nobody knows whether it was taken."""

    @property
    def events(self) -> bool:
        """Whether it takes events."""

    def send(self, readings: Sequence[Reading], changes: Sequence[Change], *, at: datetime, again: bool) -> Sent:
        """Hand on gauges as of `at`, and what came of counters and histograms until then.

        `again`: a batch sent before under the same time, of which nobody knows whether it was taken.
        """

    def tell(self, event: Event) -> Sent:
        """Hand on one event."""

    def preview(self, readings: Sequence[Reading], changes: Sequence[Change], *, at: datetime) -> Iterator[str]:
        """Lines that show what would be sent."""


@dataclass(frozen=True)
class Pushed:
    """What one pass came to."""

    to: str
    at: datetime
    series: int = 0
    requests: int = 0
    size_bytes: int = 0
    events: int = 0
    dropped: int = 0
    error: str = ""
    remedy: str = ""


@dataclass
class Push:
    """A reader, a ledger and a destination.

    Attributes
    ----------
    read
        All readings as of now.
    alerts
        Alerts since a time.
    """

    read: Callable[[datetime], list[Reading]]
    alerts: Callable[[datetime], list[Alert]]
    ledger: Ledger
    destination: Destination
    tags: Sequence[str] = ()

    def once(self, now: datetime) -> Pushed:
        """One pass; what the receiver did not take is in `error`.

        Raises
        ------
        StoreError
            Elasticsearch does not answer.
        """
        readings = self.read(now)
        left = self.ledger.pending(readings, now=now)
        sent = Sent()
        if left is not None:
            sent = self.destination.send([], left[1], at=left[0], again=True)
            self._settle(sent)
        total = sent
        if sent.error is None:
            changes = self.ledger.begin(readings, now=now)
            sent = self.destination.send(readings, changes, at=now, again=False)
            self._settle(sent)
            total = _added(total, sent)
        events = 0
        if total.error is None and self.destination.events:
            told, events = self._tell(now)
            total = _added(total, told)
        error = total.error
        return Pushed(
            self.destination.name,
            now,
            0 if error else len(readings),
            total.requests,
            total.size_bytes,
            events,
            total.dropped,
            error.message if error else "",
            error.remedy if error else "",
        )

    def preview(self, now: datetime) -> Iterator[str]:
        """What `once` would send; give it copies of the state."""
        readings = self.read(now)
        yield from self.destination.preview(readings, self.ledger.begin(readings, now=now), at=now)

    def _settle(self, sent: Sent) -> None:
        self.ledger.hold_back(sent.unbegun)
        if sent.error is None or (sent.unsure and self.destination.unsure == "at_most_once"):
            self.ledger.confirm()
        elif not sent.unsure:
            self.ledger.withdraw(sent.unsent)

    def _tell(self, now: datetime) -> tuple[Sent, int]:
        total, told = Sent(), 0
        for alert, transition in self.ledger.untold(self.alerts(now - LOOK_BACK)):
            self.ledger.tell(alert, transition)
            sent = self.destination.tell(event_of(alert, transition, now=now, tags=self.tags))
            if isinstance(sent.error, DeliveryRefused):  # numbers were taken just now: it is this event
                total = _added(total, sent._replace(error=None, dropped=1))
                continue
            total = _added(total, sent)
            if sent.error is not None:
                if not sent.unsure:
                    self.ledger.untell(alert, transition)
                return total, told
            told += 1
        return total, told


def _added(one: Sent, other: Sent) -> Sent:
    return Sent(
        one.requests + other.requests,
        one.size_bytes + other.size_bytes,
        other.error or one.error,
        dropped=one.dropped + other.dropped,
    )


def run(
    push: Push,
    every: timedelta,
    *,
    now: Callable[[], datetime],
    stop: threading.Event,
    on_pass: Callable[[Pushed], None],
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Push again and again until `stop`, in step with the clock; passes that were missed are not made up for.

    A store or a receiver that is away ends nothing: the next pass takes the growth of counters with it.
    """
    due = monotonic()
    while not stop.is_set():
        moment = now()
        try:
            done = push.once(moment)
        except (StoreError, DeliveryError) as error:
            done = _failed(push, moment, error)
        on_pass(done)
        due += every.total_seconds()
        late = monotonic() - due
        if late > 0:
            due += late // every.total_seconds() * every.total_seconds() + every.total_seconds()
        stop.wait(max(0.0, due - monotonic()))


def _failed(push: Push, at: datetime, error: DriftlogError) -> Pushed:
    log.debug("a pass failed", exc_info=error)
    return Pushed(push.destination.name, at, error=error.message, remedy=error.remedy)
