"""Binnings and references as documents of the references index.

A reference is kept in parts below Elasticsearch's limit for a request (100 MB): its own document, and one for every
few megabytes of packed content. The active reference of a model and environment is a pointer document; switching is
one write, and a reader sees the old reference or the new one, never half of either.
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from driftlog.contract.binning import Binning
from driftlog.contract.errors import ReferenceUnusable, StoreUnavailable
from driftlog.contract.profile import OutcomeProfile, ProfileKey, Reference, ReferenceChunk, RowSample
from driftlog.contract.window import Window
from driftlog.profile.codec import (
    VERSION,
    pack_outcomes,
    pack_predictions,
    unpack_outcomes,
    unpack_predictions,
)
from driftlog.profile.documents import parse_instant
from driftlog.profile.scope import instant
from driftlog.store.client import Store
from driftlog.store.values import BulkAction

if TYPE_CHECKING:
    from numpy.typing import NDArray

PART_BYTES: Final = 4_000_000
REPLACED: Final = "replaced"
"""Kind of the document that is left of a reference out of which rows were taken; it leads to the one without them."""

Document = dict[str, Any]


class _PackedOutcomes(msgspec.Struct, array_like=True):
    start: datetime
    end: datetime
    counts: bytes


class _PackedChunk(msgspec.Struct, array_like=True):
    window: Window
    predictions: bytes
    outcomes: list[_PackedOutcomes]


class _PackedRows(msgspec.Struct, array_like=True):
    n: int
    columns: dict[str, bytes]


class _PackedSegment(msgspec.Struct, array_like=True):
    n: int
    predictions: bytes
    outcomes: list[_PackedOutcomes]
    chunks: list[_PackedChunk]


class _PackedReference(msgspec.Struct, array_like=True):
    """Everything of a reference that is not in its document's readable fields."""

    key: tuple[str, str, str, str, str]
    bucket: Window
    predictions: bytes
    outcomes: list[_PackedOutcomes]
    chunks: list[_PackedChunk]
    sample: dict[str, bytes]
    rows: _PackedRows | None = None
    segments: dict[str, _PackedSegment] = {}


@dataclass(frozen=True, slots=True)
class ReferenceInfo:
    """One line of `driftlog reference list`."""

    id: str
    model: str
    environment: str
    binning_id: str
    n: int
    chunks: int
    created: datetime
    origin: str
    active: bool
    window: Window | None = None


def save(store: Store, binning: Binning, reference: Reference, *, activate: bool = True) -> None:
    """Store a binning and a reference; with `activate` the model is compared with it from the next cycle on.

    Repeating it writes the same documents again.
    """
    payload = zlib.compress(pack_reference(reference, binning), 6)
    parts = [payload[start : start + PART_BYTES] for start in range(0, len(payload), PART_BYTES)]
    about = {
        "model": {"name": reference.model},
        "service": {"environment": reference.environment},
        "binning_id": binning.id,
        "created": instant(binning.created),
        "codec": VERSION,
    }
    actions = [
        BulkAction("index", store.names.references, _part_id(reference.id, number), _part(about, reference.id, part))
        for number, part in enumerate(parts)
    ]
    packed = zlib.compress(msgspec.msgpack.encode(binning), 6)
    binning_document = {**about, "kind": "binning", "id": binning.id, "payload": _text(packed)}
    actions.append(BulkAction("index", store.names.references, f"binning-{binning.id}", binning_document))
    actions.append(
        BulkAction("index", store.names.references, f"reference-{reference.id}", _about(reference, len(parts), about))
    )
    report = store.bulk(actions)
    if report.failures:
        raise StoreUnavailable(f"the reference was not stored: {report.failures[0].reason}")
    if activate:
        _activate(store, reference.id, reference.model, reference.environment, binning.id)
    store.refresh(store.names.references)


def _about(reference: Reference, parts: int, about: Document) -> Document:
    document = {
        **about,
        "kind": "reference",
        "id": reference.id,
        "origin": reference.origin,
        "n": reference.n,
        "parts": parts,
        "chunks": len(reference.chunks),
        "sampled": {name: len(values) for name, values in reference.sample.items()},
    }
    if reference.window is not None:
        document["window"] = {"start": instant(reference.window.start), "end": instant(reference.window.end)}
    return document


def _part_id(reference_id: str, number: int) -> str:
    return f"part-{reference_id}-{number}"


def _part(about: Document, reference_id: str, part: bytes) -> Document:
    return {**about, "kind": "part", "id": reference_id, "payload": _text(part)}


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _pointer_id(model: str, environment: str) -> str:
    digest = hashlib.blake2b(environment.encode(), digest_size=8).hexdigest()
    return f"active-{model}-{digest}"


