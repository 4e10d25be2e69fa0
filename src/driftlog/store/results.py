"""Results: measurements, one document each; a later evaluation of the same window replaces it and counts up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from driftlog.contract.measurement import Measurement
from driftlog.contract.window import Window
from driftlog.store.bulk import require_stored
from driftlog.store.client import Store
from driftlog.store.documents import measurement_document, measurement_of
from driftlog.store.values import BulkAction, Document

KIND = "results"


def write_measurements(store: Store, measurements: Sequence[Measurement], *, term: int) -> int:
    """Store `measurements`, searchable at once; return how many.

    A measurement whose document exists gets its `revision` plus one. The index is that of the window's end.

    Parameters
    ----------
    term
        Of the lease under which they were made; an older term cannot overwrite a newer one's documents.

    Raises
    ------
    StoreConflict
        Some were refused because a newer term has written them; the others are stored.
    """
    by_index: dict[str, dict[str, Measurement]] = defaultdict(dict)
    for measurement in measurements:
        by_index[store.names.monthly(KIND, measurement.window.end)][measurement.id] = measurement
    actions: list[BulkAction] = []
    for index, wanted in by_index.items():
        before = store.mget(index, wanted, source=["revision"])
        for id, measurement in wanted.items():
            if id in before:
                measurement = msgspec.structs.replace(measurement, revision=int(before[id].get("revision", 0)) + 1)
            actions.append(BulkAction("index", index, id, measurement_document(measurement, term=term), version=term))
    return require_stored(store.bulk(actions, refresh=True), "results") if actions else 0


def find_measurements(
    store: Store,
    model: str,
    *,
    environment: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    metric: str | Sequence[str] | None = None,
    field: str | None = None,
    purpose: str | Sequence[str] | None = None,
    verdict: str | Sequence[str] | None = None,
    segment: str | None = "",
    size: int = 10_000,
    newest_first: bool = False,
) -> list[Measurement]:
    """Measurements of windows that lie inside [since, until], in order of the window's end, at most `size`.

    Parameters
    ----------
    segment
        Empty: of all rows (no segment); None: of every segment.
    newest_first
        Which end `size` cuts off, and the order.
    """
    query = find_query(
        model,
        environment=environment,
        since=since,
        until=until,
        metric=metric,
        field=field,
        purpose=purpose,
        verdict=verdict,
        segment=segment,
    )
    order = "desc" if newest_first else "asc"
    sort = [{"window.end": {"order": order, "unmapped_type": "date"}}, {"series": {"unmapped_type": "keyword"}}]
    hits = store.scan(store.names.every(KIND), query, sort=sort, size=max(1, min(size, 2000)))
    return [measurement_of(hit["_source"]) for hit in islice(hits, size)]


def scan_measurements(
    store: Store,
    model: str,
    *,
    environment: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    segment: str | None = "",
) -> Iterator[Measurement]:
    """What `find_measurements` finds, however much, page by page; in order of the window's end and the series."""
    query = find_query(model, environment=environment, since=since, until=until, segment=segment)
    sort = [{"window.end": {"order": "asc", "unmapped_type": "date"}}, {"series": {"unmapped_type": "keyword"}}]
    for hit in store.scan(store.names.every(KIND), query, sort=sort):
        yield measurement_of(hit["_source"])


def last_change(
    store: Store,
    model: str,
    *,
    environment: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[int, float]:
    """How many measurements there are and when the newest was computed: differs whenever one was added or revised.

    ::

        {"size": 0, "track_total_hits": true, "query": find_query(...),
         "aggs": {"computed": {"max": {"field": "computed"}}}}
    """
    query = find_query(model, environment=environment, since=since, until=until, segment=None)
    body = {"size": 0, "track_total_hits": True, "query": query, "aggs": {"computed": {"max": {"field": "computed"}}}}
    found = store.search(store.names.every(KIND), body)
    latest = found.get("aggregations", {}).get("computed", {}).get("value")
    return int(found["hits"]["total"]["value"]), float(latest or 0.0)


def find_query(
    model: str,
    *,
    environment: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    metric: str | Sequence[str] | None = None,
    field: str | None = None,
    purpose: str | Sequence[str] | None = None,
    verdict: str | Sequence[str] | None = None,
    segment: str | None = "",
) -> Document:
    """Query of `find_measurements`.

    ::

        {"bool": {"filter": [
            {"term": {"model.name": "churn"}},
            {"term": {"segment": ""}},
            {"terms": {"metric": ["roc_auc"]}},
            {"range": {"window.start": {"gte": since}}},
            {"range": {"window.end": {"lte": until}}}]}}

    >>> find_query("churn", metric="roc_auc")["bool"]["filter"][2]
    {'terms': {'metric': ['roc_auc']}}
    """
    filters: list[Any] = [{"term": {"model.name": model}}]
    terms = {"segment": segment, "service.environment": environment, "field": field}
    filters += [{"term": {name: value}} for name, value in terms.items() if value is not None]
    choices = {"metric": metric, "purpose": purpose, "verdict": verdict}
    filters += [{"terms": {name: _listed(value)}} for name, value in choices.items() if value is not None]
    if since is not None:
        filters.append({"range": {"window.start": {"gte": since}}})
    if until is not None:
        filters.append({"range": {"window.end": {"lte": until}}})
    return {"bool": {"filter": filters}}


def latest_window(store: Store, model: str, environment: str | None = None) -> Window | None:
    """The newest judged window of `model`; None before the first."""
    found = find_measurements(store, model, environment=environment, segment=None, size=1, newest_first=True)
    return found[0].window if found else None


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
