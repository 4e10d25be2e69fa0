"""Counting searches over raw events: wide buckets, features of an unexpected type, raw data that has expired."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from driftlog.contract.errors import StoreError, StoreRejected
from driftlog.contract.names import Period, format_period
from driftlog.contract.profile import ProfileKey
from driftlog.profile.documents import PREDICTIONS, Kind
from driftlog.store.client import Store

log = logging.getLogger("driftlog.profile")

KEEP_ALIVE: Final = "2m"
COUNTS_AT_ONCE: Final = 12_000
_OPEN: Final = ("features.", "prediction.probabilities.", "prediction.attributions.")
_NUMBER_LIKE: Final = re.compile(r"-?[0-9.]+(e[+-]?[0-9]+)?")
_PERIODS: Final[tuple[Period, ...]] = ("day", "month", "year")

Body = dict[str, Any]
Bodies = list[Body]


def search_parts(store: Store, wanted: Sequence[tuple[ProfileKey, Bodies]]) -> Iterator[tuple[ProfileKey, Bodies]]:
    """Answers to the search bodies of each bucket.

    Single bodies go out together (msearch); the parts of a wide bucket share one point in time, so that all of them
    count the same events. A search refused because a feature is stored with another type than its bins expect is
    repeated with that feature read from the events themselves; the searches that follow do so from the start.
    """
    searches = _Searches(store)
    for batch in _batches(wanted):
        single = [(key.model, bodies[0]) for key, bodies in batch if len(bodies) == 1]
        answers = iter(searches.many(single))
        for key, bodies in batch:
            yield key, [next(answers)] if len(bodies) == 1 else searches.together(key.model, bodies)


def _batches(wanted: Sequence[tuple[ProfileKey, Bodies]]) -> Iterator[list[tuple[ProfileKey, Bodies]]]:
    """Buckets whose answers are held in memory together: at most 12,000 counts, about 6 MB, or one bucket."""
    batch: list[tuple[ProfileKey, Bodies]] = []
    room = COUNTS_AT_ONCE
    for key, bodies in wanted:
        cost = sum(_counts(body["aggs"]) for body in bodies)
        if batch and cost > room:
            yield batch
            batch, room = [], COUNTS_AT_ONCE
        batch.append((key, bodies))
        room -= cost
    if batch:
        yield batch


def _counts(aggs: Body) -> int:
    """Ranges that aggregations count, those of each segment included."""
    cost = 0
    for agg in aggs.values():
        cost += len(agg.get("range", {}).get("ranges", ()))
        cost += len(agg.get("filters", {}).get("filters", ())) * _counts(agg.get("aggs", {}))
    return cost


class _Searches:
    """Searches of one call. It remembers the types that features are stored with once one of them was in the way."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._types: dict[str, dict[str, set[str]]] = {}

    def many(self, requests: Sequence[tuple[str, Body]]) -> Bodies:
        """Answers to independent (model, body) pairs."""
        names = self._store.names
        try:
            return self._store.msearch([(names.all_predictions(m), self._fitting(m, body)) for m, body in requests])
        except StoreRejected:
            return [self.one(model, body) for model, body in requests]

    def together(self, model: str, bodies: Bodies) -> Bodies:
        """Answers to the parts of one bucket, over one point in time."""
        with point_in_time(self._store, self._store.names.all_predictions(model)) as pit:
            held = {"pit": {"id": pit, "keep_alive": KEEP_ALIVE}}
            return [self.one(model, body | held) for body in bodies]

    def one(self, model: str, body: Body) -> Body:
        pattern = self._store.names.all_predictions(model)
        try:
            return self._store.search(pattern, self._fitting(model, body))
        except StoreRejected:
            if model in self._types:
                raise
            types = stored_types(self._store, model)
            others = mismatched(types, body)
            if not others:
                raise
            self._types[model] = types
            log.warning("%s: stored with another type than in the reference: %s", model, ", ".join(sorted(others)))
            return self._store.search(pattern, self._fitting(model, body))

    def _fitting(self, model: str, body: Body) -> Body:
        overrides = mismatched(self._types.get(model, {}), body)
        return with_types(body, overrides) if overrides else body


@contextmanager
def point_in_time(store: Store, pattern: str) -> Iterator[str]:
    """One state of the indices of `pattern` for several searches."""
    params = {"keep_alive": KEEP_ALIVE, "ignore_unavailable": "true", "allow_partial_search_results": "false"}
    pit = store.request("POST", f"/{pattern}/_pit", params=params, repeat=True)["id"]
    try:
        yield pit
    finally:
        try:
            store.request("DELETE", "/_pit", body={"id": pit})
        except StoreError as error:
            log.debug("a point in time was left to expire: %s", error)


