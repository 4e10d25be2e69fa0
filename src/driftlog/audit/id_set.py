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
        packed = bytearray()
        for id in ids:
            packed += _hash(id)
        pairs = np.frombuffer(bytes(packed), dtype="<u8").reshape(-1, 2)
        self._order: NDArray[np.int64] = np.lexsort((pairs[:, 1], pairs[:, 0])).astype(np.int64)
        self._first = pairs[self._order, 0]
        self._second = pairs[self._order, 1]

    def __len__(self) -> int:
        return len(self._order)

    def positions(self, ids: Sequence[str]) -> list[int]:
        """Where each of `ids` stood, -1 where it did not; of an id that was given twice, one of the places."""
        if not len(self._order):
            return [-1] * len(ids)
        asked = np.frombuffer(b"".join(_hash(id) for id in ids), dtype="<u8").reshape(-1, 2)
        places = np.minimum(np.searchsorted(self._first, asked[:, 0]), len(self._order) - 1)
        hit = (self._first[places] == asked[:, 0]) & (self._second[places] == asked[:, 1])
        return [int(self._order[place]) if found else -1 for place, found in zip(places, hit, strict=True)]


def _hash(id: str) -> bytes:
    return hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
