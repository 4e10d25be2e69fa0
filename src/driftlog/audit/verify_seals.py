"""Verifying predictions against their seals: every leaf has its event, every event its leaf.

Bucket by bucket: the parts make up the recorded root; the events of the bucket are read once, in pages, and each leaf
is computed anew. In memory are about 100 bytes for each event of one bucket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import numpy as np

from driftlog.audit.ahead import ahead
from driftlog.audit.clusters import Cluster, clusters
from driftlog.audit.findings import Findings
from driftlog.audit.id_set import IdSet, id_hash
from driftlog.audit.merkle import Tree, leaf_of
from driftlog.audit.sealing import VISIBLE_AFTER, events_query
from driftlog.audit.seals import (
    PAGE,
    Leaf,
    Seal,
    instant,
    moment,
    part_digest,
    part_document,
    part_id,
    read_part,
    unpack,
)
from driftlog.audit.verify_chain import Learned, Progress
from driftlog.contract.erasure import ErasureList
from driftlog.contract.window import Window
from driftlog.store.client import Store
from driftlog.store.erasures import going_events
from driftlog.store.values import Document, Hit

EVENT_PAGE: Final = 2000
NAMED: Final = 1000
"""Missing events of one bucket that are told one by one."""
AHEAD: Final = timedelta(minutes=5)


@dataclass(slots=True)
class _Leaves:
    """All leaves of a cluster, packed."""

    nonces: bytearray = field(default_factory=bytearray)
    hashes: bytearray = field(default_factory=bytearray)
    erased: bytearray = field(default_factory=bytearray)
    ids: bytearray = field(default_factory=bytearray)
    """`id_hash` of each."""
    places: list[tuple[Seal, int, int]] = field(default_factory=list)
    """(seal, part, position of its first leaf), one for each part."""

    def add(self, seal: Seal, part: int, leaves: Sequence[Leaf]) -> None:
        self.places.append((seal, part, len(self.erased)))
        for leaf in leaves:
            self.nonces += leaf.nonce or bytes(16)
            self.hashes += leaf.hash
            self.erased.append(leaf.erased)
            self.ids += id_hash(leaf.id)

    def locate(self, row: int) -> tuple[Seal, int, int]:
        """(seal, part, position of its first leaf) of a leaf."""
        return max((each for each in self.places if each[2] <= row), key=lambda each: each[2])

    def place(self, row: int) -> str:
        seal, part, _ = self.locate(row)
        return f"part {part} of seal {seal.number} of {seal.object}"


def verify_seals(
    store: Store,
    findings: Findings,
    learned: Learned,
    *,
    now: datetime,
    within: Window | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> None:
    """Verify every sealed prediction; problems go into `findings`.

    Parameters
    ----------
    now
        Predictions that came in after the last sealing are counted as waiting, unless they claim to come from later.
    within
        Only buckets that touch this.
    """
    for pattern in (store.names.every("seals"), store.names.all_predictions()):
        store.refresh(pattern)
    found = clusters(learned.seals, within)
    looked: dict[tuple[str, str], datetime] = {}
    for seal in learned.seals:
        key = (seal.model, seal.environment)
        looked[key] = max(seal.looked, looked.get(key, seal.looked))
    total, done = sum(seal.n for cluster in found for seal in cluster.seals), 0
    going = going_events(store)
    with closing(ahead(_reading(store, found))) as reading:
        for read in reading:
            if read.cluster is not None:
                key = (read.cluster.model, read.cluster.environment)
                bucket = _Bucket(store, findings, learned, read.cluster, looked[key], now, going)
            elif read.seal is not None:
                bucket.part(read.seal, read.number, read.hit)
            elif read.page is not None:
                bucket.page(read.page)
            else:
                bucket.end()
                done += sum(seal.n for seal in bucket.cluster.seals)
                progress("predictions", done, total)
    _verify_gaps(store, findings, found, looked, now)
    _verify_strays(store, findings, learned, now)


@dataclass(frozen=True, slots=True)
class _Read:
    """One thing read: the beginning of a bucket, a part of a seal, a page of events, or (nothing) the bucket's end."""

    cluster: Cluster | None = None
    seal: Seal | None = None
    number: int = 0
    hit: Hit | None = None
    page: list[Document] | None = None


def _reading(store: Store, found: Iterable[Cluster]) -> Iterator[_Read]:
    """Everything that has to be read, bucket by bucket."""
    for cluster in found:
        yield _Read(cluster=cluster)
        for seal in cluster.seals:
            index = store.names.monthly("seals", seal.bucket.start)
            for number in range(len(seal.parts)):
                yield _Read(seal=seal, number=number, hit=store.get(index, part_id(seal, number)))
        query = events_query(cluster.environment, cluster.span)
        for page in _pages(store.scan(store.names.all_predictions(cluster.model), query, size=EVENT_PAGE)):
            yield _Read(page=page)
        yield _Read()


