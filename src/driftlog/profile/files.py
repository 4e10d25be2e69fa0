"""Tables from files: CSV, Parquet, JSON lines."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from driftlog.contract.errors import UsageError

SUFFIXES: Final = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonl.gz": "jsonl",
}
_KNOWN: Final = ("features.", "prediction.", "outcome.", "feedback.", "event.", "model.", "service.", "labels.")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no row: its number from 1, what is wrong with it, and the line."""

    number: int
    message: str
    text: str


def read_table(
    path: Path | str,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    bad_lines: list[BadLine] | None = None,
) -> pd.DataFrame:
    """A table from a CSV, TSV, Parquet or JSON-lines file, by its ending (``.gz`` is understood).

    In CSV empty cells and ``NaN`` are missing; other text (``NA``, ``null``, ``None``) is a value, as it would be in an
    event; in a column of which most cells are numbers these are numbers and the rest stays text. Nested objects of
    JSON lines become dotted columns.

    Parameters
    ----------
    encoding
        Of text files; UTF-8 (with or without a byte order mark) without it.
    delimiter
        One character between the cells of a CSV file; without it a comma, in TSV a tab.
    bad_lines
        Lines that are no rows are added here and the others are read; without it the first is an error.

    Raises
    ------
    UsageError
        The file is absent, empty, of unknown kind, or cannot be read; with the line where that is known. Two columns
        of one name; text of another encoding; another delimiter than was said.
    """
    path = Path(path)
    kind = next((kind for suffix, kind in SUFFIXES.items() if path.name.lower().endswith(suffix)), None)
    if kind is None:
        raise UsageError(
            f"{path.name}: neither CSV, Parquet nor JSON lines by its ending", remedy=f"name it {', '.join(SUFFIXES)}"
        )
    if not path.is_file():
        raise UsageError(f"{path} is not a file", remedy="check the path")
    separator = _separator(delimiter, kind)
    code = _codec(path, encoding) if kind != "parquet" else ""
    found: list[BadLine] | None = [] if bad_lines is not None else None
    try:
        frame = _read(path, kind, code, separator, found)
    except UsageError:
        raise
    except UnicodeError as error:
        raise _other_encoding(path, code, error) from error
    except (OSError, EOFError, ValueError, ArithmeticError) as error:  # pandas' and pyarrow's errors are ValueErrors
        raise UsageError(f"{path} cannot be read as {kind}: {error}", remedy="check the file") from error
    if frame.empty:
        first = f"; line {found[0].number} is no row: {found[0].message}" if found else ""
        raise UsageError(f"{path} has no rows{first}", remedy="check the file")
    if bad_lines is not None and found:
        bad_lines += found
    return frame


def _separator(delimiter: str | None, kind: str) -> str:
    if delimiter is None:
        return "\t" if kind == "tsv" else ","
    text = "\t" if delimiter in ("\\t", "tab") else delimiter
    if len(text) != 1 or text in '"\r\n':
        raise UsageError(f"the delimiter {delimiter!r} is not one character", remedy="write ; or , or | or tab")
    return text


def _codec(path: Path, encoding: str | None) -> str:
    """The encoding to read in; a byte order mark tells UTF-8 and UTF-16 apart."""
    if encoding is not None:
        try:
            return codecs.lookup(encoding).name
        except LookupError as error:
            raise UsageError(
                f"there is no encoding {encoding!r}", remedy="write utf-8, latin-1, cp1252 or utf-16"
            ) from error
    try:
        with _open(path) as file:
            start = file.read(2)
    except (OSError, EOFError) as error:
        raise UsageError(f"{path} cannot be read: {error}", remedy="check the file") from error
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _open(path: Path) -> Any:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")


def _lines(path: Path, encoding: str) -> Iterator[str]:
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rt", encoding=encoding, newline="") as lines:
        yield from lines


def _other_encoding(path: Path, encoding: str, error: UnicodeError) -> UsageError:
    """What to say of a file in another encoding: the line, and what it may be."""
    name = encoding.removesuffix("-sig").upper()
    where, byte = "", None
    if name == "UTF-8":
        with _open(path) as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    line.decode("utf-8")
                except UnicodeDecodeError as found:
                    where, byte = f": line {number} has the byte 0x{line[found.start]:02x}", line[found.start]
                    break
    guess = "cp1252" if byte is not None and 0x80 <= byte < 0xA0 else "latin-1"
    option = f"--encoding {guess}" if name == "UTF-8" else "another --encoding"
    return UsageError(
        f"{path} is not {name} text{where or f': {error}'}", remedy=f"try {option}, or save the file as UTF-8"
    )


