"""How far counters and alerts have been handed on to one destination, in a file that survives the process.

Counters grow for ever (`driftlog.present.export.totals`); a destination that adds up wants what came since the last
time. What came is written down as *pending* before it is sent and *confirmed* once it was taken, so that a receiver
that is away loses nothing. What a process that dies in between leaves pending is settled at the next start, as the
destination asks: it is sent again under its old time stamp (``repeat``), where the receiver then overwrites it; or it
counts as sent (``at_most_once``), where the receiver would add it a second time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from driftlog.contract.alert import Alert
from driftlog.contract.errors import UsageError
from driftlog.contract.handling import Transition
from driftlog.present.export.reading import Reading
from driftlog.present.export.totals import write_file

Unsure = Literal["repeat", "at_most_once"]
Numbers = list[float]
TOLD: Final = ("opened", "reopened", "resolved")
"""Transitions that become events."""


class Change(NamedTuple):
    """What came of one counter or histogram between two moments.

    `numbers`: of a counter its growth; of a histogram the growth of each bucket by itself, then of the sum.
    `total`: the same since `first`, when the series was first seen, or began again.
    """

    reading: Reading
    numbers: Sequence[float]
    since: datetime
    total: Sequence[float]
    first: datetime


class State(msgspec.Struct):
    """What is kept in the file."""

    format: int = 1
    at: datetime | None = None
    """When `confirmed` was read."""
    confirmed: dict[str, Numbers] = {}
    firsts: dict[str, datetime] = {}
    pending_at: datetime | None = None
    pending: dict[str, Numbers] = {}
    alerts: dict[str, int] | None = None
    """Alert id -> number of its last transition that was dealt with; None before the first look."""


class Ledger:
    """The state of one destination.

    Parameters
    ----------
    unsure
        What becomes of pending numbers of which nobody knows whether they arrived.
    repeat_within
        Pending numbers older than this are not sent again: they count as sent.
    """

    def __init__(self, file: Path | None, *, unsure: Unsure, repeat_within: timedelta = timedelta(minutes=50)) -> None:
        self._file = file
        self._unsure = unsure
        self._within = repeat_within
        self._state = State() if file is None else _load(file)

    def pending(self, readings: Iterable[Reading], *, now: datetime) -> tuple[datetime, list[Change]] | None:
        """What was sent and not confirmed, to be sent again under its own time; None where nothing is.

        A series that is no longer read cannot be described again and is left out.
        """
        state = self._state
        if state.pending_at is None:
            return None
        if self._unsure == "at_most_once" or now - state.pending_at > self._within:
            self.confirm()
            return None
        return state.pending_at, list(self._changes(readings, state.pending))

    def begin(self, readings: Sequence[Reading], *, now: datetime) -> list[Change]:
        """Write down what is sent now: the growth of every counter and histogram since the last confirmation.

        At the very first there is none: what was counted before belongs to nobody.
        """
        state = self._state
        state.pending = {key_of(one): _numbers(one) for one in readings if one.kind != "gauge"}
        state.pending_at = now
        if state.at is None:
            state.at, state.confirmed = now, dict(state.pending)
            state.firsts = dict.fromkeys(state.pending, now)
        state.firsts = {
            key: state.at if _began_again(state.confirmed.get(key, []), numbers) else state.firsts.get(key, state.at)
            for key, numbers in state.pending.items()
        }
        changes = list(self._changes(readings, state.pending))
        self._save()
        return changes

    def confirm(self) -> None:
        """It was taken, or counts as taken."""
        state = self._state
        if state.pending_at is not None:
            state.confirmed, state.at = state.pending, state.pending_at
        state.pending, state.pending_at = {}, None
        self._save()

    def withdraw(self, unsent: Iterable[Reading] | None = None) -> None:
        """It was not taken, or not of the `unsent`: their growth comes again the next time."""
        state = self._state
        if unsent is not None and state.pending_at is not None:
            left = {key_of(one) for one in unsent}
            kept = {key: numbers for key, numbers in state.confirmed.items() if key in left}
            state.confirmed = {key: each for key, each in state.pending.items() if key not in left} | kept
        state.pending, state.pending_at = {}, None
        self._save()

    def hold_back(self, unbegun: Iterable[Reading]) -> None:
        """Of what is pending, these were certainly not sent: whatever becomes of the rest, their growth comes again."""
        state = self._state
        keys = {key_of(one) for one in unbegun} & set(state.pending)
        if not keys:
            return
        kept = {key: state.confirmed[key] for key in keys if key in state.confirmed}
        state.pending = {key: numbers for key, numbers in state.pending.items() if key not in keys} | kept
        self._save()

    def _changes(self, readings: Iterable[Reading], now: dict[str, Numbers]) -> Iterator[Change]:
        since = self._state.at
        for one in readings:
            key = key_of(one)
            if one.kind == "gauge" or key not in now or since is None:
                continue
            numbers, before = now[key], self._state.confirmed.get(key, [])
            if _began_again(before, numbers):
                before = [0.0] * len(numbers)
            growth = [n - b for n, b in zip(numbers, before, strict=True)]
            yield Change(one, growth, since, numbers, self._state.firsts.get(key, since))

    # Alerts

    def untold(self, alerts: Iterable[Alert]) -> list[tuple[Alert, Transition]]:
        """Transitions that became of `alerts` since the last look, in order; at the very first look none."""
        state = self._state
        alerts = list(alerts)
        if state.alerts is None:
            state.alerts = {alert.id: _last(alert) for alert in alerts}
            self._save()
            return []
        found = [
            (alert, transition)
            for alert in alerts
            for transition in alert.history
            if transition.kind in TOLD and transition.number > state.alerts.get(alert.id, 0)
        ]
        there = {alert.id for alert in alerts}
        state.alerts = {id: number for id, number in state.alerts.items() if id in there}
        return sorted(found, key=lambda pair: (pair[1].at, pair[0].id, pair[1].number))

    def tell(self, alert: Alert, transition: Transition) -> None:
        """Write down that an event goes out: from here on it is never sent again."""
        if self._state.alerts is not None:
            self._state.alerts[alert.id] = transition.number
            self._save()

    def untell(self, alert: Alert, transition: Transition) -> None:
        """The receiver certainly did not take it."""
        if self._state.alerts is not None:
            self._state.alerts[alert.id] = transition.number - 1
            self._save()

    def _save(self) -> None:
        if self._file is not None:
            write_file(self._file, msgspec.json.encode(self._state))


def key_of(reading: Reading) -> str:
    """Key of a series in the file."""
    return msgspec.json.encode([reading.name, *sorted(reading.labels.items())]).decode()


def _numbers(reading: Reading) -> Numbers:
    if reading.buckets is None:
        return [float(reading.value or 0.0)]
    counts = reading.buckets.counts
    single = [float(count - before) for count, before in zip(counts, (0, *counts[:-1]), strict=True)]
    return [*single, float(reading.buckets.total)]


def _began_again(before: Numbers, now: Numbers) -> bool:
    """Whether a series is new, or was forgotten and begins again."""
    return len(before) != len(now) or any(b > n for b, n in zip(before, now, strict=True))


def _last(alert: Alert) -> int:
    return max((transition.number for transition in alert.history), default=0)


def _load(file: Path) -> State:
    try:
        return msgspec.json.decode(file.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{file} is no state of an exporter: {error}", remedy="remove it: growth is then counted from now on"
        ) from error


@contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """Be the only process that pushes to `name` with this folder.

    Raises
    ------
    UsageError
        Another one does, or the folder cannot be written.
    """
    lock = -1
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if lock >= 0:
            os.close(lock)
        if isinstance(error, BlockingIOError):
            raise UsageError(
                f"another process exports to {name} with {folder}",
                remedy="stop it, or give this one a folder of its own: export.folder",
            ) from error
        raise UsageError(f"{folder} cannot be written: {error.strerror}", remedy="set export.folder") from error
    try:
        yield
    finally:
        os.close(lock)