@dataclass(slots=True)
class _Bucket:
    """The verification of one cluster."""

    store: Store
    findings: Findings
    learned: Learned
    cluster: Cluster
    looked: datetime
    now: datetime
    going: ErasureList
    """Events of erasures that were begun and are not finished: their nonces go before they do."""

    leaves: _Leaves = field(default_factory=_Leaves)
    whole: bool = True
    """No part of the seal at hand is missing or unreadable."""
    tree: Tree = field(default_factory=Tree)
    without_leaves: bool = False
    """Retention dropped a part, and with it what its events could be compared with."""
    seen: Any = None
    rows: IdSet | None = None

    def part(self, seal: Seal, number: int, hit: Hit | None) -> None:
        """Look at one part; the last one of a seal completes its root."""
        if number == 0:
            self.findings.seals += 1
            self.tree, self.whole = Tree(), True
        self._check_part(seal, number, hit)
        if number == len(seal.parts) - 1 and self.whole and self.tree.root().hex() != seal.root:
            self.findings.add("changed", f"record {seal.sequence}", "its root is not that of its parts")

    def page(self, page: Sequence[Document]) -> None:
        """Look at some events; all parts were looked at before."""
        if self.rows is None:
            self._complete()
        self._check_page(page)

    def end(self) -> None:
        """Every event was looked at: what is missing?"""
        if self.rows is None:
            self._complete()
        missing = np.flatnonzero(~self.seen)
        if len(missing):
            self._check_missing(self._named([int(row) for row in missing[:NAMED]]), len(missing))

    def _complete(self) -> None:
        self.rows = IdSet.of_hashes(self.leaves.ids)
        self.seen = np.frombuffer(bytes(self.leaves.erased), dtype=bool).copy()
        self._check_erased(self.leaves)

    def _named(self, rows: Sequence[int]) -> list[tuple[str, str]]:
        """(event id, place) of leaves; their parts are read once more for it, and may tell of an erasure since."""
        named: list[tuple[str, str]] = []
        current, now = None, list[Leaf]()
        for row in rows:
            seal, part, first = place = self.leaves.locate(row)
            if place != current:
                current, now = place, read_part(self.store, seal, part) or []
            leaf = now[row - first] if row - first < len(now) else Leaf("?", b"?", b"")
            if leaf.erased:
                self.findings.erased += 1
            else:
                named.append((leaf.id, self.leaves.place(row)))
        return named

    def _check_part(self, seal: Seal, number: int, hit: Hit | None) -> None:
        where = f"part {number} of seal {seal.number} of {seal.object}"
        if hit is None:
            self.whole = False
            if self.store.names.monthly("seals", seal.bucket.start) in self.learned.dropped:
                self.without_leaves = True
            else:
                self.findings.add("removed", where, "missing, and no record says that retention dropped it")
            return
        try:
            found = list(unpack(str(hit.source["leaves"])))
            written = moment(str(hit.source["written"]))
        except (ValueError, KeyError) as error:
            self.findings.add("changed", where, f"it cannot be read: {error}")
            self.whole = False
            return
        differing = _differing(hit.source, part_document(seal, number, found, written))
        if part_digest(found) != seal.parts[number] or differing:
            what = "its leaves are not those that were sealed" if not differing else f"{differing}: not as sealed"
            self.findings.add("changed", where, what)
            self.whole = False
        self.leaves.add(seal, number, found)
        for leaf in found:
            self.tree.add(leaf.hash)

    def _check_erased(self, leaves: _Leaves) -> None:
        for row, erased in enumerate(leaves.erased):
            if not erased:
                continue
            if bytes(leaves.hashes[row * 32 : row * 32 + 32]) in self.learned.erased:
                self.findings.erased += 1
            else:
                what = f"leaf {row} of it has lost its id and nonce, and no record says that it was erased"
                self.findings.add("removed", leaves.place(row), what)

    def _check_page(self, page: Sequence[Document]) -> None:
        leaves, seen = self.leaves, self.seen
        positions = self.rows.positions([str(hit["_id"]) for hit in page]) if self.rows is not None else []
        for hit, row in zip(page, positions, strict=True):
            self.findings.predictions += 1
            where = _where(str(hit["_id"]), self.cluster.model)
            if row < 0 and self.without_leaves:
                self.findings.dropped += 1
                continue
            if row < 0 or leaves.erased[row]:
                if self.going.covers(self.cluster.model, event_ids=(str(hit["_id"]),)):
                    self.findings.waiting += 1
                    continue
                check_unsealed(self.findings, hit, where, self.looked, self.now)
                continue
            if seen[row]:
                self.findings.add("inserted", where, f"it is there twice, also in {hit['_index']}")
                continue
            seen[row] = True
            nonce, hash = bytes(leaves.nonces[row * 16 : row * 16 + 16]), leaves.hashes[row * 32 : row * 32 + 32]
            if leaf_of(nonce, str(hit["_id"]), hit["_source"]) != hash:
                what = f"its content, or its nonce in {leaves.place(row)}, is not what was sealed"
                self.findings.add("changed", where, what)

    def _check_missing(self, missing: Sequence[tuple[str, str]], n: int) -> None:
        """Leaves without an event: dropped by retention, somewhere else, or removed."""
        if _is_dropped(self.learned, self.store.names.prefix, self.cluster):
            self.findings.dropped += n
            return
        pattern = self.store.names.all_predictions(self.cluster.model)
        elsewhere = {hit.id for hit in self.store.find_by_ids(pattern, [id for id, _ in missing])}
        for id, place in missing:
            if id in elsewhere:
                what = f"its @timestamp or environment, or its id in {place}, is not what was sealed"
                self.findings.add("changed", _where(id, self.cluster.model), what)
            else:
                self.findings.add("removed", _where(id, self.cluster.model), f"sealed in {place}, and no longer there")
        if n > len(missing):
            what = f"{n - len(missing):,} more predictions are no longer there"
            self.findings.add("removed", f"bucket {self.cluster.seals[0].object}", what)


