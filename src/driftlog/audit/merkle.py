"""Merkle trees as in RFC 6962: one hash that stands for many leaves, in their order.

``leaf = SHA-256(0x00 || nonce || content)``, ``node = SHA-256(0x01 || left || right)``; a tree of n leaves has the
largest power of two below n to its left. The first byte keeps a node from being taken for a leaf.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from driftlog.audit.canonical import canonical, utf8
from driftlog.store.values import Document

NONCE_BYTES: Final = 16
HASH_BYTES: Final = 32


def leaf_of(nonce: bytes, id: str, source: Document) -> bytes:
    """Hash of one event: its document id and its ``_source`` as Elasticsearch gives it back, in canonical JSON.

    The nonce is random: without it nobody can find out by guessing which event a leaf stands for.
    """
    return hashlib.sha256(b"\x00" + nonce + utf8(canonical([id, source]))).digest()


def node_of(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The root of leaves that come one by one; keeps one hash for every bit of their number.

    >>> tree = Tree()
    >>> for leaf in (b"a" * 32, b"b" * 32, b"c" * 32):
    ...     tree.add(leaf)
    >>> tree.root() == node_of(node_of(b"a" * 32, b"b" * 32), b"c" * 32)
    True
    """

    def __init__(self) -> None:
        self.n = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        size, self.n = self.n, self.n + 1
        while size & 1:
            leaf = node_of(self._peaks.pop(), leaf)
            size >>= 1
        self._peaks.append(leaf)

    def root(self) -> bytes:
        """Of all leaves so far; SHA-256 of nothing where there are none."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_of(peak, root)
        return root


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root, nearest first."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    proof, level = [], list(leaves)
    while len(level) > 1:
        if index ^ 1 < len(level):
            proof.append(level[index ^ 1])
        paired = [node_of(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
        index >>= 1
    return proof


def root_by_proof(leaf: bytes, index: int, n: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that a proof leads to; None where it has not the length that a tree of `n` leaves asks for.

    >>> leaves = [bytes([i]) * 32 for i in range(5)]
    >>> tree = Tree()
    >>> for each in leaves:
    ...     tree.add(each)
    >>> root_by_proof(leaves[4], 4, 5, inclusion_proof(leaves, 4)) == tree.root()
    True
    """
    if not 0 <= index < n:
        return None
    last, rest, result = n - 1, list(proof), leaf
    while last:
        if index & 1 or index < last:
            if not rest:
                return None
            other = rest.pop(0)
            result = node_of(other, result) if index & 1 else node_of(result, other)
        index, last = index >> 1, last >> 1
    return result if not rest else None
