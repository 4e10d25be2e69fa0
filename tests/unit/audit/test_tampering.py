"""A thousand random tamperings with records, seals and predictions: verify finds each, and names what was touched.

Whoever tampers can write to every index, knows the code, and can hash anything anew; the signing key and the head that
was noted outside are out of reach.
"""

from __future__ import annotations

import base64
import copy
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.audit.memory import MemoryStore
from tests.unit.audit.world import HOUR, START, Clock, event, hour_of_events, instant, note, put_event, sealed

from driftlog.audit.canonical import canonical, sha256
from driftlog.audit.chain import Chain
from driftlog.audit.findings import Findings
from driftlog.audit.head import find_head
from driftlog.audit.heads import SignedHead, head_entry, signed
from driftlog.audit.keys import SigningKey
from driftlog.audit.records import Head, document_of
from driftlog.audit.verify import verify
from driftlog.store.values import Document

AUDIT, SEALS, EVENTS = "driftlog-audit", "driftlog-seals.2026-03", "driftlog-predictions.churn.2026-03"
ROUNDS = 1000
KEY = SigningKey(Ed25519PrivateKey.generate())


@dataclass
class World:
    """What was there, and what is known outside of it."""

    store: MemoryStore
    clock: Clock
    anchor: SignedHead

    def verify(self) -> Findings:
        return verify(
            self.store,  # type: ignore[arg-type]
            now=self.clock(),
            deep=True,
            keys=[KEY.public],
            anchors=[self.anchor],
        )


def head(store: MemoryStore, clock: Clock) -> SignedHead:
    now = find_head(store)  # type: ignore[arg-type]
    return signed(SignedHead(prefix="driftlog", sequence=now.sequence, hash=now.hash, at=clock()), KEY)


def made() -> World:
    """Two sealed hours, a late event, single records and batches, a signed head in the middle and one outside."""
    store, clock = MemoryStore(), Clock()
    store.always_fresh = True
    chain = Chain(store, now=clock, sleep=lambda s: None)  # type: ignore[arg-type]
    for i in range(2):
        hour_of_events(store, START + i * HOUR, 6, random.Random(i))
    chain.record(note("a"))
    chain.record_many([note(f"b{i}") for i in range(4)])
    clock.at = START + 4 * HOUR
    sealed(store, clock)
    chain.record(head_entry(head(store, clock), actor="worker"))
    put_event(store, event("late", START, ingested=clock.at - timedelta(minutes=1)))
    clock.at += HOUR
    sealed(store, clock)
    chain.record_many([note(f"c{i}") for i in range(3)])
    chain.record(note("d"))
    return World(store, clock, head(store, clock))


@pytest.fixture(scope="module")
def original() -> World:
    return made()


@pytest.fixture
def world(original: World) -> World:
    """A copy to tamper with."""
    store = MemoryStore()
    store.always_fresh, store.copies = True, False
    store.written = {
        index: {id: (number, copy.deepcopy(document)) for id, (number, document) in documents.items()}
        for index, documents in original.store.written.items()
    }
    return World(store, original.clock, original.anchor)


# What a tamperer does: each changes the documents, and returns names of which a problem has to give one


def documents(world: World, index: str) -> dict[str, Document]:
    return {id: document for id, (_, document) in world.store.written[index].items()}


def write(world: World, index: str, id: str, document: Document) -> None:
    world.store.written[index][id] = (1, document)


def delete(world: World, index: str, id: str) -> Document:
    return world.store.written[index].pop(id)[1]


def pick(chance: random.Random, world: World, index: str) -> str:
    return chance.choice(sorted(documents(world, index)))


def records(*numbers: int) -> list[str]:
    return [f"record {number}" for number in numbers]


def edited(chance: random.Random, text: str) -> str:
    """A record with another entry."""
    record = json.loads(text)
    name = chance.choice(["actor", "object", "summary", "model"])
    record["entry"][name] = record["entry"].get(name, "") + "x"
    return canonical(record)


def change_text(chance: random.Random, world: World) -> list[str]:
    """The text alone."""
    id = pick(chance, world, AUDIT)
    document = documents(world, AUDIT)[id]
    write(world, AUDIT, id, document | {"record": edited(chance, document["record"])})
    return records(int(id))


