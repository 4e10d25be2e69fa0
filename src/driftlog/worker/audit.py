"""What the worker writes into the audit trail: seals of closed buckets, what happened to alerts, changed settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from driftlog.audit.chain import Chain
from driftlog.audit.sealing import Sealer
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.store.client import Store
from driftlog.store.cursors import read_cursor, write_cursor

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
    if not audit.seal:
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
