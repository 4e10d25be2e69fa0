"""The thread that drains the spool into a wire transport."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from driftlog.shipping.counters import Complaints, Counters
from driftlog.shipping.refused import RefusedEvent, keep_refused
from driftlog.shipping.spool import Source, Spool
from driftlog.shipping.spool_file import Batch
from driftlog.shipping.wire import Answer, Verdict, Wire

ADOPT_EVERY_S: Final = 30.0
ADOPT_BELOW_FILES: Final = 32
"""A process that has so many files to drain leaves orphans to others, or for later."""
BACKLOG_FILES: Final = 3
"""From so many retired files on, the waiting ones are compacted."""


class Sender:
    """Reads a batch, delivers it, and moves the cursor only after the acknowledgement.

    Polls instead of being woken: a log call then costs no thread switch. `wake` is for `flush` and `close`.

    Parameters
    ----------
    linger_s
        Longest time an event waits for company.
    on_delivered
        Called after each acknowledgement, from this thread.
    """

    def __init__(
        self,
        spool: Spool,
        wire: Callable[[], Wire],
        counters: Counters,
        complaints: Complaints,
        *,
        max_events: int = 2000,
        max_bytes: int = 2 << 20,
        linger_s: float = 0.2,
        on_delivered: Callable[[], None] = lambda: None,
        epoch: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._make_wire = wire
        self._counters = counters
        self._complaints = complaints
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._linger_s = linger_s
        self._on_delivered = on_delivered
        self._epoch = epoch
        self._monotonic = monotonic
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self.busy = threading.RLock()
        """Held while the thread does anything: who forks takes it first, so that no lock of a library (sockets, name
        look-up, imports) is left locked in the child for ever."""
        self._backing_off = False
        self._look_for_orphans_at = 0.0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread unless it runs."""
        if self._thread is None or not self._thread.is_alive():
            self._stopped.clear()
            self._thread = threading.Thread(target=self._run, name="driftlog-sender", daemon=True)
            self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def wake(self) -> None:
        """Deliver now instead of lingering."""
        self._wake.set()

    def stop(self, timeout_s: float) -> bool:
        """End the thread after the delivery it is in; True when it has ended."""
        self._stopped.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
        return not self.alive

    def _run(self) -> None:
        wire: Wire | None = None
        while not self._stopped.is_set():
            try:
                with self.busy:
                    if wire is None:
                        wire = self._make_wire()
                    pause = self._round(wire)
            except Exception as error:  # noqa: BLE001  the thread must outlive whatever happens
                self._counters.add("failures")
                self._complaints.note("sender", f"{type(error).__name__}: {error}", level=logging.ERROR)
                pause = 1.0
            if pause:
                self._pause(pause)
        if wire is not None:
            wire.close()

    def _pause(self, seconds: float) -> None:
        """Linger, which `wake` ends, or back off, which only `stop` does: the receiver asked for it."""
        if self._backing_off:
            self._backing_off = False
            self._stopped.wait(seconds)
        else:
            self._wake.wait(seconds)
        self._wake.clear()

    def _round(self, wire: Wire) -> float:
        """One batch; returns how long to pause."""
        self._complaints.report()
        now = self._monotonic()
        if now >= self._look_for_orphans_at:
            found_some = self._spool.backlog_files < ADOPT_BELOW_FILES and self._spool.adopt_orphans() > 0
            self._look_for_orphans_at = now + (1.0 if found_some else ADOPT_EVERY_S)
        if self._spool.backlog_files >= BACKLOG_FILES:
            self._spool.compact(oldest_too=False)
        found = self._spool.read(self._max_events, self._max_bytes)
        if found is None:
            return self._linger_s
        source, batch = found
        wait = self._deliver(wire, source, batch)
        if wait > 0:
            self._spool.compact(oldest_too=True)
            return wait
        return 0.0 if batch.size >= self._max_events or self._spool.backlog_files else self._linger_s

    def _deliver(self, wire: Wire, source: Source, batch: Batch) -> float:
        """Deliver in order, halving what is not taken; 0 when all is done, else how long to wait."""
        stack = [batch]
        while stack:
            part = stack.pop()
            answer = wire.deliver(part.body, f"{source.name}:{part.first}")
            if answer.tried:
                self._counters.add("sent", part.size)
            if answer.verdict is Verdict.DELIVERED:
                self._spool.acknowledge(source, part.last)
                self._count_delivered(part, answer)
                self._on_delivered()
            elif answer.verdict is Verdict.KEEP:
                if answer.tried:
                    self._counters.add("retries")
                    self._complain(answer)
                self._backing_off = True
                return max(answer.wait_s, 0.01)
            elif part.size > 1:
                first, second = split(part)
                stack += [second, first]
            else:
                if not self._refuse(part, answer):
                    return 1.0
                self._spool.acknowledge(source, part.last)
        return 0.0

    def _count_delivered(self, part: Batch, answer: Answer) -> None:
        self._counters.add("acknowledged", part.size)
        for name in ("stored", "quarantined", "duplicates"):
            amount = getattr(answer, name)
            if amount:
                self._counters.add(name, amount)

    def _complain(self, answer: Answer) -> None:
        if answer.denied:
            message = f"{answer.message}; events are kept, check url and credentials"
            self._complaints.note("delivery refused", message, level=logging.ERROR)
        else:
            self._complaints.note("delivery", f"{answer.message}; events are kept and sent again")

    def _refuse(self, part: Batch, answer: Answer) -> bool:
        """Keep one event that will never be taken out of the way; False when it could not be kept."""
        folder: Path | None = self._spool.folder
        event = RefusedEvent(self._epoch(), answer.status, answer.message[:1000], part.body)
        try:
            if folder is not None:
                keep_refused(folder, event)
        except Exception as error:  # noqa: BLE001  disk full, corrupt: try again later, the event stays in the spool
            self._complaints.note("refused event cannot be kept", str(error), level=logging.ERROR)
            return False
        self._counters.add("refused")
        where = "kept in refused.sqlite" if folder is not None else "lost, there is no spool folder"
        self._complaints.note("refused event", f"{answer.message}; {where}", level=logging.ERROR)
        return True


def split(batch: Batch) -> tuple[Batch, Batch]:
    """Halve a batch of at least two lines.

    >>> split(Batch(1, 3, b"a\\nb\\nc\\n"))
    (Batch(first=1, last=1, body=b'a\\n'), Batch(first=2, last=3, body=b'b\\nc\\n'))
    """
    lines = batch.body.split(b"\n")[:-1]
    half = len(lines) // 2
    middle = batch.first + half
    return (
        Batch(batch.first, middle - 1, b"\n".join(lines[:half]) + b"\n"),
        Batch(middle, batch.last, b"\n".join(lines[half:]) + b"\n"),
    )