def change_text_and_hash(chance: random.Random, world: World) -> list[str]:
    """The text, its hash and every searchable field."""
    id = pick(chance, world, AUDIT)
    document = documents(world, AUDIT)[id]
    batch = {"batch": document["batch"]} if "batch" in document else {}
    write(world, AUDIT, id, document_of(edited(chance, document["record"])) | batch)
    return records(int(id))


def change_field(chance: random.Random, world: World) -> list[str]:
    """What Kibana shows, not what was hashed."""
    id = pick(chance, world, AUDIT)
    document = dict(documents(world, AUDIT)[id])
    name = chance.choice(sorted(document))
    if chance.random() < 0.3:
        del document[name]
    else:
        document[name] = "x"
    write(world, AUDIT, id, document)
    return records(int(id))


def delete_record(chance: random.Random, world: World) -> list[str]:
    id = pick(chance, world, AUDIT)
    delete(world, AUDIT, id)
    return records(int(id))


def delete_records(chance: random.Random, world: World) -> list[str]:
    """Several in a row, the beginning and the end included."""
    last = len(documents(world, AUDIT))
    first = chance.randint(1, last - 1)
    end = min(last, first + chance.randint(0, 4))
    for number in range(first, end + 1):
        delete(world, AUDIT, str(number))
    return records(first)


def truncate(chance: random.Random, world: World) -> list[str]:
    """The tail is cut off: what is left is a sound chain."""
    last = len(documents(world, AUDIT))
    cut = chance.randint(1, last)
    for number in range(cut, last + 1):
        delete(world, AUDIT, str(number))
    return records(cut)


def swap_records(chance: random.Random, world: World) -> list[str]:
    """Two documents change places."""
    a, b = chance.sample(sorted(documents(world, AUDIT)), 2)
    first, second = documents(world, AUDIT)[a], documents(world, AUDIT)[b]
    write(world, AUDIT, a, second)
    write(world, AUDIT, b, first)
    return records(int(a), int(b))


def insert_record(chance: random.Random, world: World) -> list[str]:
    """A new one in the middle; those after it move up by one, unchanged."""
    last = len(documents(world, AUDIT))
    at = chance.randint(1, last)
    moved = [delete(world, AUDIT, str(number)) for number in range(at, last + 1)]
    for number, document in enumerate(moved, start=at + 1):
        write(world, AUDIT, str(number), document)
    write(world, AUDIT, str(at), moved[0] | {"actor": "x", "record": edited(chance, moved[0]["record"])})
    return records(at)


def insert_stray(chance: random.Random, world: World) -> list[str]:
    """A document whose id is no number, or far away."""
    id = chance.choice(["x", "007", "-1", "1.0", "99999"])
    write(world, AUDIT, id, documents(world, AUDIT)["1"])
    return [f"record {id}"]


def rehash(chance: random.Random, world: World) -> list[str]:
    """Change, delete or insert one, then number and hash everything after it anew: a chain without a flaw."""
    last = len(documents(world, AUDIT))
    at = chance.randint(1, last)
    stored = documents(world, AUDIT)
    texts = [stored[str(number)]["record"] for number in range(1, last + 1)]
    how = chance.choice(["change", "delete", "insert"])
    if how == "change":
        texts[at - 1] = edited(chance, texts[at - 1])
    elif how == "delete":
        del texts[at - 1]
    else:
        texts.insert(at - 1, edited(chance, texts[at - 1]))
    end = Head()
    world.store.written[AUDIT] = {}
    for number, text in enumerate(texts, start=1):
        record = json.loads(text) | {"sequence": number, "previous_hash": end.hash}
        if record["entry"]["action"] == "head.signed" and chance.random() < 0.5:
            record["entry"]["details"] |= {"hash": end.hash, "sequence": number - 1}
        document = document_of(canonical(record))
        write(world, AUDIT, str(number), document)
        end = Head(number, document["hash"])
    return [f"{at}..{last}"]


