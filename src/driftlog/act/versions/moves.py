"""Promotion and rollback, in the order that a crash cannot spoil.

1. The deploy hook, with a key that names this move for ever: a repetition is recognised by the receiver.
2. The registry: the new champion's record with `previous`, then the alias ``champion``, then the old one's record.

A crash before the alias is replaced leaves the registry as it was: repeating the move calls the hook with the same
key again and goes on. So what the registry calls champion was deployed for certain, and a service that starts
meanwhile loads the old champion, which was live until then. A hook that fails changes nothing in the registry.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from driftlog.contract.errors import UsageError
from driftlog.contract.maintenance import Deployer, ModelVersion, Registry


@dataclass(frozen=True, slots=True)
class Move:
    """A promotion or rollback that was carried out.

    Attributes
    ----------
    version
        The champion now.
    replaced
        The one before, retired; None where there was none.
    answer
        What the deploy hook answered.
    key
        Names the move for ever; for the audit trail.
    changed
        False where `version` was the champion already: the hook was not called.
    """

    version: ModelVersion
    replaced: ModelVersion | None
    answer: dict[str, Any]
    key: str
    changed: bool = True


def promote(registry: Registry, deployer: Deployer, version: ModelVersion, *, at: datetime, note: str = "") -> Move:
    """Make `version` the champion; the champion before is retired and kept as its `previous`.

    Raises
    ------
    UsageError
        `version` was refused.
    ActionFailed
        The deploy hook failed: nothing has changed in the registry.
    """
    if version.status == "refused":
        raise UsageError(
            f"version {version.version} of {version.model} was refused: {version.note}",
            remedy="train another candidate; a refused one stays refused",
        )
    now = registry.champion(version.model)
    if now is not None and now.version == version.version:
        _retire_others(registry, now, at)
        return Move(now, None, {}, "", changed=False)
    planned = msgspec.structs.replace(
        version,
        status="champion",
        promoted=at,
        retired=None,
        previous=now.version if now else "",
        note=note or version.note,
    )
    return _carry_out(registry, deployer, planned, now, at, note="")


def rollback(registry: Registry, deployer: Deployer, model: str, *, at: datetime, to: str = "", note: str = "") -> Move:
    """Bring back the version that the champion replaced, or version `to`; the champion is retired with `note`.

    The version brought back keeps its own `previous`, so that a second rollback goes further back, not forward.

    Raises
    ------
    UsageError
        There is no champion, nothing before it, or no version `to`.
    ActionFailed
        The deploy hook failed: nothing has changed in the registry.
    """
    now = registry.champion(model)
    if now is None:
        raise UsageError(f"{model} has no champion", remedy=f"driftlog versions promote {model} VERSION makes one")
    name = to or now.previous
    if not name:
        raise UsageError(f"version {now.version} of {model} replaced no other", remedy="name the version to go back to")
    if name == now.version:
        _retire_others(registry, now, at)
        return Move(now, None, {}, "", changed=False)
    target = _find(registry, model, name)
    if target is None:
        raise UsageError(f"{model} has no version {name}", remedy=f"driftlog versions list {model} shows those it has")
    planned = msgspec.structs.replace(target, status="champion", promoted=at, retired=None)
    return _carry_out(registry, deployer, planned, now, at, note=note)


def _carry_out(
    registry: Registry, deployer: Deployer, planned: ModelVersion, now: ModelVersion | None, at: datetime, *, note: str
) -> Move:
    key = move_key(now.version if now else "", planned, since=now.promoted if now else None)
    answer = deployer.deploy(planned, step="full", share=1.0, key=key)
    registry.update(planned)
    replaced = None
    if now is not None:
        replaced = msgspec.structs.replace(now, status="retired", retired=at, note=note or now.note)
        registry.update(replaced)
    return Move(planned, replaced, answer, key)


def _retire_others(registry: Registry, champion: ModelVersion, at: datetime) -> None:
    """Finish what a crash left: versions that are champion no more by the alias alone."""
    for each in registry.list(champion.model):
        if each.status == "retired" and each.retired is None:
            registry.update(msgspec.structs.replace(each, retired=at))


def _find(registry: Registry, model: str, version: str) -> ModelVersion | None:
    return registry.get(model, version) if version else None


def move_key(before: str, after: ModelVersion, *, since: datetime | None = None) -> str:
    """Names the move from version `before`, champion since `since`, to `after`: the same at each repetition.

    >>> from datetime import UTC
    >>> version = ModelVersion(model="churn", version="v2", status="champion", created=datetime(2026, 3, 3, tzinfo=UTC))
    >>> move_key("v1", version) == move_key("v1", version), len(move_key("v1", version))
    (True, 32)
    """
    parts = (after.model, before, after.version, since.isoformat() if since else "")
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
