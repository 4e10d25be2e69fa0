"""A set of many ids in 16 bytes each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


class IdSet:
    """Ids by 128 bits of their hash, with their positions in the order given.

    >>> ids = IdSet(["a", "b"])
    >>> ids.positions(["b", "x", "a"])
    [1, -1, 0]
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._sort(b"".join(map(id_hash, ids)))

    @classmethod
    def of_hashes(cls, hashes: bytes | bytearray) -> IdSet:
        """A set of ids of which only the `id_hash`es are known, one after the other."""
        made = cls(())
        made._sort(hashes)
        return made

    def _sort(self, hashes: bytes | bytearray) -> None:
        pairs = np.frombuffer(bytes(hashes), dtype="<u8").reshape(-1, 2)
        self._order: NDArray[np.int64] = np.lexsort((pairs[:, 1], pairs[:, 0])).astype(np.int64)
        self._first = pairs[self._order, 0]
        self._second = pairs[self._order, 1]

    def __len__(self) -> int:
        return len(self._order)

    def positions(self, ids: Sequence[str]) -> list[int]:
        """Where each of `ids` stood, -1 where it did not; of an id that was given twice, one of the places."""
        if not len(self._order):
            return [-1] * len(ids)
        asked = np.frombuffer(b"".join(id_hash(id) for id in ids), dtype="<u8").reshape(-1, 2)
        places = np.minimum(np.searchsorted(self._first, asked[:, 0]), len(self._order) - 1)
        hit = (self._first[places] == asked[:, 0]) & (self._second[places] == asked[:, 1])
        return [int(self._order[place]) if found else -1 for place, found in zip(places, hit, strict=True)]


def id_hash(id: str) -> bytes:
    """16 bytes that stand for an id."""
    return hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
