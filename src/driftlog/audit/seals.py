"""Seals: the leaves of a closed bucket of predictions, in parts; their Merkle root is in the chain.

A leaf of a part is an event id, a nonce and the leaf's hash, packed. When an event is erased its id and nonce are
overwritten with nothing: the hash stays, so the root still holds, and nobody can guess the event from it. Erasing goes
in this order, so that it can die anywhere: `find_leaves`, record them in the chain (details ``leaves`` of a
``subject.erased``), then `drop_nonces`, then delete the events.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from driftlog.audit.merkle import HASH_BYTES, NONCE_BYTES
from driftlog.contract.errors import StoreConflict
from driftlog.contract.window import Window
from driftlog.store.client import Store
from driftlog.store.documents import document_id
from driftlog.store.values import Document

CODEC: Final = "leaves-1"
PART_LEAVES: Final = 10_000
ERASED_LEAVES: Final = "leaves"
"""In the details of ``subject.erased``: ``{"hashes": [hexadecimal]}`` of the leaves whose events are erased."""
PAGE: Final = 20
"""Parts read at once: about 1.4 MB each."""
_EVENTS_OF_A_QUERY: Final = 200
_NO_NONCE: Final = bytes(NONCE_BYTES)
_LENGTH: Final = struct.Struct("<H")


class Leaf(NamedTuple):
    """One event in a seal; `id` and `nonce` are empty after it was erased."""

    id: str
    nonce: bytes
    hash: bytes

    @property
    def erased(self) -> bool:
        return not self.nonce


@dataclass(frozen=True, slots=True)
class Seal:
    """One seal of one bucket, as the chain records it.

    Attributes
    ----------
    number
        1, and 2, 3, ... of later events of the same bucket.
    attempt
        Names the parts that belong to it; parts of attempts that no record names are of no account.
    n, parts, root
        Number of leaves; `part_digest` of each part; Merkle root of all.
    looked
        When it began to read the events.
    sequence, recorded
        Of its record.
    """

    model: str
    environment: str
    bucket: Window
    number: int
    attempt: str
    n: int
    parts: tuple[str, ...]
    root: str
    looked: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    sequence: int = 0
    recorded: str = ""

    def details(self) -> dict[str, Any]:
        """Details of its ``bucket.sealed`` record."""
        return {
            "start": instant(self.bucket.start),
            "end": instant(self.bucket.end),
            "looked": instant(self.looked),
            "number": self.number,
            "attempt": self.attempt,
            "n": self.n,
            "parts": list(self.parts),
            "root": self.root,
        }

    @property
    def object(self) -> str:
        return bucket_name(self.model, self.environment, self.bucket)


def seal_of(record: Mapping[str, Any]) -> Seal:
    """The seal in a ``bucket.sealed`` record (its parsed canonical text)."""
    entry = record["entry"]
    details = entry["details"]
    return Seal(
        model=str(entry["model"]),
        environment=str(entry.get("environment", "")),
        bucket=Window(moment(details["start"]), moment(details["end"])),
        number=int(details["number"]),
        attempt=str(details["attempt"]),
        n=int(details["n"]),
        parts=tuple(map(str, details["parts"])),
        root=str(details["root"]),
        looked=moment(details["looked"]),
        sequence=int(record["sequence"]),
        recorded=str(record["recorded"]),
    )


def bucket_name(model: str, environment: str, bucket: Window) -> str:
    """``object`` of the records of a bucket's seals.

    >>> bucket_name("churn", "production", Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)))
    'churn|production|2026-03-03T00:00:00Z|2026-03-04T00:00:00Z'
    """
    return f"{model}|{environment}|{instant(bucket.start)}|{instant(bucket.end)}"


def instant(when: datetime) -> str:
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# Packing


def pack(leaves: Iterable[Leaf]) -> str:
    """Leaves as base64: length of the id, the id, nonce and hash of each.

    >>> leaf = Leaf("e-1", b"n" * 16, b"h" * 32)
    >>> list(unpack(pack([leaf]))) == [leaf]
    True
    """
    packed = bytearray()
    for leaf in leaves:
        id = leaf.id.encode()
        packed += _LENGTH.pack(len(id)) + id + (leaf.nonce or _NO_NONCE) + leaf.hash
    return base64.b64encode(packed).decode()


def unpack(text: str) -> Iterator[Leaf]:
    """Leaves that `pack` packed.

    Raises
    ------
    ValueError
        It is something else.
    """
    packed = base64.b64decode(text, validate=True)
    at = 0
    while at < len(packed):
        try:
            (length,) = _LENGTH.unpack_from(packed, at)
        except struct.error as error:
            raise ValueError("packed leaves end in the middle of one") from error
        id_end = at + _LENGTH.size + length
        nonce_end = id_end + NONCE_BYTES
        end = nonce_end + HASH_BYTES
        if end > len(packed):
            raise ValueError("packed leaves end in the middle of one")
        nonce = packed[id_end:nonce_end]
        id = packed[at + _LENGTH.size : id_end].decode()
        yield Leaf(id, b"" if nonce == _NO_NONCE else nonce, packed[nonce_end:end])
        at = end


def part_digest(leaves: Iterable[Leaf]) -> str:
    """SHA-256 over the hashes of a part's leaves: says which part it is when the root does not hold."""
    return hashlib.sha256(b"".join(leaf.hash for leaf in leaves)).hexdigest()


