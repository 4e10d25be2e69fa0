"""Promotions and rollbacks that a person asks for: announced, carried out, recorded, in an order crashes respect.

One document of the state index is the journal of a model's manual moves. It is written before the deploy hook is
called, with the audit entry that the move will get; after the entry is in the chain it says ``done``. Whoever comes
next and finds it open records the entry where the move came about, and forgets it where it did not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from driftlog.act.versions.moves import Move, promote, rollback
from driftlog.contract.audit import AuditEntry, Recorder
from driftlog.contract.errors import StoreConflict, UsageError
from driftlog.contract.maintenance import Deployer, ModelVersion, Registry
from driftlog.contract.settings import ModelSettings
from driftlog.store.client import Store
from driftlog.store.decisions import read_state
from driftlog.store.documents import document_id
from driftlog.store.values import Hit

_MOVING: Final = ("promoting", "step", "returning")
"""Stages in which the loop itself is about to change the champion."""


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """The last manual move of a model."""

    status: str
    target: str
    before: str
    entry: AuditEntry


def promote_by_hand(
    store: Store,
    settings: ModelSettings,
    registry: Registry,
    deployer: Deployer,
    recorder: Recorder,
    version: ModelVersion,
    *,
    at: datetime,
    actor: str,
    why: str,
    force: bool = False,
) -> Move:
    """Make `version` the champion.

    Raises
    ------
    UsageError
        It was refused, somebody else is moving now, or the loop is (and `force` is not set).
    ActionFailed
        The deploy hook failed: nothing has changed.
    """
    now = registry.champion(settings.name)
    replaced = now.version if now else "none"
    entry = _entry("version.promoted", settings, version.version, at, actor, why, before=replaced)

    def act() -> Move:
        return promote(registry, deployer, version, at=at, note=f"promoted by {actor}: {why}"[:500])

    return _carry_out(store, settings, registry, recorder, version.version, entry, act, at, force=force)


def rollback_by_hand(
    store: Store,
    settings: ModelSettings,
    registry: Registry,
    deployer: Deployer,
    recorder: Recorder,
    to: str,
    *,
    at: datetime,
    actor: str,
    why: str,
    force: bool = False,
) -> Move:
    """Bring version `to` back.

    Raises
    ------
    UsageError
        There is no such version or no champion, somebody else is moving now, or the loop is.
    ActionFailed
        The deploy hook failed: nothing has changed.
    """
    now = registry.champion(settings.name)
    left = now.version if now else "none"
    entry = _entry("version.rolled_back", settings, left, at, actor, why, to=to)

    def act() -> Move:
        note = f"rolled back by {actor}: {why}"[:500]
        return rollback(registry, deployer, settings.name, at=at, to=to, note=note)

    return _carry_out(store, settings, registry, recorder, to, entry, act, at, force=force)


def _carry_out(
    store: Store,
    settings: ModelSettings,
    registry: Registry,
    recorder: Recorder,
    target: str,
    entry: AuditEntry,
    act: Callable[[], Move],
    at: datetime,
    *,
    force: bool,
) -> Move:
    stage = read_state(store, settings.name, settings.environment).stage
    if stage in _MOVING and settings.maintain.mode == "act" and not force:
        raise UsageError(
            f"the maintenance loop is changing the version of {settings.name} itself now ({stage})",
            remedy=f"see `driftlog maintain explain {settings.name}`, and wait, or give --force",
        )
    hit = _settle(store, settings, registry, recorder, at)
    champion = registry.champion(settings.name)
    if champion is not None and champion.version == target:
        return act()
    before = champion.version if champion else ""
    hit = _write(store, settings, Journal(status="begun", target=target, before=before, entry=entry), hit, at)
    move = act()
    recorder.record(msgspec.structs.replace(entry, details=entry.details | {"hook": move.answer}))
    _write(store, settings, Journal(status="done", target=target, before=before, entry=entry), hit, at)
    return move


def _settle(store: Store, settings: ModelSettings, registry: Registry, recorder: Recorder, at: datetime) -> Hit | None:
    """Finish the record of an earlier move; the journal as it stands then.

    The move came about where its target is champion since the very time of the move: somebody else may have promoted
    the same version after a hook that failed.
    """
    hit = store.get(store.names.state, _id(settings))
    if hit is None:
        return None
    journal = msgspec.convert(hit.source["value"], Journal)
    if journal.status == "done":
        return hit
    champion = registry.champion(settings.name)
    if champion is not None and (champion.version, champion.promoted) == (journal.target, journal.entry.at):
        recorder.record(journal.entry)
    return _write(store, settings, msgspec.structs.replace(journal, status="done"), hit, at)


def _write(store: Store, settings: ModelSettings, journal: Journal, before: Hit | None, at: datetime) -> Hit:
    """Replace the journal unless somebody else did."""
    document = {
        "kind": "manual_move",
        "name": journal.target,
        "holder": journal.entry.actor,
        "updated": at,
        "model": {"name": settings.name},
        "service": {"environment": settings.environment},
        "value": msgspec.to_builtins(journal),
    }
    try:
        if before is None:
            if not store.create(store.names.state, _id(settings), document):
                raise StoreConflict("another journal was begun")
            found = store.get(store.names.state, _id(settings))
            assert found is not None  # noqa: S101 - it was created above
            return found
        return store.put(
            store.names.state, _id(settings), document, if_seq_no=before.seq_no, if_primary_term=before.primary_term
        )
    except StoreConflict as error:
        raise UsageError(
            f"somebody else is promoting or rolling back {settings.name} now",
            remedy=f"look at `driftlog versions list {settings.name}`, then ask again",
        ) from error


def _id(settings: ModelSettings) -> str:
    return document_id(f"manual_move|{settings.name}|{settings.environment}")


def _entry(
    action: str, settings: ModelSettings, version: str, at: datetime, actor: str, why: str, **details: str
) -> AuditEntry:
    """Recorded once: its key is made of all of it."""
    parts = (action, settings.name, settings.environment, version, at.isoformat(), actor, *details.values())
    return AuditEntry(
        action="version.promoted" if action == "version.promoted" else "version.rolled_back",
        object=version,
        actor=actor,
        model=settings.name,
        environment=settings.environment,
        at=at,
        summary=why,
        details=dict(details),
        key=hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest(),
    )
