"""Search bodies in the names of driftlog's events, rewritten into those of a user's index.

Each function is pure: a body and the source's fields in, a body out. What Elasticsearch would refuse because of another
type (a word compared with a number) becomes a query that finds nothing, as it would in driftlog's own index.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from driftlog.contract.errors import ConfigError, UsageError
from driftlog.contract.source import EVENT_ID, INGESTED, OUTCOME, TIMESTAMP
from driftlog.store.mapped_fields import NUMBERS, RUNTIME, Found, SourceFields

Body = dict[str, Any]

ENVIRONMENT: Final = "service.environment"
MODEL: Final = "model.name"
EVERYTHING: Final[Body] = {"match_all": {}}
NOTHING: Final[Body] = {"match_none": {}}
WITHIN: Final = "within_source"
"""Name of the aggregation that keeps a ``global`` one inside the source."""
ISO: Final = "strict_date_optional_time_nanos"
_BY_FIELD: Final = frozenset({"term", "terms", "range", "match", "match_phrase", "prefix", "wildcard", "regexp"})
_WORDS: Final = frozenset({"simple_query_string", "query_string", "multi_match"})
_COMPARED: Final = re.compile(r"\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*\Z")
_ENDS: Final = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt"}


class QueryWriter:
    """Rewrites one body; it notes the fields that have to be read from the documents."""

    def __init__(self, fields: SourceFields) -> None:
        self._fields = fields
        self._runtime: dict[str, Body] = {}
        self._given: dict[str, Found] = {}

    def body(self, body: Body) -> Body:
        """A whole search body."""
        for name, mapping in body.get("runtime_mappings", {}).items():
            self._read_as(name, mapping)
        changed = {name: value for name, value in body.items() if name not in ("aggs", "aggregations")}
        changed["query"] = self._within(body.get("query"))
        if aggs := body.get("aggs") or body.get("aggregations"):
            changed["aggs"] = self.aggs(aggs)
        if "sort" in body:
            changed["sort"] = [self._sort(each) for each in _listed(body["sort"])]
        if "docvalue_fields" in body:
            changed["docvalue_fields"] = self._values(body["docvalue_fields"])
        if body.get("size", 10) and body.get("stored_fields") != "_none_":
            changed["fields"] = self._values(self._always())
            changed["_source"] = self._source(body.get("_source", True))
        if self._runtime:
            changed["runtime_mappings"] = self._runtime
        else:
            changed.pop("runtime_mappings", None)
        return changed

    def _within(self, query: Body | None) -> Body:
        """`query` over the predictions of the source only; it alone gives the score."""
        own = self._fields.settings.source.query
        asked = self.query(query or EVERYTHING)
        return {"bool": {"must": [asked], "filter": [json.loads(own)]}} if own else asked

    def name(self, field: str) -> str:
        """The name of a field in searches."""
        return self._ask(field).asked if not field.startswith("_") else field

    def _read_as(self, name: str, mapping: Body) -> None:
        """The body itself says that a field is to be read from the documents, and as what."""
        found = self._fields.find(name)
        kind = next(kind for kind, type_ in RUNTIME.items() if type_ == mapping["type"])
        self._given[name] = replace(found, asked=found.path or found.asked, kind=kind, runtime=True)
        self._runtime[self._given[name].asked] = mapping

    def _find(self, field: str) -> Found:
        return self._given.get(field) or self._fields.find(field)

    def _ask(self, field: str) -> Found:
        found = self._find(field)
        if found.runtime and field not in self._given:
            self._runtime.setdefault(found.asked, self._fields.runtime_mapping(found))
        return found

    # Queries

    def query(self, query: Any) -> Body:
        """One query."""
        if not isinstance(query, dict) or len(query) != 1:
            raise UsageError(f"a query has one name, not {str(query)[:80]}", remedy="write {kind: {...}}")
        kind, spec = next(iter(query.items()))
        if kind in ("match_all", "match_none"):
            return {kind: spec}
        if kind == "bool":
            clauses = ("must", "filter", "should", "must_not")
            return {
                kind: {
                    name: [self.query(each) for each in _listed(part)] if name in clauses else part
                    for name, part in spec.items()
                }
            }
        if kind == "constant_score":
            return {kind: spec | {"filter": self.query(spec["filter"])}}
        if kind == "function_score":
            changed = spec | ({"query": self.query(spec["query"])} if "query" in spec else {})
            return {kind: changed}
        if kind == "ids":
            return self._ids(spec["values"])
        if kind == "exists":
            return {kind: {"field": self.name(spec["field"])}}
        if kind in _WORDS:
            return {kind: spec | {"fields": [self.name(each) for each in spec.get("fields", ())]}}
        if kind in _BY_FIELD:
            (field, wanted), *further = spec.items()
            return self._by_field(kind, field, wanted, dict(further))
        raise UsageError(
            f"the query {kind!r} is not translated for indices of your own",
            remedy=f"use bool, exists, ids, {', '.join(sorted(_BY_FIELD))}",
        )

    def _ids(self, ids: Sequence[str]) -> Body:
        found = self._fields.find(EVENT_ID)
        if not found.path:
            return {"ids": {"values": list(ids)}}
        return self._by_field("terms", EVENT_ID, list(ids), {})

    def _by_field(self, kind: str, field: str, wanted: Any, further: Body) -> Body:
        if field.startswith("_"):
            return {kind: {field: wanted} | further}
        known = self._without_field(field, wanted)
        if known is not None:
            return known
        if field == OUTCOME and kind in ("term", "terms"):
            return _any_of(self._outcome(str(each)) for each in _listed(wanted))
        found = self._ask(field)
        if kind == "range":
            return {kind: {found.asked: self._range(field, found, wanted)}}
        if found.kind == "date" and kind in ("term", "terms"):
            return _any_of({"range": {found.asked: _at(each)}} for each in _listed(wanted))
        if kind in ("term", "terms"):
            values = [each for each in _listed(wanted) if _fits(found, each)]
            return {"terms": {found.asked: values} | further} if values else NOTHING
        return {kind: {found.asked: wanted} | further}

    def _without_field(self, field: str, wanted: Any) -> Body | None:
        """What is known without a field: a source is one model's, and of its environment."""
        own = {MODEL: self._fields.settings.name}
        if not self._fields.find(ENVIRONMENT).path:
            own[ENVIRONMENT] = self._fields.settings.environment
        if field not in own:
            return None
        return EVERYTHING if own[field] in _listed(wanted) else NOTHING

    def _range(self, field: str, found: Found, ends: Body) -> Body:
        if found.kind == "date":
            if field == INGESTED and not self._fields.has_ingested and not {"lt", "lte"} & set(ends):
                late = self._fields.settings.source.late
                ends = {name: _earlier(end, late) for name, end in ends.items()}
            return {"format": "strict_date_optional_time", **ends}
        if found.unit == 1.0:
            return ends
        return {name: end / found.unit if isinstance(end, (int, float)) else end for name, end in ends.items()}

    def _outcome(self, wanted: str) -> Body:
        found = self._ask(OUTCOME)
        if not found.path:
            return NOTHING
        failed = _any_of(self._failure(found, value) for value in found.failure)
        if wanted == "failure":
            return failed
        return {"bool": {"filter": [{"exists": {"field": found.asked}}], "must_not": [failed]}}

    def _failure(self, found: Found, value: str) -> Body:
        compared = _COMPARED.match(value)
        if compared is None:
            self._check_word(found, value)
            return {"term": {found.asked: value}} if _fits(found, value) else NOTHING
        asked = found.asked
        if self._compared_as_words(found):
            asked = self._fields.in_documents(found.path)
            self._runtime[asked] = {"type": "double"}
        return {"range": {asked: {_ENDS[compared[1]]: float(compared[2])}}}

    def _compared_as_words(self, found: Found) -> bool:
        """Whether Elasticsearch would compare signs, not numbers, if it were asked for the field as it is stored."""
        if not found.stored:
            return self._fields.in_flattened(found.path)
        return found.runtime or not set(found.stored) <= NUMBERS

    def _check_word(self, found: Found, value: str) -> None:
        """Beside a comparison, a field that has only one name in searches is read as a number, and holds no words."""
        numbers = any(_COMPARED.match(each) for each in found.failure)
        apart = found.asked != self._fields.in_documents(found.path)
        if not numbers or apart or not self._compared_as_words(found) or _is_number(value):
            return
        raise ConfigError(
            f"{found.path} cannot be compared as a number and as a word: it is stored under one name",
            path=f"models.{self._fields.settings.name}.source.fields.{OUTCOME}.failure",
            value=", ".join(found.failure),
            remedy="name numbers only, or words only, or store the field as text with a .keyword",
        )

    # Aggregations

    def aggs(self, aggs: Body) -> Body:
        """Named aggregations."""
        return {name: self._agg(agg) for name, agg in aggs.items()}

    def _agg(self, agg: Body) -> Body:
        changed: Body = {}
        for kind, spec in agg.items():
            if kind in ("aggs", "aggregations"):
                changed["aggs"] = self.aggs(spec)
            elif kind == "meta":
                changed[kind] = spec
            elif kind == "filter":
                changed[kind] = self.query(spec)
            elif kind == "filters":
                changed[kind] = spec | {"filters": self._filters(spec["filters"])}
            elif kind == "composite":
                sources = [
                    {name: self._agg(source) for name, source in each.items()} for each in _listed(spec["sources"])
                ]
                changed[kind] = spec | {"sources": sources}
            else:
                changed[kind] = self._spec(kind, spec)
        own = self._fields.settings.source.query
        if "global" in changed and own:
            inner = {"filter": json.loads(own), "aggs": changed.get("aggs", {})}
            changed["aggs"] = {WITHIN: inner}
        return changed

    def _filters(self, filters: Any) -> Any:
        if isinstance(filters, dict):
            return {name: self.query(each) for name, each in filters.items()}
        return [self.query(each) for each in filters]

    def _spec(self, kind: str, spec: Any) -> Any:
        """An aggregation over a field, or over a value and a weight."""
        if not isinstance(spec, dict):
            return spec
        changed = {
            name: self._spec(kind, part) if isinstance(part, dict) and "field" in part else part
            for name, part in spec.items()
        }
        field = spec.get("field")
        if not isinstance(field, str):
            return changed
        changed["field"] = self.name(field)
        if "include" in spec and isinstance(spec["include"], list):
            changed |= self._include(field, spec)
        found = self._find(field) if not field.startswith("_") else None
        if kind == "range" and found is not None and found.unit != 1.0:
            changed["ranges"] = [
                {name: end / found.unit if name != "key" else end for name, end in each.items()}
                for each in spec["ranges"]
            ]
        return changed

    def _include(self, field: str, spec: Body) -> Body:
        if field == "_ignored":
            return {"include": [self._find(name).asked for name in spec["include"]]}
        found = self._find(field)
        values = [each for each in spec["include"] if _fits(found, each)]
        return {"include": values} if values else {"include": [0], "min_doc_count": 2**31 - 1}

    # Sorting and what comes back

    def _sort(self, sort: Any) -> Any:
        if isinstance(sort, str):
            return self.name(sort)
        return {self.name(field): how for field, how in sort.items()}

    def _values(self, wanted: Iterable[Any]) -> list[Any]:
        changed: dict[str, Any] = {}
        for each in wanted:
            field = each if isinstance(each, str) else each["field"]
            name = self.name(field)
            changed[name] = name if isinstance(each, str) else each | {"field": name}
        return list(changed.values())

    def _always(self) -> list[Body]:
        """Read of every hit as doc values: times in one format, whatever the index's, and its id."""
        wanted: list[Body] = [{"field": TIMESTAMP, "format": ISO}]
        if self._fields.has_ingested:
            wanted.append({"field": INGESTED, "format": ISO})
        if self._fields.find(EVENT_ID).path:
            wanted.append({"field": EVENT_ID})
        return wanted

    def _source(self, source: Any) -> Any:
        if isinstance(source, str):
            source = [source]
        if not isinstance(source, list):
            return source is not False
        return sorted({path for name in source for path in self._fields.requested(name)}) or False


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _any_of(queries: Iterable[Body]) -> Body:
    found = [query for query in queries if query != NOTHING]
    if not found:
        return NOTHING
    return found[0] if len(found) == 1 else {"bool": {"should": found, "minimum_should_match": 1}}


def _at(moment: Any) -> Body:
    form = "epoch_millis" if isinstance(moment, (int, float)) else "strict_date_optional_time"
    return {"gte": moment, "lte": moment, "format": form}


def _earlier(end: Any, late: timedelta) -> Any:
    """`end`, an instant as text, that much earlier; never before 1970."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    moment = datetime.fromisoformat(str(end)).astimezone(UTC)
    return max(epoch, moment - min(late, moment - epoch)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _fits(found: Found, value: Any) -> bool:
    """Whether Elasticsearch can compare the field with a value at all.

    >>> number = Found("n", "n", "number", ("long",))
    >>> _fits(number, "7"), _fits(number, ""), _fits(number, "late")
    (True, False, False)
    """
    if isinstance(value, bool) or found.kind == "boolean" or found.stored == ("boolean",):
        return str(value).lower() in ("true", "false") or found.runtime
    if found.kind == "number" or (set(found.stored) <= NUMBERS and found.stored and not found.runtime):
        return _is_number(value)
    return True


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
