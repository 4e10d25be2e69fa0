"""JSON for programs: one object a line, every field present, times in ISO 8601, NaN as null."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

import msgspec

from driftlog.contract.alert import Alert
from driftlog.contract.measurement import Measurement


def print_json_lines(items: Iterable[Any]) -> None:
    """Write each item as one line of JSON to standard output."""
    for item in items:
        sys.stdout.write(json_line(item) + "\n")
    sys.stdout.flush()


def json_line(item: Any) -> str:
    """One object as JSON; fields that have their default are there too, so that the shape never changes."""
    return msgspec.json.encode(stable(item)).decode()


def stable(item: Any) -> Any:
    """Structs and dataclasses as dicts of all their fields; measurements and alerts with their `id`."""
    if isinstance(item, msgspec.Struct):
        own = {"id": item.id} if isinstance(item, Measurement | Alert) else {}
        own |= {"handle": item.handle} if isinstance(item, Alert) else {}
        return own | {name: stable(getattr(item, name)) for name in item.__struct_fields__}
    if is_dataclass(item) and not isinstance(item, type):
        return {field.name: stable(getattr(item, field.name)) for field in fields(item)}
    if isinstance(item, Mapping):
        return {str(key): stable(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [stable(value) for value in item]
    if isinstance(item, datetime) or item is None or isinstance(item, bool | int | float | str):
        return item
    return str(item)
