"""What people ask for about alerts: documents of ``<prefix>-state``, removed once they are in a history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from driftlog.contract.handling import AlertRequest
from driftlog.store.client import Store
from driftlog.store.documents import document_id
from driftlog.store.values import BulkAction, Document

KIND: Final = "alert_request"
MOST: Final = 10_000
"""Requests that are read at once, the oldest first."""


def create_request(store: Store, request: AlertRequest) -> bool:
    """Keep `request`, searchable at once; False when one with its id is there already."""
    document = {
        "kind": KIND,
        "model": {"name": request.model},
        "service": {"environment": request.environment},
        "name": request.alert_id,
        "updated": request.at,
        "value": msgspec.to_builtins(request),
    }
    return store.create(store.names.state, _id(request.id), document, refresh=True)


def load_requests(store: Store, model: str | None = None, environment: str | None = None) -> list[AlertRequest]:
    """Requests that no worker has taken into a history yet, the oldest first."""
    return requests_in(store.search(store.names.state, requests_body(model, environment)))


def requests_body(model: str | None = None, environment: str | None = None) -> Document:
    """Search for requests.

    ``{"query": {"bool": {"filter": [{"term": {"kind": "alert_request"}}, {"term": {"model.name": "churn"}}, ...]}},
    "sort": [{"updated": ...}], ...}``
    """
    terms = {"kind": KIND, "model.name": model, "service.environment": environment}
    filters: list[Any] = [{"term": {name: value}} for name, value in terms.items() if value is not None]
    return {
        "query": {"bool": {"filter": filters}},
        "sort": [{"updated": {"order": "asc", "unmapped_type": "date"}}],
        "size": MOST,
        "track_total_hits": False,
    }


def requests_in(answer: Document) -> list[AlertRequest]:
    """The requests in the answer to `requests_body`."""
    return [msgspec.convert(hit["_source"]["value"], AlertRequest) for hit in answer["hits"]["hits"]]


def remove_requests(store: Store, requests: Iterable[AlertRequest]) -> None:
    """Take requests away that stand in a stored history; to be called after the alert was written, never before."""
    actions = [BulkAction("delete", store.names.state, _id(request.id)) for request in requests]
    if actions:
        store.bulk(actions, refresh=True)


def _id(request_id: str) -> str:
    return document_id(f"{KIND}|{request_id}")
