"""How often one visitor may ask: a bucket of tokens each, in bounded memory."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST: Final = 10_000
"""Visitors remembered; the one that came longest ago is forgotten first."""


class RateLimit:
    """At most `per_minute` requests a minute of each key, `burst` of them at once.

    >>> clock = iter([0.0, 0.0, 0.0, 30.0]).__next__
    >>> limit = RateLimit(2, monotonic=clock)
    >>> [limit.wait_s("a") for _ in range(4)]
    [0, 0, 30, 0]
    """

    def __init__(
        self, per_minute: int, *, burst: int | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s = per_minute / 60
        self._burst = float(burst or per_minute)
        self._monotonic = monotonic
        self._tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: str) -> int:
        """0 and a token is taken, or the whole seconds until there will be one."""
        now = self._monotonic()
        tokens, since = self._tokens.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._per_s)
        wait = 0 if tokens >= 1 else math.ceil((1 - tokens) / self._per_s)
        self._tokens[key] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._tokens) > MOST:
            self._tokens.popitem(last=False)
        return wait
