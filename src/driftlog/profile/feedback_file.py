"""Feedback from files: CSV, JSON lines or Parquet with the columns prediction_id, actual, rating, comment, at.

Read line by line, whatever the size; a line that says nothing usable is told with its number and the rest goes on.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from driftlog.contract.errors import UsageError
from driftlog.profile.files import SUFFIXES, BadLine
from driftlog.profile.reference_frame import MILLISECONDS

COLUMNS: Final = ("prediction_id", "actual", "rating", "comment", "at")
SAID: Final = ("actual", "rating", "comment")
ROWS: Final = 5000
"""Rows of a Parquet file that are held at once."""


@dataclass(frozen=True, slots=True)
class FeedbackLine:
    """One line of a file; `number` is where it begins (CSV, JSON lines, from 1) or its row (Parquet, from 1).

    `actual` and `rating` are as the file has them: text in CSV.
    """

    number: int
    prediction_id: str
    actual: str | float | bool | None = None
    rating: str | float | None = None
    comment: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FeedbackFile:
    """A file that can be read as feedback.

    Attributes
    ----------
    ignored
        Its other columns (CSV, Parquet).
    """

    path: Path
    kind: str
    encoding: str
    delimiter: str
    zone: ZoneInfo
    ignored: tuple[str, ...] = ()

    def size(self) -> int:
        """Number of lines (rows of Parquet), about: for a progress bar."""
        if self.kind == "parquet":
            return int(_parquet(self.path).metadata.num_rows)
        with _open(self.path) as lines:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: lines.read(1 << 20), b""))

    def lines(self) -> Iterator[FeedbackLine | BadLine]:
        """Every line: what it says, or what is wrong with it.

        Raises
        ------
        UsageError
            The text is in another encoding.
        """
        try:
            for number, row, text in self._rows():
                if isinstance(row, str):
                    yield BadLine(number, row, text)
                    continue
                yield _line(number, row, text, self.zone)
        except UnicodeDecodeError as error:
            raise _other_encoding(self, error) from error

    def _rows(self) -> Iterator[tuple[int, Mapping[str, Any] | str, str]]:
        """(number, row or what is wrong, text)."""
        if self.kind == "parquet":
            number = 0
            for batch in _parquet(self.path).iter_batches(batch_size=ROWS, columns=_known(_names(self))):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row, repr(row)
        elif self.kind == "jsonl":
            yield from _json_rows(self)
        else:
            yield from _csv_rows(self)


def open_feedback(
    path: Path, *, zone: ZoneInfo, encoding: str | None = None, delimiter: str | None = None
) -> FeedbackFile:
    """A file of feedback, by its ending (``.gz`` is understood).

    Raises
    ------
    UsageError
        It is absent, of unknown kind, empty, or lacks the columns that feedback needs.
    """
    kind = next((kind for suffix, kind in SUFFIXES.items() if path.name.lower().endswith(suffix)), None)
    if kind is None:
        raise UsageError(
            f"{path.name}: neither CSV, Parquet nor JSON lines by its ending", remedy=f"name it {', '.join(SUFFIXES)}"
        )
    if not path.is_file():
        raise UsageError(f"{path} is not a file", remedy="check the path")
    separator = {"tab": "\t", "\\t": "\t"}.get(delimiter or "", delimiter) or ("\t" if kind == "tsv" else ",")
    if len(separator) != 1:
        raise UsageError(f"the delimiter {delimiter!r} is not one character", remedy="write ; or , or | or tab")
    file = FeedbackFile(path, kind, encoding or "utf-8-sig", separator, zone)
    if kind == "jsonl":
        return file
    names = _names(file)
    _check_columns(path, names)
    ignored = tuple(name for name in names if name not in COLUMNS)
    return FeedbackFile(path, kind, file.encoding, separator, zone, ignored)


def _check_columns(path: Path, names: Sequence[str]) -> None:
    twice = next((name for name in COLUMNS if names.count(name) > 1), None)
    if twice:
        raise UsageError(f"{path} has the column {twice} more than once", remedy="rename or remove one of them")
    if "prediction_id" not in names or not any(name in names for name in SAID):
        shown = ", ".join(repr(name) for name in names[:20]) or "none"
        raise UsageError(
            f"{path} has no column prediction_id, or none of actual, rating and comment; its columns are {shown}",
            remedy="rename them in the first line (--delimiter, where there is only one); "
            "`driftlog import --kind feedback` takes columns by other names",
        )


def _names(file: FeedbackFile) -> list[str]:
    if file.kind == "parquet":
        return [str(name) for name in _parquet(file.path).schema_arrow.names]
    try:
        with _text(file) as lines:
            return [name.strip() for name in next(csv.reader(lines, delimiter=file.delimiter), [])]
    except UnicodeDecodeError as error:
        raise _other_encoding(file, error) from error
    except (OSError, EOFError, ValueError, csv.Error) as error:
        raise UsageError(f"{file.path} cannot be read: {error}", remedy="check the file, or give --encoding") from error


def _other_encoding(file: FeedbackFile, error: UnicodeDecodeError) -> UsageError:
    return UsageError(
        f"{file.path} is not {file.encoding.removesuffix('-sig')} text: byte 0x{error.object[error.start]:02x}",
        remedy="try --encoding latin-1 or cp1252, or save the file as UTF-8",
    )


def _known(names: Sequence[str]) -> list[str]:
    return [name for name in names if name in COLUMNS]


def _parquet(path: Path) -> Any:
    import pyarrow
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise UsageError(f"{path} cannot be read as Parquet: {error}", remedy="check the file") from error


def _open(path: Path) -> Any:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")


def _text(file: FeedbackFile) -> Any:
    opened = gzip.open if file.path.name.lower().endswith(".gz") else open
    try:
        return opened(file.path, "rt", encoding=file.encoding, newline="")
    except LookupError as error:
        raise UsageError(f"there is no encoding {file.encoding!r}", remedy="write utf-8, latin-1 or cp1252") from error


def _json_rows(file: FeedbackFile) -> Iterator[tuple[int, Mapping[str, Any] | str, str]]:
    with _text(file) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, f"not JSON: {error}", line
                continue
            yield number, row if isinstance(row, dict) else "not an object", line


def _csv_rows(file: FeedbackFile) -> Iterator[tuple[int, Mapping[str, Any] | str, str]]:
    with _text(file) as lines:
        reader = csv.reader(lines, delimiter=file.delimiter)
        names = [name.strip() for name in next(reader, [])]
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield number, f"not CSV: {error}", ""
                continue
            if not cells:
                continue
            text = file.delimiter.join(cells)
            if len(cells) != len(names):
                yield number, f"{len(cells)} cells, the header has {len(names)}", text
                continue
            yield number, {name: cell for name, cell in zip(names, cells, strict=True) if cell != ""}, text


def _line(number: int, row: Mapping[str, Any], text: str, zone: ZoneInfo) -> FeedbackLine | BadLine:
    id, actual, rating, comment = (_plain(row.get(name)) for name in COLUMNS[:4])
    try:
        at = parse_at(row.get("at"), zone)
    except ValueError as error:
        return BadLine(number, f"at: {error}", text)
    if id is None or isinstance(id, bool) or not str(id).strip():
        return BadLine(number, "prediction_id is empty", text)
    if comment is not None and not isinstance(comment, str):
        comment = str(comment)
    return FeedbackLine(number, str(id), actual, rating, comment, at)


def _plain(value: Any) -> str | int | float | bool | None:
    """A cell; whole floats are whole numbers (a column with gaps is read as 1.0, 2.0), NaN and empty are nothing."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, (str, int, float, bool)) else str(value)


def parse_at(value: Any, zone: ZoneInfo) -> datetime | None:
    """The time in a cell: ISO 8601, or seconds or milliseconds since 1970; without zone in `zone`; None where empty.

    >>> parse_at("2026-03-03", ZoneInfo("Europe/Berlin")).isoformat()
    '2026-03-02T23:00:00+00:00'

    Raises
    ------
    ValueError
        It is no time.
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value.strip())
            except ValueError:
                value = float(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if abs(value) > MILLISECONDS else value, UTC)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the zone follows
        if isinstance(value, datetime):
            return (value if value.tzinfo is not None else value.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise ValueError(f"{value!r:.60} is no time")
