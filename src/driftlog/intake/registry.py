"""Which models may be written: only registered ones get an index, so that a typo cannot fill the cluster."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final

from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import Settings
from driftlog.store import models
from driftlog.store.client import Store

log = logging.getLogger(__name__)

REFRESH_S: Final = 5.0
"""An unknown model makes the intake look at the registry again, but not more often than this."""
AUTO_REGISTER: Final = "auto_register"


class Registry:
    """The registered models, as far as the intake has to know.

    Parameters
    ----------
    store
        Its calls block; they run in a thread.
    settings
        Models of the configuration are known; others are registered up to the limit when `auto_register` is on.
    now, monotonic
        Clocks.
    """

    def __init__(
        self, store: Store, settings: Settings, *, now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._configured = {model.name: model.task for model in settings.models}
        self._auto_register = settings.intake.auto_register
        self._limit = settings.intake.auto_register_limit
        self._now = now
        self._monotonic = monotonic
        self._looked: float | None = None
        self._automatic = 0
        self._lock = asyncio.Lock()
        self.known: set[str] = set()

    async def admit(self, names: Collection[str]) -> set[str]:
        """Those of `names` that may not be written. Raises `StoreError` when the registry cannot be read."""
        unknown = {name for name in names if name not in self.known}
        if not unknown:
            return unknown
        async with self._lock:
            await self._look()
            for name in sorted(unknown - self.known):
                await self._register(name)
        return unknown - self.known

    async def _look(self) -> None:
        if self._looked is not None and self._monotonic() - self._looked < REFRESH_S:
            return
        records: Mapping[str, ModelRecord] = await asyncio.to_thread(models.registered, self._store)
        self.known = set(records)
        self._automatic = sum(record.registered_by == AUTO_REGISTER for record in records.values())
        self._looked = self._monotonic()

    async def _register(self, name: str) -> None:
        configured = name in self._configured
        if not configured and not (self._auto_register and self._automatic < self._limit):
            return
        record = ModelRecord(
            name=name,
            task=self._configured.get(name, ""),
            registered=self._now(),
            registered_by="configuration" if configured else AUTO_REGISTER,
        )
        await asyncio.to_thread(models.register, self._store, record)
        self._automatic += not configured
        self.known.add(name)
        log.info("registered model %s (%s)", name, record.registered_by)
