"""Counting searches over raw events: wide buckets, features of an unexpected type, raw data that has expired."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from driftlog.contract.errors import StoreError, StoreRejected
from driftlog.contract.names import Period, format_period
from driftlog.contract.profile import ProfileKey
from driftlog.profile.documents import PREDICTIONS, Kind
from driftlog.store.client import Store

log = logging.getLogger("driftlog.profile")

KEEP_ALIVE: Final = "2m"
COUNTS_AT_ONCE: Final = 12_000
_PERIODS: Final[tuple[Period, ...]] = ("day", "month", "year")

Body = dict[str, Any]
Bodies = list[Body]


def search_parts(store: Store, wanted: Sequence[tuple[ProfileKey, Bodies]]) -> Iterator[tuple[ProfileKey, Bodies]]:
    """Answers to the search bodies of each bucket.

    Single bodies go out together (msearch); the parts of a wide bucket share one point in time, so that all of them
    count the same events. A search refused because a feature is stored with another type than its bins expect is
    repeated with that feature read from the events themselves (`with_types`).
    """
    for batch in _batches(wanted):
        single = [(key, bodies[0]) for key, bodies in batch if len(bodies) == 1]
        try:
            requests = [(store.names.all_predictions(key.model), body) for key, body in single]
            answers = iter(store.msearch(requests) if requests else ())
        except StoreRejected:
            answers = iter([_search(store, key.model, body) for key, body in single])
        for key, bodies in batch:
            yield key, [next(answers)] if len(bodies) == 1 else _together(store, key.model, bodies)


def _batches(wanted: Sequence[tuple[ProfileKey, Bodies]]) -> Iterator[list[tuple[ProfileKey, Bodies]]]:
    """Buckets whose answers are held in memory together: at most 12,000 counts, about 6 MB, or one bucket."""
    batch: list[tuple[ProfileKey, Bodies]] = []
    room = COUNTS_AT_ONCE
    for key, bodies in wanted:
        cost = sum(len(agg.get("range", {}).get("ranges", ())) for body in bodies for agg in body["aggs"].values())
        if batch and cost > room:
            yield batch
            batch, room = [], COUNTS_AT_ONCE
        batch.append((key, bodies))
        room -= cost
    if batch:
        yield batch


def _together(store: Store, model: str, bodies: Bodies) -> Bodies:
    pattern = store.names.all_predictions(model)
    with point_in_time(store, pattern) as pit:
        held = {"pit": {"id": pit, "keep_alive": KEEP_ALIVE}}
        return [_search(store, model, body | held) for body in bodies]


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


def _search(store: Store, model: str, body: Body) -> Body:
    pattern = store.names.all_predictions(model)
    try:
        return store.search(pattern, body)
    except StoreRejected:
        overrides = mismatched(store, model, body)
        if not overrides:
            raise
        log.warning("%s: stored with another type than in the reference: %s", model, ", ".join(sorted(overrides)))
        return store.search(pattern, body | {"runtime_mappings": overrides})


def mismatched(store: Store, model: str, body: Body) -> dict[str, Body]:
    """Runtime mappings for features that some index holds with another type than `body` needs.

    The first event of a period decides how Elasticsearch maps a feature: where that event says ``"N/A"``, a number
    becomes a keyword for the whole period, and where it says 2139, a postal code becomes a double. A runtime field of
    the right type, without a script, reads the value from the event instead: slower, and right.
    """
    wanted = _types_needed(body["aggs"])
    path = f"/{store.names.all_predictions(model)}/_mapping"
    answer = store.request("GET", path, params={"ignore_unavailable": "true", "allow_no_indices": "true"})
    found: dict[str, set[str]] = {}
    for index in answer.values():
        features = index.get("mappings", {}).get("properties", {}).get("features", {}).get("properties", {})
        for name, mapping in features.items():
            found.setdefault(f"features.{name}", set()).add(mapping.get("type", "object"))
    return {name: {"type": type_} for name, type_ in wanted.items() if found.get(name, set()) - {type_}}


def _types_needed(aggs: Body) -> dict[str, str]:
    """Features of a counting search and the type each needs: numbers where ranges are counted."""
    needed: dict[str, str] = {}
    for agg in aggs.values():
        kind = "range" if "range" in agg else "terms"
        field = agg.get(kind, {}).get("field", "")
        if field.startswith("features."):
            text = kind == "terms" and all(isinstance(value, str) for value in agg["terms"]["include"])
            needed[field] = "keyword" if text else "double"
    return needed


def frozen_months(store: Store, kind: Kind, models: Iterable[str]) -> Callable[[ProfileKey], bool]:
    """Says of a bucket whether its raw events are gone for good: no index of its period is there.

    A bucket without events whose index exists is empty (erased, say), and its profile must become empty too.
    """
    names = store.names
    patterns = [names.all_predictions(model) for model in models] if kind == PREDICTIONS else [names.every("outcomes")]
    present = {info.name for pattern in patterns for info in store.list_indices(pattern)}

    def frozen(key: ProfileKey) -> bool:
        start = key.bucket.start
        if kind != PREDICTIONS:
            return names.monthly("outcomes", start) not in present
        stem = names.all_predictions(key.model).removesuffix("*")
        return not any(stem + format_period(start, period) in present for period in _PERIODS)

    return frozen
