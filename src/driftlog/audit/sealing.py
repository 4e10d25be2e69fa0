"""Sealing closed buckets: parts first, then the chain's record, which alone makes a seal of them.

The record has a key for (bucket, number), so of two workers that seal the same bucket one's record counts; the other
finds that out and removes its parts. What a crash leaves behind are parts that no record names: they are removed when
the bucket is looked at again, which it is, because the cursor moves last.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from driftlog.audit.chain import Chain
from driftlog.audit.forget import SealKeeper
from driftlog.audit.id_set import IdSet
from driftlog.audit.merkle import NONCE_BYTES, Tree, leaf_of
from driftlog.audit.seals import (
    PAGE,
    PART_LEAVES,
    Leaf,
    Seal,
    bucket_name,
    instant,
    moment,
    part_digest,
    part_document,
    part_id,
    parts_query,
    seal_of,
    unpack,
)
from driftlog.contract.audit import AuditEntry
from driftlog.contract.erasure import ErasedEvent
from driftlog.contract.errors import StoreConflict
from driftlog.contract.window import Window, bucket_at
from driftlog.store.bulk import require_stored
from driftlog.store.client import Store
from driftlog.store.erasures import read_list
from driftlog.store.values import BulkAction, Document

log = logging.getLogger("driftlog.audit")

DEFAULT_ENVIRONMENT: Final = "production"
"""Events that name no environment belong to it."""
VISIBLE_AFTER: Final = timedelta(minutes=2)
"""An event can be found this long after its ``event.ingested`` (refreshes, clocks that differ)."""
_NAMES_OF_A_QUERY: Final = 200
_BUCKETS: Final = 5000


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals the buckets of one model in one environment.

    Attributes
    ----------
    bucket
        Length of a bucket; divides a day.
    nonce
        Random bytes for one leaf.
    """

    store: Store
    chain: Chain
    model: str
    environment: str
    bucket: timedelta
    actor: str
    now: Callable[[], datetime]
    nonce: Callable[[], bytes] = lambda: secrets.token_bytes(NONCE_BYTES)
    attempt: Callable[[], str] = lambda: secrets.token_hex(8)

    def closed(self, since: datetime | None, until: datetime) -> list[Window]:
        """Buckets with events that end by `until` and start at or after `since`, in order."""
        limits = {"lt": instant(until)} | ({"gte": instant(since)} if since is not None else {})
        found = self._buckets([{"range": {"@timestamp": limits}}])
        return [_from(bucket, since) for bucket in found if bucket.end <= until]

    def late(self, before: datetime, ingested: datetime) -> list[Window]:
        """Buckets up to `before` with events ingested from `ingested` on that their seals may not have seen."""
        filters: list[Document] = [
            {"range": {"@timestamp": {"lt": instant(before)}}},
            {"range": {"event.ingested": {"gte": instant(ingested)}}},
        ]
        found = {_until(bucket, before): newest for bucket, newest in self._buckets(filters).items()}
        looked: dict[Window, datetime] = {}
        for seal in committed(self.store, [bucket_name(self.model, self.environment, bucket) for bucket in found]):
            looked[seal.bucket] = max(seal.looked, looked.get(seal.bucket, seal.looked))
        return [
            bucket
            for bucket, newest in sorted(found.items())
            if bucket not in looked or newest > looked[bucket] - VISIBLE_AFTER
        ]

    def newest_ingested(self, since: datetime | None) -> datetime | None:
        """Newest ``event.ingested``, not later than now: a wrong clock must not hide the late events after it."""
        limits = {"gte": instant(since)} if since is not None else {}
        body: Document = {
            "size": 0,
            "track_total_hits": False,
            "query": {"bool": {"filter": [{"range": {"event.ingested": limits | {"lte": instant(self.now())}}}]}},
            "aggs": {"newest": {"max": {"field": "event.ingested"}}},
        }
        aggregations = self.store.search(self.store.names.all_predictions(self.model), body).get("aggregations") or {}
        value = aggregations.get("newest", {}).get("value")
        return None if value is None else _from_ms(value)

    def _buckets(self, filters: Sequence[Document]) -> dict[Window, datetime]:
        """Bucket -> newest ``event.ingested`` of the events in it that meet `filters`, in order."""
        interval = f"{int(self.bucket.total_seconds())}s"
        start = {"start": {"date_histogram": {"field": "@timestamp", "fixed_interval": interval}}}
        newest = {"newest": {"max": {"field": "event.ingested"}}}
        body: Document = {
            "size": 0,
            "track_total_hits": False,
            "query": {"bool": {"filter": [*filters, in_environment(self.environment)]}},
            "aggs": {"buckets": {"composite": {"size": _BUCKETS, "sources": [start]}, "aggs": newest}},
        }
        found: list[Document] = []
        while True:
            answer = self.store.search(self.store.names.all_predictions(self.model), body)
            page = (answer.get("aggregations") or {}).get("buckets", {})
            found += page.get("buckets", ())
            if "after_key" not in page:
                break
            body["aggs"]["buckets"]["composite"]["after"] = page["after_key"]
        return {
            bucket_at(_from_ms(each["key"]["start"]), self.bucket): _from_ms(each["newest"]["value"] or 0)
            for each in sorted(found, key=lambda each: each["key"]["start"])
        }

    def seal(self, buckets: Sequence[Window]) -> int:
        """Seal the events of `buckets` that no seal has; how many there were. Can be repeated after any crash."""
        if not buckets:
            return 0
        names = {bucket_name(self.model, self.environment, bucket) for bucket in buckets}
        seals = self._committed(names)
        heads = self._heads(Window(buckets[0].start, max(bucket.end for bucket in buckets)))
        seals += self._committed({_name(self.model, self.environment, hit) for hit in heads} - names)
        made = [self._write(bucket, seals, self._sealed_ids(bucket, heads, seals)) for bucket in buckets]
        records = self.chain.record_many([self._entry(seal) for seal in made if seal.n])
        kept = {record.entry.details["attempt"] for record in records if record is not None}
        lost = [seal for seal in made if seal.n and seal.attempt not in kept]
        self._sweep(heads, lost)
        return sum(seal.n for seal in made if seal.attempt in kept)

    def _committed(self, names: Collection[str]) -> list[Seal]:
        """Seals that the chain records, a batch that a dead writer left unfinished included."""
        if not names:
            return []
        self.chain.head()
        return committed(self.store, names)

    def _heads(self, span: Window) -> list[Document]:
        """Parts of seals that overlap `span`, without their leaves."""
        query = parts_query(self.model, self.environment, span)
        self.store.refresh(self.store.names.every("seals"))
        return list(self.store.scan(self.store.names.every("seals"), query, source=_PART_FIELDS))

    def _sealed_ids(self, bucket: Window, heads: Sequence[Document], seals: Sequence[Seal]) -> IdSet | None:
        """Ids in all seals that overlap `bucket`; None where there are none."""
        attempts = {seal.attempt for seal in seals}
        if not any(hit["_source"]["attempt"] in attempts and _window(hit).overlaps(bucket) for hit in heads):
            return None
        query = parts_query(self.model, self.environment, bucket)
        return IdSet(
            leaf.id
            for hit in self.store.scan(self.store.names.every("seals"), query, size=PAGE)
            if hit["_source"]["attempt"] in attempts
            for leaf in unpack(str(hit["_source"]["leaves"]))
            if not leaf.erased
        )

    def _write(self, bucket: Window, seals: Sequence[Seal], sealed: IdSet | None) -> Seal:
        """Write the parts of a new seal of what is not in `sealed`."""
        number = max((seal.number for seal in seals if seal.bucket == bucket), default=0) + 1
        blank = Seal(self.model, self.environment, bucket, number, self.attempt(), 0, (), "", looked=self.now())
        tree, part, digests = Tree(), list[Leaf](), list[str]()
        for hit in self._events(bucket, sealed):
            nonce = self.nonce()
            leaf = Leaf(str(hit["_id"]), nonce, leaf_of(nonce, str(hit["_id"]), hit["_source"]))
            tree.add(leaf.hash)
            part.append(leaf)
            if len(part) == PART_LEAVES:
                digests.append(self._write_part(blank, len(digests), part))
                part = []
        if part:
            digests.append(self._write_part(blank, len(digests), part))
        return replace(blank, n=tree.n, parts=tuple(digests), root=tree.root().hex())

    def _write_part(self, seal: Seal, part: int, leaves: Sequence[Leaf]) -> str:
        index = self.store.names.monthly("seals", seal.bucket.start)
        document = part_document(seal, part, leaves, self.now())
        if not self.store.create(index, part_id(seal, part), document):
            raise StoreConflict(f"seal {seal.object}: part {part} of attempt {seal.attempt} is there already")
        return part_digest(leaves)

    def _events(self, bucket: Window, sealed: IdSet | None) -> Iterator[Document]:
        pattern = self.store.names.all_predictions(self.model)
        pages = self.store.scan(pattern, events_query(self.environment, bucket))
        if sealed is None:
            yield from pages
            return
        for hit in pages:
            if sealed.positions([str(hit["_id"])]) == [-1]:
                yield hit

    def _entry(self, seal: Seal) -> AuditEntry:
        late = "later " if seal.number > 1 else ""
        return AuditEntry(
            action="bucket.sealed",
            object=seal.object,
            actor=self.actor,
            model=seal.model,
            environment=seal.environment,
            after=seal.root,
            summary=f"{seal.n:,} {late}predictions of {seal.bucket.label()} sealed",
            details=seal.details(),
            key=f"seal|{seal.object}|{seal.number}",
        )

    def _sweep(self, heads: Sequence[Document], lost: Sequence[Seal]) -> None:
        """Remove parts that no record names: of lost races, and those that interrupted attempts left behind.

        Of other attempts only numbers that are taken by now: no record can come to name them any more.
        """
        seals = self._committed({_name(self.model, self.environment, hit) for hit in heads})
        attempts = {seal.attempt for seal in seals}
        last = {seal.object: seal.number for seal in sorted(seals, key=lambda seal: seal.number)}
        stale = [
            BulkAction("delete", hit["_index"], hit["_id"])
            for hit in heads
            if hit["_source"]["attempt"] not in attempts
            and hit["_source"]["seal"] <= last.get(_name(self.model, self.environment, hit), 0)
        ]
        index = self.store.names.monthly
        stale += [
            BulkAction("delete", index("seals", seal.bucket.start), part_id(seal, part))
            for seal in lost
            for part in range(len(seal.parts))
        ]
        if stale:
            log.info("%s: %d parts of interrupted seals removed", self.model, len(stale))
            require_stored(self.store.bulk(stale), "parts of interrupted seals")

    def forget_erased(self, buckets: Iterable[Window]) -> int:
        """Drop the nonces of events in `buckets` that were erased while they were being sealed; how many.

        An erasure lists its events before it looks for their leaves, and a seal looks at the list after it is recorded:
        whichever comes second sees the other.
        """
        known = read_list(self.store)
        if not known:
            return 0
        keeper, dropped = SealKeeper(self.store, self.chain, self.actor), 0
        for bucket in buckets:
            query = parts_query(self.model, self.environment, bucket)
            erased = [
                ErasedEvent("", leaf.id, moment(hit["_source"]["bucket"]["start"]), self.model, self.environment)
                for hit in self.store.scan(self.store.names.every("seals"), query, size=PAGE)
                for leaf in unpack(str(hit["_source"]["leaves"]))
                if not leaf.erased and known.covers(self.model, event_ids=[leaf.id])
            ]
            dropped += keeper.forget(erased) if erased else 0
        return dropped


