"""Answers of a user's index, told in the names, units and forms of driftlog's events."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from driftlog.contract.source import DURATION, EVENT_ID, INGESTED, KINDS, OPEN, OUTCOME, TIMESTAMP, kind_of
from driftlog.store.mapped_fields import Found, SourceFields
from driftlog.store.mapped_query import ENVIRONMENT, WITHIN

Body = dict[str, Any]

_LINEAR: Final = frozenset(
    {"value", "min", "max", "avg", "sum", "std_deviation", "std_deviation_population", "std_deviation_sampling"}
)
_SQUARED: Final = frozenset({"sum_of_squares", "variance", "variance_population", "variance_sampling"})
_COMPARED: Final = re.compile(r"\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*\Z")


class AnswerReader:
    """Translates the answer to one search.

    Parameters
    ----------
    asked
        The search body in driftlog's names.
    now
        The clock: without a time of arrival, an event of the future has not moved it on.
    """

    def __init__(self, fields: SourceFields, asked: Body, now: datetime) -> None:
        self._fields = fields
        self._asked = asked
        self._now_ms = now.timestamp() * 1000

    def read(self, answer: Body) -> Body:
        """The whole answer."""
        changed = dict(answer)
        found = answer.get("hits", {})
        if found.get("hits"):
            changed["hits"] = found | {"hits": [self._hit(hit) for hit in found["hits"]]}
        asked = self._asked.get("aggs") or self._asked.get("aggregations")
        if asked and "aggregations" in answer:
            changed["aggregations"] = self._aggs(asked, answer["aggregations"])
        return changed

    # Aggregations

    def _aggs(self, asked: Body, found: Body) -> Body:
        changed = dict(found)
        for name, agg in asked.items():
            if name in found:
                changed[name] = self._agg(agg, found[name])
        return changed

    def _agg(self, asked: Body, found: Body) -> Body:
        inner = asked.get("aggs") or asked.get("aggregations") or {}
        kind, spec = next((kind, spec) for kind, spec in asked.items() if kind not in ("aggs", "aggregations", "meta"))
        if kind == "global" and WITHIN in found:
            found = found[WITHIN]
        field = spec.get("field", "") if isinstance(spec, dict) else ""
        changed = self._aggs(inner, found)
        if field == DURATION and (unit := self._fields.find(DURATION).unit) != 1.0:
            changed = _scaled(changed, unit)
        if kind == "max" and field == INGESTED and not self._fields.has_ingested and found.get("value") is not None:
            changed = {"value": min(found["value"], self._now_ms)}
        buckets = found.get("buckets")
        if isinstance(buckets, dict):
            changed["buckets"] = {name: self._aggs(inner, bucket) for name, bucket in buckets.items()}
        elif buckets is not None:
            changed["buckets"] = [self._bucket(kind, spec, field, inner, bucket) for bucket in buckets]
        return changed

    def _bucket(self, kind: str, spec: Body, field: str, inner: Body, bucket: Body) -> Body:
        changed = self._aggs(inner, bucket)
        if kind == "composite":
            worded = {name for each in spec["sources"] for name, source in each.items() if "terms" in source}
            changed["key"] = {
                name: as_word(value) if name in worded and value is not None else value
                for name, value in bucket["key"].items()
            }
        elif kind == "terms" and field == "_ignored":
            names = {self._fields.find(name).asked: name for name in spec.get("include", ())}
            changed["key"] = names.get(bucket["key"], bucket["key"])
        elif kind == "terms":
            changed["key"] = self._key(field, bucket)
        return changed

    def _key(self, field: str, bucket: Body) -> Any:
        found = self._fields.find(field)
        if found.stored == ("boolean",) and not found.runtime:
            return bucket.get("key_as_string", as_word(bool(bucket["key"])))
        return as_word(bucket["key"]) if kind_of(field) == "keyword" else bucket["key"]

    # Hits

    def _hit(self, hit: Body) -> Body:
        changed = dict(hit)
        values: Body = hit.get("fields", {})
        if "_source" in hit or "fields" in hit:
            wanted = self._asked.get("docvalue_fields", ())
            names = [each if isinstance(each, str) else each["field"] for each in wanted]
            asked = {name: name if name.startswith("_") else self._fields.find(name).asked for name in names}
            changed["fields"] = {name: values[own] for name, own in asked.items() if own in values}
        if self._asked.get("stored_fields") == "_none_":
            return changed
        id = self._first(values, EVENT_ID)
        if id is not None:
            changed["_id"] = as_word(id)
        if self._asked.get("_source") is not False:
            changed["_source"] = self._event(hit.get("_source", {}), values, str(changed["_id"]))
        return changed

    def _first(self, values: Body, name: str) -> Any:
        found = values.get(self._fields.find(name).asked)
        return found[0] if found else None

    def _event(self, source: Body, values: Body, id: str) -> Body:
        """The document as the event that it is."""
        settings = self._fields.settings
        flat = flattened(source)
        event: Body = {"event": {"id": id, "dataset": "driftlog.prediction"}, "model": {"name": settings.name}}
        event["prediction"] = {"task": settings.task}
        if not self._fields.find(ENVIRONMENT).path:
            event["service"] = {"environment": settings.environment}
        for name in (TIMESTAMP, INGESTED):
            moment = self._first(values, name)
            if moment is not None and (name == TIMESTAMP or self._fields.has_ingested):
                _put(event, name, moment)
        for name in KINDS:
            found = self._fields.find(name)
            if name not in (TIMESTAMP, INGESTED, EVENT_ID) and found.path in flat:
                _put(event, name, read_value(name, found, flat[found.path]))
        for line in settings.source.fields:
            if line.name in KINDS:
                continue
            start = line.path.removesuffix("*")
            paths = [path for path in flat if path.startswith(start)] if line.name.endswith(".*") else [line.path]
            for path in paths:
                name = line.name if path == line.path else line.name[:-1] + path.removeprefix(start)
                if path in flat and "nested" not in self._fields.capabilities.get(path, {}):
                    _put(event, name, read_value(name, self._fields.find(name), flat[path]))
        return event


def flattened(source: Mapping[str, Any], above: str = "") -> Body:
    """Values by dotted name, whether a document nests its objects or has dots in their names.

    >>> flattened({"a": {"b.c": 1}, "d": [1, 2]})
    {'a.b.c': 1, 'd': [1, 2]}
    """
    found: Body = {}
    for name, value in source.items():
        if isinstance(value, dict):
            found |= flattened(value, f"{above}{name}.")
        elif value is not None:
            found[above + name] = value
    return found


def read_value(name: str, found: Found, value: Any) -> Any:
    """One value of a user's document as driftlog's event would hold it; a list of one is that one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if name == OUTCOME:
        return "failure" if any(_is(value, wanted) for wanted in found.failure) else "success"
    if name == DURATION:
        return _duration(found, value)
    if found.kind == "number" and isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = float(value)
    return as_word(value) if kind_of(name) == "keyword" else value


