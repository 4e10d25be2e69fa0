"""Whether Elasticsearch takes events now: templates are installed, and the last failure was followed by a success.

While it is down, requests are refused before their bodies are read, and a probe looks at growing intervals.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Final

from driftlog.contract.errors import StoreError

log = logging.getLogger(__name__)

PROBE_DELAYS_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0)
RECHECK_S: Final = 30.0
"""How often a healthy cluster is looked at again: templates may be removed while the intake runs."""


class Availability:
    """The state, and the task that keeps it.

    Parameters
    ----------
    probe
        Raises `StoreError` while events cannot be stored as they should be.
    """

    def __init__(self, probe: Callable[[], Awaitable[None]]) -> None:
        self._probe = probe
        self._problem: str | None = "not checked yet"
        self._attempt = 0
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def is_up(self) -> bool:
        return self._problem is None

    @property
    def problem(self) -> str:
        return self._problem or ""

    @property
    def retry_after_s(self) -> int:
        """Whole seconds after which a sender should try again."""
        return math.ceil(PROBE_DELAYS_S[min(self._attempt, len(PROBE_DELAYS_S) - 1)])

    def report(self, error: StoreError) -> None:
        """Note a failure to store; requests are refused until a probe succeeds."""
        if self.is_up:
            log.warning("Elasticsearch does not take events: %s", error.message)
            self._attempt = 0
        self._problem = error.message
        self._changed.clear()
        self._wake.set()

    async def wait_until_up(self) -> None:
        while not self.is_up:
            await self._changed.wait()

    async def run(self) -> None:
        """Probe for ever."""
        while True:
            await self._probe_once()
            delay_s = RECHECK_S if self.is_up else PROBE_DELAYS_S[min(self._attempt, len(PROBE_DELAYS_S) - 1)]
            self._attempt += 1
            self._wake.clear()
            if self.is_up:
                await _wait(self._wake, delay_s)
                if self._wake.is_set():
                    await asyncio.sleep(PROBE_DELAYS_S[0])
            else:
                await asyncio.sleep(delay_s)

    async def _probe_once(self) -> None:
        try:
            await self._probe()
        except StoreError as error:
            if self._problem != error.message:
                log.warning("Elasticsearch does not take events: %s", error)
            self._problem = error.message
            self._changed.clear()
            return
        if not self.is_up:
            log.info("Elasticsearch takes events")
        self._problem = None
        self._attempt = 0
        self._changed.set()


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return
