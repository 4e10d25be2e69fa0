"""How far each followed file has been read, remembered over restarts."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

HEAD_BYTES: Final = 128
"""A file is the same while its inode and its first bytes are."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go on in one file."""

    device: int
    inode: int
    offset: int = 0
    head_bytes: int = 0
    head: str = ""
    """Digest of the first `head_bytes`; tells a reused inode or rewritten content."""
    generation: int = 0
    """Counts the files that have lived under the path."""

    def is_in(self, file: BinaryIO) -> bool:
        """Whether `file` is the one this position is of: same inode, not shorter, same beginning."""
        stat = os.fstat(file.fileno())
        return (stat.st_dev, stat.st_ino) == (self.device, self.inode) and not self.is_cut(file)

    def is_cut(self, file: BinaryIO) -> bool:
        """Whether `file` was truncated or rewritten below this position."""
        if os.fstat(file.fileno()).st_size < self.offset:
            return True
        return _digest(os.pread(file.fileno(), self.head_bytes, 0)) != self.head if self.head_bytes else False

    def at(self, offset: int, file: BinaryIO) -> Position:
        """The position further on in the same file."""
        if self.head_bytes == HEAD_BYTES:
            return msgspec.structs.replace(self, offset=offset)
        head = os.pread(file.fileno(), min(HEAD_BYTES, offset), 0)
        return msgspec.structs.replace(self, offset=offset, head_bytes=len(head), head=_digest(head))


def start_of(file: BinaryIO, generation: int) -> Position:
    """The beginning of `file`."""
    stat = os.fstat(file.fileno())
    return Position(device=stat.st_dev, inode=stat.st_ino, generation=generation)


class Positions:
    """The positions of all followed files, in one small JSON file that is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._positions: dict[str, Position] = {}

    def load(self) -> None:
        """Read the file; a missing one means that nothing was read yet."""
        try:
            self._positions = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Position])
        except FileNotFoundError:
            self._positions = {}

    def get(self, followed: Path) -> Position | None:
        return self._positions.get(str(followed))

    def save(self, followed: Path, position: Position) -> None:
        self._positions[str(followed)] = position
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(self._path.name + ".new")
        with temporary.open("wb") as file:
            file.write(msgspec.json.encode(self._positions))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)


def _digest(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()
