"""Events of a file into Elasticsearch, by the rules of the intake; what is refused goes to a file, with the reason."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from driftlog.cli.importing.rows import Event, Row, RowReader, plain
from driftlog.contract.errors import EventRefused, StoreUnavailable, UsageError
from driftlog.intake.arrival import Accepted, Arrival, Rules
from driftlog.intake.normalise import normalise
from driftlog.store.values import BulkAction

if TYPE_CHECKING:
    from driftlog.profile.files import BadLine
    from driftlog.store.client import Store

SLICE_ROWS: Final = 2_000
RETRIES: Final = 6
UNREADABLE: Final = "unreadable"
"""Reason of a line that is no row."""
_RETRY_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})


@dataclass
class ImportReport:
    """What became of the rows.

    Attributes
    ----------
    stored, duplicates
        Events stored now, and events that were stored before.
    rejected
        Rows that were refused: where (``row 3``, counted from 1 below the header; ``line 7`` of the file for what
        could not be read as a row), reason, message.
    """

    rows: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: list[tuple[str, str, str]] = field(default_factory=list)


class RejectedFile:
    """Rejected rows as JSON lines, made when there is the first one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None

    def write(self, row_number: int, reason: str, message: str, row: Row) -> None:
        data = {str(name): plain(value) for name, value in row.items()}
        self._write({"row": row_number, "reason": reason, "message": message, "data": data})

    def write_line(self, line: BadLine) -> None:
        """A line that could not be read as a row."""
        self._write({"line": line.number, "reason": UNREADABLE, "message": line.message, "data": line.text})

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._file is None:
            self._file = self._open()
        self._file.write(json.dumps(line, default=str, ensure_ascii=False) + "\n")

    def _open(self) -> Any:
        try:
            return self.path.open("w", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise UsageError(
                f"--rejected: {self.path} cannot be written: {error.strerror}", remedy="name another file"
            ) from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def import_rows(
    store: Store,
    rules: Rules,
    reader: RowReader,
    rows: Iterable[Row],
    rejected: RejectedFile,
    *,
    now: datetime,
    unread: Sequence[BadLine] = (),
    progress: Callable[[int], None] = lambda count: None,
    sleep: Callable[[float], None] = time.sleep,
) -> ImportReport:
    """Import `rows`, in slices; `progress` is called with the number of rows done.

    Lines `unread` are counted and written to `rejected` as rows that were refused.

    Raises
    ------
    StoreUnavailable
        Elasticsearch stayed away through all retries. What was stored stays; importing again goes on from there.
    """
    report = ImportReport()
    arrival = Arrival(rules, now=now, source="import", batch=lambda: "import")
    try:
        for line in unread:
            report.rejected.append((f"line {line.number}", UNREADABLE, line.message))
            rejected.write_line(line)
        for batch in _sliced(rows, SLICE_ROWS):
            pending = _prepare(batch, report, reader, arrival, rejected)
            _store(store, pending, report, rejected, sleep)
            progress(report.rows)
    finally:
        rejected.close()
    report.rows += len(unread)
    store.refresh(store.names.all_predictions())  # what was imported can be searched at once
    store.refresh(store.names.every("feedback"))
    return report


def _sliced(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(frozen=True)
class _Pending:
    action: BulkAction
    row_number: int
    row: Row


def _prepare(
    batch: list[Row], report: ImportReport, reader: RowReader, arrival: Arrival, rejected: RejectedFile
) -> list[_Pending]:
    pending = []
    for row in batch:
        report.rows += 1
        for event in reader.events(row):
            try:
                accepted = _normalised(event, arrival)
            except EventRefused as error:
                _reject(report, rejected, report.rows, error.reason, error.message, row)
                break  # the truth of a refused prediction has nothing to belong to
            document = msgspec.json.decode(accepted.document)
            pending.append(_Pending(BulkAction("create", accepted.index, accepted.id, document), report.rows, row))
    return pending


def _normalised(event: Event, arrival: Arrival) -> Accepted:
    try:
        raw = json.dumps(event, ensure_ascii=False, allow_nan=False, default=str).encode("utf-8")
    except (ValueError, UnicodeEncodeError) as error:
        raise EventRefused("not_json", f"the row cannot be written as JSON: {error}") from error
    return normalise(raw, arrival, may_splice=False)


def _store(
    store: Store, pending: list[_Pending], report: ImportReport, rejected: RejectedFile, sleep: Callable[[float], None]
) -> None:
    """Write all of `pending`; what Elasticsearch has no room for now is tried again after a pause."""
    for attempt in range(RETRIES):
        try:
            answer = store.bulk([item.action for item in pending])
        except StoreUnavailable:
            if attempt == RETRIES - 1:
                raise
            sleep(2.0**attempt)
            continue
        report.stored += answer.stored
        report.duplicates += answer.conflicts
        again = {failure.id for failure in answer.failures if failure.status in _RETRY_STATUSES}
        refused = {failure.id: failure.reason for failure in answer.failures if failure.id not in again}
        for item in pending:
            if item.action.id in refused:
                _reject(report, rejected, item.row_number, "rejected", refused[item.action.id], item.row)
        pending = [item for item in pending if item.action.id in again]
        if not pending:
            return
        sleep(2.0**attempt)
    raise StoreUnavailable(
        f"Elasticsearch had no room for {len(pending)} events", remedy="import again later; what is stored is skipped"
    )


def _reject(report: ImportReport, rejected: RejectedFile, number: int, reason: str, message: str, row: Row) -> None:
    report.rejected.append((f"row {number}", reason, message))
    rejected.write(number, reason, message, row)
