"""Seals: each closed bucket once, late events in a further seal, whatever dies in between."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.audit.memory import MemoryStore, nothing
from tests.unit.audit.world import HOUR, START, Clock, event, hour_of_events, put_event, sealed

from driftlog.audit.forget import SealKeeper
from driftlog.audit.merkle import Tree, inclusion_proof, root_by_proof
from driftlog.audit.seals import Leaf, find_leaves, unpack
from driftlog.audit.verify import verify
from driftlog.contract.erasure import ErasedEvent

SEALS = "driftlog-seals.2026-03"
EVENTS = "driftlog-predictions.churn.2026-03"


class Died(BaseException):
    """The process is gone."""


def world(*sizes: int) -> tuple[MemoryStore, Clock]:
    store, clock = MemoryStore(), Clock()
    store.always_fresh = True
    for i, n in enumerate(sizes):
        hour_of_events(store, START + i * HOUR, n, random.Random(i))
    clock.at = START + len(sizes) * HOUR + HOUR
    return store, clock


def records(store: MemoryStore) -> list[dict[str, Any]]:
    stored = store.written.get(store.names.audit, {})
    return [json.loads(stored[id][1]["record"])["entry"] for id in sorted(stored, key=int)]


def leaves(store: MemoryStore) -> list[Leaf]:
    return [leaf for _, part in store.written.get(SEALS, {}).values() for leaf in unpack(part["leaves"])]


def problems(store: MemoryStore, clock: Clock) -> list[str]:
    found = verify(store, now=clock(), deep=True)  # type: ignore[arg-type]
    return [f"{problem.kind} {problem.where}" for problem in found.problems]


def test_every_closed_bucket_is_sealed_once() -> None:
    """Three hours, three seals; a second look finds nothing to do."""
    store, clock = world(5, 0, 7, 3)
    assert sealed(store, clock) == 15
    assert [entry["details"]["n"] for entry in records(store)] == [5, 7, 3]
    assert sealed(store, clock) == 0
    assert sorted(leaf.id for leaf in leaves(store)) == sorted(store.written[EVENTS])
    assert problems(store, clock) == []


def test_a_bucket_is_open_until_seal_after_its_end() -> None:
    """One hour after the end of the hour, not a second earlier."""
    store, clock = world(5, 5)
    clock.at = START + 2 * HOUR - timedelta(seconds=1)
    assert sealed(store, clock) == 0
    clock.at += timedelta(seconds=1)
    assert sealed(store, clock) == 5


def test_late_events_get_a_seal_of_their_own() -> None:
    """The first seal stays as it is; the second holds the late ones alone."""
    store, clock = world(5, 5)
    sealed(store, clock)
    clock.at += HOUR
    for i in range(2):
        put_event(store, event(f"late{i}", START + timedelta(minutes=i), ingested=clock.at - timedelta(minutes=5)))
    assert sealed(store, clock) == 2
    last = records(store)[-1]
    assert (last["details"]["number"], last["details"]["n"]) == (2, 2)
    assert "later" in last["summary"]
    assert sealed(store, clock) == 0
    assert problems(store, clock) == []


def test_events_older_than_everything_sealed_are_late_too() -> None:
    """A bucket before the first sealed one."""
    store, clock = world(5)
    sealed(store, clock)
    put_event(store, event("old", START - 30 * HOUR, ingested=clock.at))
    clock.at += timedelta(minutes=5)
    assert sealed(store, clock) == 1
    assert problems(store, clock) == []


def test_parts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four events a part: eleven events are three parts under one root."""
    monkeypatch.setattr("driftlog.audit.sealing.PART_LEAVES", 4)
    store, clock = world(11)
    sealed(store, clock)
    assert sorted(part["n"] for _, part in store.written[SEALS].values()) == [3, 4, 4]
    assert problems(store, clock) == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(50))