def part_id(seal: Seal, part: int) -> str:
    return document_id(f"{seal.object}|{seal.number}|{seal.attempt}|{part}")


def part_document(seal: Seal, part: int, leaves: Collection[Leaf], written: datetime) -> Document:
    """One part of a seal as a document of ``<prefix>-seals.*``."""
    return {
        "@timestamp": instant(seal.bucket.start),
        "model": {"name": seal.model},
        "service": {"environment": seal.environment},
        "bucket": {"start": instant(seal.bucket.start), "end": instant(seal.bucket.end)},
        "seal": seal.number,
        "attempt": seal.attempt,
        "part": part,
        "written": instant(written),
        "n": len(leaves),
        "codec": CODEC,
        "leaves": pack(leaves),
    }


# Reading


def parts_query(model: str, environment: str, span: Window) -> Document:
    """Parts of seals whose bucket overlaps `span`."""
    return {
        "bool": {
            "filter": [
                {"term": {"model.name": model}},
                {"term": {"service.environment": environment}},
                {"range": {"bucket.start": {"lt": instant(span.end)}}},
                {"range": {"bucket.end": {"gt": instant(span.start)}}},
            ]
        }
    }


def read_part(store: Store, seal: Seal, part: int) -> list[Leaf] | None:
    """Leaves of one part, as last written; None where it is not there.

    Raises
    ------
    ValueError
        It cannot be unpacked.
    """
    hit = store.get(store.names.monthly("seals", seal.bucket.start), part_id(seal, part))
    return None if hit is None else list(unpack(str(hit.source["leaves"])))


def open_seals(store: Store, model: str, at: datetime) -> Iterator[Document]:
    """Hits (``_index``, ``_id``, ``_source``) of the seal parts whose bucket contains `at`, as last refreshed."""
    yield from (hit for hit, _ in _parts_with(store, model, {"": at}))


def find_leaves(store: Store, model: str, events: Mapping[str, datetime]) -> dict[str, list[str]]:
    """Event id -> hashes (hexadecimal) of its leaves, for those of `events` (id -> ``@timestamp``) that are sealed.

    More than one where a sealing was interrupted and done again: each has to be recorded before `drop_nonces`.
    """
    found: dict[str, list[str]] = {}
    for hit, ids in _parts_with(store, model, events):
        for leaf in unpack(str(hit["_source"]["leaves"])):
            if leaf.id in ids:
                found.setdefault(leaf.id, []).append(leaf.hash.hex())
    return found


def drop_nonces(store: Store, model: str, events: Mapping[str, datetime]) -> int:
    """Remove ids and nonces of `events` (id -> ``@timestamp``) from all seals; how many leaves. Can be repeated.

    The overwritten part stays on disk until Elasticsearch merges its segments, like every deleted document.
    """
    parts = [(str(hit["_index"]), str(hit["_id"]), ids) for hit, ids in _parts_with(store, model, events)]
    return sum(_drop(store, index, id, ids) for index, id, ids in parts)


def _parts_with(store: Store, model: str, events: Mapping[str, datetime]) -> Iterator[tuple[Document, set[str]]]:
    """Parts of buckets that `events` fall in, each with the ids of those events."""
    store.refresh(store.names.every("seals"))
    ordered = sorted(events.items(), key=lambda item: item[1])
    for start in range(0, len(ordered), _EVENTS_OF_A_QUERY):
        chunk = ordered[start : start + _EVENTS_OF_A_QUERY]
        query = {
            "bool": {
                "filter": [{"term": {"model.name": model}}],
                "should": [_around(at) for at in sorted({at for _, at in chunk})],
                "minimum_should_match": 1,
            }
        }
        for hit in store.scan(store.names.every("seals"), query, size=PAGE):
            bucket = Window(moment(hit["_source"]["bucket"]["start"]), moment(hit["_source"]["bucket"]["end"]))
            ids = {id for id, at in chunk if at in bucket}
            if ids:
                yield hit, ids


def _around(at: datetime) -> Document:
    limits = {"bucket.start": {"lte": instant(at)}, "bucket.end": {"gt": instant(at)}}
    return {"bool": {"filter": [{"range": {name: limit}} for name, limit in limits.items()]}}


def _drop(store: Store, index: str, id: str, ids: set[str]) -> int:
    while True:
        hit = store.get(index, id)
        if hit is None:
            return 0
        leaves = list(unpack(str(hit.source["leaves"])))
        n = sum(leaf.id in ids for leaf in leaves)
        if not n:
            return 0
        kept = [Leaf("", b"", leaf.hash) if leaf.id in ids else leaf for leaf in leaves]
        document = hit.source | {"leaves": pack(kept)}
        try:
            store.put(index, id, document, if_seq_no=hit.seq_no, if_primary_term=hit.primary_term)
        except StoreConflict:
            continue
        return n
