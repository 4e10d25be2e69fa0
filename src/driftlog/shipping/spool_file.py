"""One spool file: a WAL database that one process appends to and one thread drains.

Rows are never deleted one by one. The file keeps a cursor, the last acknowledged row, and is removed as a whole when
its last row is acknowledged. So appending never waits for deletes, checkpoints or fsync: nothing checkpoints a file
while it is appended to (with ``synchronous=NORMAL`` only a checkpoint syncs). What survives: kill -9, always; power
loss, with ``synchronous=FULL``.

Beside ``NAME.spool`` lies ``NAME.lock``, held with flock by the process that owns the file. The kernel lets go of it
when the process dies, however it dies, and that is what makes the file an orphan to adopt. (flock on the database
itself would not do: SQLite's own locks on it are lost when any other descriptor of it is closed.)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

SUFFIX: Final = ".spool"
APPEND: Final = "INSERT INTO events (logged_at, body) VALUES (?, ?)"
CUT: Final = """
SELECT max(id), count(*) FROM (
    SELECT id, sum(length(body)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS running
    FROM events WHERE id > ? ORDER BY id LIMIT ?
) WHERE running <= ? OR id = ?
"""
"""Last row of a batch limited in rows and bytes; its first row is always taken."""
JOIN: Final = """
SELECT CAST(group_concat(body, '') AS BLOB) FROM (SELECT body FROM events WHERE id > ? AND id <= ? ORDER BY id)
"""
"""The batch as one value, so that Python's lock is taken once for it and not once a row."""


class Batch(NamedTuple):
    """Rows `first` to `last` without a gap; `body` is their NDJSON, one line a row."""

    first: int
    last: int
    body: bytes

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.last - self.first + 1


class NotOrphaned(Exception):
    """The file belongs to a living process, or is gone."""


class SpoolFile:
    """A spool file owned by this process. Make one with `create` or `adopt`.

    The caller serialises `append`, `acknowledge` and the closing methods; `read` is for the draining thread.
    """

    def __init__(self, path: Path, lock: int, *, full_sync: bool) -> None:
        self.path = path
        self.full_sync = full_sync
        self.last = 0
        self.acknowledged = 0
        self.size_bytes = 0
        """On disk, when last measured."""
        self.removed = False
        self._lock: int | None = lock
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._append: Callable[..., object] | None = None

    @classmethod
    def create(cls, folder: Path, *, pid: int, started_ms: int, full_sync: bool = False) -> SpoolFile:
        """New file named after process, time and chance; raises OSError or sqlite3.Error."""
        name = f"{started_ms:013d}-{pid}-{secrets.token_hex(4)}"
        lock = _lock(folder / f"{name}.lock")
        file = cls(folder / f"{name}{SUFFIX}", lock, full_sync=full_sync)
        try:
            os.close(os.open(file.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            file._open_new()
        except BaseException:
            file.remove()
            raise
        return file

    @classmethod
    def adopt(cls, path: Path, *, full_sync: bool = False) -> SpoolFile:
        """Take over the file of a dead process; raises `NotOrphaned`, or sqlite3.DatabaseError when it is corrupt.

        On corruption the lock is given back: the caller takes the file aside with `set_aside`.
        """
        try:
            lock = _lock(path.with_suffix(".lock"))
        except BlockingIOError as error:
            raise NotOrphaned(path.name) from error
        file = cls(path, lock, full_sync=full_sync)
        if not path.exists():
            file.remove()
            raise NotOrphaned(path.name)
        try:
            file._open()
        except BaseException:
            file.close()
            raise
        file.measure()
        return file

    def _open_new(self) -> None:
        writer = self._connect()
        writer.execute("PRAGMA synchronous=OFF")
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, logged_at INTEGER NOT NULL, body BLOB NOT NULL)")
        writer.execute("CREATE TABLE cursor (acknowledged INTEGER NOT NULL)")
        writer.execute("INSERT INTO cursor VALUES (0)")
        writer.execute(f"PRAGMA synchronous={'FULL' if self.full_sync else 'NORMAL'}")
        self._set_writer(writer)

    def _open(self) -> None:
        writer = self._connect()
        self._set_writer(writer)
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute(f"PRAGMA synchronous={'FULL' if self.full_sync else 'NORMAL'}")
        tables = {row[0] for row in writer.execute("SELECT name FROM sqlite_master")}
        if {"events", "cursor"} <= tables:
            self.last = writer.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0]
            self.acknowledged = (writer.execute("SELECT acknowledged FROM cursor").fetchone() or (0,))[0]

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5.0)

    def _set_writer(self, writer: sqlite3.Connection) -> None:
        self._writer = writer
        self._append = writer.execute

    def append(self, body: bytes, logged_at_ms: int) -> None:
        """Add one line, durably; raises sqlite3.Error."""
        if self._append is None:
            raise sqlite3.OperationalError(f"{self.path.name} is closed")
        self._append(APPEND, (logged_at_ms, body))
        self.last += 1

    @property
    def name(self) -> str:
        """Unlike that of any other spool file, for as long as it exists, whoever owns it."""
        return self.path.stem

    @property
    def is_open(self) -> bool:
        return self._writer is not None

    @property
    def pending(self) -> int:
        return self.last - self.acknowledged

    def read(self, max_events: int, max_bytes: int) -> Batch | None:
        """The next rows that are not acknowledged; None when there are none."""
        after = self.acknowledged
        if self.last <= after:
            return None
        reader = self._reading()
        last, _ = reader.execute(CUT, (after, max_events, max_bytes, after + 1)).fetchone()
        if last is None:
            raise sqlite3.DatabaseError(f"rows after {after} are missing")
        return Batch(after + 1, last, reader.execute(JOIN, (after, last)).fetchone()[0])

    def oldest_ms(self) -> int | None:
        """When the oldest row that is not acknowledged was logged."""
        if not self.pending:
            return None
        row = self._reading().execute("SELECT logged_at FROM events WHERE id = ?", (self.acknowledged + 1,)).fetchone()
        return row[0] if row else None

    def _reading(self) -> sqlite3.Connection:
        if self._writer is None:
            self._open()
        if self._reader is None:
            # Read only: the last connection to close would otherwise checkpoint a file about to be removed.
            self._reader = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
            )
        return self._reader

    def acknowledge(self, last: int) -> None:
        """Rows up to `last` are delivered. Remembered in memory even where the disk refuses it."""
        self.acknowledged = max(self.acknowledged, last)
        if self.removed:
            return
        if self._writer is None:
            self._open()
        if self._writer is not None:
            self._writer.execute("UPDATE cursor SET acknowledged = ?", (self.acknowledged,))

    def measure(self) -> int:
        """Size on disk now."""
        self.size_bytes = sum(_size(path) for path in self._paths())
        return self.size_bytes

    def compact(self) -> None:
        """Fold the write-ahead log into the database: a seventh of the size. For files no longer appended to."""
        if self._writer is None:
            return
        self._close_reader()
        self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._close_writer()
        self.measure()

    def close(self) -> None:
        """Give the file back: the next process may adopt it."""
        self._close_writer()
        self._close_reader()
        self._unlock()

    def remove(self) -> None:
        """Delete the file."""
        self.removed = True
        self._close_writer()
        for path in self._paths():
            path.unlink(missing_ok=True)
        self._close_reader()
        self.path.with_suffix(".lock").unlink(missing_ok=True)
        self._unlock()

    def set_aside(self) -> Path:
        """Rename a corrupt file, so that nobody reads it again and a person can look at it."""
        self.removed = True
        with contextlib.suppress(sqlite3.Error):
            self._close_writer()
        with contextlib.suppress(sqlite3.Error):
            self._close_reader()
        aside = rename_aside(self.path)
        self._unlock()
        return aside

    def abandon(self) -> None:
        """In a forked child: let go without touching the parent's database.

        The connections are never freed, because closing one would run SQLite's clean-up on the parent's file.
        Closing the child's copy of the lock descriptor leaves the parent's lock in place.
        """
        for connection in (self._writer, self._reader):
            if connection is not None:
                _make_immortal(connection)
        self._unlock()
        self._writer = self._reader = self._append = None

    def _paths(self) -> tuple[Path, Path, Path]:
        return self.path, Path(f"{self.path}-wal"), Path(f"{self.path}-shm")

    def _close_writer(self) -> None:
        if self._writer is not None:
            writer, self._writer, self._append = self._writer, None, None
            writer.close()

    def _close_reader(self) -> None:
        if self._reader is not None:
            reader, self._reader = self._reader, None
            reader.close()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _make_immortal(connection: sqlite3.Connection) -> None:
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def rename_aside(path: Path) -> Path:
    """Rename a corrupt spool file and its log; returns the new path."""
    aside = path.with_suffix(".corrupt")
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            Path(f"{path}{end}").rename(f"{aside}{end}")
    path.with_suffix(".lock").unlink(missing_ok=True)
    return aside


def _lock(path: Path) -> int:
    """Descriptor of the lock file with its lock held; raises BlockingIOError when another process holds it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
