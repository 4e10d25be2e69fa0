"""The audit trail: what happened, who did it, and the hash that ties each record to the one before."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, Protocol, get_args

import msgspec

AuditAction = Literal[
    "settings.changed",
    "thresholds.changed",
    "reference.set",
    "model.registered",
    "alert.opened",
    "alert.worsened",
    "alert.escalated",
    "alert.acknowledged",
    "alert.assigned",
    "alert.commented",
    "alert.silenced",
    "alert.unsilenced",
    "alert.snoozed",
    "alert.unsnoozed",
    "alert.muted",
    "alert.unmuted",
    "alert.resolved",
    "alert.reopened",
    "notification.sent",
    "notification.failed",
    "maintenance.decided",
    "maintenance.approved",
    "retrain.requested",
    "retrain.started",
    "retrain.finished",
    "candidate.evaluated",
    "version.registered",
    "version.promoted",
    "version.rolled_back",
    "experiment.stopped",
    "predictions.read",
    "subject.erased",
    "period.dropped",
    "bucket.sealed",
    "head.signed",
    "checkpoint",
    "note",
    "review",
]
AUDIT_ACTIONS: Final[tuple[str, ...]] = get_args(AuditAction)
NoteKind = Literal["architecture", "data-source", "external-event", "procedure", "general"]
NOTE_KINDS: Final[tuple[str, ...]] = get_args(NoteKind)


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a room asks to be recorded.

    Attributes
    ----------
    object
        What it was done to: an alert id, a version, a reference id, an index.
    actor
        Who: a person as the command line knows them, ``worker <id>``, ``intake``.
    at
        When it happened; None: when it is recorded.
    before, after
        SHA-256 digests (hex) of the object's content, where it changed.
    summary
        One sentence for people.
    details
        JSON values; no secrets, no raw predictions.
    key
        Recorded once: a second entry with the same key changes nothing. Empty: recorded each time.
    """

    action: AuditAction
    object: str
    actor: str
    model: str = ""
    environment: str = ""
    at: datetime | None = None
    before: str = ""
    after: str = ""
    summary: str = ""
    details: dict[str, Any] = {}
    key: str = ""


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in the chain.

    `hash` is SHA-256 over the canonical JSON of everything else, `previous_hash` (64 zeros in the first) included.
    """

    sequence: int
    recorded: datetime
    software: str
    entry: AuditEntry
    previous_hash: str
    hash: str


class Recorder(Protocol):
    """Where entries go: the chain, in production."""

    def record(self, entry: AuditEntry) -> AuditRecord | None:
        """The record; None where one with the same key was there already."""
