"""Reading the trail: records by action, actor, model and time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from driftlog.audit.records import record_of
from driftlog.audit.seals import instant
from driftlog.contract.audit import AuditRecord
from driftlog.store.client import Store
from driftlog.store.values import Document


def find_records(
    store: Store,
    *,
    actions: Sequence[str] = (),
    actor: str = "",
    model: str = "",
    environment: str = "",
    subject: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 1000,
) -> list[AuditRecord]:
    """The newest `limit` records that meet every condition given, in the order of the chain.

    Parameters
    ----------
    since, until
        Half-open interval of when things happened (``at``, else when they were recorded).
    """
    store.refresh(store.names.audit)
    query = find_query(actions, actor, model, environment, subject, since, until)
    body: Document = {
        "query": query,
        "size": limit,
        "sort": [{"sequence": {"order": "desc", "unmapped_type": "long"}}],
        "_source": ["record"],
        "track_total_hits": False,
    }
    hits = store.search(store.names.audit, body)["hits"]["hits"]
    return [record_of(str(hit["_source"]["record"])) for hit in reversed(hits)]


def find_query(
    actions: Sequence[str] = (),
    actor: str = "",
    model: str = "",
    environment: str = "",
    subject: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Document:
    """Query of `find_records`.

    >>> find_query(["note"], model="churn")
    {'bool': {'filter': [{'terms': {'action': ['note']}}, {'term': {'model.name': 'churn'}}]}}
    """
    filters: list[Document] = [{"terms": {"action": list(actions)}}] if actions else []
    terms = {"actor": actor, "model.name": model, "service.environment": environment, "subject": subject}
    filters += [{"term": {name: value}} for name, value in terms.items() if value]
    limits = {name: instant(when) for name, when in (("gte", since), ("lt", until)) if when is not None}
    filters += [{"range": {"@timestamp": limits}}] if limits else []
    return {"bool": {"filter": filters}}


def last_record(store: Store, query: Document) -> dict[str, Any] | None:
    """The newest record that meets `query`, as its canonical text has it."""
    store.refresh(store.names.audit)
    body: Document = {
        "query": query,
        "size": 1,
        "sort": [{"sequence": {"order": "desc", "unmapped_type": "long"}}],
        "_source": ["record"],
        "track_total_hits": False,
    }
    hits = store.search(store.names.audit, body)["hits"]["hits"]
    return json.loads(hits[0]["_source"]["record"]) if hits else None
