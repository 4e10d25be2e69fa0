"""The erasure list at the intake: what was erased is not stored again, however late it is sent.

Such events are dropped without a word to the sender, who would otherwise keep them, and are not quarantined, which
would keep them here. They are counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from driftlog.contract.erasure import ErasureList
from driftlog.contract.line_names import document_names, line_names
from driftlog.intake.arrival import Accepted
from driftlog.intake.stats import Stats
from driftlog.store.client import Store
from driftlog.store.erasures import read_list

REFRESH_S: Final = 5.0
"""How old the list may be when a batch is taken."""


class Erased:
    """The list as of a few seconds ago.

    Parameters
    ----------
    store
        Its calls block; they run in a thread.
    stats
        Counters to keep.
    now, monotonic
        Clocks.
    """

    def __init__(
        self, store: Store, stats: Stats, *, now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._stats = stats
        self._now = now
        self._monotonic = monotonic
        self._looked: float | None = None
        self._read_at: datetime | None = None
        self._list = ErasureList()
        self._lock = asyncio.Lock()

    async def without(self, documents: Sequence[Accepted]) -> list[Accepted]:
        """`documents`, refused ones included, but those of erased subjects and the feedback on erased predictions.

        Raises
        ------
        StoreError
            The list cannot be read: then nothing is taken, and the sender keeps it.
        """
        await self._look()
        if not self._list:
            return list(documents)
        kept = [document for document in documents if not self._covers(document)]
        self._stats.erased += len(documents) - len(kept)
        return kept

    def _covers(self, document: Accepted) -> bool:
        if document.kind == "resources":
            return False
        refused = document.kind == "quarantine"
        names = line_names(document.raw) if refused else document_names(document.document)
        ids = names.event_ids if document.kind == "feedback" or not names.subject else ()
        return self._list.covers(names.model, subject=names.subject, event_ids=ids)

    async def _look(self) -> None:
        if self._is_fresh():
            return
        async with self._lock:
            if self._is_fresh():
                return
            looked, at = self._monotonic(), self._now()
            self._list = await asyncio.to_thread(read_list, self._store, self._list, self._read_at)
            self._looked, self._read_at = looked, at

    def _is_fresh(self) -> bool:
        return self._looked is not None and self._monotonic() - self._looked < REFRESH_S