def check_unsealed(findings: Findings, hit: Document, where: str, looked: datetime, now: datetime) -> None:
    """An event that no seal has: one that came in since, or one that was put there."""
    event = hit["_source"].get("event", {})
    try:
        ingested = moment(str(event.get("ingested")))
    except ValueError:
        ingested = datetime.min.replace(tzinfo=now.tzinfo)
    if looked - VISIBLE_AFTER < ingested <= now + AHEAD:
        findings.waiting += 1
    else:
        findings.add(
            "inserted", where, "no seal has it, although it claims to have been there when its bucket was sealed"
        )


def _differing(source: Document, expected: Document) -> str:
    names = source.keys() | expected.keys()
    return ", ".join(sorted(name for name in names if source.get(name) != expected.get(name)))


def _where(id: str, model: str) -> str:
    return f"prediction {id} of {model}"


def _is_dropped(learned: Learned, prefix: str, cluster: Cluster) -> bool:
    """Whether a period of the model that the cluster lies in was dropped, and recorded."""
    start = f"{prefix}-predictions.{cluster.model}."
    periods = [period for name, period in learned.dropped.items() if name.startswith(start)]
    return any(period.start <= cluster.span.start and cluster.span.end <= period.end for period in periods)


def _pages(hits: Iterator[Document]) -> Iterator[list[Document]]:
    page: list[Document] = []
    for hit in hits:
        page.append(hit)
        if len(page) == EVENT_PAGE:
            yield page
            page = []
    if page:
        yield page


def _verify_gaps(
    store: Store,
    findings: Findings,
    found: Sequence[Cluster],
    looked: dict[tuple[str, str], datetime],
    now: datetime,
) -> None:
    """Events between two sealed buckets where nothing was sealed."""
    for before, after in pairwise(found):
        same = (before.model, before.environment) == (after.model, after.environment)
        if not same or before.span.end >= after.span.start:
            continue
        gap = Window(before.span.end, after.span.start)
        pattern, query = store.names.all_predictions(before.model), events_query(before.environment, gap)
        if not store.count(pattern, query):
            continue
        for hit in store.scan(pattern, query, source=["event.ingested"]):
            findings.predictions += 1
            where = _where(str(hit["_id"]), before.model)
            check_unsealed(findings, hit, where, looked[(before.model, before.environment)], now)


def _place(store: Store, seal: Seal, part: int) -> tuple[str, str] | None:
    """Index and id of a part of `seal`; None where it has no such part."""
    if not 0 <= part < len(seal.parts):
        return None
    return store.names.monthly("seals", seal.bucket.start), part_id(seal, part)


def _verify_strays(store: Store, findings: Findings, learned: Learned, now: datetime) -> None:
    """Parts that belong to no seal. Those of a sealing under way are younger than an hour."""
    known = {seal.attempt: seal for seal in learned.seals}
    fields = ["attempt", "part", "written", "bucket.start"]
    for hit in store.scan(store.names.every("seals"), source=fields, size=PAGE * 50):
        source = hit["_source"]
        seal, part = known.get(str(source.get("attempt"))), source.get("part")
        if seal is not None and isinstance(part, int) and (hit["_index"], hit["_id"]) == _place(store, seal, part):
            continue
        written = str(source.get("written", ""))
        if seal is None and instant(now - timedelta(hours=1)) < written <= instant(now + AHEAD):
            continue
        if seal is None and written < learned.forgotten:
            continue  # retention dropped its record
        findings.add(
            "inserted", f"part {hit['_id']} in {hit['_index']}", "it belongs to no seal that the chain records"
        )
