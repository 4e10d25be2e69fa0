"""Verifying the chain: every record in order, one after the other, in memory that does not grow with them.

For each record: its text is canonical, its number is its id, its hash is the hash of its text, it names the hash of the
record before, every searchable field says what the text says, and a batch holds the texts of its records. In addition,
signed heads in the chain agree with it, and so do heads kept outside; a missing beginning has a checkpoint.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np

from driftlog.audit.ahead import ahead
from driftlog.audit.canonical import canonical, sha256
from driftlog.audit.findings import Findings
from driftlog.audit.forget import erased_hashes
from driftlog.audit.heads import SignedHead, head_of
from driftlog.audit.keys import VerifyingKey
from driftlog.audit.records import GENESIS, derived
from driftlog.audit.seals import Seal, moment, seal_of
from driftlog.contract.window import Window
from driftlog.store.client import Store
from driftlog.store.values import Document

PAGE: Final = 500
Progress = Callable[[str, int, int], None]
"""(stage, done, total)."""


@dataclass
class Learned:
    """What the chain says that the rest of a verification needs.

    Attributes
    ----------
    erased
        Leaves of erased predictions.
    dropped
        Index name -> period, of indices that retention dropped.
    forgotten
        Time (ISO 8601): records made before it were dropped, those of seals among them.
    """

    seals: list[Seal] = field(default_factory=list)
    erased: set[bytes] = field(default_factory=set)
    dropped: dict[str, Window] = field(default_factory=dict)
    forgotten: str = ""

    def learn(self, record: Mapping[str, Any]) -> None:
        entry = record["entry"]
        details = entry.get("details", {})
        if entry["action"] == "bucket.sealed":
            self.seals.append(seal_of(record))
        elif entry["action"] == "subject.erased":
            self.erased.update(bytes.fromhex(hash) for hash in erased_hashes(details))
        elif entry["action"] == "checkpoint":
            self.forgotten = max(self.forgotten, str(details["before"]))
        elif entry["action"] == "period.dropped":
            self.dropped[str(entry["object"])] = Window(moment(details["start"]), moment(details["end"]))


@dataclass
class _Walk:
    """Where the verification stands."""

    findings: Findings
    learned: Learned
    keys: Sequence[VerifyingKey]
    expected: int = 0
    previous: str | None = None
    """Hash over the text of the record before; None after a gap."""
    stored: str = ""
    """Hash as the record before has it: what the next one was made from, whatever became of the text since."""
    suspect: bool = False
    """A problem of the record before explains a link that does not hold."""
    gap: int = 0
    """First record of the last gap."""
    batch: dict[str, Any] | None = None
    pending: deque[str] = field(default_factory=deque)
    first_link: str = ""
    checkpoints: list[SignedHead] = field(default_factory=list)
    wanted: dict[int, str] = field(default_factory=dict)
    """Number -> hash found, of records that heads name."""
    signed: list[tuple[int, SignedHead]] = field(default_factory=list)


def verify_chain(
    store: Store,
    findings: Findings,
    *,
    keys: Sequence[VerifyingKey] = (),
    anchors: Iterable[SignedHead] = (),
    progress: Progress = lambda stage, done, total: None,
) -> Learned:
    """Verify every record that the index holds now; problems go into `findings`.

    Parameters
    ----------
    keys
        Those whose signatures count; without any, signatures are not looked at.
    anchors
        Heads from outside.
    """
    index = store.names.audit
    store.refresh(index)
    numbers = _numbers(store, index, findings)
    walk = _Walk(findings, Learned(), keys)
    heads = list(anchors)
    walk.wanted = dict.fromkeys((head.sequence for head in heads), "")
    findings.first, findings.last = (int(numbers[0]), int(numbers[-1])) if len(numbers) else (1, 0)
    walk.expected = findings.first
    walk.gap = 1 if findings.first > 1 else 0
    done = 0
    with closing(ahead(_pages(store, index, numbers))) as pages:
        for page, documents in pages:
            for number in page:
                document = documents.get(str(number))
                if document is not None:  # a janitor may drop old ones meanwhile
                    _step(walk, number, document)
            done += len(page)
            progress("records", done, len(numbers))
    _walk_on(store, walk)
    _end_batch(walk, walk.expected)
    _check_beginning(walk)
    _check_heads(store, walk, heads)
    return walk.learned


def _numbers(store: Store, index: str, findings: Findings) -> Any:
    """Numbers of all records, sorted; ids that are no numbers are problems."""
    found: list[Any] = []
    block: list[int] = []
    for hit in store.scan(index, source=False, size=10_000):
        id = str(hit["_id"])
        if not (id.isascii() and id.isdigit() and id == str(int(id)) and 0 < int(id) < 2**62):
            findings.add("inserted", f"record {id}", "its id is no number of the chain")
            continue
        block.append(int(id))
        if len(block) >= 100_000:
            found.append(np.array(block, dtype=np.int64))
            block = []
    return np.sort(np.concatenate([*found, np.array(block, dtype=np.int64)]))


def _pages(store: Store, index: str, numbers: Any) -> Iterator[tuple[list[int], dict[str, Document]]]:
    """Records by number, as last written, in pages."""
    for start in range(0, len(numbers), PAGE):
        page: list[int] = numbers[start : start + PAGE].tolist()
        yield page, store.mget(index, [str(number) for number in page])


def _walk_on(store: Store, walk: _Walk) -> None:
    """Records that came after the list of numbers was read; and the end that the list promised."""
    while True:
        page = range(walk.expected, walk.expected + PAGE)
        documents = store.mget(store.names.audit, [str(number) for number in page])
        for number in page:
            if str(number) not in documents:
                break
            _step(walk, number, documents[str(number)])
        if walk.expected <= page[-1]:
            break
    if walk.expected <= walk.findings.last:
        walk.findings.add("removed", _span(walk.expected, walk.findings.last), "missing at the end")
    walk.findings.last = walk.expected - 1


def _step(walk: _Walk, number: int, document: Document) -> None:
    findings = walk.findings
    findings.records += 1
    if number != walk.expected:
        missing = (
            f"record {walk.expected}" if number == walk.expected + 1 else f"records {walk.expected} to {number - 1}"
        )
        findings.add("removed", missing, "missing; the chain goes on after it")
        walk.previous, walk.suspect, walk.gap = None, True, walk.expected
    before = findings.kinds.total()
    text = str(document.get("record", ""))
    hash, record = sha256(text), _parsed(text)
    if record is None:
        findings.add("changed", f"record {number}", "its text is no canonical record")
        walk.suspect = True
    else:
        _check_record(walk, number, document, derived(text, record, hash), record)
        walk.suspect = findings.kinds.total() > before
    _check_batch(walk, number, document.get("batch"), text)
    walk.previous, walk.stored = hash, str(document.get("hash", ""))
    if number in walk.wanted:
        walk.wanted[number] = walk.previous
    walk.expected = number + 1


def _parsed(text: str) -> dict[str, Any] | None:
    """The record in a text, where it is exactly what `canonical` makes of it."""
    try:
        record = json.loads(text)
        entry = record["entry"]
        known = isinstance(record["sequence"], int) and isinstance(record["previous_hash"], str)
        known = known and all(isinstance(entry[name], str) for name in ("action", "actor", "object"))
        datetime.fromisoformat(record["recorded"])
        return record if known and canonical(record) == text else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _check_record(walk: _Walk, number: int, document: Document, expected: Document, record: dict[str, Any]) -> None:
    findings, where = walk.findings, f"record {number}"
    if record["sequence"] != number:
        findings.add("reordered", where, f"it holds what was record {record['sequence']}")
    if number == walk.findings.first:
        walk.first_link = record["previous_hash"]
    elif walk.previous is not None and record["previous_hash"] != walk.previous:
        _check_link(walk, number, record["previous_hash"])
    names = expected.keys() | document.keys() - {"batch"}
    differing = sorted(name for name in names if expected.get(name) != document.get(name))
    if differing:
        findings.add("changed", where, f"{', '.join(differing)}: not what its text says")
    try:
        walk.learned.learn(record)
        _note_heads(walk, number, record)
    except (ValueError, TypeError, KeyError, msgspec.ValidationError):
        findings.add("changed", where, f"its details are none of {record['entry']['action']}")


def _check_link(walk: _Walk, number: int, link: str) -> None:
    """A record that names another hash than that of the one before: which of the two was changed?"""
    before, findings = f"record {number - 1}", walk.findings
    if walk.suspect:
        if link != walk.stored:
            findings.add("changed", f"record {number}", f"it does not name the hash of {before}")
    else:
        what = f"record {number} names another hash for it: one of the two was rewritten, or what was between is gone"
        findings.add("changed", before, what)


def _check_batch(walk: _Walk, number: int, batch: Any, text: str) -> None:
    where = f"record {number}"
    span: dict[str, Any] | None = None
    if isinstance(batch, dict):
        span = {name: batch.get(name) for name in ("first", "last")}
    if walk.batch is not None and number > walk.batch["last"]:
        _end_batch(walk, number)
    if walk.batch is None and span is not None and span["first"] == number:
        records = batch.get("records")
        if not isinstance(records, list) or span["last"] != number + len(records) or not records:
            walk.findings.add("changed", where, "the batch it begins does not hold its records")
            records = None
        walk.batch, walk.pending = span if records else None, deque(map(str, records or ()))
        return
    if walk.batch is None and span is not None and isinstance(span["first"], int) and 0 < walk.gap <= span["first"]:
        walk.batch = span if isinstance(span["last"], int) and span["last"] >= number else None
    if span != walk.batch:
        other = f"record {span['first']}" if span is not None else "none"
        what = f"the batch it says it was written in (that of {other}) is not the one that says so of it"
        walk.findings.add("changed", where, what)
        if walk.batch is None and span is not None and isinstance(span["last"], int) and span["last"] > number:
            walk.batch = span  # told once
    if walk.batch is not None:
        gone = number - (walk.batch["last"] - len(walk.pending) + 1)
        for _ in range(min(gone, len(walk.pending))):
            walk.pending.popleft()
        if walk.pending and walk.pending.popleft() != text:
            first = walk.batch["first"]
            walk.findings.add("changed", where, f"record {first}, which was written with it, has another text of it")


def _end_batch(walk: _Walk, number: int) -> None:
    """The batch is over: records that are still to come, at the very end, are in its first document."""
    if walk.batch is not None and walk.pending and number == walk.batch["last"] - len(walk.pending) + 1:
        first = walk.batch["last"] - len(walk.pending) + 1
        what = f"missing; kept in record {walk.batch['first']}, the next record that is written brings it back"
        walk.findings.add("unfinished", _span(first, walk.batch["last"]), what)
    walk.batch, walk.pending = None, deque()


# Heads


def _note_heads(walk: _Walk, number: int, record: dict[str, Any]) -> None:
    entry = record["entry"]
    if entry["action"] == "head.signed":
        walk.signed.append((number, head_of(entry["details"])))
    elif entry["action"] == "checkpoint":
        walk.checkpoints.append(head_of(entry["details"]["head"]))


def _check_beginning(walk: _Walk) -> None:
    findings = walk.findings
    if findings.first <= 1:
        if walk.first_link and walk.first_link != GENESIS:
            findings.add("changed", "record 1", "it does not begin the chain")
        return
    where = _span(1, findings.first - 1)
    fitting = [head for head in walk.checkpoints if head.sequence == findings.first - 1]
    fitting = [head for head in fitting if head.hash == walk.first_link]
    if not fitting:
        findings.add("removed", where, "missing, and no checkpoint says that retention dropped them")
    elif walk.keys and not any(head.is_signed_by(walk.keys) for head in fitting):
        findings.add("forged", where, "missing; their checkpoint is not signed by a key that is trusted")
    elif not walk.keys:
        findings.notes.append(f"{where}: replaced by a checkpoint; no public key to check its signature with")


def _check_heads(store: Store, walk: _Walk, anchors: Sequence[SignedHead]) -> None:
    """Heads in the chain and heads from outside say what the chain says, and are signed by a trusted key."""
    findings = walk.findings
    holding: list[int] = []
    broken: list[tuple[SignedHead, str]] = []
    for start in range(0, len(walk.signed), PAGE):
        page = [(number, head) for number, head in walk.signed[start : start + PAGE] if head.sequence >= findings.first]
        texts = store.mget(store.names.audit, [str(head.sequence) for _, head in page], source=["record"])
        for number, head in page:
            if not _is_sound(walk, number, head):
                continue
            found = texts.get(str(head.sequence))
            if found is not None and sha256(str(found.get("record", ""))) == head.hash:
                holding.append(head.sequence)
            else:
                broken.append((head, f"the head in record {number}"))
    for head in anchors:
        if _is_about_this_chain(walk, head, store.names.prefix):
            if walk.wanted.get(head.sequence) == head.hash:
                holding.append(head.sequence)
                findings.anchors += 1
            else:
                broken.append((head, f"the head given of {head.at.isoformat()}"))
    for head, name in broken:
        first = max((number for number in holding if number < head.sequence), default=findings.first - 1) + 1
        what = f"one of them is not what it was: {name} says another hash"
        findings.add("changed", _span(first, head.sequence), what)
    if walk.signed and not walk.keys:
        findings.notes.append("signatures were not checked: no public key (audit.public_key)")


def _is_sound(walk: _Walk, number: int, head: SignedHead) -> bool:
    """A head in the chain is about a record before it, and its signature is a trusted key's."""
    findings, where = walk.findings, f"record {number}"
    if head.sequence >= number:
        findings.add("changed", where, f"it is a head of record {head.sequence}, which came later")
        return False
    if walk.keys and head.signature:
        if not head.is_signed_by(walk.keys):
            findings.add("forged", where, f"its head of record {head.sequence} is not signed by a key that is trusted")
            return False
        findings.signatures += 1
    return True


def _is_about_this_chain(walk: _Walk, head: SignedHead, prefix: str) -> bool:
    """A head from outside that can be compared; what else it tells becomes a problem or a note."""
    findings = walk.findings
    if head.prefix != prefix:
        findings.notes.append(f"a head of {head.prefix!r} says nothing about {prefix!r}")
    elif walk.keys and not head.is_signed_by(walk.keys):
        where = f"record {head.sequence}"
        findings.add("forged", where, "the head given for it is not signed by a key that is trusted")
    elif head.sequence > findings.last:
        what = f"the head given of {head.at.isoformat()} knows them: the tail is cut off"
        findings.add("removed", _span(findings.last + 1, head.sequence), what)
    elif head.sequence < findings.first:
        findings.notes.append(f"the head at record {head.sequence} is older than what retention left")
    else:
        return True
    return False


def _span(first: int, last: int) -> str:
    return f"record {first}" if first == last else f"records {first} to {last}"