def change_batch(chance: random.Random, world: World) -> list[str]:
    """What the first document of a batch keeps of the others."""
    found = [id for id, document in documents(world, AUDIT).items() if "records" in document.get("batch", {})]
    id = chance.choice(found)
    document = copy.deepcopy(documents(world, AUDIT)[id])
    texts = document["batch"]["records"]
    place = chance.randrange(len(texts))
    texts[place] = edited(chance, texts[place])
    write(world, AUDIT, id, document)
    return records(int(id) + 1 + place, int(id))


def change_leaves(chance: random.Random, world: World) -> list[str]:
    """One byte of a packed part: an id, a nonce or a hash."""
    id = pick(chance, world, SEALS)
    document = documents(world, SEALS)[id]
    packed = bytearray(base64.b64decode(document["leaves"]))
    packed[chance.randrange(len(packed))] ^= 1 << chance.randrange(8)
    write(world, SEALS, id, document | {"leaves": base64.b64encode(packed).decode()})
    return [part_name(document)]


def part_name(document: Document) -> str:
    start, end = document["bucket"]["start"], document["bucket"]["end"]
    return f"part {document['part']} of seal {document['seal']} of churn|production|{start}|{end}"


def change_part(chance: random.Random, world: World) -> list[str]:
    id = pick(chance, world, SEALS)
    document = dict(documents(world, SEALS)[id])
    name = chance.choice(["n", "codec", "model", "bucket", "seal", "attempt", "part", "leaves"])
    said = part_name(document)
    document[name] = "x"
    write(world, SEALS, id, document)
    return [said]


def delete_part(chance: random.Random, world: World) -> list[str]:
    return [part_name(delete(world, SEALS, pick(chance, world, SEALS)))]


def swap_parts(chance: random.Random, world: World) -> list[str]:
    a, b = chance.sample(sorted(documents(world, SEALS)), 2)
    first, second = documents(world, SEALS)[a], documents(world, SEALS)[b]
    write(world, SEALS, a, first | {"leaves": second["leaves"], "n": second["n"]})
    write(world, SEALS, b, second | {"leaves": first["leaves"], "n": first["n"]})
    return [part_name(first), part_name(second)]


def insert_part(chance: random.Random, world: World) -> list[str]:
    id = pick(chance, world, SEALS)
    document = documents(world, SEALS)[id] | {"part": chance.randint(1, 5)}
    write(world, SEALS, f"{id}x", document)
    return [f"part {id}x in {SEALS}"]


def change_event(chance: random.Random, world: World) -> list[str]:
    """A value, by as little as can be."""
    id = pick(chance, world, EVENTS)
    document = copy.deepcopy(documents(world, EVENTS)[id])
    how = chance.choice(["feature", "last digit", "type", "new", "gone", "label", "version", "big", "time", "arrival"])
    if how == "feature":
        document["features"]["age"] += 1
    elif how == "last digit":
        document["features"]["income"] *= 1 + 2**-52
    elif how == "type":
        document["features"]["age"] = float(document["features"]["age"])
    elif how == "new":
        document["features"]["more"] = None
    elif how == "gone":
        del document["features"]["nothing"]
    elif how == "big":
        document["features"]["big"] += 1
    elif how == "label":
        document["prediction"]["label"] = "0"
    elif how == "time":
        at = datetime.fromisoformat(document["@timestamp"]) + timedelta(seconds=chance.choice([-7200, 0.000001, 9000]))
        document["@timestamp"] = instant(at)
    elif how == "arrival":
        document["event"]["ingested"] = instant(START + 30 * HOUR)
    else:
        document["model"]["version"] = "8"
    write(world, EVENTS, id, document)
    return [f"prediction {id} of churn"]


def delete_event(chance: random.Random, world: World) -> list[str]:
    id = pick(chance, world, EVENTS)
    delete(world, EVENTS, id)
    return [f"prediction {id} of churn"]


def insert_event(chance: random.Random, world: World) -> list[str]:
    """A new prediction in a sealed hour, or between two."""
    like = documents(world, EVENTS)[pick(chance, world, EVENTS)]
    id = f"new{chance.randrange(1000)}"
    write(world, EVENTS, id, copy.deepcopy(like) | {"event": like["event"] | {"id": id}})
    return [f"prediction {id} of churn"]


