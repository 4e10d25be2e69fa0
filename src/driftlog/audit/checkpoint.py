"""Retention of the trail itself: a signed checkpoint takes the place of the oldest records.

The checkpoint is recorded in the chain before anything is deleted, so that a crash leaves records that need not be
there, never a gap that nobody explains. What a verification needs stays: it starts at the record after the checkpoint.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from driftlog.audit.canonical import sha256
from driftlog.audit.chain import Chain
from driftlog.audit.head import forgotten_before
from driftlog.audit.heads import SignedHead, head_of, signed
from driftlog.audit.keys import load_signing_key
from driftlog.audit.seals import instant
from driftlog.contract.audit import AuditEntry
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.errors import ConfigError
from driftlog.store.bulk import require_stored
from driftlog.store.client import Store
from driftlog.store.values import BulkAction, Document

AT_LEAST: Final = timedelta(days=1)
_PAGE: Final = 1000


def drop_before(
    store: Store, chain: Chain, settings: AuditSettings, before: datetime, *, actor: str, now: datetime
) -> SignedHead | None:
    """Record a signed checkpoint for all records made before `before`, then delete them; None where there are none.

    Records are dropped in the order of the chain: everything before the first one that is younger. A run that died
    after its checkpoint is finished first. Nothing is done within a day's worth of records after the last checkpoint.

    Raises
    ------
    ConfigError
        No `audit.signing_key`: a checkpoint that is not signed explains nothing.
    """
    finish_drop(store)
    last = forgotten_before(store)
    if last is not None and before - last < AT_LEAST:
        return None
    if not settings.signing_key:
        raise ConfigError(
            "is needed to leave a checkpoint", path="audit.signing_key", remedy="`driftlog audit key` makes one"
        )
    found = _last_before(store, before)
    if found is None:
        return None
    sequence, hash = found
    plain = SignedHead(prefix=store.names.prefix, sequence=sequence, hash=hash, at=now)
    head = signed(plain, load_signing_key(settings))
    counts = _counts(store, sequence)
    entry = AuditEntry(
        action="checkpoint",
        object=f"records up to {sequence}",
        actor=actor,
        before=hash,
        summary=f"{sum(counts.values()):,} records up to {sequence} dropped by retention",
        details={"head": head.details(), "counts": dict(sorted(counts.items())), "before": instant(before)},
        key=f"checkpoint|{sequence}",
    )
    chain.record(entry)
    _delete(store, sequence)
    return head


def finish_drop(store: Store) -> int:
    """Delete what the newest checkpoint says is gone; up to which record."""
    store.refresh(store.names.audit)
    body: Document = {
        "query": {"bool": {"filter": [{"term": {"action": "checkpoint"}}]}},
        "size": 1,
        "sort": [{"sequence": {"order": "desc", "unmapped_type": "long"}}],
        "_source": ["record"],
    }
    hits = store.search(store.names.audit, body)["hits"]["hits"]
    if not hits:
        return 0
    head = head_of(_record(hits[0])["entry"]["details"]["head"])
    _delete(store, head.sequence)
    return head.sequence


def _record(hit: Document) -> Any:
    return json.loads(hit["_source"]["record"])


def _last_before(store: Store, before: datetime) -> tuple[int, str] | None:
    """Number and hash of the last record before the first one that is not older."""
    younger = {"range": {"recorded": {"gte": instant(before)}}}
    first = _one(store, younger, "asc")
    newest = _one(store, {"match_all": {}}, "desc")
    if newest is None:
        return None
    last = int(first["sequence"]) - 1 if first else int(newest["sequence"])
    hit = store.get(store.names.audit, str(last))
    return None if hit is None else (last, sha256(str(hit.source["record"])))


def _one(store: Store, query: Document, order: str) -> Document | None:
    sort = [{"sequence": {"order": order, "unmapped_type": "long"}}]
    body: Document = {"query": query, "size": 1, "sort": sort, "_source": ["sequence"]}
    hits = store.search(store.names.audit, body)["hits"]["hits"]
    return hits[0]["_source"] if hits else None


def _counts(store: Store, last: int) -> Counter[str]:
    query = {"range": {"sequence": {"lte": last}}}
    return Counter(hit["_source"]["action"] for hit in store.scan(store.names.audit, query, source=["action"]))


def _delete(store: Store, last: int) -> None:
    """Delete records up to `last`, the oldest first: what a crash leaves is the end of them."""
    query = {"range": {"sequence": {"lte": last}}}
    page: list[BulkAction] = []
    for hit in store.scan(store.names.audit, query, sort=[{"sequence": "asc"}], source=False):
        page.append(BulkAction("delete", store.names.audit, str(hit["_id"])))
        if len(page) == _PAGE:
            require_stored(store.bulk(page), "audit records to be dropped")
            page = []
    if page:
        require_stored(store.bulk(page), "audit records to be dropped")
    store.refresh(store.names.audit)
