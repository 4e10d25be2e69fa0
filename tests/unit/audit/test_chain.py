"""The chain: numbers without gaps, hashes that link, keys once, whoever writes and whenever they die."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.audit.memory import MemoryStore, nothing

from driftlog.audit.chain import Chain
from driftlog.audit.records import GENESIS, Head
from driftlog.contract.audit import AuditEntry
from driftlog.contract.errors import StoreUnavailable, UsageError

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


class Died(BaseException):
    """The process is gone: nothing after it runs."""


def note(text: str, key: str = "", **more: Any) -> AuditEntry:
    return AuditEntry(action="note", object=text, actor="ann", key=key, **more)


def chain(store: MemoryStore, **options: Any) -> Chain:
    return Chain(
        store,  # type: ignore[arg-type]
        **{"now": lambda: NOON, "sleep": lambda s: None, "chance": lambda: 0.5} | options,
    )


def documents(store: MemoryStore) -> list[dict[str, Any]]:
    stored = store.written.get(store.names.audit, {})
    return [stored[id][1] for id in sorted(stored, key=int)]


def objects(store: MemoryStore) -> list[str]:
    return [document["subject"] for document in documents(store)]


def assert_whole(store: MemoryStore) -> None:
    """Numbers from 1 without gaps, each hash over its text and the hash before, no key twice."""
    previous = GENESIS
    for number, document in enumerate(documents(store), start=1):
        text = document["record"]
        record = json.loads(text)
        assert document["sequence"] == record["sequence"] == number
        assert record["previous_hash"] == previous
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert document["hash"] == previous
    keys = Counter(document["key"] for document in documents(store) if "key" in document)
    assert not keys or max(keys.values()) == 1


def test_records_follow_each_other() -> None:
    """The first record starts from zeros; each further one carries the hash of the one before."""
    store = MemoryStore()
    first, second = chain(store).record(note("a")), chain(store).record(note("b"))
    assert first is not None and second is not None
    assert (first.sequence, first.previous_hash) == (1, GENESIS)
    assert (second.sequence, second.previous_hash) == (2, first.hash)
    assert second.recorded == NOON
    assert_whole(store)


def test_what_is_hashed_is_what_is_stored() -> None:
    """The text in the document is the text under the hash, and it reads back as the record."""
    store = MemoryStore()
    entry = note("Grüße", model="churn", environment="production", at=NOON, details={"limit": 0.1, "n": 10**20})
    record = chain(store).record(entry)
    assert record is not None and record.entry == entry
    (document,) = documents(store)
    assert hashlib.sha256(document["record"].encode()).hexdigest() == record.hash
    assert document["model"] == {"name": "churn"} and document["service"] == {"environment": "production"}


def test_nothing_in_details_stops_a_record() -> None:
    """NaN, half a surrogate pair, keys that are no text, foreign types: all become JSON."""
    store = MemoryStore()
    strange = {"nan": float("nan"), 3: {"x"}, "half": "\ud800", "path": object()}
    assert chain(store).record(note("a", details=strange)) is not None
    (document,) = documents(store)
    details = json.loads(document["record"])["entry"]["details"]
    assert details["nan"] is None and details["3"] == ["x"] and details["half"] == "?"


def test_an_entry_that_is_too_large_is_refused_alone() -> None:
    """It says so before anything is written."""
    store = MemoryStore()
    with pytest.raises(UsageError, match="4194304 are allowed"):
        chain(store).record(note("a", details={"blob": "x" * (5 << 20)}))
    assert documents(store) == []


def test_several_entries_are_one_commit() -> None:
    """Of a batch the first document carries all; the records are chained like any other."""
    store = MemoryStore()
    written = chain(store).record_many([note(f"e{i}") for i in range(5)])
    assert [record.sequence for record in written if record] == [1, 2, 3, 4, 5]
    assert len(documents(store)[0]["batch"]["records"]) == 4
    assert_whole(store)


def test_very_many_entries_are_several_commits() -> None:
    """2,500 entries: every one of them, in order."""
    store = MemoryStore()
    written = chain(store).record_many([note(f"e{i}") for i in range(2500)])
    assert [record.sequence for record in written if record] == list(range(1, 2501))
    assert_whole(store)
    assert chain(store).head().sequence == 2500


def test_a_key_is_recorded_once() -> None:
    """By the same chain, by another one, within a batch, before and after a refresh; other keys are not affected."""
    store = MemoryStore()
    one = chain(store)
    assert one.record(note("a", key="k")) is not None
    assert one.record(note("again", key="k")) is None
    assert chain(store).record(note("again", key="k")) is None
    store.refresh("*")
    assert chain(store).record(note("again", key="k")) is None
    results = chain(store).record_many([note("b", key="l"), note("again", key="l"), note("again", key="k"), note("c")])
    assert [record is not None for record in results] == [True, False, False, True]
    assert objects(store) == ["a", "b", "c"]


def test_very_long_keys_count_in_full() -> None:
    """Keys longer than an id may be differ by their last letter too."""
    store = MemoryStore()
    one = chain(store)
    assert one.record(note("a", key="x" * 5000 + "a")) is not None
    assert one.record(note("b", key="x" * 5000 + "b")) is not None
    assert chain(store).record(note("b", key="x" * 5000 + "b")) is None


def test_a_key_is_found_however_far_the_refresh_lags() -> None:
    """A thousand records after the last refresh."""
    store = MemoryStore()
    one = chain(store)
    one.record(note("a", key="k"))
    one.record_many([note(f"e{i}") for i in range(1000)])
    other = chain(store)
    other.head()
    store.visible.clear()
    assert other.record(note("again", key="k")) is None


def test_an_answer_that_was_lost_is_not_recorded_twice() -> None:
    """The write happened, the connection broke: the same number with the same text is tried again."""
    store = MemoryStore()
    lost = iter([True, True, False])

    def after(verb: str) -> None:
        if verb == "create" and next(lost, False):
            raise StoreUnavailable("connection broken")

    store.after = after
    record = chain(store).record(note("a"))
    assert record is not None and record.sequence == 1
    assert objects(store) == ["a"]


def test_a_store_that_stays_away_is_an_error_and_leaves_nothing() -> None:
    """After three attempts the caller learns of it; the next call works."""
    store = MemoryStore()

    def before(verb: str) -> None:
        if verb == "create":
            raise StoreUnavailable("no connection")

    one = chain(store)
    store.before = before
    with pytest.raises(StoreUnavailable):
        one.record(note("a"))
    store.before = nothing
    assert one.record(note("b")) is not None
    assert objects(store) == ["b"]


def test_a_batch_that_lost_the_store_in_the_middle_is_recorded() -> None:
    """The first document commits it: the rest is written with the next record."""
    store = MemoryStore()
    one = chain(store)

    def before(verb: str) -> None:
        if verb == "bulk":
            raise StoreUnavailable("no connection")

    store.before = before
    assert all(one.record_many([note("a"), note("b"), note("c")]))
    assert objects(store) == ["a"]
    store.before = nothing
    assert one.record(note("d")) is not None
    assert objects(store) == ["a", "b", "c", "d"]
    assert_whole(store)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(12))
def test_a_writer_that_dies_at_any_step_leaves_no_gap_and_no_double(step: int, when: str) -> None:
    """Killed before or after each request in turn; another writer goes on, and the entries are tried again."""
    store = MemoryStore()
    chain(store).record_many([note("x"), note("y")])
    verbs = iter(range(1000))

    def dies(verb: str) -> None:
        if next(verbs) == step:
            raise Died

    entries = [note(f"e{i}", key=f"k{i}") for i in range(3)]
    setattr(store, when, dies)
    with suppress(Died):
        chain(store).record_many(entries)
    setattr(store, when, nothing)
    chain(store).record(note("z"))
    assert_whole(store)
    chain(store).record_many(entries)
    assert_whole(store)
    assert Counter(objects(store)) == Counter(["x", "y", "e0", "e1", "e2", "z"])


def test_a_head_that_search_shows_inside_an_unfinished_batch_is_completed_first() -> None:
    """The index was refreshed in the middle of a batch whose writer then died."""
    store = MemoryStore()
    left = iter([True, True, False])

    def before(verb: str) -> None:
        if verb == "bulk" and not next(left):
            raise Died

    store.before = before
    with pytest.raises(Died):
        chain(store).record_many([note(f"e{i}") for i in range(6)])
    store.before = nothing
    assert len(documents(store)) == 3
    assert chain(store).head() == Head(6, documents(store)[5]["hash"])
    assert_whole(store)


def test_writers_in_many_threads_keep_one_chain() -> None:
    """Six chains in six threads, 40 records each: all there, in one chain, in each writer's own order."""
    store = MemoryStore()

    def write(name: str) -> None:
        own = Chain(MemoryStore(shared=store), now=lambda: NOON)  # type: ignore[arg-type]
        for i in range(40):
            assert own.record(note(f"{name}{i}")) is not None

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_whole(store)
    for name in "abcdef":
        assert [text for text in objects(store) if text.startswith(name)] == [f"{name}{i}" for i in range(40)]


