"""Alerts: one document an episode, rewritten as it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from driftlog.contract.alert import ACTIVE, Alert
from driftlog.store.bulk import require_stored
from driftlog.store.client import Store
from driftlog.store.documents import alert_document, alert_of, document_id
from driftlog.store.values import BulkAction, Document

STATUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "open": ACTIVE,
    "unacknowledged": ("open",),
    "acknowledged": ("acknowledged",),
    "resolved": ("resolved",),
}
"""What `find_alerts` may be asked for, and which statuses that means: ``open`` is everything that is not over."""


def write_alerts(store: Store, alerts: Sequence[Alert], *, term: int) -> int:
    """Store `alerts`, searchable at once; return how many.

    Raises
    ------
    StoreConflict
        A newer term has written some of them.
    """
    actions = [
        BulkAction("index", store.names.alerts, document_id(alert.id), alert_document(alert, term=term), version=term)
        for alert in alerts
    ]
    return require_stored(store.bulk(actions, refresh=True), "alerts") if actions else 0


def load_open(store: Store, model: str, environment: str | None = None) -> list[Alert]:
    """Alerts of `model` that are not over, acknowledged or not, oldest first."""
    return find_alerts(store, model, environment=environment, status="open")


def find_alerts(
    store: Store,
    model: str | None = None,
    *,
    environment: str | None = None,
    status: str | None = None,
    severity: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Alert]:
    """Alerts whose episode overlaps [since, until), in order of their opening.

    An alert that is not over has no end: it overlaps every `since`. `status` is one of `STATUSES`.
    """
    query = find_query(model, environment=environment, status=status, severity=severity, since=since, until=until)
    sort = [{"alert.opened": {"order": "asc", "unmapped_type": "date"}}]
    return [alert_of(hit["_source"]) for hit in store.scan(store.names.alerts, query, sort=sort)]


def find_query(
    model: str | None,
    *,
    environment: str | None = None,
    status: str | None = None,
    severity: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Document:
    """Query of `find_alerts`.

    ::

        {"bool": {"filter": [
            {"term": {"model.name": "churn"}},
            {"terms": {"alert.status": ["open", "acknowledged"]}},
            {"range": {"alert.opened": {"lt": until}}},
            {"bool": {"should": [{"range": {"alert.resolved": {"gte": since}}},
                                 {"terms": {"alert.status": ["open", "acknowledged"]}}],
                      "minimum_should_match": 1}}]}}

    >>> find_query(None)
    {'bool': {'filter': []}}
    """
    terms = {
        "model.name": model,
        "service.environment": environment,
        "alert.severity": severity,
    }
    filters: list[Any] = [{"term": {name: value}} for name, value in terms.items() if value is not None]
    if status is not None:
        filters.append({"terms": {"alert.status": list(STATUSES[status])}})
    if until is not None:
        filters.append({"range": {"alert.opened": {"lt": until}}})
    if since is not None:
        ends = [{"range": {"alert.resolved": {"gte": since}}}, {"terms": {"alert.status": list(ACTIVE)}}]
        filters.append({"bool": {"should": ends, "minimum_should_match": 1}})
    return {"bool": {"filter": filters}}


def alerts_by_id(store: Store, ids: Iterable[str]) -> list[Alert]:
    """Alerts by their ids, as last written; ids that are not there are left out."""
    found = store.mget(store.names.alerts, (document_id(id) for id in ids))
    return [alert_of(source) for source in found.values()]


def alerts_by_handle(store: Store, handle: str, *, most: int = 20) -> list[Alert]:
    """Alerts whose id or key is `handle`, or whose handle begins with it; at most `most`, the last episodes first.

    ``{"bool": {"should": [{"term": {"alert.id": handle}}, {"term": {"alert.key": handle}},
    {"prefix": {"alert.handle": handle}}], "minimum_should_match": 1}}``
    """
    choices = [{"term": {f"alert.{name}": handle}} for name in ("id", "key")]
    choices.append({"prefix": {"alert.handle": handle.lower()}})
    body = {
        "query": {"bool": {"should": choices, "minimum_should_match": 1}},
        "sort": [{"alert.episode": {"order": "desc", "unmapped_type": "long"}}],
        "size": most,
    }
    hits = store.search(store.names.alerts, body)["hits"]["hits"]
    return [alert_of(hit["_source"]) for hit in hits]


def last_episodes(store: Store, model: str, environment: str | None = None) -> dict[str, int]:
    """The highest episode number of each cause so far."""
    episodes: dict[str, int] = {}
    query = find_query(model, environment=environment)
    for hit in store.scan(store.names.alerts, query, source=["alert.key", "alert.episode"]):
        alert = hit["_source"]["alert"]
        episodes[alert["key"]] = max(int(alert["episode"]), episodes.get(alert["key"], 0))
    return episodes