def _read(path: Path, kind: str, encoding: str, separator: str, bad: list[BadLine] | None) -> pd.DataFrame:
    if kind == "parquet":
        frame = pd.read_parquet(path)
        _check_header(path, list(map(str, frame.columns)))
        return frame
    if kind == "jsonl":
        return _read_json_lines(path, encoding, bad)
    return _read_csv(path, encoding, separator, bad)


def _check_header(path: Path, names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        where = ", ".join(str(place) for place, name in enumerate(names, start=1) if name == twice[0])
        raise UsageError(
            f"{path} has the column {twice[0]!r} more than once (columns {where})",
            remedy="rename one of them, or leave it out",
        )


_DELIMITERS: Final = {";": "';'", "\t": "tab", "|": "'|'", ",": ","}


def _check_delimiter(path: Path, names: list[str], separator: str) -> None:
    """A header of one cell with another delimiter in it was cut in the wrong place."""
    if len(names) != 1:
        return
    other = max(_DELIMITERS, key=names[0].count)
    if other != separator and names[0].count(other):
        raise UsageError(
            f"{path} has one column, {names[0][:60]!r}: its cells seem to be separated by {_DELIMITERS[other]}",
            remedy=f"give --delimiter {_DELIMITERS[other]}",
        )


_SKIPPED: Final = re.compile(r"Skipping line (\d+): (.*)")


def _read_csv(path: Path, encoding: str, separator: str, bad: list[BadLine] | None) -> pd.DataFrame:
    header = next(csv.reader(_lines(path, encoding), delimiter=separator), [])
    _check_header(path, [name for name in header if name])
    _check_delimiter(path, header, separator)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", pd.errors.ParserWarning)
        frame = pd.read_csv(
            path,
            sep=separator,
            encoding=encoding,
            keep_default_na=False,
            na_values=["", "NaN", "nan"],
            low_memory=False,
            index_col=False,
            on_bad_lines="error" if bad is None else "warn",
        )
    if any("Length of header" in str(one.message) for one in warned):
        raise UsageError(
            f"{path}: its rows have more cells than the header has names ({len(header)})",
            remedy="name every column, or drop what follows the last one",
        )
    skipped = {int(line): text for one in warned for line, text in _SKIPPED.findall(str(one.message))}
    if bad is not None and skipped:
        for number, text in enumerate(_lines(path, encoding), start=1):
            if number in skipped:
                bad.append(BadLine(number, skipped[number], text.rstrip("\r\n")))
    for name in frame.columns[[pd.api.types.is_string_dtype(dtype) for dtype in frame.dtypes]]:
        frame[name] = _mostly_numbers(frame[name])
    return frame


def _mostly_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers where most of a text column are numbers: one ``N/A`` must not turn a CSV column into categories."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().sum() * 2 <= column.notna().sum():
        return column
    return numbers.astype(object).where(numbers.notna(), column.astype(object))


def _read_json_lines(path: Path, encoding: str, bad: list[BadLine] | None) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(_lines(path, encoding), start=1):
        if not line.strip():
            continue
        message = "not an object"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            row, message = None, f"not JSON: {error}"
        if isinstance(row, dict):
            rows.append(_flat(row))
        elif bad is None:
            raise UsageError(f"{path}, line {number}: {message}", remedy="correct the line: one JSON object a line")
        else:
            bad.append(BadLine(number, message, line.rstrip("\r\n")))
    return pd.DataFrame(rows)


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def map_columns(frame: pd.DataFrame, mapping: Mapping[str, str] | None = None) -> pd.DataFrame:
    """`frame` with dotted field names.

    Parameters
    ----------
    mapping
        Column -> field name. Columns that it leaves out keep their name when it is a field's already (``features.x``,
        ``prediction.score``, ``@timestamp``), else become features.

    >>> list(map_columns(pd.DataFrame({"age": [3], "p": [0.5]}), {"p": "prediction.score"}))
    ['features.age', 'prediction.score']
    """
    mapping = mapping or {}
    absent = [column for column in mapping if column not in frame.columns]
    if absent:
        raise UsageError(
            f"column {absent[0]!r} of the mapping is not in the file",
            remedy=f"it has: {', '.join(map(str, frame.columns[:30]))}",
        )
    names = {column: mapping.get(str(column)) or _field_name(str(column)) for column in frame.columns}
    twice = {name for name in names.values() if list(names.values()).count(name) > 1}
    if twice:
        raise UsageError(f"two columns would become {min(twice)}", remedy="map one of them to another name")
    return frame.rename(columns=names)


def _field_name(column: str) -> str:
    return column if column == "@timestamp" or column.startswith(_KNOWN) else f"features.{column}"
