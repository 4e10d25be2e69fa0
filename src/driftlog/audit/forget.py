"""What an erasure does to seals: the leaves of the erased events are named in the chain, then their nonces go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from driftlog.audit.canonical import digest
from driftlog.audit.seals import ERASED_LEAVES, drop_nonces, find_leaves
from driftlog.contract.audit import AuditEntry, Recorder
from driftlog.contract.erasure import ErasedEvent
from driftlog.store.client import Store

LEAVES_OF_A_RECORD = 10_000


@dataclass(frozen=True, slots=True)
class SealKeeper:
    """The seals' part in an erasure (`driftlog.contract.erasure.Seals`).

    Attributes
    ----------
    actor
        Who erases.
    """

    store: Store
    recorder: Recorder
    actor: str

    def leaves(self, events: Sequence[ErasedEvent]) -> Mapping[str, Any]:
        """``{"hashes": [...]}`` of the leaves that these events have now; empty where none is sealed."""
        hashes = [hash for _, found in self._find(events) for hash in found][:LEAVES_OF_A_RECORD]
        return {"hashes": hashes} if hashes else {}

    def forget(self, events: Sequence[ErasedEvent]) -> int:
        """Name all leaves of these events in the chain, then remove their ids and nonces; how many. Repeatable."""
        for model, hashes in self._find(events):
            for start in range(0, len(hashes), LEAVES_OF_A_RECORD):
                self._record(model, hashes[start : start + LEAVES_OF_A_RECORD])
        return sum(drop_nonces(self.store, model, times) for model, times in _by_model(events))

    def _find(self, events: Sequence[ErasedEvent]) -> list[tuple[str, list[str]]]:
        found = []
        for model, times in _by_model(events):
            leaves = find_leaves(self.store, model, times)
            found.append((model, sorted(hash for hashes in leaves.values() for hash in hashes)))
        return found

    def _record(self, model: str, hashes: Sequence[str]) -> None:
        named = digest(list(hashes))
        self.recorder.record(
            AuditEntry(
                action="subject.erased",
                object=f"leaves {named[:16]}",
                actor=self.actor,
                model=model,
                summary=f"{len(hashes):,} sealed predictions are erased; their leaves stay",
                details={"stage": "leaves", ERASED_LEAVES: {"hashes": list(hashes)}},
                key=f"subject.erased|leaves|{named}",
            )
        )


def _by_model(events: Iterable[ErasedEvent]) -> list[tuple[str, dict[str, datetime]]]:
    models: dict[str, dict[str, datetime]] = {}
    for event in events:
        models.setdefault(event.model, {})[event.id] = event.at
    return sorted(models.items())


def erased_hashes(details: Mapping[str, Any]) -> list[str]:
    """Leaves that a ``subject.erased`` record names."""
    leaves = details.get(ERASED_LEAVES)
    hashes = leaves.get("hashes", ()) if isinstance(leaves, Mapping) else leaves or ()
    return [str(hash) for hash in hashes]
