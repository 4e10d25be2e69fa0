"""Samples to be labelled as CSV files, written for spreadsheets and read back from them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from driftlog.contract.errors import UsageError

if TYPE_CHECKING:
    from driftlog.worker.labelling import LabelLine, Sample

HEAD: Final = ("prediction_id", "actual", "comment", "at", "why", "inclusion_probability", "weight", "sample")
TOLD: Final = ("prediction.label", "prediction.score", "prediction.value", "model.version", "model.variant")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these is a formula to a spreadsheet: text gets an apostrophe before it."""


def write_sample(file: Path, sample: Sample, *, blind: bool = False) -> None:
    """Write a sample; the columns `actual` and `comment` are empty.

    Parameters
    ----------
    blind
        Without what the model said: `why` then is the part of the sample alone.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    rows = [_flat(row.document) for row in sample.rows]
    told = [] if blind else [name for name in TOLD if any(name in row for row in rows)]
    features = sorted({name for row in rows for name in row if name.startswith("features.")})
    try:
        with file.open("w", encoding="utf-8", newline="") as lines:
            writer = csv.writer(lines)
            writer.writerow([*HEAD, *told, *features])
            for row, flat in zip(sample.rows, rows, strict=True):
                why = [each.partition(":")[0] if blind else each for each in row.why]
                head = [row.prediction_id, "", "", flat.get("@timestamp"), "; ".join(why)]
                head += [f"{row.probability:.10g}", f"{1 / row.probability:.10g}", sample.id]
                writer.writerow([_cell(value) for value in (*head, *(flat.get(name) for name in (*told, *features)))])
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", remedy="name another file") from error


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            found |= _flat(inner, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = inner
    return found


def _cell(value: object) -> object:
    """A value as a cell.

    >>> _cell("=1+1"), _cell(-3.5), _cell(None), _cell(True)
    ("'=1+1", -3.5, '', 'true')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        value = json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _text(cell: str) -> str:
    """A cell as it was before `_cell`.

    >>> _text("'=1+1"), _text("'tis"), _text(" yes ")
    ('=1+1', "'tis", 'yes')
    """
    text = cell.strip()
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text


def read_labels(file: Path, *, encoding: str | None = None, delimiter: str | None = None) -> list[LabelLine]:
    """The lines of a labelled file.

    Raises
    ------
    UsageError
        It cannot be read, or lacks the columns prediction_id and actual.
    """
    separator = {"tab": "\t", "\\t": "\t"}.get(delimiter or "", delimiter) or ","
    if len(separator) != 1:
        raise UsageError(f"the delimiter {delimiter!r} is not one character", remedy="write ; or , or tab")
    try:
        with file.open(encoding=encoding or "utf-8-sig", newline="") as lines:
            return list(_lines(file, csv.reader(lines, delimiter=separator)))
    except LookupError as error:
        raise UsageError(f"there is no encoding {encoding!r}", remedy="write utf-8, latin-1 or cp1252") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not {encoding or 'UTF-8'} text", remedy="try --encoding cp1252") from error
    except (OSError, csv.Error) as error:
        raise UsageError(f"{file} cannot be read as CSV: {error}", remedy="save it as CSV again") from error


def _lines(file: Path, reader: Any) -> Iterator[LabelLine]:
    from driftlog.worker.labelling import LabelLine

    names = [name.strip() for name in next(reader, [])]
    missing = [name for name in ("prediction_id", "actual") if name not in names]
    if missing:
        shown = ", ".join(names[:10]) or "none"
        raise UsageError(
            f"{file} has no column {missing[0]}; its columns are {shown}",
            remedy="give --delimiter ';' where a spreadsheet wrote semicolons, or label the exported file again",
        )
    number = reader.line_num + 1
    for cells in reader:
        row = {name: _text(cell) for name, cell in zip(names, cells, strict=False)}
        if any(row.values()):
            yield LabelLine(
                number,
                row.get("prediction_id", ""),
                row.get("actual", ""),
                row.get("comment", ""),
                row.get("sample", ""),
                _probability(row.get("inclusion_probability", "")),
            )
        number = reader.line_num + 1


def _probability(text: str) -> str:
    """The text where it is a probability, else nothing (a spreadsheet may have rewritten it as a date)."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return ""
    return f"{value:.10g}" if math.isfinite(value) and 0 < value <= 1 else ""
