"""The proof that one prediction is as it was sealed: its leaf, and the path from there to the root in the chain."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from driftlog.audit.merkle import inclusion_proof, leaf_of, root_by_proof
from driftlog.audit.sealing import committed
from driftlog.audit.seals import Seal, moment, open_seals, read_part, unpack
from driftlog.contract.window import Window
from driftlog.store.client import Store
from driftlog.store.values import Document


class SealProof(msgspec.Struct, frozen=True, kw_only=True):
    """How a prediction stands to its seal.

    Attributes
    ----------
    status
        ``sealed``: as it was. ``changed``: its content, nonce or leaf is another. ``not_sealed``: its bucket is not
        closed yet, it came late, or nothing is sealed.
    record
        Number of the audit record that has the root.
    leaf, index, n, path
        The leaf's hash, its position among `n`, and the hashes that lead to the root, nearest first.
    """

    status: Literal["sealed", "changed", "not_sealed"]
    what: str
    record: int = 0
    recorded: str = ""
    seal: int = 0
    root: str = ""
    leaf: str = ""
    index: int = 0
    n: int = 0
    path: tuple[str, ...] = ()


def prove(store: Store, model: str, id: str, source: Document) -> SealProof:
    """The seal of a stored prediction, computed anew."""
    try:
        at = moment(str(source["@timestamp"]))
    except (KeyError, ValueError):
        return SealProof(status="not_sealed", what="it has no time")
    found = _find(store, model, id, at)
    if found is None:
        return SealProof(status="not_sealed", what="its bucket is not closed yet, or it is not sealed")
    seal, index, nonce = found
    hashes = []
    for part in range(len(seal.parts)):
        hashes += [leaf.hash for leaf in read_part(store, seal, part) or ()]
    path = inclusion_proof(hashes, index) if index < len(hashes) else []
    leaf = leaf_of(nonce, id, source)
    root = root_by_proof(leaf, index, seal.n, path)
    holds = root is not None and root.hex() == seal.root
    return SealProof(
        status="sealed" if holds else "changed",
        what=f"as sealed, one of {seal.n:,}" if holds else "its content, or its seal, is not what was sealed",
        record=seal.sequence,
        recorded=seal.recorded,
        seal=seal.number,
        root=seal.root,
        leaf=leaf.hex(),
        index=index,
        n=seal.n,
        path=tuple(hash.hex() for hash in path),
    )


def _find(store: Store, model: str, id: str, at: datetime) -> tuple[Seal, int, bytes] | None:
    """(seal, position of the leaf in it, nonce) of an event that falls into the sealed buckets around `at`."""
    for hit in open_seals(store, model, at):
        source = hit["_source"]
        for position, leaf in enumerate(unpack(str(source["leaves"]))):
            if leaf.id != id:
                continue
            bucket = Window(moment(source["bucket"]["start"]), moment(source["bucket"]["end"]))
            name = Seal(
                model, str(source["service"]["environment"]), bucket, 0, "", 0, (), ""
            ).object  # as the chain names it
            for seal in committed(store, [name]):
                if seal.attempt == source["attempt"]:
                    before = _before(store, seal, int(source["part"]))
                    return seal, before + position, leaf.nonce
    return None


def _before(store: Store, seal: Seal, part: int) -> int:
    """Leaves in the parts before `part`."""
    return sum(len(read_part(store, seal, each) or ()) for each in range(part))
