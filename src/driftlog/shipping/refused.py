"""Events that the receiver will never accept: kept, so that a person can look at them and send them again."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

NAME: Final = "refused.sqlite"
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS refused (
    id INTEGER PRIMARY KEY, refused_at REAL NOT NULL, status INTEGER NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL)
"""


class RefusedEvent(NamedTuple):
    """One refused event: when, with which HTTP status and answer, and its NDJSON line."""

    refused_at: float
    status: int
    reason: str
    body: bytes


def keep_refused(folder: Path, event: RefusedEvent) -> None:
    """Add to the refused events of a spool folder; processes share the database. Raises sqlite3.Error, OSError."""
    path = folder / NAME
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    with _connection(path) as connection:
        connection.execute(SCHEMA)
        connection.execute("INSERT INTO refused (refused_at, status, reason, body) VALUES (?, ?, ?, ?)", event)


def list_refused(folder: Path) -> list[RefusedEvent]:
    """The refused events of a spool folder, oldest first."""
    path = folder / NAME
    if not path.exists():
        return []
    with _connection(path) as connection:
        connection.execute(SCHEMA)
        rows = connection.execute("SELECT refused_at, status, reason, body FROM refused ORDER BY id").fetchall()
    return [RefusedEvent(*row) for row in rows]


class _connection:  # noqa: N801
    """A connection that commits and closes."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=5.0)

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._connection.commit()
        finally:
            self._connection.close()
