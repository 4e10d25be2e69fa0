"""Types of the known fields, taken from the contract, and the conversions that make a value storable.

Numbers as strings become numbers where the field is a number; numbers and booleans become strings where the field is a
string. A word where a number belongs stays: the field is mapped to tolerate it, and it is counted as malformed. Objects
and lists where a single value belongs refuse the event (`illegal_field`), because Elasticsearch would refuse it.
Features are not typed here: they are mapped to tolerate anything.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from driftlog.contract import events
from driftlog.contract.errors import EventRefused

GROUPS: Final[dict[str, type[msgspec.Struct]]] = {
    "event": events.EventGroup,
    "service": events.ServiceGroup,
    "host": events.HostGroup,
    "process": events.ProcessGroup,
    "trace": events.TraceGroup,
    "model": events.ModelGroup,
    "driftlog": events.DriftlogGroup,
    "prediction": events.PredictionGroup,
    "subject": events.SubjectGroup,
    "error": events.ErrorGroup,
    "feedback": events.FeedbackGroup,
    "resource": events.ResourceGroup,
}
"""Objects of an event whose fields have types."""
OPEN_OBJECTS: Final = ("features", "labels", "prediction.probabilities", "prediction.attributions")
"""Objects whose keys the user chooses; dots in their keys are part of the name."""

_NUMBER: Final = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*\Z", re.ASCII)
_WHOLE: Final = re.compile(r"\s*[+-]?\d+\s*\Z", re.ASCII)


def _kind(annotation: Any) -> str | tuple[str, ...]:
    """``keyword``, ``double``, ``long``, ``numbers``, ``words``, ``keywords``, ``date``, or the allowed words."""
    for option in get_args(annotation) or (annotation,):
        if get_origin(option) is Literal:
            return tuple(get_args(option))
        if get_origin(option) is dict:
            return "words" if get_args(option)[1] is str else "numbers"
        if get_origin(option) is list:
            return "keywords"
        if option in (str, float, int):
            return {str: "keyword", float: "double", int: "long"}[option]
    return tuple(get_args(annotation)) if get_origin(annotation) is Literal else "date"


TYPES: Final[dict[str, dict[str, str | tuple[str, ...]]]] = {
    group: {field: _kind(hint) for field, hint in get_type_hints(struct).items()} for group, struct in GROUPS.items()
}
"""Type of each known field by group."""


def convert_group(group: str, values: dict[str, Any]) -> None:
    """Convert the known fields of one group in place; null fields are removed, unknown ones kept.

    >>> prediction = {"score": "0.5", "label": 1, "rank": "x", "value": None}
    >>> convert_group("prediction", prediction); prediction
    {'score': 0.5, 'label': '1', 'rank': 'x'}
    """
    types = TYPES[group]
    for field, value in list(values.items()):
        kind = types.get(field)
        if value is None:
            del values[field]
        elif kind is not None:
            values[field] = convert(value, kind, f"{group}.{field}")


def convert(value: Any, kind: str | tuple[str, ...], where: str) -> Any:
    """`value` as a `kind`, else `EventRefused`."""
    if kind == "keyword":
        return to_keyword(value, where)
    if kind == "double":
        return to_double(value, where)
    if kind == "long":
        return to_long(value, where)
    if kind == "numbers":
        return to_numbers(value, where)
    if kind == "words":
        return to_words(value, where)
    if kind == "keywords":
        return [to_keyword(each, where) for each in (value if isinstance(value, list) else [value])]
    if isinstance(kind, tuple) and value not in kind:
        raise refuse(where, value, f"is not one of {', '.join(kind)}")
    return value


def to_keyword(value: Any, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise refuse(where, value, "must be a string")


def to_double(value: Any, where: str) -> Any:
    """A numeric string as a number; other scalars as they are, which Elasticsearch counts as malformed."""
    if isinstance(value, (list, dict)):
        raise refuse(where, value, "must be a number")
    if isinstance(value, str) and _NUMBER.match(value):
        number = float(value)
        if math.isfinite(number):
            return int(value) if _WHOLE.match(value) else number
    return value


def to_long(value: Any, where: str) -> Any:
    """As `to_double`; fractions are rounded."""
    value = to_double(value, where)
    return round(value) if isinstance(value, float) else value


def to_numbers(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refuse(where, value, "must be an object of numbers")
    flat = flatten(value)
    return {key: None if each is None else to_double(each, f"{where}.{key}") for key, each in flat.items()}


def to_words(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise refuse(where, value, "must be an object of strings")
    return {key: to_keyword(each, f"{where}.{key}") for key, each in flatten(value).items() if each is not None}


def flatten(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as dotted names; an empty object disappears.

    >>> flatten({"user": {"age": 3, "home": {"zip": "1"}}, "user.x": 1})
    {'user.age': 3, 'user.home.zip': '1', 'user.x': 1}
    """
    flat: dict[str, Any] = {}
    for key, each in value.items():
        if isinstance(each, dict):
            flat.update(flatten(each, f"{prefix}{key}."))
        else:
            flat[prefix + key] = each
    return flat


def refuse(where: str, value: object, problem: str) -> EventRefused:
    """The `illegal_field` refusal that names field, value and what is wrong."""
    shown = repr(value)
    return EventRefused(
        "illegal_field", f"{where} {problem} (got {shown if len(shown) <= 80 else shown[:77] + '...'})", field=where
    )
