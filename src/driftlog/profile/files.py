"""Tables from files: CSV, Parquet, JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
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


def read_table(path: Path | str) -> pd.DataFrame:
    """A table from a CSV, TSV, Parquet or JSON-lines file, by its ending (``.gz`` is understood).

    In CSV empty cells and ``NaN`` are missing; other text (``NA``, ``null``, ``None``) is a value, as it would be in an
    event; in a column of which most cells are numbers these are numbers and the rest stays text. Nested objects of
    JSON lines become dotted columns.

    Raises
    ------
    UsageError
        The file is absent, empty, of unknown kind, or cannot be read; with the line where that is known.
    """
    path = Path(path)
    kind = next((kind for suffix, kind in SUFFIXES.items() if path.name.lower().endswith(suffix)), None)
    if kind is None:
        raise UsageError(
            f"{path.name}: neither CSV, Parquet nor JSON lines by its ending", remedy=f"name it {', '.join(SUFFIXES)}"
        )
    if not path.is_file():
        raise UsageError(f"{path} is not a file", remedy="check the path")
    try:
        frame = _read(path, kind)
    except UsageError:
        raise
    except (OSError, ValueError, ArithmeticError) as error:  # pandas' and pyarrow's errors are ValueErrors
        raise UsageError(f"{path} cannot be read as {kind}: {error}", remedy="check the file") from error
    if frame.empty:
        raise UsageError(f"{path} has no rows", remedy="check the file")
    return frame


def _read(path: Path, kind: str) -> pd.DataFrame:
    if kind == "parquet":
        return pd.read_parquet(path)
    if kind == "jsonl":
        return _read_json_lines(path)
    separator = "\t" if kind == "tsv" else ","
    frame = pd.read_csv(path, sep=separator, keep_default_na=False, na_values=["", "NaN", "nan"], low_memory=False)
    for name in frame.columns[[pd.api.types.is_string_dtype(dtype) for dtype in frame.dtypes]]:
        frame[name] = _mostly_numbers(frame[name])
    return frame


def _mostly_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers where most of a text column are numbers: one ``N/A`` must not turn a CSV column into categories."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().sum() * 2 <= column.notna().sum():
        return column
    return numbers.astype(object).where(numbers.notna(), column.astype(object))


def _read_json_lines(path: Path) -> pd.DataFrame:
    import gzip

    rows: list[dict[str, Any]] = []
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UsageError(f"{path}, line {number}: not JSON: {error}", remedy="correct the line") from error
            if not isinstance(row, dict):
                raise UsageError(f"{path}, line {number}: not an object", remedy="write one object a line")
            rows.append(_flat(row))
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