def _duration(found: Found, value: Any) -> Any:
    """Whole nanoseconds; what is no finite number stays what it was."""
    try:
        return round(float(value) * found.unit) if isinstance(value, (int, float, str)) else value
    except (ValueError, OverflowError):
        return value


def _is(value: Any, wanted: str) -> bool:
    compared = _COMPARED.match(wanted)
    if compared is None:
        return as_word(value) == wanted
    try:
        number, limit = float(value), float(compared[2])
    except (TypeError, ValueError):
        return False
    return {">=": number >= limit, "<=": number <= limit, ">": number > limit, "<": number < limit}[compared[1]]


def as_word(value: Any) -> str:
    """A label or name as text: ``true`` for booleans, whole numbers without a decimal point.

    >>> as_word(True), as_word(3.0), as_word("late")
    ('true', '3', 'late')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return str(int(value))
    return str(value)


def _put(event: Body, name: str, value: Any) -> None:
    """Set a dotted name; the user's own names below an open group keep their dots."""
    prefix = next((prefix for prefix in OPEN if name.startswith(prefix)), None)
    *groups, last = name.split(".") if prefix is None else (*prefix[:-1].split("."), name.removeprefix(prefix))
    for group in groups:
        event = event.setdefault(group, {})
    event[last] = value


def _scaled(found: Body, unit: float) -> Body:
    changed = dict(found)
    for name, value in found.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            changed[name] = value * unit if name in _LINEAR else value * unit * unit if name in _SQUARED else value
        elif name == "values" and isinstance(value, dict):
            changed[name] = {at: each * unit if each is not None else None for at, each in value.items()}
    return changed
