"""What happened beside the numbers, read from the audit trail, for charts, reports and reviews."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from driftlog.audit.find import find_records
from driftlog.contract.audit import AuditEntry, AuditRecord
from driftlog.present.charts.markers import Marker
from driftlog.store.client import Store

VERSIONS: Final = ("version.promoted", "version.rolled_back")
CHANGES: Final = ("settings.changed", "thresholds.changed", "reference.set", "experiment.stopped")
DRAWN: Final = ("note", *VERSIONS, *CHANGES)
MOST: Final = 5_000
_SAID: Final = {
    "version.promoted": "promoted",
    "version.rolled_back": "rolled back",
    "version.registered": "registered",
    "settings.changed": "settings changed",
    "thresholds.changed": "thresholds changed",
    "reference.set": "reference set",
    "experiment.stopped": "experiment stopped",
    "model.registered": "model registered",
    "note": "note",
}


def concerns(entry: AuditEntry, model: str, environment: str = "") -> bool:
    """Whether an entry is about the model, or about all of them."""
    return entry.model in ("", model) and (not environment or entry.environment in ("", environment))


def when(record: AuditRecord) -> datetime:
    """When it happened, or else was recorded."""
    return record.entry.at or record.recorded


def told(entry: AuditEntry) -> str:
    """An entry in one sentence."""
    text = entry.summary or f"{_SAID.get(entry.action, entry.action)}: {entry.object}"
    kind = entry.details.get("kind") if entry.action == "note" else None
    return f"{text} ({kind})" if kind and kind != "general" else text


def kind_of(entry: AuditEntry) -> str:
    """``note``, ``version`` or ``change``."""
    return "note" if entry.action == "note" else "version" if entry.action in VERSIONS else "change"


def markers(
    store: Store, model: str, environment: str, *, since: datetime | None = None, until: datetime | None = None
) -> list[Marker]:
    """Notes, promotions, rollbacks and changes of a model in [since, until), numbered from 1 in order of time."""
    found = [
        record
        for record in find_records(store, actions=DRAWN, since=since, until=until, limit=MOST)
        if concerns(record.entry, model, environment)
    ]
    return [
        Marker(number, when(record), kind_of(record.entry), told(record.entry), record.entry.actor)
        for number, record in enumerate(sorted(found, key=lambda each: (when(each), each.sequence)), 1)
    ]
