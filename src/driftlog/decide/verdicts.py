"""A value against two limits."""

from __future__ import annotations

import msgspec

from driftlog.contract.measurement import Limit, Verdict


class Decision(msgspec.Struct, frozen=True):
    """Limit and verdict of one measurement."""

    limit: Limit
    verdict: Verdict


def beyond(value: float, limit: float | None, direction: str) -> bool:
    """Whether the value lies strictly on the wrong side of the limit."""
    if limit is None:
        return False
    return value > limit if direction == "above" else value < limit


def verdict_of(value: float, limit: Limit, possible: tuple[float, float]) -> Verdict:
    """``critical``, ``warning``, ``ok``, or ``cannot_alarm`` where no possible value lies beyond either limit."""
    if beyond(value, limit.critical, limit.direction):
        return "critical"
    if beyond(value, limit.warning, limit.direction):
        return "warning"
    farthest = possible[1] if limit.direction == "above" else possible[0]
    reachable = beyond(farthest, limit.warning, limit.direction) or beyond(farthest, limit.critical, limit.direction)
    return "ok" if reachable else "cannot_alarm"