_PART_FIELDS: Final = ["bucket", "seal", "attempt", "part", "written", "n"]


def committed(store: Store, names: Iterable[str]) -> list[Seal]:
    """Seals that the chain records of the buckets called `names`."""
    store.refresh(store.names.audit)
    wanted, found = sorted(set(names)), list[Seal]()
    for start in range(0, len(wanted), _NAMES_OF_A_QUERY):
        some = wanted[start : start + _NAMES_OF_A_QUERY]
        query = {"bool": {"filter": [{"term": {"action": "bucket.sealed"}}, {"terms": {"subject": some}}]}}
        found += [_seal(hit) for hit in store.scan(store.names.audit, query, source=["record"])]
    return sorted(found, key=lambda seal: seal.sequence)


def _seal(hit: Document) -> Seal:
    return seal_of(json.loads(hit["_source"]["record"]))


def _name(model: str, environment: str, hit: Document) -> str:
    return bucket_name(model, environment, _window(hit))


def _window(hit: Document) -> Window:
    bucket = hit["_source"]["bucket"]
    return Window(moment(bucket["start"]), moment(bucket["end"]))


def _from_ms(ms: float) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _from(bucket: Window, since: datetime | None) -> Window:
    return bucket if since is None or bucket.start >= since else Window(since, bucket.end)


def _until(bucket: Window, before: datetime) -> Window:
    return bucket if bucket.end <= before else Window(bucket.start, before)


def in_environment(environment: str) -> Document:
    """Events of an environment; those that name none belong to ``production``."""
    own: Document = {"term": {"service.environment": environment}}
    if environment != DEFAULT_ENVIRONMENT:
        return own
    none = {"bool": {"must_not": [{"exists": {"field": "service.environment"}}]}}
    return {"bool": {"should": [own, none], "minimum_should_match": 1}}


def events_query(environment: str, span: Window) -> Document:
    """Events of `span` in `environment`."""
    during = {"range": {"@timestamp": {"gte": instant(span.start), "lt": instant(span.end)}}}
    return {"bool": {"filter": [during, in_environment(environment)]}}
