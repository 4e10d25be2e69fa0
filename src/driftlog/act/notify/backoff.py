"""How long to wait before the next attempt."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

LONGEST: Final = timedelta(hours=1)


def pause(attempts: int, first: timedelta, jitter: float) -> timedelta:
    """Pause after `attempts` failures: ``first * 2 ** (attempts - 1)``, at most an hour, times 0.75 to 1.25.

    Parameters
    ----------
    jitter
        In [0, 1); spreads those that failed together.

    >>> [pause(n, timedelta(seconds=30), 0.5).total_seconds() for n in (1, 2, 3, 20)]
    [30.0, 60.0, 120.0, 3600.0]
    >>> pause(1, timedelta(seconds=30), 0.0).total_seconds()
    22.5
    """
    exponent = min(max(attempts, 1) - 1, 32)
    seconds = min(first.total_seconds() * 2.0**exponent, LONGEST.total_seconds())
    return timedelta(seconds=seconds * (0.75 + jitter / 2))
