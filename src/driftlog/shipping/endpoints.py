"""Which of several receivers to talk to: the one that works, until it does not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import Secret
from driftlog.shipping.wire import back_off

DEFAULT_PORTS = {"http": 80, "https": 443, "tcp": 9281, "tls": 9281, "beats": 5044}


class Address(NamedTuple):
    """Where a receiver listens."""

    scheme: str
    host: str
    port: int
    path: str = "/"
    username: str | None = None
    password: Secret | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def parse_address(url: str, schemes: tuple[str, ...]) -> Address:
    """Address of a URL; raises `ConfigError`.

    >>> print(parse_address("http://user:secret@intake:9280", ("http", "https")))
    http://intake:9280/
    """
    parts = urlsplit(url if "://" in url else f"{schemes[0]}://{url}")
    remedy = f"write {schemes[0]}://HOST:PORT"
    try:
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise ConfigError("is not an address", path="url", value=_shown(url), remedy=remedy) from None
    if parts.scheme not in schemes or not parts.hostname:
        raise ConfigError("is not an address for this transport", path="url", value=_shown(url), remedy=remedy)
    return Address(
        parts.scheme,
        parts.hostname,
        port,
        parts.path or "/",
        unquote(parts.username) if parts.username else None,
        Secret(unquote(parts.password)) if parts.password else None,
    )


def _shown(url: str) -> str:
    """Without user and password."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


class Endpoints:
    """Receivers in order of preference. One that failed rests for a while; the one in use is kept while it works."""

    def __init__(
        self,
        addresses: tuple[Address, ...],
        monotonic: Callable[[], float] = time.monotonic,
        randomness: random.Random | None = None,
    ) -> None:
        self.addresses = addresses
        self._monotonic = monotonic
        self._random = randomness or random.Random()  # noqa: S311
        self._failures = [0] * len(addresses)
        self._rests_until = [0.0] * len(addresses)
        self._used = 0

    def choose(self) -> int | None:
        """Number of a receiver that is not resting, the one used last first; None when all rest."""
        now = self._monotonic()
        count = len(self.addresses)
        for step in range(count):
            number = (self._used + step) % count
            if self._rests_until[number] <= now:
                self._used = number
                return number
        return None

    def worked(self, number: int) -> None:
        self._failures[number] = 0
        self._rests_until[number] = 0.0

    def failed(self, number: int, at_least_s: float = 0.0) -> None:
        """Let it rest: backing off with jitter, and at least as long as it asked for."""
        self._failures[number] += 1
        wait = max(back_off(self._failures[number], self._random), at_least_s)
        self._rests_until[number] = self._monotonic() + wait

    def wait_s(self) -> float:
        """Until the first receiver has rested."""
        return max(0.0, min(self._rests_until) - self._monotonic())
