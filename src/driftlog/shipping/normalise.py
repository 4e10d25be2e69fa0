"""What apps hand over, as JSON: scalars of any library, nested features, rows of any kind. Nothing is imported for it.

| value | becomes |
|---|---|
| NaN, infinity (float, Decimal, numpy) | null, and its dotted name is kept for ``driftlog.nonfinite`` |
| None, pandas NA and NaT, numpy NaT | null |
| numpy and pandas scalars, Decimal, Enum | number, string or boolean |
| int beyond 64 bits | double |
| datetime, pandas Timestamp, numpy datetime64 | ISO 8601 in UTC with microseconds; naive times are UTC |
| date, time | ISO 8601 |
| timedelta | seconds |
| bytes | text where it is UTF-8, else base64 |
| UUID, Path, anything else | ``str(value)`` |
| list, tuple, set, array, Series | array (sets sorted by their text) |
| mapping as a feature | dotted names |
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from enum import Enum
from typing import Any, Final

import msgspec

INT64: Final = range(-(1 << 63), 1 << 63)
MAX_DEPTH: Final = 16
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MISSING_TYPES: Final = frozenset({"NAType", "NaTType", "MaskedConstant"})


def plain_features(features: Mapping[str, Any]) -> bool:
    """True when all values are finite floats, 64-bit integers, strings, booleans: nothing to normalise."""
    for value in features.values():
        kind = type(value)
        if kind is float:
            if value - value != 0.0:
                return False
        elif kind is int:
            if value not in INT64:
                return False
        elif kind is not str and kind is not bool:
            return False
    return True


def normalise_features(features: object, nonfinite: list[str], names: tuple[str, ...] = ()) -> dict[str, Any]:
    """Features as one flat object; names of non-finite ones are appended to `nonfinite`.

    >>> normalise_features({"user": {"age": 3, "score": float("nan")}}, bad := []), bad
    ({'user.age': 3, 'user.score': None}, ['features.user.score'])
    """
    flat: dict[str, Any] = {}
    _flatten(as_mapping(features, names), "", flat, nonfinite, 0)
    return flat


def _flatten(features: Mapping[Any, Any], prefix: str, flat: dict[str, Any], nonfinite: list[str], depth: int) -> None:
    for key, value in features.items():
        name = prefix + clean_text(key if isinstance(key, str) else str(key))
        if isinstance(value, Mapping) and depth < MAX_DEPTH:
            _flatten(value, f"{name}.", flat, nonfinite, depth + 1)
        else:
            flat[name] = to_json(value, f"features.{name}", nonfinite)


def as_mapping(features: object, names: tuple[str, ...] = ()) -> Mapping[Any, Any]:
    """A row as a mapping: mapping, pandas Series, one-row DataFrame, dataclass, named tuple, msgspec or pydantic
    model, array or list (named by `names`, else ``f0``, ``f1``...).

    Raises
    ------
    TypeError
        For anything else, and for tables of several rows.
    """
    if isinstance(features, Mapping):
        return features
    if features is None:
        return {}
    if hasattr(features, "iloc") and hasattr(features, "columns"):
        return _only_row(features)
    for method in ("model_dump", "_asdict", "to_dict"):
        if callable(getattr(features, method, None)) and not isinstance(features, type):
            return dict(getattr(features, method)())
    if is_dataclass(features) and not isinstance(features, type):
        return {field.name: getattr(features, field.name) for field in fields(features)}
    if isinstance(features, msgspec.Struct):
        return msgspec.structs.asdict(features)
    return _named(features, names)


def _only_row(frame: Any) -> Mapping[Any, Any]:
    if len(frame) != 1:
        raise TypeError(f"features: a table of {len(frame)} rows; log_predictions takes several")
    row: Mapping[Any, Any] = frame.to_dict("records")[0]
    return row


def _named(features: Any, names: tuple[str, ...]) -> Mapping[Any, Any]:
    values = features.tolist() if hasattr(features, "tolist") else features
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"features: {type(features).__name__} is not a mapping, a row or a list of values")
    if len(values) == 1 and isinstance(values[0], (list, tuple)):
        values = values[0]
    given = names if len(names) == len(values) else tuple(f"f{number}" for number in range(len(values)))
    return dict(zip(given, values, strict=True))


def to_json(value: Any, name: str, nonfinite: list[str], depth: int = 0) -> Any:
    """`value` as JSON; see the table of this module. Never raises."""
    kind = type(value)
    if kind is float:
        if math.isfinite(value):
            return value
        nonfinite.append(name)
        return None
    if kind is str:
        return clean_text(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if value in INT64 else _number(value, name, nonfinite)
    try:
        return _uncommon(value, name, nonfinite, depth)
    except Exception:  # noqa: BLE001  foreign objects may raise anything
        return f"<{kind.__name__}>"


def _uncommon(value: Any, name: str, nonfinite: list[str], depth: int) -> Any:
    if type(value).__name__ in _MISSING_TYPES:
        return None
    if isinstance(value, Enum):
        return to_json(value.value, name, nonfinite, depth)
    if hasattr(value, "dtype") and (hasattr(value, "tolist") or hasattr(value, "to_numpy")):
        return _numpy(value, name, nonfinite, depth)
    if isinstance(value, (bool, str)):
        return to_json(str(value) if isinstance(value, str) else bool(value), name, nonfinite)
    if isinstance(value, (int, float, Decimal)):
        return _number(value, name, nonfinite)
    if isinstance(value, (datetime, date, time_of_day, timedelta)):
        return _time(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _text(bytes(value))
    if isinstance(value, Mapping):
        if depth >= MAX_DEPTH:
            return clean_text(str(type(value).__name__))
        return {str(k): to_json(v, f"{name}.{k}", nonfinite, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return _array(value, name, nonfinite, depth)
    return clean_text(str(value))


def _numpy(value: Any, name: str, nonfinite: list[str], depth: int) -> Any:
    if value.dtype.kind in "Mm" if hasattr(value.dtype, "kind") else False:
        unit = "datetime64[us]" if value.dtype.kind == "M" else "timedelta64[us]"
        value = value.astype(unit) if getattr(value.dtype, "tz", None) is None else value
    return to_json(value.tolist(), name, nonfinite, depth + 1)


def _number(value: int | float | Decimal, name: str, nonfinite: list[str]) -> float | int | None:
    if isinstance(value, int) and value in INT64:
        return int(value)
    try:
        number = float(value)
    except (OverflowError, ValueError):
        number = math.inf
    if math.isfinite(number):
        return number
    nonfinite.append(name)
    return None


def _time(value: date | time_of_day | timedelta) -> str | float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return to_utc(value).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value.isoformat()


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


def _array(values: Iterable[Any], name: str, nonfinite: list[str], depth: int) -> Any:
    if depth >= MAX_DEPTH:
        return f"<{type(values).__name__}>"
    items = [to_json(value, name, nonfinite, depth + 1) for value in values]
    return sorted(items, key=str) if isinstance(values, (set, frozenset)) else items


def clean_text(text: str) -> str:
    """Text that can be UTF-8: lone surrogates become U+FFFD.

    >>> clean_text("a\\ud800b")
    'a\ufffdb'
    """
    return str(text) if text.isascii() else _SURROGATE.sub("\ufffd", text)


def to_utc(value: datetime) -> datetime:
    """A datetime in UTC; naive ones are UTC. Subclasses with other precision become plain datetimes.

    >>> to_utc(datetime(2026, 3, 3, 12))
    datetime.datetime(2026, 3, 3, 12, 0, tzinfo=datetime.timezone.utc)
    """
    if type(value) is not datetime and hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime(warn=False)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def to_timestamp(value: Any) -> datetime:
    """Time of an event from a datetime, date, ISO 8601 text, numpy datetime64 or seconds since 1970.

    Raises
    ------
    TypeError, ValueError
        When it is none of these.
    """
    if hasattr(value, "dtype") and hasattr(value, "astype"):
        value = value.astype("datetime64[us]").tolist()
    if isinstance(value, datetime):
        return to_utc(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, str):
        return to_utc(datetime.fromisoformat(value))
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    raise TypeError(f"timestamp: {type(value).__name__} is not a time")


def to_label(value: Any) -> str:
    """A class label as a string: booleans ``true`` and ``false``, integers and integral floats as integers.

    >>> to_label(True), to_label(1), to_label(1.0), to_label("late")
    ('true', '1', '1', 'late')
    """
    value = to_json(unwrap(value), "label", [])
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return clean_text(str(value))


def unwrap(value: Any) -> Any:
    """The only element of a one-element array, list or Series, else the value itself."""
    for _ in range(3):
        if hasattr(value, "dtype") and hasattr(value, "tolist"):
            if getattr(value.dtype, "kind", "") in "Mm":
                return value
            value = value.tolist()
        elif isinstance(value, (list, tuple)) and len(value) == 1:
            value = value[0]
        else:
            break
    return value