def copy_event(chance: random.Random, world: World) -> list[str]:
    """The same prediction again, in the index of another month."""
    id = pick(chance, world, EVENTS)
    world.store.written.setdefault("driftlog-predictions.churn.2026-04", {})[id] = (0, documents(world, EVENTS)[id])
    return [f"prediction {id} of churn"]


def swap_events(chance: random.Random, world: World) -> list[str]:
    """The contents of two predictions."""
    a, b = chance.sample(sorted(documents(world, EVENTS)), 2)
    first, second = documents(world, EVENTS)[a], documents(world, EVENTS)[b]
    write(world, EVENTS, a, second)
    write(world, EVENTS, b, first)
    return [f"prediction {a} of churn", f"prediction {b} of churn"]


TAMPERINGS: list[Callable[[random.Random, World], list[str]]] = [
    change_text,
    change_text_and_hash,
    change_field,
    delete_record,
    delete_records,
    truncate,
    swap_records,
    insert_record,
    insert_stray,
    rehash,
    change_batch,
    change_leaves,
    change_part,
    delete_part,
    swap_parts,
    insert_part,
    change_event,
    delete_event,
    insert_event,
    copy_event,
    swap_events,
]


def is_named(name: str, found: Findings) -> bool:
    """Whether a problem gives `name`, alone or in a range of records."""
    numbers = [int(part) for part in name.removeprefix("record ").split("..") if part.isdigit()]
    for problem in found.problems:
        if problem.where == name or name in problem.what:
            return True
        if problem.where.startswith(("record ", "records ")) and numbers:
            ends = [int(part) for part in problem.where.split() if part.isdigit()]
            if ends and ends[0] <= numbers[-1] and ends[-1] >= numbers[0]:
                return True
    return False


def test_what_was_not_touched_is_whole(world: World) -> None:
    """No problem, everything looked at, the heads hold."""
    found = world.verify()
    assert found.problems == []
    assert (found.records, found.seals, found.predictions) == (13, 3, 13)
    assert (found.signatures, found.anchors) == (1, 1)


def test_a_thousand_tamperings_are_found_and_named(original: World) -> None:
    """Each kind some fifty times, at random places."""
    kinds: Counter[str] = Counter()
    for seed in range(ROUNDS):
        chance = random.Random(seed)
        tamper = TAMPERINGS[seed % len(TAMPERINGS)]
        world = World(MemoryStore(), original.clock, original.anchor)
        world.store.always_fresh, world.store.copies = True, False
        world.store.written = {index: dict(found) for index, found in original.store.written.items()}
        touched = tamper(chance, world)
        if changed(world, original):
            found = world.verify()
            assert any(is_named(name, found) for name in touched), (seed, tamper.__name__, touched, found.problems)
            kinds[tamper.__name__] += 1
    assert set(kinds) == {tamper.__name__ for tamper in TAMPERINGS}
    assert sum(kinds.values()) > ROUNDS - 20, "tamperings that change nothing are rare"


def changed(world: World, original: World) -> bool:
    def bare(store: MemoryStore) -> dict[str, dict[str, Any]]:
        return {index: {id: found[1] for id, found in every.items()} for index, every in store.written.items()}

    return bare(world.store) != bare(original.store)


def test_a_tail_is_missed_only_by_who_kept_a_head(original: World) -> None:
    """Without the head from outside, the chain up to the cut is sound: the docs say so."""
    world = made()
    for number in (12, 13):
        delete(world, AUDIT, str(number))
    without = verify(world.store, now=world.clock(), keys=[KEY.public])  # type: ignore[arg-type]
    assert [problem.kind for problem in without.problems] == ["unfinished"]
    assert "the tail is cut off" in world.verify().problems[-1].what


def test_a_head_signed_with_another_key_is_forged(world: World) -> None:
    """Whoever hashes the chain anew can sign its head anew, but not with this key."""
    other = SigningKey(Ed25519PrivateKey.generate())
    world.anchor = signed(world.anchor, other)
    assert [problem.kind for problem in world.verify().problems] == ["forged"]


def test_hashes_are_over_the_stored_text(world: World) -> None:
    """The test's own arithmetic: nothing of driftlog computes this hash."""
    import hashlib

    document = documents(world, AUDIT)["3"]
    assert hashlib.sha256(document["record"].encode()).hexdigest() == document["hash"] == sha256(document["record"])
