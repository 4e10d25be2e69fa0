"""What a wire transport is: it takes a batch of NDJSON and says what became of it."""

from __future__ import annotations

import random
from enum import Enum
from typing import Final, NamedTuple, Protocol

FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 30.0


class Verdict(Enum):
    """DELIVERED: the receiver has the whole batch. SPLIT: it will not take this batch as it is, halve it to find the
    event at fault. KEEP: not now; keep the batch and come back."""

    DELIVERED = "delivered"
    SPLIT = "split"
    KEEP = "keep"


class Answer(NamedTuple):
    """What became of a batch; `wait_s` belongs to KEEP, `tried` says whether it was on the wire at all, the last three
    are what the receiver said it did."""

    verdict: Verdict
    status: int = 0
    message: str = ""
    wait_s: float = 0.0
    denied: bool = False
    tried: bool = True
    stored: int = 0
    quarantined: int = 0
    duplicates: int = 0


class Wire(Protocol):
    """A wire transport. Neither method raises."""

    def deliver(self, body: bytes, origin: str = "") -> Answer:
        """Offer a batch. `origin` names the spool file and its first row (``NAME:ROW``): the same lines keep the same
        origin however a re-send cuts them into batches, so that a line without an id is recognised."""
        ...

    def close(self) -> None: ...


def back_off(failures: int, uniform: random.Random) -> float:
    """Seconds to wait after so many failures in a row: doubling from 0.2 to 30, with up to half taken off at random.

    >>> [back_off(n, random.Random(1)) <= 30 for n in (1, 5, 50, 5000)]
    [True, True, True, True]
    """
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures - 1, 20))
    return longest * uniform.uniform(0.5, 1.0)