def activate(store: Store, reference_id: str) -> None:
    """Compare the reference's model and environment with it from now on."""
    hit = store.get(store.names.references, f"reference-{reference_id}")
    if hit is None:
        raise _unknown(reference_id)
    source = hit.source
    if source["kind"] == REPLACED:
        activate(store, source["replaced_by"])
        return
    _activate(store, reference_id, source["model"]["name"], source["service"]["environment"], source["binning_id"])
    store.refresh(store.names.references)


def _activate(store: Store, reference_id: str, model: str, environment: str, binning_id: str) -> None:
    pointer = {
        "kind": "active",
        "id": reference_id,
        "binning_id": binning_id,
        "model": {"name": model},
        "service": {"environment": environment},
    }
    store.put(store.names.references, _pointer_id(model, environment), pointer)


def _unknown(reference_id: str) -> ReferenceUnusable:
    return ReferenceUnusable(
        f"there is no reference {reference_id!r}", remedy="`driftlog reference list` shows those there are"
    )


def active(store: Store, model: str, environment: str) -> tuple[Binning, Reference] | None:
    """The active binning and reference of a model; None when none was set."""
    ids = active_ids(store, model, environment)
    return load_pair(store, ids) if ids is not None else None


def load_pair(store: Store, ids: tuple[str, str]) -> tuple[Binning, Reference]:
    """The binning and the reference of these ids."""
    return load_binning(store, ids[0]), load_reference(store, ids[1])


def active_ids(store: Store, model: str, environment: str) -> tuple[str, str] | None:
    """(binning's id, reference's id) of what is active; both are digests of what they name."""
    pointer = store.get(store.names.references, _pointer_id(model, environment))
    return None if pointer is None else (pointer.source["binning_id"], pointer.source["id"])


def load_binning(store: Store, id: str) -> Binning:
    """A stored binning; `ReferenceUnusable` when there is none."""
    hit = store.get(store.names.references, f"binning-{id}")
    if hit is None:
        raise ReferenceUnusable(
            f"there is no binning {id!r}", remedy="set the reference again: `driftlog reference set`"
        )
    return msgspec.msgpack.decode(zlib.decompress(b64decode(hit.source["payload"])), type=Binning)


def load_reference(store: Store, id: str) -> Reference:
    """A stored reference; `ReferenceUnusable` when there is none or a part of it is gone."""
    hit = store.get(store.names.references, f"reference-{id}")
    if hit is None:
        raise _unknown(id)
    source = hit.source
    if source["kind"] == REPLACED:
        return load_reference(store, source["replaced_by"])
    wanted = [_part_id(id, number) for number in range(source["parts"])]
    parts = store.mget(store.names.references, wanted)
    if len(parts) < len(wanted):
        raise ReferenceUnusable(
            f"reference {id} has lost {len(wanted) - len(parts)} of {len(wanted)} parts",
            remedy="set it again: `driftlog reference set`",
        )
    payload = zlib.decompress(b"".join(b64decode(parts[part]["payload"]) for part in wanted))
    window = source.get("window")
    return unpack_reference(
        payload,
        id=id,
        n=source["n"],
        origin=source["origin"],
        window=Window(parse_instant(window["start"]), parse_instant(window["end"])) if window else None,
    )


def replace_stored(store: Store, binning: Binning, old: str, new: Reference) -> None:
    """Put `new` in the place of the reference `old`, whose rows are deleted; whoever asks for `old` gets `new`.

    The new one is there before the pointer moves, and the pointer has moved before the old one goes.
    """
    save(store, binning, new, activate=False)
    pointer = store.get(store.names.references, _pointer_id(new.model, new.environment))
    if pointer is not None and pointer.source["id"] == old:
        _activate(store, new.id, new.model, new.environment, binning.id)
    hit = store.get(store.names.references, f"reference-{old}")
    if hit is not None and hit.source["kind"] != REPLACED:
        left = {name: hit.source[name] for name in ("model", "service", "binning_id", "created", "id", "parts")}
        stub = {**left, "kind": REPLACED, "replaced_by": new.id}
        store.put(store.names.references, hit.id, stub)
    for _ in unfinished_replacements(store, new.model):
        pass


def unfinished_replacements(store: Store, model: str) -> Iterator[tuple[str, str]]:
    """(old id, new id) of references that were replaced and whose parts are still there; each is finished first."""
    store.refresh(store.names.references)
    filters = [{"term": {"kind": REPLACED}}, {"term": {"model.name": model}}, {"range": {"parts": {"gt": 0}}}]
    for hit in store.scan(store.names.references, {"bool": {"filter": filters}}):
        source = hit["_source"]
        parts = (_part_id(source["id"], number) for number in range(source["parts"]))
        store.bulk(BulkAction("delete", store.names.references, part) for part in parts)
        store.put(store.names.references, hit["_id"], {**source, "parts": 0}, refresh=True)
        yield source["id"], source["replaced_by"]


