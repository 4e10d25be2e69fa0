"""Bytes accepted and not yet stored, and their limit: what keeps the memory of the intake bounded."""

from __future__ import annotations

import asyncio


class Capacity:
    """A counter of pending bytes with a limit.

    Something larger than the limit is let in alone, so that no event is too large for ever.

    >>> capacity = Capacity(100)
    >>> capacity.try_reserve(80), capacity.try_reserve(30), capacity.pending_bytes
    (True, False, 80)
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.pending_bytes = 0
        self._room = asyncio.Event()

    def try_reserve(self, size_bytes: int) -> bool:
        if self.pending_bytes and self.pending_bytes + size_bytes > self.limit_bytes:
            return False
        self.pending_bytes += size_bytes
        return True

    def try_extend(self, held_bytes: int, more_bytes: int) -> bool:
        """Room for more of what holds `held_bytes` already."""
        alone = self.pending_bytes <= held_bytes
        if more_bytes and not alone and self.pending_bytes + more_bytes > self.limit_bytes:
            return False
        self.pending_bytes += more_bytes
        return True

    async def reserve(self, size_bytes: int) -> None:
        """Wait until there is room."""
        while not self.try_reserve(size_bytes):
            self._room.clear()
            await self._room.wait()

    def release(self, size_bytes: int) -> None:
        self.pending_bytes -= size_bytes
        self._room.set()