def test_a_sealing_that_dies_anywhere_is_healed_by_the_next(step: int, when: str) -> None:
    """Every event is in exactly one recorded seal afterwards, no part is left over, and verify is green."""
    store, clock = world(3, 2)
    steps = iter(range(1000))

    def dies(verb: str) -> None:
        if next(steps) == step:
            raise Died

    setattr(store, when, dies)
    with suppress(Died):
        sealed(store, clock)
    setattr(store, when, nothing)
    sealed(store, clock)
    assert sorted(leaf.id for leaf in leaves(store)) == sorted(store.written[EVENTS])
    assert problems(store, clock) == []


@pytest.mark.parametrize("step", range(50))
def test_two_workers_at_once_seal_every_event_once(step: int) -> None:
    """A second worker seals everything in the middle of the first one's work: one of the two gives its parts up."""
    store, clock = world(3, 2)
    mine = MemoryStore(shared=store)
    steps = iter(range(1000))

    def other(verb: str) -> None:
        if next(steps) == step:
            sealed(store, clock)

    mine.before = other
    sealed(mine, clock)
    sealed(store, clock)
    assert sorted(leaf.id for leaf in leaves(store)) == sorted(store.written[EVENTS])
    assert problems(store, clock) == []


def test_an_erased_event_leaves_its_hash_alone() -> None:
    """Id and nonce are gone, the root still holds, and the chain names the leaf."""
    store, clock = world(5)
    sealed(store, clock)
    (hashes,) = find_leaves(store, "churn", {"e00-2": START}).values()  # type: ignore[arg-type]
    at = START + timedelta(minutes=1)
    erased = ErasedEvent(EVENTS, "e00-2", at, "churn", "production")
    from driftlog.audit.chain import Chain

    keeper = SealKeeper(store, Chain(store, now=clock), "janitor")  # type: ignore[arg-type]
    assert keeper.leaves([erased]) == {"hashes": hashes}
    assert keeper.forget([erased]) == 1
    assert keeper.forget([erased]) == 0
    del store.written[EVENTS]["e00-2"]
    (left,) = [leaf for leaf in leaves(store) if leaf.erased]
    assert (left.id, left.nonce, left.hash.hex()) == ("", b"", hashes[0])
    assert problems(store, clock) == []
    put_event(store, event("e00-2", at))
    assert problems(store, clock) == ["inserted prediction e00-2 of churn"]


def test_an_erasure_that_nobody_recorded_is_a_removal() -> None:
    """Whoever deletes an event and its nonce without a record is found."""
    from driftlog.audit.seals import drop_nonces

    store, clock = world(5)
    sealed(store, clock)
    drop_nonces(store, "churn", {"e00-2": START})  # type: ignore[arg-type]
    del store.written[EVENTS]["e00-2"]
    (found,) = verify(store, now=clock(), deep=True).problems  # type: ignore[arg-type]
    assert found.kind == "removed" and "no record says that it was erased" in found.what


def test_proofs_of_inclusion_hold_for_every_leaf_of_every_tree() -> None:
    """Trees of 1 to 70 leaves; another leaf, index or size fails."""
    for n in range(1, 71):
        hashes = [bytes([i]) * 32 for i in range(n)]
        tree = Tree()
        for each in hashes:
            tree.add(each)
        for i in range(n):
            proof = inclusion_proof(hashes, i)
            assert root_by_proof(hashes[i], i, n, proof) == tree.root()
            assert root_by_proof(b"x" * 32, i, n, proof) != tree.root()
            assert root_by_proof(hashes[i], i, n, [*proof, b"y" * 32]) is None
            if n > 1:
                assert root_by_proof(hashes[i], (i + 1) % n, n, proof) != tree.root()


def test_trees_are_those_of_rfc_6962() -> None:
    """The recursive definition of the standard gives the same roots."""
    import hashlib

    def defined(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return leaves[0]
        k = 1 << ((len(leaves) - 1).bit_length() - 1)
        return hashlib.sha256(b"\x01" + defined(leaves[:k]) + defined(leaves[k:])).digest()

    for n in range(1, 130):
        hashes = [bytes([i % 256]) * 32 for i in range(n)]
        tree = Tree()
        for each in hashes:
            tree.add(each)
        assert tree.root() == defined(hashes)