def list_references(store: Store, model: str | None = None) -> list[ReferenceInfo]:
    """Stored references, of one model or all, newest first."""
    filters: list[Document] = [{"terms": {"kind": ["reference", "active"]}}]
    filters += [{"term": {"model.name": model}}] if model is not None else []
    fields = ["kind", "id", "binning_id", "created", "origin", "n", "chunks", "window", "model", "service"]
    hits = store.scan(store.names.references, {"bool": {"filter": filters}}, source=fields)
    sources = [hit["_source"] for hit in hits]
    pointed = {(s["model"]["name"], s["service"]["environment"]): s["id"] for s in sources if s["kind"] == "active"}
    infos = [_info(source, pointed) for source in sources if source["kind"] == "reference"]
    return sorted(infos, key=lambda info: (info.created, info.id), reverse=True)


def _info(source: Document, pointed: dict[tuple[str, str], str]) -> ReferenceInfo:
    model, environment = source["model"]["name"], source["service"]["environment"]
    window = source.get("window")
    return ReferenceInfo(
        id=source["id"],
        model=model,
        environment=environment,
        binning_id=source["binning_id"],
        n=source["n"],
        chunks=source["chunks"],
        created=parse_instant(source["created"]),
        origin=source["origin"],
        active=pointed.get((model, environment)) == source["id"],
        window=Window(parse_instant(window["start"]), parse_instant(window["end"])) if window else None,
    )


def pack_reference(reference: Reference, binning: Binning) -> bytes:
    """Bytes of a reference's profiles, chunks, segments and samples (samples as float64: they are exact)."""
    key = reference.predictions.key
    packed = _PackedReference(
        key=(key.model, key.environment, key.version, key.variant, key.binning_id),
        bucket=key.bucket,
        predictions=pack_predictions(reference.predictions, binning),
        outcomes=_pack_days(reference.outcomes),
        chunks=_pack_chunks(reference, binning),
        sample=_pack_columns(reference.sample),
        rows=_PackedRows(reference.rows.n, _pack_columns(reference.rows.columns)) if reference.rows else None,
        segments={
            name: _PackedSegment(
                part.n,
                pack_predictions(part.predictions, binning),
                _pack_days(part.outcomes),
                _pack_chunks(part, binning),
            )
            for name, part in reference.segments.items()
        },
    )
    return msgspec.msgpack.encode(packed)


def _pack_chunks(reference: Reference, binning: Binning) -> list[_PackedChunk]:
    return [
        _PackedChunk(chunk.window, pack_predictions(chunk.predictions, binning), _pack_days(chunk.outcomes))
        for chunk in reference.chunks
    ]


def _pack_columns(columns: Mapping[str, NDArray[np.float64]]) -> dict[str, bytes]:
    return {name: np.asarray(values, dtype="<f8").tobytes() for name, values in columns.items()}


def _unpack_columns(columns: Mapping[str, bytes]) -> dict[str, NDArray[np.float64]]:
    return {name: np.frombuffer(values, dtype="<f8") for name, values in columns.items()}


def _pack_days(outcomes: tuple[OutcomeProfile, ...]) -> list[_PackedOutcomes]:
    return [
        _PackedOutcomes(profile.key.bucket.start, profile.key.bucket.end, pack_outcomes(profile))
        for profile in outcomes
    ]


def unpack_reference(data: bytes, *, id: str, n: int, origin: str, window: Window | None) -> Reference:
    """The reference that `pack_reference` packed."""
    packed = msgspec.msgpack.decode(data, type=_PackedReference)

    def part(source: _PackedReference | _PackedSegment, segment: str, n: int) -> Reference:
        def keyed(bucket: Window) -> ProfileKey:
            model, environment, version, variant, binning_id = packed.key
            return ProfileKey(model, environment, version, variant, segment, binning_id, bucket)

        def days(outcomes: list[_PackedOutcomes]) -> tuple[OutcomeProfile, ...]:
            return tuple(unpack_outcomes(day.counts, keyed(Window(day.start, day.end))) for day in outcomes)

        return Reference(
            id=id,
            model=packed.key[0],
            environment=packed.key[1],
            binning_id=packed.key[4],
            n=n,
            predictions=unpack_predictions(source.predictions, keyed(packed.bucket)),
            outcomes=days(source.outcomes),
            chunks=tuple(
                ReferenceChunk(
                    each.window, unpack_predictions(each.predictions, keyed(each.window)), days(each.outcomes)
                )
                for each in source.chunks
            ),
            window=window,
            origin=origin,
        )

    return replace(
        part(packed, "", n),
        sample=_unpack_columns(packed.sample),
        rows=RowSample(_unpack_columns(packed.rows.columns), packed.rows.n) if packed.rows else None,
        segments={name: part(source, name, source.n) for name, source in packed.segments.items()},
    )
