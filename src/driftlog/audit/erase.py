"""What the chain says of erasures and of dropped periods: an intent before anything goes, a confirmation after.

Both carry a key, so that an interrupted run that is done again records nothing twice. Where a period or a prediction is
gone and the chain holds the intent, it was taken away by driftlog on purpose; where it does not, it was removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from driftlog.audit.records import record_of
from driftlog.contract.audit import AuditEntry
from driftlog.contract.erasure import ErasureJob
from driftlog.contract.window import Window
from driftlog.store.client import Store

Stage = Literal["intended", "done"]


def subject_entry(
    job: ErasureJob, stage: Stage, *, actor: str, at: datetime, leaves: Mapping[str, Any] | None = None
) -> AuditEntry:
    """The proof that a subject was erased: its salted hash, how many documents of each index, digests; no id.

    ``details``: ``{"stage", "subject_hash", "round", "found": {index: n}, "digest": of this round's predictions,
    "leaves": what the seals call them}``.
    """
    details: dict[str, Any] = {
        "stage": stage,
        "subject_hash": job.hash,
        "round": job.round,
        "found": dict(sorted(job.found.items())),
        "digest": job.digest,
        "requested_by": job.by,
    }
    if leaves:
        details["leaves"] = dict(leaves)
    n = sum(job.found.values())
    scope = f" in {job.model}" if job.model else ""
    said = "is being erased" if stage == "intended" else "was erased"
    return AuditEntry(
        action="subject.erased",
        object=f"subject {job.hash}",
        actor=actor,
        model=job.model,
        at=at,
        summary=f"a subject {said}{scope}: {n:,} documents in {len(job.found)} places",
        details=details,
        key=f"subject.erased|{job.id}|{job.round}|{stage}",
    )


def period_entry(
    *,
    index: str,
    uuid: str,
    kind: str,
    model: str,
    period: Window,
    documents: int,
    size_bytes: int,
    stage: Stage,
    actor: str,
    at: datetime,
) -> AuditEntry:
    """A whole period goes, or is gone. `uuid` is the index's own: one that is made anew is dropped anew.

    ``details``: ``{"stage", "index", "uuid", "kind", "start", "end", "documents", "size_bytes"}``.
    """
    said = "is being dropped" if stage == "intended" else "was dropped"
    return AuditEntry(
        action="period.dropped",
        object=index,
        actor=actor,
        model=model,
        at=at,
        summary=f"{index} {said} by retention: {documents:,} documents, {size_bytes:,} bytes",
        details={
            "stage": stage,
            "index": index,
            "uuid": uuid,
            "kind": kind,
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "documents": documents,
            "size_bytes": size_bytes,
        },
        key=f"period.dropped|{index}|{uuid}|{stage}",
    )


def unfinished_drops(store: Store) -> list[AuditEntry]:
    """Intents to drop a period that the chain holds without their confirmation, in order."""
    query = {"bool": {"filter": [{"term": {"action": "period.dropped"}}]}}
    store.refresh(store.names.audit)
    hits = store.scan(store.names.audit, query, sort=["sequence"], source=["record"])
    entries = [record_of(hit["_source"]["record"]).entry for hit in hits]
    done = {_drop(entry) for entry in entries if entry.details["stage"] == "done"}
    return [entry for entry in entries if entry.details["stage"] == "intended" and _drop(entry) not in done]


def _drop(entry: AuditEntry) -> tuple[str, str]:
    return entry.details["index"], entry.details["uuid"]
