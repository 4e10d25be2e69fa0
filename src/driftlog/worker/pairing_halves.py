"""Halves of logged calls as they lie in Elasticsearch: found without their bodies, read with them, marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from driftlog.contract.events import ModelGroup
from driftlog.contract.payloads import PayloadDocument, PayloadGroup
from driftlog.contract.settings import ModelSettings
from driftlog.store.values import BulkAction, Document

KINDS: Final = ("request", "response", "feedback")
MAX_FETCH_BYTES: Final = 8_000_000
MAX_FETCH: Final = 1000
"""Halves read, and made predictions of, at once."""
LIGHT: Final = [f"payload.{name}" for name in ("kind", "state", "reason", "request_id", "size_bytes")] + [
    "event.ingested"
]
"""What is read of a half before its body."""


@dataclass(frozen=True, slots=True)
class Half:
    """One half without its body."""

    index: str
    id: str
    kind: str
    state: str
    request_id: str
    ingested: datetime
    size_bytes: int

    @property
    def key(self) -> tuple[str, str]:
        return self.index, self.id


def waiting_filters(model: ModelSettings, states: Sequence[str]) -> list[Document]:
    """Clauses for halves of `model` in one of `states`."""
    return [
        {"term": {"model.name": model.name}},
        {"terms": {"payload.state": list(states)}},
        {"terms": {"payload.kind": list(KINDS)}},
        {"exists": {"field": "event.ingested"}},
    ]


def light(hit: Document) -> Half | None:
    """The half of a hit with the fields `LIGHT`; None where another program wrote it, and these are not as they should.

    >>> payload = {"kind": "request", "state": "waiting", "request_id": "r", "size_bytes": 9}
    >>> source = {"payload": payload, "event": {"ingested": "2026-03-31T23:58:00Z"}}
    >>> light({"_index": "i", "_id": "x", "_source": source}).key
    ('i', 'x')
    >>> light({"_index": "i", "_id": "x", "_source": source | {"event": {"ingested": "2026-03-31T23:58:00"}}})
    """
    try:
        payload = hit["_source"]["payload"]
        half = Half(
            index=hit["_index"],
            id=hit["_id"],
            kind=payload["kind"],
            state=payload["state"],
            request_id=str(payload.get("request_id") or ""),
            ingested=datetime.fromisoformat(hit["_source"]["event"]["ingested"]),
            size_bytes=int(payload.get("size_bytes") or 0),
        )
        half.request_id.encode()
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None
    known = isinstance(half.kind, str) and half.kind in KINDS and isinstance(half.state, str)
    return half if known and half.ingested.tzinfo is not None else None


def with_body(source: Document, half: Half) -> PayloadDocument:
    """The half as it is stored; one that nobody of us wrote has no body, and is refused."""
    try:
        return msgspec.convert(source, PayloadDocument)
    except msgspec.ValidationError:
        payload = PayloadGroup(request_id=half.request_id)
        return PayloadDocument(timestamp=half.ingested, model=ModelGroup(), payload=payload)


def marking(hit: Mapping[str, Any], state: str, reason: str) -> BulkAction:
    """Set state and reason of the half of `hit`, unless it was written since; its body is not needed."""
    payload: Document = {"state": state}
    if reason or "reason" in hit.get("_source", {}).get("payload", {}):
        payload["reason"] = reason or None
    return BulkAction(
        "update",
        hit["_index"],
        hit["_id"],
        {"payload": payload},
        if_seq_no=hit["_seq_no"],
        if_primary_term=hit["_primary_term"],
    )


def groups(tasks: Sequence[tuple[Half, ...]]) -> Iterator[list[tuple[Half, ...]]]:
    """`tasks` cut so that the bodies of a group fit into `MAX_FETCH_BYTES`, one task at least."""
    group: list[tuple[Half, ...]] = []
    size = 0
    for task in tasks:
        more = sum(half.size_bytes for half in task)
        if group and (size + more > MAX_FETCH_BYTES or 2 * len(group) >= MAX_FETCH):
            yield group
            group, size = [], 0
        group.append(task)
        size += more
    if group:
        yield group
