"""What the worker writes into the audit trail: seals of closed buckets, what happened to alerts, signed heads.

Everything here can be called again after a crash, and by two workers at once: records have keys.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

import msgspec

from driftlog.audit.canonical import digest
from driftlog.audit.chain import Chain
from driftlog.audit.find import last_record
from driftlog.audit.heads import SignedHead, head_entry, signed_head
from driftlog.audit.sealing import Sealer
from driftlog.audit.seals import moment
from driftlog.contract.alert import Alert
from driftlog.contract.audit import AuditAction, AuditEntry
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.errors import DriftlogError
from driftlog.contract.handling import Transition
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.store.client import Store
from driftlog.store.cursors import read_cursor, write_cursor

log = logging.getLogger("driftlog.audit")

MAX_EVENTS: Final = 250_000
"""A call to `seal` starts no further batch of buckets after this many events."""
MAX_BUCKETS: Final = 500
BATCH: Final = 25
"""Buckets that are recorded with one write."""
OVERLAP: Final = timedelta(minutes=10)
"""How far before the newest ``event.ingested`` seen late events are looked for again."""


class SealCursor(msgspec.Struct, frozen=True, kw_only=True):
    """Every bucket that ended by `closed_until` was sealed; late events were looked for up to `ingested`."""

    closed_until: datetime | None = None
    ingested: datetime | None = None


def seal(
    store: Store,
    settings: ModelSettings,
    audit: AuditSettings,
    chain: Chain,
    *,
    now: Callable[[], datetime],
    actor: str = "worker",
) -> int:
    """Seal the buckets that closed since the last call, and late events of older ones; how many predictions.

    Bounded: what is left over is for the next call. The cursor moves last, so a crash repeats work and loses none.
    """
    if not audit.seal or store.reads_elsewhere(settings.name):  # who else changes those, nobody can say
        return 0
    stored = read_cursor(store, settings.name, settings.environment, "seals")
    cursor = msgspec.convert(stored, SealCursor) if stored else SealCursor()
    sealer = Sealer(store, chain, settings.name, settings.environment, settings.bucket, actor, now)
    newest = sealer.newest_ingested(cursor.ingested)
    late: list[Window] = []
    if cursor.closed_until is not None and cursor.ingested is not None:
        late = sealer.late(cursor.closed_until, cursor.ingested - OVERLAP)
    closed = sealer.closed(cursor.closed_until, now() - audit.seal_after)
    n, visited = _seal_some(sealer, late, MAX_BUCKETS)
    missed = len(visited) < len(late)
    more, reached = _seal_some(sealer, closed, MAX_BUCKETS - len(visited))
    sealer.forget_erased([*visited, *reached])
    moved = SealCursor(
        closed_until=reached[-1].end if reached else cursor.closed_until,
        ingested=cursor.ingested if missed else max((t for t in (cursor.ingested, newest) if t), default=None),
    )
    if moved != cursor:
        write_cursor(store, settings.name, settings.environment, "seals", msgspec.to_builtins(moved), term=0)
    return n + more


def _seal_some(sealer: Sealer, buckets: Sequence[Window], limit: int) -> tuple[int, list[Window]]:
    """Seal `buckets` in order up to a limit; (predictions, buckets that were done)."""
    n, done = 0, list[Window]()
    for start in range(0, min(len(buckets), limit), BATCH):
        if n >= MAX_EVENTS:
            break
        some = buckets[start : min(start + BATCH, limit)]
        n += sealer.seal(some)
        done += some
    return n, done


# Alerts


def record_alerts(store: Store, chain: Chain, alerts: Iterable[Alert]) -> int:  # noqa: ARG001 - as its siblings
    """Record every transition in the history of `alerts` that is not recorded yet; how many.

    The key is the alert's id and the transition's number, so histories may be given whole, and again.
    """
    entries = [transition_entry(alert, transition) for alert in alerts for transition in alert.history]
    return sum(record is not None for record in chain.record_many(entries)) if entries else 0


def transition_entry(alert: Alert, transition: Transition) -> AuditEntry:
    """One transition of an alert as an entry."""
    details: dict[str, Any] = {"transition": transition.number, "title": alert.title, "metric": alert.metric}
    told = {
        "field": alert.field,
        "severity": transition.severity,
        "text": transition.text,
        "until": transition.until,
        "request": transition.request,
    }
    details |= {name: value for name, value in told.items() if value}
    if transition.kind == "opened":
        details["evidence"] = digest(alert.evidence)
    if transition.kind == "resolved":
        closing = {"cause": alert.cause, "lesson": alert.lesson, "false_alarm": alert.false_alarm}
        details |= {name: value for name, value in closing.items() if value not in ("", None)}
    said = f": {transition.text}" if transition.text else ""
    return AuditEntry(
        action=cast(AuditAction, f"alert.{transition.kind}"),
        object=alert.id,
        actor=transition.by,
        model=alert.model,
        environment=alert.environment,
        at=transition.at,
        summary=f"{transition.kind}: {alert.title}{said}",
        details=details,
        key=f"alert|{alert.id}|{transition.number}",
    )


# Heads


def head_line(store: Store, audit: AuditSettings, now: datetime) -> str:
    """The head of the trail in one line, for pages that are kept elsewhere; empty where there is none to be had."""
    try:
        head = signed_head(store, audit, now=now)
    except DriftlogError as error:
        log.warning("the page goes without the head of the audit trail: %s", error)
        return ""
    return head.text() if head is not None else ""


def anchor(
    store: Store, audit: AuditSettings, chain: Chain, *, now: Callable[[], datetime], actor: str = "worker"
) -> SignedHead | None:
    """Once each `audit.anchor_every`: sign the head, log it, record it; None when it is not due or nothing is new.

    What comes back is for `audit.anchor_to`: send its `text()` there. Of several workers one gets it.
    """
    at = now()
    last = last_record(store, {"term": {"action": "head.signed"}})
    if last is not None and moment(last["entry"]["details"]["at"]) + audit.anchor_every > at:
        return None
    head = signed_head(store, audit, now=at)
    if head is None or (last is not None and head.sequence == last["sequence"]):
        return None
    key = f"head|{last['sequence'] if last else 0}"
    if chain.record(head_entry(head, actor=actor, key=key)) is None:
        return None
    log.info("audit: %s", head.text())
    return head
