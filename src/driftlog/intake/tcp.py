"""TCP: JSON lines, as python-logstash-async's TcpTransport sends them. There is no acknowledgement.

A connection is read only while there is room for what it sends: with Elasticsearch down, memory stays bounded, the
sender's buffers fill, and nothing that was read is dropped while the intake lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from typing import Final

from driftlog.contract.errors import StoreError
from driftlog.intake.availability import Availability
from driftlog.intake.capacity import Capacity
from driftlog.intake.framing import Line, split_lines
from driftlog.intake.line_buffer import LineBuffer
from driftlog.intake.receiver import Receiver
from driftlog.intake.stats import Stats

log = logging.getLogger(__name__)

READ_BYTES: Final = 262_144
LAST_READ_S: Final = 0.2


class TcpIntake:
    """The connection handler.

    Parameters
    ----------
    receiver
        Takes the lines.
    capacity
        Bytes pending over all receivers.
    availability
        Whether Elasticsearch takes anything now.
    stats
        Counters to keep.
    max_event_bytes
        Longer lines are quarantined without being held.
    """

    def __init__(
        self, receiver: Receiver, capacity: Capacity, availability: Availability, stats: Stats, *, max_event_bytes: int
    ) -> None:
        self._receiver = receiver
        self._capacity = capacity
        self._availability = availability
        self._stats = stats
        self._max_event_bytes = max_event_bytes
        self._stopping = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self._under_way: set[asyncio.Task[None]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until its end."""
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
        self._stats.tcp_connections += 1
        try:
            await self._read(reader)
        except (OSError, asyncio.IncompleteReadError) as error:
            log.warning("a TCP connection broke: %s", error)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            if task is not None:
                self._connections.discard(task)

    async def stop(self) -> None:
        """Read what has arrived and no more; return when all of it is stored. Cancelling gives the rest up."""
        self._stopping.set()
        try:
            while self._connections or self._under_way:
                await asyncio.wait(self._connections | self._under_way)
        except asyncio.CancelledError:
            for task in self._connections | self._under_way:
                task.cancel()
            raise

    async def _read(self, reader: asyncio.StreamReader) -> None:
        batch = uuid.uuid4().hex
        buffer = LineBuffer(self._max_event_bytes)
        position = 0
        while True:
            await self._availability.wait_until_up()
            data = await self._next(reader)
            ready, cut = buffer.take(data) if data else buffer.end()
            if cut is not None:
                self._submit([cut], 0, f"{batch}.{position}")
            if ready:
                await self._capacity.reserve(len(ready))
                self._submit(list(split_lines(ready)), len(ready), f"{batch}.{position}")
            position += len(data)
            if not data:
                return

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        """What comes next; empty at the end of the connection, or when the intake stops and nothing is left to read."""
        if not self._stopping.is_set():
            reading = asyncio.ensure_future(reader.read(READ_BYTES))
            stopping = asyncio.ensure_future(self._stopping.wait())
            try:
                await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    return reading.result()
            finally:
                stopping.cancel()
                reading.cancel()
            await asyncio.sleep(0)  # the reader has to notice that nobody waits for it any more
        try:
            return await asyncio.wait_for(reader.read(READ_BYTES), LAST_READ_S)
        except TimeoutError:
            return b""

    def _submit(self, lines: list[Line], size: int, batch: str) -> None:
        task = asyncio.create_task(self._store(lines, size, batch))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _store(self, lines: list[Line], size: int, batch: str) -> None:
        try:
            while True:
                try:
                    await self._receiver.receive(lines, source="tcp", batch=lambda: batch)
                    return
                except StoreError as error:
                    self._availability.report(error)
                    await self._availability.wait_until_up()
        finally:
            self._capacity.release(size)
