"""Looking into a spool folder from outside, while its processes run or after they died."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from driftlog.shipping.refused import RefusedEvent, list_refused
from driftlog.shipping.spool_file import SUFFIX


class SpoolFileInfo(NamedTuple):
    """One spool file; `alive` says whether a process holds it, `readable` whether SQLite can read it."""

    path: Path
    alive: bool
    readable: bool
    pending: int
    oldest_ms: int | None
    size_bytes: int


class SpoolReport(NamedTuple):
    """What lies in a service's spool folder."""

    files: list[SpoolFileInfo]
    refused: list[RefusedEvent]
    corrupt: list[Path]

    @property
    def pending(self) -> int:
        """Events that wait for delivery."""
        return sum(file.pending for file in self.files)


def inspect_spool(folder: str | Path) -> SpoolReport:
    """Report on the folder of one service, or of all services below a spool's root. Changes nothing."""
    root = Path(folder).expanduser()
    files = [_look(path) for path in sorted(root.rglob(f"*{SUFFIX}"))]
    refused = [event for path in sorted(root.rglob("refused.sqlite")) for event in list_refused(path.parent)]
    return SpoolReport(files, refused, sorted(root.rglob("*.corrupt")))


def _look(path: Path) -> SpoolFileInfo:
    size = sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))
    alive = _held(path.with_suffix(".lock"))
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
        try:
            done = connection.execute("SELECT acknowledged FROM cursor").fetchone()[0]
            count, oldest = connection.execute(
                "SELECT count(*), min(logged_at) FROM events WHERE id > ?", (done,)
            ).fetchone()
        finally:
            connection.close()
    except (sqlite3.Error, TypeError):
        return SpoolFileInfo(path, alive, False, 0, None, size)
    return SpoolFileInfo(path, alive, True, count, oldest, size)


def _held(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
