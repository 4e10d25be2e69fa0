"""The janitor: drops whole periods whose time has come, and says so in the audit chain before and after.

The intent is recorded first. If the process dies between the two records, the next run finds the index there (and drops
it under the same record) or gone (and confirms it).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftlog.audit.erase import Stage, period_entry
from driftlog.contract.audit import AuditEntry, Recorder
from driftlog.contract.window import Window
from driftlog.store.client import Store
from driftlog.store.ownership import kind_of
from driftlog.store.retention import expired, model_of, period_of, uuid_of
from driftlog.store.values import IndexInfo

log = logging.getLogger("driftlog.worker")


@dataclass(frozen=True, slots=True)
class Dropped:
    """One period that was dropped."""

    index: str
    kind: str
    model: str
    period: Window
    documents: int
    size_bytes: int


def drop_periods(
    store: Store,
    recorder: Recorder,
    keep: Mapping[str, timedelta],
    *,
    now: Callable[[], datetime],
    actor: str,
    unfinished: Callable[[], list[AuditEntry]] = list,
) -> list[Dropped]:
    """Drop every period that has expired; each is recorded as ``period.dropped``, first as intended, then as done.

    Parameters
    ----------
    unfinished
        Intents that the chain holds without their confirmation: a run that was cut off.
    """
    for entry in unfinished():
        _confirm(store, recorder, entry, now(), actor)
    dropped = []
    for info in expired(store, keep, now()):
        each = _drop(store, recorder, info, now, actor)
        if each is not None:
            dropped.append(each)
    return dropped


def _drop(store: Store, recorder: Recorder, info: IndexInfo, now: Callable[[], datetime], actor: str) -> Dropped | None:
    period = period_of(info.name)
    uuid = uuid_of(store, info.name)
    if period is None or not uuid:
        return None
    prefix = store.names.prefix
    kind, model = kind_of(info.name, prefix), model_of(info.name, prefix)

    def entry(stage: Stage) -> AuditEntry:
        return period_entry(
            index=info.name,
            uuid=uuid,
            kind=kind,
            model=model,
            period=period,
            documents=info.docs,
            size_bytes=info.size_bytes,
            stage=stage,
            actor=actor,
            at=now(),
        )

    recorder.record(entry("intended"))
    if store.drop_index(info.name):
        log.info("retention: dropped %s (%s documents, %s bytes)", info.name, info.docs, info.size_bytes)
    recorder.record(entry("done"))
    return Dropped(info.name, kind, model, period, info.docs, info.size_bytes)


def _confirm(store: Store, recorder: Recorder, intent: AuditEntry, now: datetime, actor: str) -> None:
    """Of an index that was to be dropped and is gone (or was made anew since) say that it was dropped."""
    details = intent.details
    if uuid_of(store, details["index"]) == details["uuid"]:
        return  # it is still there: this run drops it if it is still expired
    recorder.record(
        period_entry(
            index=details["index"],
            uuid=details["uuid"],
            kind=details["kind"],
            model=intent.model,
            period=Window(datetime.fromisoformat(details["start"]), datetime.fromisoformat(details["end"])),
            documents=details["documents"],
            size_bytes=details["size_bytes"],
            stage="done",
            actor=actor,
            at=now,
        )
    )
