"""The table a training job reads: typed columns in a fixed order, written as CSV or Parquet, the same bytes each time.

Columns are ``id, time, version, variant, predicted, score, actual``, then the features by name, sorted. A feature that
has one of these names is called ``features.NAME``.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from driftlog.contract.errors import UsageError

FIXED: Final = ("id", "time", "version", "variant", "predicted", "score", "actual")
BATCH: Final = 10_000
Kind = Literal["number", "boolean", "text", "time"]
Row = dict[str, Any]
"""One row by column; absent is null."""


@dataclass
class Tally:
    """How often a column held what."""

    numbers: int = 0
    booleans: int = 0
    others: int = 0

    def add(self, value: Any) -> None:
        if isinstance(value, bool):
            self.booleans += 1
        elif isinstance(value, int | float):
            self.numbers += 1
        elif value is not None:
            self.others += 1

    @property
    def kind(self) -> Kind:
        """What most values are; text where none is the most."""
        if self.numbers > self.booleans + self.others:
            return "number"
        return "boolean" if self.booleans > self.numbers + self.others else "text"


@dataclass
class Columns:
    """Columns found so far."""

    tallies: dict[str, Tally] = field(default_factory=dict)

    def add(self, features: Mapping[str, Any]) -> Row:
        """`features` under the names of their columns."""
        named = {column_of(name): value for name, value in features.items()}
        for name, value in named.items():
            self.tallies.setdefault(name, Tally()).add(value)
        return named

    def kinds(self, *, numeric_truth: bool) -> dict[str, Kind]:
        """Column -> kind, in the order of the file."""
        truth: Kind = "number" if numeric_truth else "text"
        fixed: dict[str, Kind] = dict.fromkeys(FIXED, "text")
        fixed |= {"time": "time", "score": "number", "predicted": truth, "actual": truth}
        return fixed | {name: self.tallies[name].kind for name in sorted(self.tallies)}


def column_of(feature: str) -> str:
    """The column of a feature.

    >>> column_of("age"), column_of("score")
    ('age', 'features.score')
    """
    return f"features.{feature}" if feature in FIXED else feature


def typed(value: Any, kind: Kind) -> Any:
    """`value` as its column has it; None where it is of another type.

    >>> typed(3, "number"), typed("N/A", "number"), typed(True, "text"), typed(2.5, "text"), typed(1e400, "number")
    (3.0, None, 'true', '2.5', None)
    """
    if value is None:
        return None
    if kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def writer_of(path: Path) -> Callable[[Path, Mapping[str, Kind], Iterable[Row]], int]:
    """What writes a file of `path`'s kind; it returns how many values were of another type than their column.

    Raises
    ------
    UsageError
        Neither .csv nor .parquet.
    """
    writers = {".csv": write_csv, ".parquet": write_parquet}
    if path.suffix.lower() not in writers:
        raise UsageError(f"{path.name} is neither a .csv nor a .parquet file", remedy="name it train.csv or .parquet")
    return writers[path.suffix.lower()]


def write_csv(path: Path, kinds: Mapping[str, Kind], rows: Iterable[Row]) -> int:
    """UTF-8, a header, LF; null is empty, numbers as Python writes them (shortest that reads back the same)."""
    malformed = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(kinds)
        for row in rows:
            values = [typed(row.get(name), kind) for name, kind in kinds.items()]
            malformed += _lost(row, kinds, values)
            out.writerow(["" if value is None else _csv_cell(value) for value in values])
    return malformed


def _csv_cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else value


def write_parquet(path: Path, kinds: Mapping[str, Kind], rows: Iterable[Row]) -> int:
    """One row group for every 10,000 rows; numbers as double, times in UTC to the microsecond."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"number": pa.float64(), "boolean": pa.bool_(), "text": pa.string(), "time": pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(name, types[kind]) for name, kind in kinds.items()])
    malformed = 0
    with pq.ParquetWriter(path, schema) as out:
        for batch in _batches(rows, BATCH):
            columns = {name: [typed(row.get(name), kind) for row in batch] for name, kind in kinds.items()}
            for index, row in enumerate(batch):
                malformed += _lost(row, kinds, [columns[name][index] for name in kinds])
            arrays = {name: _array(columns[name], kind, types[kind]) for name, kind in kinds.items()}
            out.write_table(pa.table(arrays, schema=schema))
    return malformed


def _array(values: Sequence[Any], kind: Kind, type: Any) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.string()).cast(type) if kind == "time" else pa.array(values, type)


def _lost(row: Row, kinds: Mapping[str, Kind], values: Sequence[Any]) -> int:
    return sum(1 for name, value in zip(kinds, values, strict=True) if value is None and row.get(name) is not None)


def _batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