def stored_types(store: Store, model: str) -> dict[str, set[str]]:
    """Types of a model's features, class probabilities and attributions in its indices."""
    path = f"/{store.names.all_predictions(model)}/_mapping"
    answer = store.request("GET", path, params={"ignore_unavailable": "true", "allow_no_indices": "true"})
    found: dict[str, set[str]] = {}
    for index in answer.values():
        properties = index.get("mappings", {}).get("properties", {})
        groups = {"features.": properties.get("features", {})}
        for name in ("probabilities", "attributions"):
            groups[f"prediction.{name}."] = properties.get("prediction", {}).get("properties", {}).get(name, {})
        for prefix, group in groups.items():
            for name, mapping in group.get("properties", {}).items():
                found.setdefault(prefix + name, set()).add(mapping.get("type", "object"))
    return found


def mismatched(types: Mapping[str, set[str]], body: Body) -> dict[str, str]:
    """Features that some index holds with another type than `body` needs, and the type it needs.

    The first event of a period decides how Elasticsearch maps a feature: where that event says ``"N/A"``, a number
    becomes a keyword for the whole period, and where it says 2139, a postal code becomes a double.
    """
    if not types:
        return {}
    needed: dict[str, str] = {}
    _needed_types(body.get("query"), needed)
    _needed_types(body["aggs"], needed)
    return {name: type_ for name, type_ in needed.items() if types.get(name, set()) - {type_}}


def with_types(body: Body, overrides: Mapping[str, str]) -> Body:
    """`body` with features read as other types than they are stored.

    A runtime field of the right type, without a script, reads the value from the event instead: slower, and right.
    What was malformed for the stored type says nothing about the other, and is not asked for.
    """
    types = {name: {"type": type_} for name, type_ in overrides.items()}
    return body | {"runtime_mappings": types, "aggs": _asking_less(body["aggs"], overrides)}


def _asking_less(aggs: Body, overrides: Mapping[str, str]) -> Body:
    kept: Body = {}
    for name, agg in aggs.items():
        if name == "ignored":
            include = [field for field in agg["terms"]["include"] if field not in overrides]
            if include:
                kept[name] = {"terms": agg["terms"] | {"include": include}}
        elif name == "segments":
            kept[name] = agg | {"aggs": _asking_less(agg["aggs"], overrides)}
        else:
            kept[name] = agg
    return kept


def _needed_types(node: Any, needed: dict[str, str]) -> None:
    """Types that a search needs: numbers where ranges are counted or compared, words where words are listed."""
    if isinstance(node, list):
        for each in node:
            _needed_types(each, needed)
    if not isinstance(node, dict):
        return
    for kind, value in node.items():
        if kind in ("range", "terms", "term") and isinstance(value, dict):
            if "field" in value:
                _need(needed, value["field"], value.get("include", [0.0]), certain=True)
            for field, wanted in value.items():
                if str(field).startswith("features.") and field not in needed:
                    ends = list(wanted.values()) if isinstance(wanted, dict) else wanted
                    _need(needed, field, ends if isinstance(ends, list) else [ends])
        _needed_types(value, needed)


def _need(needed: dict[str, str], field: str, values: Sequence[object], *, certain: bool = False) -> None:
    """Note the type of `field` by the values it is compared with; in a query words that are numbers fit either type."""
    if not field.startswith(_OPEN):
        return
    if not all(isinstance(value, str) for value in values):
        needed[field] = "double"
    elif certain or not all(_NUMBER_LIKE.fullmatch(str(value)) for value in values):
        needed[field] = "keyword"


def frozen_months(store: Store, kind: Kind, models: Iterable[str]) -> Callable[[ProfileKey], bool]:
    """Says of a bucket whether its raw events are gone for good: no index of its period is there.

    A bucket without events whose index exists is empty (erased, say), and its profile must become empty too. Of indices
    of the user's own it is not known which periods they held: gone is what lies before their oldest event.
    """
    names = store.names
    models = list(models)
    oldest = {model: _oldest(store, model) for model in models if kind == PREDICTIONS and store.reads_elsewhere(model)}
    patterns = [names.all_predictions(model) for model in models] if kind == PREDICTIONS else [names.every("outcomes")]
    present = {info.name for pattern in patterns for info in store.list_indices(pattern)}

    def frozen(key: ProfileKey) -> bool:
        start = key.bucket.start
        if kind != PREDICTIONS:
            return names.monthly("outcomes", start) not in present
        if key.model in oldest:
            return key.bucket.end <= oldest[key.model]
        stem = names.all_predictions(key.model).removesuffix("*")
        return not any(stem + format_period(start, period) in present for period in _PERIODS)

    return frozen


def _oldest(store: Store, model: str) -> datetime:
    """Time of a model's oldest event; without events the end of time, so that nothing counted so far is taken away."""
    body = {"size": 0, "track_total_hits": False, "aggs": {"oldest": {"min": {"field": "@timestamp"}}}}
    value = (
        store.search(store.names.all_predictions(model), body).get("aggregations", {}).get("oldest", {}).get("value")
    )
    return datetime.max.replace(tzinfo=UTC) if value is None else datetime.fromtimestamp(value / 1000, UTC)
