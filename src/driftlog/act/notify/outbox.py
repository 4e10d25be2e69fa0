"""The outbox: notices in ``<prefix>-state``, each created once, changed only by whoever read it last.

``{"kind": "action", "name": "notify-open" | "notify-done" | "notify-noted", "holder": ..., "updated": when it
happened, "expires": when it is due, "model", "service", "value": the notice}``: open ones are still to be told; done
ones are to be written to their alert; noted ones are kept until `forget`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from driftlog.contract.errors import StoreConflict
from driftlog.contract.notification import FINAL, Notice
from driftlog.store.bulk import require_stored
from driftlog.store.client import Store
from driftlog.store.documents import document_id
from driftlog.store.values import BulkAction, Document

OPEN: Final = "notify-open"
DONE: Final = "notify-done"
NOTED: Final = "notify-noted"
RATE: Final = "notify-rate"
PAGE: Final = 2000


@dataclass(frozen=True)
class Stored:
    """A notice and what a conditional write needs."""

    notice: Notice
    seq_no: int
    primary_term: int


def notice_id(alert_id: str, transition: int, channel: str) -> str:
    """Document id of a notice.

    >>> notice_id("churn|data_drift#3", 2, "team")
    'notice|team|2|churn|data_drift#3'
    """
    return document_id(f"notice|{channel}|{transition}|{alert_id}")


def add(store: Store, notices: Sequence[Notice]) -> int:
    """Create those that are not there yet; how many were new. They can be found at once."""
    if not notices:
        return 0
    actions = [BulkAction("create", store.names.state, one.id, _document(one)) for one in notices]
    report = store.bulk(actions, refresh=True)
    if report.failures:
        require_stored(report, "notices")
    return report.stored


def existing(store: Store, ids: Iterable[str]) -> set[str]:
    """Those of `ids` that are there."""
    return set(store.mget(store.names.state, ids, source=False))


def due(store: Store, now: datetime) -> list[Stored]:
    """Open notices whose time has come, also those that somebody is sending, in order of that time."""
    store.refresh(store.names.state)
    return _find(store, [{"term": {"name": OPEN}}, {"range": {"expires": {"lte": now.isoformat()}}}])


def find(
    store: Store, *, names: Sequence[str] = (OPEN,), models: Sequence[str] | None = None, alert_id: str = ""
) -> list[Stored]:
    """Notices by state, model and alert."""
    store.refresh(store.names.state)
    filters: list[Any] = [{"terms": {"name": list(names)}}]
    if models is not None:
        filters.append({"terms": {"model.name": list(models)}})
    found = _find(store, filters)
    return [one for one in found if not alert_id or one.notice.alert_id == alert_id]


def _find(store: Store, filters: Sequence[Any]) -> list[Stored]:
    body = {
        "query": {"bool": {"filter": [{"term": {"kind": "action"}}, *filters]}},
        "size": PAGE,
        "sort": [{"expires": {"order": "asc", "unmapped_type": "date"}}],
        "seq_no_primary_term": True,
        "track_total_hits": False,
    }
    hits = store.search(store.names.state, body)["hits"]["hits"]
    return [Stored(_notice(hit["_source"]), hit["_seq_no"], hit["_primary_term"]) for hit in hits]


def read(store: Store, id: str) -> Stored | None:
    """One notice as last written."""
    hit = store.get(store.names.state, id)
    return Stored(_notice(hit.source), hit.seq_no, hit.primary_term) if hit is not None else None


def write(store: Store, before: Stored, notice: Notice) -> Stored | None:
    """Replace `before` by `notice`; None when somebody else has changed it meanwhile."""
    try:
        hit = store.put(
            store.names.state,
            notice.id,
            _document(notice),
            if_seq_no=before.seq_no,
            if_primary_term=before.primary_term,
        )
    except StoreConflict:
        return None
    return Stored(notice, hit.seq_no, hit.primary_term)


def mark_noted(store: Store, noted: Sequence[Stored]) -> None:
    """Remember that the alerts have them. Final notices change no more; of the others the newest write wins."""
    marked = [(one, msgspec.structs.replace(one.notice, noted=noted_mark(one.notice))) for one in noted]
    final = [notice for _, notice in marked if notice.status in FINAL]
    actions = [BulkAction("index", store.names.state, notice.id, _document(notice)) for notice in final]
    if actions:
        require_stored(store.bulk(actions), "notices")
    for one, notice in marked:
        if notice.status not in FINAL:
            write(store, one, notice)


def count(store: Store) -> dict[tuple[str, str], int]:
    """How many notices there are by channel and status."""
    store.refresh(store.names.state)
    counts: dict[tuple[str, str], int] = {}
    query = {"bool": {"filter": [{"term": {"kind": "action"}}, {"terms": {"name": [OPEN, DONE, NOTED]}}]}}
    for hit in store.scan(store.names.state, query, source=["value.channel", "value.status"]):
        value = hit["_source"]["value"]
        key = (value["channel"], value.get("status", "waiting"))
        counts[key] = counts.get(key, 0) + 1
    return counts


def forget(store: Store, before: datetime) -> int:
    """Delete noted notices of transitions before `before`; how many. Each pass takes the oldest few."""
    found = _find(store, [{"term": {"name": NOTED}}, {"range": {"updated": {"lt": before.isoformat()}}}])[:500]
    actions = [BulkAction("delete", store.names.state, one.notice.id) for one in found]
    return store.bulk(actions).stored if actions else 0


def reserve(store: Store, channel: str, hour: datetime, limit: int) -> bool:
    """Take one of the `limit` messages that a channel may send in `hour`; False when none is left.

    All workers count in one document, so together they keep to the limit.
    """
    id = document_id(f"{RATE}|{channel}")
    while True:
        hit = store.get(store.names.state, id)
        value = hit.source["value"] if hit is not None else {}
        used = int(value.get("count", 0)) if value.get("hour") == hour.isoformat() else 0
        if used >= limit:
            return False
        document: Document = {
            "kind": "action",
            "name": RATE,
            "value": {"channel": channel, "hour": hour.isoformat(), "count": used + 1},
        }
        if hit is None:
            if store.create(store.names.state, id, document):
                return True
            continue
        try:
            store.put(store.names.state, id, document, if_seq_no=hit.seq_no, if_primary_term=hit.primary_term)
        except StoreConflict:
            continue
        return True


def _document(notice: Notice) -> Document:
    final = notice.status in FINAL
    noted = final and notice.noted == noted_mark(notice)
    return {
        "kind": "action",
        "name": NOTED if noted else DONE if final else OPEN,
        "holder": notice.holder,
        "updated": notice.at.isoformat(),
        "expires": notice.due.isoformat(),
        "model": {"name": notice.model},
        "service": {"environment": notice.environment},
        "value": msgspec.to_builtins(notice),
    }


def noted_mark(notice: Notice) -> str:
    """What `Notice.noted` is once the alert has this."""
    return f"{notice.status}:{notice.attempts}"


def _notice(source: Document) -> Notice:
    return msgspec.convert(source["value"], Notice)
