"""The durable queue between the log call and the sender thread.

One file at a time takes the appends; when it has grown to `segment_bytes` it is retired and another is begun. Retired
files, and files adopted from dead processes, are drained in order of age and then removed; the current one comes last.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from driftlog.contract.errors import SpoolFull
from driftlog.shipping.counters import Complaints, Counters
from driftlog.shipping.memory_queue import MemoryQueue
from driftlog.shipping.spool_file import SUFFIX, Batch, NotOrphaned, SpoolFile, rename_aside

OnFull = Literal["drop_oldest", "block"]
Source = SpoolFile | MemoryQueue

CHECK_BYTES: Final = 262_144
"""Sizes on disk are looked at once in this many bytes of events."""
DISK_RETRY_S: Final = 1.0
"""After a failed append the disk is left alone for this long."""
ADOPT_AT_ONCE: Final = 16


class Spool:
    """Appends never raise; what cannot be stored is counted and complained about.

    Parameters
    ----------
    folder
        Where the files lie; None keeps everything in memory (no folder could be written to).
    max_bytes
        Limit of this process's files on disk, adopted ones included.
    on_full
        ``drop_oldest`` gives up the oldest file; ``block`` makes the log call wait up to `block_timeout_s` and then
        drops the new event.
    full_sync
        Every append survives power loss (and takes as long as the disk needs).
    """

    def __init__(
        self,
        folder: Path | None,
        counters: Counters,
        complaints: Complaints,
        *,
        max_bytes: int = 1 << 30,
        on_full: OnFull = "drop_oldest",
        block_timeout_s: float = 1.0,
        segment_bytes: int = 1 << 26,
        memory_bytes: int = 1 << 24,
        full_sync: bool = False,
        epoch: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.on_full = on_full
        self.block_timeout_s = block_timeout_s
        self.segment_bytes = max(65_536, min(segment_bytes, max_bytes // 8))
        self.full_sync = full_sync
        self._check_bytes = min(CHECK_BYTES, self.segment_bytes // 16)
        self._counters = counters
        self._complaints = complaints
        self._epoch = epoch
        self._monotonic = monotonic
        self._memory_bytes = memory_bytes
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        """Guards appends, the cursor and the list of files."""
        self._io = threading.RLock()
        """Held while the sender reads: taken after `_lock` by those who need both, never the other way round."""
        self._room = threading.Condition(self._lock)
        self._current: SpoolFile | None = None
        self._retired: list[SpoolFile] = []
        self._unchecked = 0
        self._disk_rests_until = 0.0
        self._closed = False
        self.memory = MemoryQueue(self._memory_bytes)

    # -- appending -------------------------------------------------------------------------------------------------

    def append(self, body: bytes) -> bool:
        """Keep one line of NDJSON (with its newline); True when it is safe on disk, or at least in memory."""
        with self._lock:
            current = self._current
            self._unchecked += len(body)
            if current is None or self._unchecked >= self._check_bytes:
                try:
                    current = self._ready_file(len(body))
                except SpoolFull as error:
                    self._unchecked = self._check_bytes  # look again at the next event
                    return self._lose(error)
                if current is None:
                    return self._append_to_memory(body)
            try:
                current.append(body, int(self._epoch() * 1000))
            except (sqlite3.Error, OSError) as error:
                return self._append_failed(body, error)
            self._counters.add_one_held("spooled")
            return True

    def _ready_file(self, needed: int) -> SpoolFile | None:
        """The file to append to, with room in it; None when the disk cannot be used or nothing may be added."""
        if self.folder is None or self._monotonic() < self._disk_rests_until:
            return None
        self._unchecked = 0
        try:
            if self._current is not None and self._current.measure() >= self.segment_bytes:
                self._retire()
            self._keep_limit(needed)
            if self._current is None:
                started_ms = int(self._epoch() * 1000)
                self._current = SpoolFile.create(
                    self.folder, pid=os.getpid(), started_ms=started_ms, full_sync=self.full_sync
                )
        except (sqlite3.Error, OSError) as error:
            self._disk_failed(error)
            return None
        return self._current

    def _retire(self) -> None:
        if self._current is not None:
            self._retired.append(self._current)
            self._current = None

    def _full(self, needed: int) -> bool:
        return sum(file.size_bytes for file in self._files()) + needed > self.max_bytes

    def _files(self) -> list[SpoolFile]:
        return [*self._retired, self._current] if self._current is not None else self._retired

    def _keep_limit(self, needed: int) -> None:
        if self.on_full == "block":
            self._wait_for_room(needed)
        while self._retired and self._full(needed):
            with self._io:
                oldest = self._retired.pop(0)
                oldest.remove()
            self._counters.add("dropped", oldest.pending)
            self._complaints.note(
                "events lost", f"the spool reached its {self.max_bytes} bytes and gave up {oldest.pending} of the "
                "oldest events; raise max_bytes or look why the receiver does not take them", level=logging.ERROR
            )  # fmt: skip

    def _wait_for_room(self, needed: int) -> None:
        deadline = self._monotonic() + self.block_timeout_s
        while self._full(needed):
            left = deadline - self._monotonic()
            if left <= 0:
                raise SpoolFull(f"the spool has its {self.max_bytes} bytes, and none came free in time")
            self._room.wait(left)

    def _append_to_memory(self, body: bytes) -> bool:
        try:
            self.memory.append(body)
        except SpoolFull as error:
            return self._lose(error)
        self._counters.add("in_memory")
        return True

    def _lose(self, error: SpoolFull) -> bool:
        self._counters.add("dropped")
        self._complaints.note("events lost", error.message, level=logging.ERROR)
        return False

    def _append_failed(self, body: bytes, error: Exception) -> bool:
        current = self._current
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError) and current:
            self._current = None
            self._set_aside(current, error)
            with contextlib.suppress(sqlite3.Error, OSError, SpoolFull):
                again = self._ready_file(len(body))
                if again is not None:
                    again.append(body, int(self._epoch() * 1000))
                    self._counters.add_one_held("spooled")
                    return True
        self._disk_failed(error)
        return self._append_to_memory(body)

    def _disk_failed(self, error: Exception) -> None:
        self._retire()
        self._disk_rests_until = self._monotonic() + DISK_RETRY_S
        self._complaints.note("spool", f"events stay in memory, the disk refuses them: {error}", level=logging.ERROR)

    def _set_aside(self, file: SpoolFile, error: Exception) -> None:
        with self._io:
            aside = file.set_aside()
        self._counters.add("set_aside")
        self._complaints.note("spool", f"{aside} is corrupt and was set aside: {error}", level=logging.ERROR)

    # -- draining (one thread) -------------------------------------------------------------------------------------

    def read(self, max_events: int, max_bytes: int) -> tuple[Source, Batch] | None:
        """The oldest events that are not acknowledged and where they are from; None when all are delivered."""
        while True:
            source = self._oldest_source()
            if source is None:
                return None
            try:
                with self._io:
                    if source.removed:
                        continue
                    batch = source.read(max_events, max_bytes)
            except sqlite3.OperationalError as error:
                self._complaints.note("spool", f"cannot be read just now: {error}")
                return None
            except sqlite3.DatabaseError as error:
                self._corrupt(source, error)
                continue
            return None if batch is None else (source, batch)

    def _oldest_source(self) -> Source | None:
        while True:
            with self._lock:
                if not self._retired:
                    if self.memory.pending:
                        return self.memory
                    return self._current if self._current is not None and self._current.pending else None
                oldest = self._retired[0]
                if oldest.pending:
                    return oldest
                self._forget(oldest)
            with self._io:  # outside the other lock: removing a large file takes milliseconds
                oldest.remove()

    def _corrupt(self, source: Source, error: Exception) -> None:
        if not isinstance(source, SpoolFile):
            return
        with self._lock:
            if source.removed:
                return
            if source is self._current:
                self._current = None
            self._forget(source)
            self._set_aside(source, error)

    def _forget(self, file: SpoolFile) -> None:
        if file in self._retired:
            self._retired.remove(file)
            self._room.notify_all()

    def acknowledge(self, source: Source, last: int) -> None:
        """Rows of `source` up to `last` are delivered, or safe elsewhere."""
        with self._lock:
            count = last - source.acknowledged
            try:
                source.acknowledge(last)
            except (sqlite3.Error, OSError) as error:
                self._complaints.note("spool", f"the cursor stays in memory: {error}")
            if source.removed and isinstance(source, SpoolFile):
                self._counters.add("dropped", -count)  # it was on its way when the file was given up

    def adopt_orphans(self) -> int:
        """Take over files of dead processes; returns how many events they hold."""
        if self.folder is None:
            return 0
        with self._lock:
            mine = {file.path for file in self._files()}
        adopted: list[SpoolFile] = []
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path not in mine and len(adopted) < ADOPT_AT_ONCE:
                file = self._adopt(path)
                if file is not None:
                    adopted.append(file)
        with self._lock:
            if self._closed:
                for file in adopted:
                    file.close()
                return 0
            self._retired[:0] = adopted
        count = sum(file.pending for file in adopted)
        self._counters.add("adopted", count)
        return count

    def _adopt(self, path: Path) -> SpoolFile | None:
        try:
            return SpoolFile.adopt(path, full_sync=self.full_sync)
        except (NotOrphaned, sqlite3.OperationalError, OSError):
            return None
        except sqlite3.DatabaseError as error:
            aside = rename_aside(path)
            self._counters.add("set_aside")
            self._complaints.note("spool", f"{aside} is corrupt and was set aside: {error}", level=logging.ERROR)
            return None

    def compact(self, *, oldest_too: bool) -> None:
        """Shrink the retired files that will have to wait; called when there is a backlog."""
        with self._lock:
            waiting = [file for file in self._retired[0 if oldest_too else 1 :] if file.is_open and file.pending]
        for file in waiting:
            with self._io, contextlib.suppress(sqlite3.Error, OSError):
                if not file.removed:
                    file.compact()

    # -- looking ---------------------------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Events that are not acknowledged."""
        with self._lock:
            return sum(file.pending for file in self._files()) + self.memory.pending

    @property
    def backlog_files(self) -> int:
        return len(self._retired)

    def disk_bytes(self) -> int:
        with self._lock:
            return sum(file.measure() for file in self._files())

    def oldest_age_s(self) -> float | None:
        """Age of the oldest event on disk that is not acknowledged; None when there is none."""
        source = self._oldest_source()
        if not isinstance(source, SpoolFile):
            return None
        try:
            with self._io:
                oldest = None if source.removed else source.oldest_ms()
        except sqlite3.Error:
            return None
        return None if oldest is None else max(0.0, self._epoch() - oldest / 1000)

    # -- the end, and forks ----------------------------------------------------------------------------------------

    def close(self) -> None:
        """Give files back; drained ones are removed. Memory that was not delivered is lost and counted."""
        with self._lock, self._io:
            self._closed = True
            self._retire()
            for file in self._retired:
                with contextlib.suppress(sqlite3.Error, OSError):
                    if file.pending:
                        file.close()
                    else:
                        file.remove()
            self._retired = []
            if self.memory.pending:
                self._counters.add("dropped", self.memory.pending)
                self._complaints.note("events lost", "the process ended while the disk refused events")
            self.memory = MemoryQueue(self._memory_bytes)

    def hold(self) -> list[threading.RLock]:
        """Before a fork: no thread is inside SQLite, whose own locks would stay locked in the child."""
        return [lock for lock in (self._lock, self._io) if lock.acquire(timeout=1.0)]

    def start_over(self) -> None:
        """In a forked child: the files are the parent's, and the child opens its own."""
        for file in self._files():
            file.abandon()
        self._reset()
