"""A stream of bytes -> whole lines."""

from __future__ import annotations

from driftlog.contract.events import MAX_QUARANTINE_RAW_BYTES
from driftlog.intake.framing import Line


class LineBuffer:
    """Bytes in, whole lines out; of a line beyond the limit only the beginning and the length are kept.

    >>> buffer = LineBuffer(10)
    >>> buffer.take(b'{"a":1}\\n{"b"'), buffer.take(b':2}\\n'), buffer.flush()
    ((b'{"a":1}\\n', None), (b'{"b":2}\\n', None), b'')
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._max = max_line_bytes
        self._parts: list[bytes] = []
        self._held = 0
        self._skipped = 0

    def take(self, data: bytes) -> tuple[bytes, Line | None]:
        """Whole lines up to the last newline of `data`, and before them the line that was too long, if it ended."""
        cut = None
        if self._skipped:
            end, newline, data = data.partition(b"\n")
            self._skipped += len(end)
            if not newline:
                return b"", None
            cut = self._cut()
        head, newline, tail = data.rpartition(b"\n")
        if not newline:
            self._hold(tail)
            return b"", cut
        whole = b"".join((*self._parts, head, newline))
        self._parts, self._held = [], 0
        self._hold(tail)
        return whole, cut

    def end(self) -> tuple[bytes, Line | None]:
        """What is left at the end of the stream, as from `take`."""
        if self._skipped:
            return b"", self._cut()
        return self.flush(), None

    def peek(self) -> bytes:
        """The last line as far as it has come."""
        return b"".join(self._parts) if not self._skipped else b""

    def flush(self) -> bytes:
        """The last line, which has no newline; the buffer is empty after it."""
        rest = b"".join(self._parts)
        self._parts, self._held = [], 0
        return rest

    def _hold(self, data: bytes) -> None:
        if not data:
            return
        self._parts.append(data)
        self._held += len(data)
        if self._held > self._max:
            raw = b"".join(self._parts)
            kept = raw[:MAX_QUARANTINE_RAW_BYTES]
            self._skipped = len(raw) - len(kept)
            self._parts, self._held = [kept], len(kept)

    def _cut(self) -> Line:
        raw = b"".join(self._parts)
        line = Line(raw, "overlong", len(raw) + self._skipped)
        self._parts, self._held, self._skipped = [], 0, 0
        return line
