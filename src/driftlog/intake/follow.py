"""Followed log files: from the beginning, through rotation and truncation, going on where the last run stopped.

The position is saved after the lines before it are stored. A crash in between reads them again, and their ids are then
known already.
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from driftlog.contract.errors import EventRefused, StoreError
from driftlog.intake.availability import Availability
from driftlog.intake.capacity import Capacity
from driftlog.intake.decode import decode_object
from driftlog.intake.framing import Line, split_line
from driftlog.intake.line_buffer import LineBuffer
from driftlog.intake.positions import Position, Positions, start_of
from driftlog.intake.receiver import Receiver

log = logging.getLogger(__name__)

READ_BYTES: Final = 1_000_000
POLL_S: Final = 0.25
IDLE_S: Final = 2.0
"""A last line without newline is taken when it is whole JSON and the file has been quiet for this long."""
_ROTATED: Final = re.compile(r"[.-]?\d[\d.T_-]*\Z", re.ASCII)


def default_positions(prefix: str) -> Path:
    """Where positions are remembered: below XDG_STATE_HOME, else ``~/.local/state``."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "driftlog" / f"{prefix}-followed-files.json"


class FileIntake:
    """Follows files until stopped.

    Parameters
    ----------
    files
        Their paths; a file may appear later.
    positions
        Where positions are remembered.
    receiver, capacity, availability
        As for the other ways in.
    max_event_bytes
        Longer lines are quarantined without being held.
    monotonic
        Clock of idleness.
    """

    def __init__(
        self,
        files: Sequence[Path],
        positions: Path,
        receiver: Receiver,
        capacity: Capacity,
        availability: Availability,
        *,
        max_event_bytes: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = [file.absolute() for file in files]
        self._positions = Positions(positions)
        self._receiver = receiver
        self._capacity = capacity
        self._availability = availability
        self._max_event_bytes = max_event_bytes
        self._monotonic = monotonic
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Follow all files; return soon after `stop`."""
        if not self._files:
            return
        self._positions.load()
        await asyncio.gather(*(self._follow(path) for path in self._files))

    def stop(self) -> None:
        self._stopping.set()

    async def _follow(self, path: Path) -> None:
        while not self._stopping.is_set():
            position = self._positions.get(path)
            opened = _open_next(path, position)
            if opened is None:
                await self._pause()
                continue
            with opened[0]:
                await self._read(path, *opened)

    async def _read(self, path: Path, file: BinaryIO, position: Position) -> None:
        """Read one file until it was rotated away and is exhausted, was truncated, or the intake stops."""
        log.info("following %s from offset %d", path, position.offset)
        buffer = LineBuffer(self._max_event_bytes)
        file.seek(position.offset)
        quiet_since = self._monotonic()
        rotated = False
        while not self._stopping.is_set():
            data = file.read(READ_BYTES)
            if data:
                position = await self._take(path, file, position, buffer, data)
                quiet_since = self._monotonic()
                rotated = False
            elif position.is_cut(file) or os.fstat(file.fileno()).st_size < file.tell():
                log.warning("%s was truncated: reading it from the beginning", path)
                self._positions.save(path, start_of(file, position.generation + 1))
                return
            elif rotated:
                position = await self._take_rest(path, file, position, buffer)
                self._positions.save(path, position)
                return
            else:
                rest = buffer.peek()
                if rest and self._monotonic() - quiet_since >= IDLE_S and _is_whole(rest):
                    position = await self._take_rest(path, file, position, buffer)
                rotated = not _is_at(path, file)
                await self._pause()

    async def _take(self, path: Path, file: BinaryIO, position: Position, buffer: LineBuffer, data: bytes) -> Position:
        ready, cut = buffer.take(data)
        lines: list[Line] = []
        offset = position.offset
        if cut is not None:
            lines.append(Line(cut.raw, str(offset), cut.size_bytes))
            offset += cut.size_bytes + 1
        lines.extend(_lines_at(ready, offset))
        return await self._deliver(path, file, position, lines, offset + len(ready))

    async def _take_rest(self, path: Path, file: BinaryIO, position: Position, buffer: LineBuffer) -> Position:
        rest = buffer.flush()
        return await self._deliver(
            path, file, position, list(_lines_at(rest, position.offset)), position.offset + len(rest)
        )

    async def _deliver(
        self, path: Path, file: BinaryIO, position: Position, lines: list[Line], offset: int
    ) -> Position:
        if offset == position.offset:
            return position
        size = offset - position.offset
        await self._capacity.reserve(size)
        try:
            await self._store(lines, f"{path}:{position.inode}:{position.generation}")
        finally:
            self._capacity.release(size)
        position = position.at(offset, file)
        self._positions.save(path, position)
        return position

    async def _store(self, lines: list[Line], batch: str) -> None:
        while True:
            await self._availability.wait_until_up()
            try:
                await self._receiver.receive(lines, source="file", batch=lambda: batch)
                return
            except StoreError as error:
                self._availability.report(error)

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), POLL_S)


def _lines_at(data: bytes, offset: int) -> Iterator[Line]:
    for raw in data.split(b"\n"):
        yield from split_line(raw.strip(b" \t\r"), str(offset))
        offset += len(raw) + 1


def _is_whole(raw: bytes) -> bool:
    try:
        decode_object(raw)
    except EventRefused:
        return False
    return True


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Whether `path` still names `file`; a moment without any file under the path is no rotation yet."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return True
    mine = os.fstat(file.fileno())
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _open_next(path: Path, position: Position | None) -> tuple[BinaryIO, Position] | None:
    """The file to read next under `path`, and where: that of the position while it has more, else its successor."""
    files = [*_rotated_siblings(path), path]
    generation = 0
    if position is not None:
        generation = position.generation + 1
        for number, candidate in enumerate(files):
            file = _open(candidate)
            if file is None:
                continue
            if position.is_in(file):
                if candidate == path or os.fstat(file.fileno()).st_size > position.offset:
                    return file, position
                files = files[number + 1 :]
                file.close()
                break
            file.close()
        else:
            files = [path]
    else:
        files = [path]
    for candidate in files:
        file = _open(candidate)
        if file is not None:
            return file, start_of(file, generation)
    return None


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        return None


def _rotated_siblings(path: Path) -> list[Path]:
    """``app.log.2``, ``app.log.1``: older files under the same name, oldest first."""
    siblings = [
        each for each in path.parent.glob(f"{glob.escape(path.name)}*") if _ROTATED.match(each.name[len(path.name) :])
    ]
    return sorted(siblings, key=lambda each: each.stat().st_mtime)
