"""A small installation with an audit trail: predictions of some hours, sealed, and records of other things."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.unit.audit.memory import MemoryStore

from driftlog.audit.chain import Chain
from driftlog.contract.audit import AuditEntry
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.settings import ModelSettings
from driftlog.store.values import Document
from driftlog.worker.audit import seal

START = datetime(2026, 3, 3, tzinfo=UTC)
MODEL = ModelSettings(name="churn")
HOUR = timedelta(hours=1)


class Clock:
    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def instant(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")


def event(id: str, at: datetime, *, ingested: datetime | None = None, **features: Any) -> Document:
    """A prediction as it is stored; it came in three seconds after it was made."""
    return {
        "@timestamp": instant(at),
        "event": {"id": id, "ingested": instant(ingested or at + timedelta(seconds=3)), "hash": "x"},
        "model": {"name": "churn", "version": "7"},
        "features": {"age": 41, "income": 1234.5, "big": 2**70, "a.b": "dotted", "nothing": None} | features,
        "prediction": {"score": 0.1 + 0.2, "label": "1"},
    }


def put_event(store: MemoryStore, document: Document) -> None:
    at = datetime.fromisoformat(document["@timestamp"])
    store.create(store.names.predictions("churn", at), document["event"]["id"], document)


def hour_of_events(store: MemoryStore, start: datetime, n: int, chance: random.Random) -> None:
    for i in range(n):
        at = start + HOUR * chance.random()
        put_event(store, event(f"e{start:%H}-{i}", at, age=i, income=chance.random()))


def sealed(store: MemoryStore, clock: Clock) -> int:
    """One look of the worker."""
    chain = Chain(store, now=clock, sleep=lambda s: None)  # type: ignore[arg-type]
    return seal(store, MODEL, AuditSettings(), chain, now=clock)  # type: ignore[arg-type]


def note(text: str) -> AuditEntry:
    return AuditEntry(action="note", object=text, actor="ann", model="churn", summary=text, details={"n": 1.5})
