"""Silences: documents of ``<prefix>-state``; an ended one is kept, so that it can be told who silenced what."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from driftlog.contract.errors import StoreConflict
from driftlog.contract.handling import Silence
from driftlog.store.client import Store
from driftlog.store.documents import document_id
from driftlog.store.values import Document

KIND: Final = "silence"
MOST: Final = 10_000
_ATTEMPTS: Final = 5


def create_silence(store: Store, silence: Silence) -> bool:
    """Keep `silence`, searchable at once; False when one with its id is there already."""
    return store.create(store.names.state, _id(silence.id), _document(silence), refresh=True)


def load_silences(store: Store, *, now: datetime | None = None) -> list[Silence]:
    """All silences in order of their beginning; with `now` those that are not over by then."""
    return silences_in(store.search(store.names.state, silences_body(now)))


def silences_body(now: datetime | None = None) -> Document:
    """Search for silences.

    ``{"query": {"bool": {"filter": [{"term": {"kind": "silence"}}, {"range": {"expires": {"gt": now}}}]}}, ...}``
    """
    filters: list[Any] = [{"term": {"kind": KIND}}]
    if now is not None:
        filters.append({"range": {"expires": {"gt": now}}})
    return {
        "query": {"bool": {"filter": filters}},
        "sort": [{"updated": {"order": "asc", "unmapped_type": "date"}}],
        "size": MOST,
        "track_total_hits": False,
    }


def silences_in(answer: Document) -> list[Silence]:
    """The silences in the answer to `silences_body`."""
    return [msgspec.convert(hit["_source"]["value"], Silence) for hit in answer["hits"]["hits"]]


def end_silence(store: Store, silence_id: str, at: datetime) -> Silence | None:
    """The silence, over at `at` or when it was over anyway; None where there is none of this id."""
    for attempt in range(1, _ATTEMPTS + 1):
        hit = store.get(store.names.state, _id(silence_id))
        if hit is None:
            return None
        silence = msgspec.convert(hit.source["value"], Silence)
        if (silence.ended or silence.until) <= at:
            return silence
        ended = msgspec.structs.replace(silence, ended=max(at, silence.start))
        try:
            store.put(
                store.names.state,
                _id(silence_id),
                _document(ended),
                if_seq_no=hit.seq_no,
                if_primary_term=hit.primary_term,
                refresh=True,
            )
        except StoreConflict:
            if attempt == _ATTEMPTS:
                raise
            continue
        return ended
    return None


def _document(silence: Silence) -> Document:
    return {
        "kind": KIND,
        "name": silence.id,
        "updated": silence.start,
        "expires": silence.ended or silence.until,
        "value": msgspec.to_builtins(silence),
    }


def _id(silence_id: str) -> str:
    return document_id(f"{KIND}|{silence_id}")
