"""Where events go while the disk refuses them: a bounded queue in memory, drained like a spool file."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from itertools import islice

from driftlog.contract.errors import SpoolFull
from driftlog.shipping.spool_file import Batch


class MemoryQueue:
    """First in, first out, bounded in bytes. Safe from any thread."""

    def __init__(self, max_bytes: int) -> None:
        self.name = f"memory-{secrets.token_hex(8)}"
        self.max_bytes = max_bytes
        self.size_bytes = 0
        self.last = 0
        self.acknowledged = 0
        self.removed = False
        self._lines: deque[bytes] = deque()
        self._lock = threading.Lock()

    @property
    def pending(self) -> int:
        return len(self._lines)

    def append(self, body: bytes) -> None:
        """Add one line; raises `SpoolFull` when it does not fit."""
        with self._lock:
            if self.size_bytes + len(body) > self.max_bytes:
                raise SpoolFull(f"the disk refuses events and {self.max_bytes} bytes of memory are full of them")
            self._lines.append(body)
            self.size_bytes += len(body)
            self.last += 1

    def read(self, max_events: int, max_bytes: int) -> Batch | None:
        """The next lines, at least one, not removed until acknowledged; None when there are none."""
        taken: list[bytes] = []
        size = 0
        with self._lock:
            for line in islice(self._lines, max_events):
                if taken and size + len(line) > max_bytes:
                    break
                taken.append(line)
                size += len(line)
            first = self.acknowledged + 1
        return Batch(first, first + len(taken) - 1, b"".join(taken)) if taken else None

    def acknowledge(self, last: int) -> None:
        """Lines up to number `last` are delivered."""
        with self._lock:
            while self.acknowledged < last and self._lines:
                self.size_bytes -= len(self._lines.popleft())
                self.acknowledged += 1
