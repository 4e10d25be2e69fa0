"""The end of the chain, read in real time: a search gives a lower bound, gets by number walk from there.

A search sees the index as last refreshed, a get as last written. Numbers have no gaps, so the head is the last number
that a get finds. Where a writer died in the middle of a batch, whoever comes next completes it from the texts that the
batch's first document carries.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from driftlog.audit.records import Head, documents_of
from driftlog.store.bulk import require_stored
from driftlog.store.client import Store
from driftlog.store.values import BulkAction, BulkReport, Document

_FIRST_STEP: Final = 8
_LAST_STEP: Final = 512
_FAR: Final = 200
_FIELDS: Final = ["sequence", "hash", "key", "batch.first", "batch.last"]


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk from one head to the next came by: the hash of the first record and the keys of all."""

    head: Head
    first_hash: str = ""
    keys: frozenset[str] = frozenset()


def find_head(store: Store) -> Head:
    """The last record, wherever the index was last refreshed."""
    store.refresh(store.names.audit)
    newest = last_refreshed(store)
    return walk(store, newest, batch=_batch(store, newest.sequence)).head


def last_refreshed(store: Store) -> Head:
    """The newest record that a search sees."""
    body: Document = {
        "size": 1,
        "sort": [{"sequence": {"order": "desc", "unmapped_type": "long"}}],
        "_source": ["sequence", "hash"],
        "track_total_hits": False,
    }
    hits = store.search(store.names.audit, body)["hits"]["hits"]
    return Head(int(hits[0]["_source"]["sequence"]), str(hits[0]["_source"]["hash"])) if hits else Head()


def walk(store: Store, start: Head, *, batch: Document | None = None) -> Walked:
    """The last record at or after `start`; an unfinished batch at the end is completed.

    Parameters
    ----------
    batch
        Of the record at `start`, where it may be unfinished.
    """
    head, first_hash, keys, step = start, "", set[str](), _FIRST_STEP
    while True:
        numbers = range(head.sequence + 1, head.sequence + 1 + step)
        found = store.mget(store.names.audit, [str(number) for number in numbers], source=_FIELDS)
        for number in numbers:
            document = found.get(str(number))
            if document is None:
                break
            head, batch = Head(number, str(document["hash"])), document.get("batch")
            first_hash = first_hash or head.hash
            keys |= {document["key"]} if document.get("key") else set()
        else:
            step = min(step * 2, _LAST_STEP)
            continue
        if not batch or batch["last"] <= head.sequence or not _complete(store, batch["first"]):
            return Walked(head, first_hash, frozenset(keys))


def _batch(store: Store, number: int) -> Document | None:
    batch = store.mget(store.names.audit, [str(number)], source=_FIELDS).get(str(number), {}).get("batch")
    return batch if isinstance(batch, dict) else None


def _complete(store: Store, first: int) -> bool:
    """Write what is missing of the batch that starts at `first`; False where it cannot be read."""
    hit = store.get(store.names.audit, str(first))
    if hit is None:
        return False
    write_rest(store, [str(hit.source["record"]), *hit.source["batch"]["records"]])
    return True


def write_rest(store: Store, texts: list[str]) -> None:
    """Write the documents of a batch after its first; those that are there already are as they should be.

    Raises
    ------
    StoreError
        Some could not be written; the next writer completes them.
    """
    documents = documents_of(texts)[1:]
    actions = [BulkAction("create", store.names.audit, str(doc["sequence"]), doc) for doc in documents]
    report = store.bulk(actions)
    require_stored(BulkReport(report.stored, 0, report.failures), "audit records")


def forgotten_before(store: Store) -> datetime | None:
    """Up to when the records were dropped, as the newest checkpoint says; None where there is none."""
    body: Document = {
        "size": 1,
        "query": {"term": {"action": "checkpoint"}},
        "sort": [{"sequence": {"order": "desc", "unmapped_type": "long"}}],
        "_source": ["record"],
        "track_total_hits": False,
    }
    hits = store.search(store.names.audit, body)["hits"]["hits"]
    if not hits:
        return None
    return datetime.fromisoformat(json.loads(hits[0]["_source"]["record"])["entry"]["details"]["before"])


def recorded_keys(store: Store, keys: Collection[str], head: Head) -> set[str]:
    """Which of `keys` records up to `head` have: by one search, and by gets for what it cannot see yet.

    Key and newest number come from the same search, and so from the same state of the index.
    """
    if not keys:
        return set()
    for attempt in range(2):
        body: Document = {
            "size": len(keys),
            "query": {"terms": {"key": sorted(keys)}},
            "_source": ["key"],
            "track_total_hits": False,
            "aggs": {"all": {"global": {}, "aggs": {"newest": {"max": {"field": "sequence"}}}}},
        }
        answer = store.search(store.names.audit, body)
        found = {str(hit["_source"]["key"]) for hit in answer["hits"]["hits"]}
        newest = int(((answer.get("aggregations") or {}).get("all", {}).get("newest", {}).get("value")) or 0)
        if head.sequence - newest <= _FAR:
            break
        if attempt == 0:
            store.refresh(store.names.audit)
    return found | _keys_between(store, newest, head.sequence) & set(keys)


def _keys_between(store: Store, after: int, last: int) -> set[str]:
    numbers: Iterable[str] = [str(number) for number in range(after + 1, last + 1)]
    return {doc["key"] for doc in store.mget(store.names.audit, numbers, source=["key"]).values() if doc.get("key")}
