"""Scales: numbers and times to positions, and the ticks between."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

LARGEST: Final = 1e300
"""Values beyond it are drawn there: differences of larger ones exceed a double."""


@dataclass(frozen=True)
class Linear:
    """Maps [low, high] to [start, end] of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        value = max(-LARGEST, min(LARGEST, value))
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Round numbers inside the range."""
        step = nice_step((self.high - self.low) / max(1, count))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def nice_step(rough: float) -> float:
    """The round number (1, 2, 2.5 or 5 times a power of ten) at or above `rough`.

    >>> nice_step(0.013), nice_step(3.0)
    (0.02, 5.0)
    """
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))


def value_scale(
    values: Iterable[float], start: float, end: float, *, floor: float | None = None, top: float | None = None
) -> Linear:
    """Scale over `values` with some air, which does not cross `floor` and `top`; a floor of 0 is always shown.

    `floor` and `top` are what values of this kind keep to. Where all of them break it, they are shown all the same.

    >>> value_scale([-5.0, -4.0], 0.0, 1.0, floor=0.0).high < 0
    True
    """
    finite = [max(-LARGEST, min(LARGEST, value)) for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if floor == 0.0 and low >= 0:
        low = 0.0
    if high - low <= 1e-12 * max(1.0, abs(high)):
        spread = abs(high) * 0.1 or 1.0
        low, high = low - spread, high + spread
    air = (high - low) * 0.08
    low, high = low - (0 if low == floor else air), high + air
    low = max(low, floor) if floor is not None and floor < high else low
    high = min(high, top) if top is not None and top > low else high
    return Linear(low, high, start, end)


@dataclass(frozen=True)
class Timeline:
    """Maps times to positions."""

    first: datetime
    last: datetime
    start: float
    end: float

    def __call__(self, when: datetime) -> float:
        length = (self.last - self.first).total_seconds()
        return self.start + (when - self.first).total_seconds() / length * (self.end - self.start)

    def ticks(self, count: int = 9) -> list[tuple[datetime, str]]:
        """Round times inside the range with their labels."""
        length = self.last - self.first
        for step in _STEPS:
            if length / step <= count:
                return _every(step, self.first, self.last)
        return _months(self.first, self.last, count)


_STEPS: Final = (
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=2),
    timedelta(days=7),
    timedelta(days=14),
)
_MONDAY: Final = datetime(1970, 1, 5, tzinfo=UTC)


def _every(step: timedelta, first: datetime, last: datetime) -> list[tuple[datetime, str]]:
    form = "%d %b %H:%M" if step < timedelta(days=1) else "%d %b"
    when = _MONDAY - ((_MONDAY - first) // step) * step
    found = []
    while when <= last:
        if when >= first:
            found.append((when, when.strftime(form).lstrip("0")))
        when += step
    return found


def _months(first: datetime, last: datetime, count: int) -> list[tuple[datetime, str]]:
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    step = next((s for s in (1, 2, 3, 6, 12) if months / s <= count), 12 * math.ceil(months / 12 / count))
    found: list[tuple[datetime, str]] = []
    for index in range(months + 1):
        year, month = divmod(first.year * 12 + first.month - 1 + index, 12)
        when = datetime(year, month + 1, 1, tzinfo=UTC)
        if month % step == 0 and first <= when <= last:
            found.append((when, f"{when:%b %Y}" if month == 0 or not found else f"{when:%b}"))
    return found
