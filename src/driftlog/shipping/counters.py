"""What the shipping room counted, and how it complains: at most once a minute for each kind of trouble."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger("driftlog.shipping")

INTERVAL_S: Final = 60.0
"""A kind of trouble is logged at most once in this time."""
COUNTED: Final = (
    "logged",
    "spooled",
    "sent",
    "acknowledged",
    "stored",
    "quarantined",
    "duplicates",
    "dropped",
    "refused",
    "retries",
    "adopted",
    "in_memory",
    "set_aside",
    "failures",
)
"""logged: calls that made an event; spooled: appended to the spool; sent: put on the wire, re-sends included;
acknowledged: answered by the receiver with success (`stored`, `quarantined`, `duplicates`: what it said of them);
dropped: lost because the spool or the memory queue was full; refused: kept in the refused database; retries:
deliveries to be tried again; adopted: events taken over from dead processes; in_memory: events that went to memory
because the disk failed; set_aside: corrupt spool files; failures: errors inside driftlog
that the caller did not see."""


class Counters:
    """Named counts. `add` is safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(COUNTED, 0)

    def add(self, name: str, amount: int = 1) -> None:
        with self._lock:
            self._counts[name] += amount

    def add_one_held(self, name: str) -> None:
        """Like `add`, for a name that is only ever counted under one lock, which the caller holds."""
        self._counts[name] += 1

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def snapshot(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def reset(self) -> None:
        """Start from zero: a forked child counts for itself."""
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(COUNTED, 0)


class Complaints:
    """Collects trouble without logging it, because it may be noted with locks held; `report` logs what is due.

    Parameters
    ----------
    monotonic
        Clock in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._noted: dict[str, tuple[int, str, int]] = {}
        self._reported: dict[str, float] = {}

    def note(self, kind: str, message: str, *, level: int = logging.WARNING) -> None:
        """Remember one more trouble of this kind; the newest message wins."""
        with self._lock:
            count, _, worst = self._noted.get(kind, (0, "", 0))
            self._noted[kind] = (count + 1, message, max(worst, level))

    def report(self, *, force: bool = False) -> None:
        """Log each kind that has something new and was not logged within the last minute."""
        if not self._noted:
            return
        now = self._monotonic()
        due = []
        with self._lock:
            for kind, (count, message, level) in list(self._noted.items()):
                last = self._reported.get(kind)
                if force or last is None or now - last >= INTERVAL_S:
                    self._reported[kind] = now
                    del self._noted[kind]
                    due.append((level, kind, message, count))
        for level, kind, message, count in due:
            log.log(level, "%s: %s%s", kind, message, f" ({count} times)" if count > 1 else "")

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._noted = {}
