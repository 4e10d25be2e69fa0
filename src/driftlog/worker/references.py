"""A new reference takes the place of the present one: stored, told to the audit trail, its indices made ready."""

from __future__ import annotations

from datetime import datetime

from driftlog.contract.audit import AuditEntry, Recorder
from driftlog.contract.binning import Binning
from driftlog.contract.profile import Reference
from driftlog.contract.settings import ModelSettings
from driftlog.profile.reference import save
from driftlog.profile.reference_store import active_ids
from driftlog.store.client import Store
from driftlog.worker.cycle import prepare_indices


def set_reference(
    store: Store,
    settings: ModelSettings,
    binning: Binning,
    made: Reference,
    recorder: Recorder,
    *,
    actor: str,
    created: datetime,
    activate: bool = True,
) -> None:
    """Store `made`; with `activate`, what follows is compared with it."""
    before = active_ids(store, settings.name, settings.environment)
    save(store, binning, made, activate=activate)
    if activate:
        prepare_indices(store, settings, binning, created)
        recorder.record(_entry(made, actor, before[1] if before else ""))


def _entry(made: Reference, actor: str, before: str) -> AuditEntry:
    """That `made` is the reference now, in place of the one with the id `before`."""
    return AuditEntry(
        action="reference.set",
        object=made.id,
        actor=actor,
        model=made.model,
        environment=made.environment,
        before=before,
        after=made.id,
        summary=f"reference {made.id}: {made.n:,} rows of {made.origin}",
        details={"origin": made.origin, "n": made.n, "binning": made.binning_id},
    )
