"""Notes: what people did that no program can see, with a kind and a time, for charts and reviews."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from driftlog.audit.find import find_records
from driftlog.contract.audit import AuditEntry, AuditRecord, NoteKind
from driftlog.store.client import Store


def note_entry(
    text: str,
    *,
    kind: NoteKind = "general",
    actor: str,
    model: str = "",
    environment: str = "",
    at: datetime | None = None,
    details: dict[str, Any] | None = None,
) -> AuditEntry:
    """A note as an entry; without a model it is about all of them.

    >>> note_entry("changed the scaler", kind="procedure", actor="ann", model="churn").summary
    'changed the scaler'
    """
    return AuditEntry(
        action="note",
        object=model or "everything",
        actor=actor,
        model=model,
        environment=environment,
        at=at,
        summary=text,
        details={"kind": kind} | (details or {}),
    )


def notes(
    store: Store, model: str = "", since: datetime | None = None, until: datetime | None = None
) -> list[AuditRecord]:
    """Notes of things that happened in [since, until): of `model` and of no model, or all; in order of that time."""
    found = find_records(store, actions=["note"], since=since, until=until, limit=5000)
    mine = [record for record in found if not model or record.entry.model in ("", model)]
    return sorted(mine, key=lambda record: record.entry.at or record.recorded)
