"""Rows of a table -> events, with ids that a second import repeats.

An event without an id of its own gets the hash of its content, and of its ordinal among rows of equal content, so
that equal rows are all kept and a second import of the file finds every one of them stored.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from driftlog.cli.importing.columns import Columns, Kind
from driftlog.contract.events import DATASET_FEEDBACK, DATASET_PREDICTION
from driftlog.contract.text import Vocabulary, with_text_numbers
from driftlog.profile.reference_frame import MILLISECONDS

Row = Mapping[Any, Any]
Event = dict[str, Any]


class RowReader:
    """Turns the rows of one file into events.

    Parameters
    ----------
    model, environment
        What the events belong to.
    timezone
        Of times that name none.
    version
        ``model.version`` where no column gives it.
    texts
        Text features with their vocabularies; the numbers derived from them are added.
    """

    def __init__(
        self,
        columns: Columns,
        kind: Kind,
        *,
        model: str,
        environment: str,
        regression: bool,
        timezone: str = "UTC",
        version: str | None = None,
        texts: Mapping[str, Vocabulary | None] | None = None,
    ) -> None:
        self._columns = columns
        self._texts = {f"features.{name}": vocabulary for name, vocabulary in (texts or {}).items()}
        self._kind = kind
        self._base: Event = {
            "event.dataset": DATASET_PREDICTION if kind == "predictions" else DATASET_FEEDBACK,
            "model.name": model,
            "service.environment": environment,
        }
        if version is not None:
            self._base["model.version"] = version
        self._truth_field = "feedback.actual_value" if regression else "feedback.actual"
        self._zone = ZoneInfo(timezone)
        self._seen: Counter[bytes] = Counter()

    def events(self, row: Row) -> Iterator[Event]:
        """The event of one row, and the feedback beside it where the row holds the truth; names are dotted."""
        columns = self._columns
        event = self._base | {"@timestamp": time_text(row.get(columns.timestamp), self._zone)}
        for column, target in columns.fields.items():
            value = plain(row.get(column))
            if value is not None:
                event[target] = _label(value) if target in _WHOLE else value
        if self._texts:
            event = with_text_numbers(event, self._texts)
        event["event.id"] = self._id(event, row)
        yield event
        truth = plain(row.get(columns.truth)) if columns.truth is not None else None
        if truth is not None:
            yield self._feedback(event, truth, row)

    def _id(self, event: Event, row: Row) -> str:
        own = plain(row.get(self._columns.event_id)) if self._columns.event_id is not None else event.get("event.id")
        if own is not None:
            return str(_label(own))
        content = _digest(event)
        self._seen[content] += 1
        return hashlib.blake2b(content + self._seen[content].to_bytes(8, "big"), digest_size=16).hexdigest()

    def _feedback(self, prediction: Event, truth: object, row: Row) -> Event:
        known = row.get(self._columns.truth_time) if self._columns.truth_time is not None else None
        when = prediction["@timestamp"] if plain(known) is None else time_text(known, self._zone)
        event = self._base | {
            "event.dataset": DATASET_FEEDBACK,
            "@timestamp": when,
            "feedback.prediction_id": prediction["event.id"],
            self._truth_field: _label(truth) if self._truth_field == "feedback.actual" else truth,
        }
        event["event.id"] = _digest(event).hex()
        return event


_WHOLE: Final = ("feedback.actual", "prediction.label", "feedback.prediction_id")
"""Labels and ids: a column of whole numbers with gaps is read as 1.0, 2.0, and means 1 and 2."""


def _digest(event: Event) -> bytes:
    text = json.dumps(event, sort_keys=True, default=str, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()


def _label(value: object) -> object:
    """A column with gaps is read as numbers: 1.0 is the label (or the id) 1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def plain(value: Any) -> Any:
    """A cell as JSON has it; None where it is empty.

    >>> plain(float("nan")), plain(Decimal("1.5")), plain(True), plain("x")
    (None, 1.5, True, 'x')
    >>> plain([1, float("nan")]), plain(b"x")
    ([1, None], 'x')
    """
    if _is_missing(value):
        return None
    if isinstance(value, str | bool | int):
        return value
    if hasattr(value, "tolist"):  # NumPy scalars, and arrays in the cells of a Parquet file
        value = value.tolist()
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bool | int | str):
        return value
    return str(value)


def _is_missing(value: Any) -> bool:
    """None, NaT, and pandas' NA, which cannot be compared."""
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def time_text(value: Any, zone: ZoneInfo) -> str | None:
    """Time of a cell in ISO 8601; numbers count seconds or milliseconds since 1970; text is left to the intake's rules.

    >>> time_text(1772532000, ZoneInfo("UTC")), time_text("2026-03-03", ZoneInfo("Europe/Berlin"))
    ('2026-03-03T10:00:00+00:00', '2026-03-02T23:00:00+00:00')
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return str(value)
    if _is_missing(value) or isinstance(value, bool) or value != value:
        return None
    if isinstance(value, int | float):
        return _from_epoch(float(value))
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=zone)
        return aware.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=zone).astimezone(UTC).isoformat()
    return str(value)


def _from_epoch(number: float) -> str | None:
    try:
        return datetime.fromtimestamp(number / 1000 if abs(number) > MILLISECONDS else number, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
