"""Copies of a subject's events in the spools of this machine: found, and blanked where they lie.

A row is never removed (files are drained by row number); its line becomes a line break, which receivers pass over.
SQLite's own locks keep this and the process that owns the file apart, so a serving app may run meanwhile. What a
process holds in memory, what it is sending at this moment, and files set aside as corrupt are out of reach.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from driftlog.contract.errors import SpoolError, UsageError
from driftlog.contract.line_names import LineNames, line_names
from driftlog.contract.settings import Secret
from driftlog.shipping.masking import Masking
from driftlog.shipping.refused import NAME as REFUSED
from driftlog.shipping.spool_file import SUFFIX
from driftlog.shipping.state_folder import SALT, SALT_VARIABLE, spool_root

BLANK: Final = b"\n"
BUSY_S: Final = 10.0
PAGE: Final = 500


def stored_subject(raw: str, environ: Mapping[str, str], root: Path | None = None) -> str:
    """``subject.id`` as this machine's serving apps write it for the subject `raw`: hashed under their salt.

    Raises
    ------
    UsageError
        The salt is not on this machine.
    """
    given = environ.get(SALT_VARIABLE)
    path = (root or spool_root(environ)) / SALT
    try:
        salt = given or path.read_text()
    except OSError as error:
        raise UsageError(
            f"the salt that hashes subjects is not on this machine ({path})",
            remedy=f"run this where the serving app runs, set {SALT_VARIABLE}, or give the stored id with --hashed",
        ) from error
    return str(Masking({}, lambda: Secret(salt)).apply("subject.id", raw))


class LocalSpools:
    """Every spool below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def ids_of(self, subject: str, model: str) -> set[str]:
        """Ids of the predictions about `subject` that lie in the spools."""
        found: set[str] = set()
        for path, table in self._files():
            with closing(_connect(path)) as connection:
                for _, names in _rows(connection, table, *_written(subject)):
                    if names.subject == subject and model in ("", names.model):
                        found.update(names.event_ids)
        return found

    def erase(self, subject: str, prediction_ids: Iterable[str], model: str) -> dict[str, int]:
        """Blank the events about `subject` and the feedback on these predictions; how many by file.

        Raises
        ------
        SpoolError
            A file cannot be written to just now.
        """
        wanted = {*prediction_ids, *self.ids_of(subject, model)}
        erased: dict[str, int] = {}
        for path, table in self._files():
            try:
                with closing(_connect(path)) as connection:
                    n = _blank(connection, table, subject, wanted, model)
            except sqlite3.Error as error:
                raise SpoolError(
                    f"{path} cannot be cleaned: {error}", remedy="the serving app is busy with it; run it again"
                ) from error
            if n:
                erased[f"spool {path.relative_to(self.root)}"] = n
        return erased

    def out_of_reach(self) -> list[Path]:
        """Files that were set aside as corrupt: nobody can say what they hold."""
        return sorted(self.root.rglob("*.corrupt")) if self.root.is_dir() else []

    def _files(self) -> Iterator[tuple[Path, str]]:
        if not self.root.is_dir():
            return
        yield from ((path, "events") for path in sorted(self.root.rglob(f"*{SUFFIX}")))
        yield from ((path, "refused") for path in sorted(self.root.rglob(REFUSED)))


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_S)
    except sqlite3.OperationalError:
        if os.path.exists(path):  # noqa: PTH110 - the error matters, not the path
            raise
        return sqlite3.connect(":memory:")  # drained and removed since it was listed


def _written(text: str) -> set[str]:
    """The ways in which a JSON string may hold `text`."""
    return {msgspec.json.encode(text)[1:-1].decode(), json.dumps(text)[1:-1]}


def _rows(connection: sqlite3.Connection, table: str, *texts: str) -> Iterator[tuple[int, LineNames]]:
    """Rows that hold one of `texts`, with what they name, in pages."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        return
    where = " OR ".join("instr(body, ?) > 0" for _ in texts)
    query = f"SELECT id, body FROM {table} WHERE id > ? AND ({where}) ORDER BY id LIMIT {PAGE}"  # noqa: S608
    after = 0
    while True:
        page = connection.execute(query, (after, *(text.encode() for text in texts))).fetchall()
        for number, body in page:
            yield number, line_names(bytes(body))
        if len(page) < PAGE:
            return
        after = page[-1][0]


def _blank(connection: sqlite3.Connection, table: str, subject: str, ids: set[str], model: str) -> int:
    connection.execute("PRAGMA secure_delete = ON")
    candidates = _rows(connection, table, *_written(subject), "prediction_id")
    numbers = [
        number
        for number, names in candidates
        if model in ("", names.model) and (names.subject == subject or not ids.isdisjoint(names.event_ids))
    ]
    for number in numbers:
        if table == "refused":
            connection.execute("DELETE FROM refused WHERE id = ?", (number,))
        else:
            connection.execute("UPDATE events SET body = ? WHERE id = ?", (BLANK, number))
    if numbers:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return len(numbers)