def test_threads_that_share_a_chain_share_its_writes() -> None:
    """While one thread writes the others' entries gather: fewer writes than entries, and each gets its own record."""
    store = MemoryStore()
    shared = chain(store)
    gate, waiting = threading.Event(), threading.Barrier(9)

    def before(verb: str) -> None:
        if verb == "create":
            gate.wait()

    store.before = before
    got: dict[str, Any] = {}

    def write(name: str) -> None:
        waiting.wait()
        got[name] = shared.record(note(name))

    threads = [threading.Thread(target=write, args=(str(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    waiting.wait()
    gate.set()
    for thread in threads:
        thread.join()
    assert {name: record.entry.object for name, record in got.items()} == {str(i): str(i) for i in range(8)}
    assert_whole(store)


class Adversary:
    """Plays what the strategy says around every request of the writers: nothing, another writer's record, death."""

    def __init__(self, name: str, store: MemoryStore, moves: list[str], clock: Callable[[], datetime]) -> None:
        self.name, self.store, self.moves, self.clock = name, store, iter(moves), clock
        self.recorded: list[str] = []
        self.busy = False

    def __call__(self, verb: str) -> None:
        if self.busy:
            return
        move = next(self.moves, "go")
        if move == "die":
            raise Died
        if move == "fail":
            raise StoreUnavailable("no connection")
        if move == "refresh":
            with self.store.lock:
                self.store._refresh("*")
        if move in ("other", "others"):
            self.busy = True
            entries = [note(f"{self.name}{len(self.recorded)}.{i}") for i in range(1 if move == "other" else 3)]
            chain(MemoryStore(shared=self.store), now=self.clock).record_many(entries)
            self.recorded += [entry.object for entry in entries]
            self.busy = False


MOVES = st.lists(st.sampled_from(["go", "go", "go", "other", "others", "die", "fail", "refresh"]), max_size=60)
JUMPS = st.lists(st.integers(-(10**6), 10**6), max_size=10)


@settings(max_examples=150, deadline=None)
@given(moves=MOVES, after=MOVES, jumps=JUMPS, sizes=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_the_chain_holds_whatever_happens(
    moves: list[str], after: list[str], jumps: list[int], sizes: list[int]
) -> None:
    """Other writers, deaths, lost answers, a jumping clock: no gap, each key once, nothing acknowledged is lost."""
    store = MemoryStore()
    steps = iter(jumps)

    def clock() -> datetime:
        return NOON + timedelta(seconds=next(steps, 0))

    mine = MemoryStore(shared=store)
    before_each, after_each = Adversary("b", store, moves, clock), Adversary("a", store, after, clock)
    mine.before, mine.after = before_each, after_each
    writer = chain(mine, now=clock)
    acknowledged: list[str] = []
    keyed: list[AuditEntry] = []
    for n, size in enumerate(sizes):
        entries = [note(f"mine{n}.{i}", key=f"key{n}.{i}") for i in range(size)]
        keyed += entries
        try:
            writer.record_many(entries)
            acknowledged += [entry.object for entry in entries]
        except StoreUnavailable:
            pass
        except Died:
            writer = chain(mine, now=clock)
    chain(store).record_many(keyed)
    assert_whole(store)
    found = Counter(objects(store))
    wanted = [*before_each.recorded, *after_each.recorded, *acknowledged, *(entry.object for entry in keyed)]
    assert all(found[name] == 1 for name in wanted)
