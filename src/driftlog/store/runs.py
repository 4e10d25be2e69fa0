"""Run records: what each cycle did."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Any

from driftlog.contract.records import RunRecord
from driftlog.store.client import Store
from driftlog.store.documents import run_document, run_of
from driftlog.store.values import Document

KIND = "runs"


def write_run(store: Store, record: RunRecord) -> None:
    """Store one run record, in the month it started."""
    store.put(store.names.monthly(KIND, record.started), record.id, run_document(record))


def find_runs(
    store: Store, model: str | None = None, since: datetime | None = None, size: int = 100
) -> list[RunRecord]:
    """Run records started at or after `since`, newest first, at most `size`."""
    filters: list[Any] = [{"term": {"model.name": model}}] if model is not None else []
    if since is not None:
        filters.append({"range": {"started": {"gte": since}}})
    sort = [{"started": {"order": "desc", "unmapped_type": "date"}}]
    query = {"bool": {"filter": filters}}
    hits = store.scan(store.names.every(KIND), query, sort=sort, size=max(1, min(size, 1000)))
    return [run_of(hit["_source"]) for hit in islice(hits, size)]


def last_good_runs(store: Store) -> dict[str, datetime]:
    """When the last cycle without an error ended, by model.

    ::

        {"size": 0, "query": {"bool": {"filter": [{"term": {"status": "ok"}}]}},
         "aggs": {"models": {"terms": {"field": "model.name"}, "aggs": {"last": {"max": {"field": "finished"}}}}}}
    """
    body: Document = {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": [{"term": {"status": "ok"}}]}},
        "aggs": {
            "models": {
                "terms": {"field": "model.name", "size": 10_000},
                "aggs": {"last": {"max": {"field": "finished"}}},
            }
        },
    }
    found = store.search(store.names.every(KIND), body).get("aggregations", {}).get("models", {}).get("buckets", ())
    return {
        bucket["key"]: datetime.fromtimestamp(bucket["last"]["value"] / 1000, UTC)
        for bucket in found
        if bucket["last"]["value"] is not None
    }
