"""Segments: parts of a model's traffic, named by the values of features.

A name is ``field=value`` with conditions joined by ``&`` in the order of their fields, such as
``features.carrier=UA&features.origin=EWR``; numeric ranges are ``features.distance=[500,1000)`` with open ends left
empty. ``%``, ``&``, ``=`` and a leading ``[`` in fields and values are written ``%25``, ``%26``, ``%3D`` and ``%5B``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

import msgspec

from driftlog.contract.errors import UsageError

_FORM = "write features.carrier=UA, features.distance=[500,1000), or several joined by &"


class Between(msgspec.Struct, frozen=True):
    """A half-open range of numbers; None is an open end."""

    low: float | None = None
    high: float | None = None

    def __contains__(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value < self.high)


Condition = str | Between


def segment_name(conditions: Mapping[str, Condition]) -> str:
    """The name of a segment; the empty name is everything.

    >>> segment_name({"features.origin": "EWR", "features.distance": Between(500, None)})
    'features.distance=[500,)&features.origin=EWR'
    """
    return "&".join(f"{_quoted(field)}={_written(conditions[field])}" for field in sorted(conditions))


def parse_segment(name: str) -> dict[str, Condition]:
    """Conditions by field; the reverse of `segment_name`. Field names may leave ``features.`` away.

    >>> parse_segment("carrier=UA&features.a=[,2)")
    {'features.carrier': 'UA', 'features.a': Between(low=None, high=2.0)}

    Raises
    ------
    UsageError
        It has another form, or names a field twice.
    """
    conditions: dict[str, Condition] = {}
    for part in name.split("&") if name else ():
        field, separator, value = part.partition("=")
        field = unquote(field)
        if not (field and separator):
            raise UsageError(f"segment {name!r} is not of the form field=value", remedy=_FORM)
        if not field.startswith(("features.", "prediction.", "labels.", "service.", "host.", "model.")):
            field = f"features.{field}"
        if field in conditions:
            raise UsageError(f"segment {name!r} names {field} twice", remedy=_FORM)
        conditions[field] = _condition(value, name)
    return conditions


def canonical_segment(name: str) -> str:
    """The segment's name as it is stored.

    >>> canonical_segment("origin=EWR&carrier=UA")
    'features.carrier=UA&features.origin=EWR'
    """
    return segment_name(parse_segment(name))


def fields_of(names: Iterable[str]) -> list[str]:
    """All fields that the segments name, in order."""
    return sorted({field for name in names for field in parse_segment(name)})


def _condition(value: str, name: str) -> Condition:
    if not value.startswith("["):
        return unquote(value)
    low, comma, high = value[1:].removesuffix(")").partition(",")
    try:
        between = Between(float(low) if low else None, float(high) if high else None)
    except ValueError:
        between = Between(math.nan, math.nan)
    ends = [end for end in (between.low, between.high) if end is not None]
    if not comma or not value.endswith(")") or not ends or not all(map(math.isfinite, ends)) or ends != sorted(ends):
        raise UsageError(f"segment {name!r} has a range that cannot be read: {value!r}", remedy=_FORM)
    return between


def _quoted(text: str) -> str:
    return text.replace("%", "%25").replace("&", "%26").replace("=", "%3D")


def _written(condition: Condition) -> str:
    if isinstance(condition, Between):
        low, high = ("" if end is None else f"{end:.12g}" for end in (condition.low, condition.high))
        return f"[{low},{high})"
    text = _quoted(condition)
    return f"%5B{text[1:]}" if text.startswith("[") else text


class SegmentRank(msgspec.Struct, frozen=True, omit_defaults=True):
    """How weak one segment is, by the measurement that shows it most clearly.

    Attributes
    ----------
    purpose
        ``performance``: worse than the whole model in the same window. Drift: drifted more than it does by itself.
    gap
        How much worse: the metric's difference from the whole model, positive where the segment is worse; the effect
        beyond what is usual for drift.
    lower
        `gap` less its uncertainty, at a confidence that allows for the number of segments: what is certain. The order.
    p_value, p_adjusted
        One-sided, adjusted for the metrics and fields looked at in this segment; and for all segments (Holm).
    weak
        ``p_adjusted <= 0.05``: in at most 5 % of windows without differences is any segment called so.
    """

    segment: str
    purpose: str
    metric: str
    value: float
    gap: float
    lower: float
    p_value: float
    p_adjusted: float
    n: int
    field: str = ""
    usual: float | None = None
    """The whole model's value; for drift, the usual effect of such a window."""
    weak: bool = False
