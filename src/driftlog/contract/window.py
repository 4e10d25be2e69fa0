"""Windows (what is judged) and buckets (what is counted): half-open intervals of time, in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
_EPOCH_MONDAY: Final = datetime(1970, 1, 5)  # noqa: DTZ001 - a wall-clock anchor, made aware below


class Window(msgspec.Struct, frozen=True, order=True):
    """Half-open interval ``[start, end)`` of aware UTC times.

    >>> w = Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    >>> w.length
    datetime.timedelta(days=1)
    >>> datetime(2026, 3, 4, tzinfo=UTC) in w
    False
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("window times must be time-zone aware")
        if self.end <= self.start:
            raise ValueError(f"window ends ({self.end.isoformat()}) before it starts ({self.start.isoformat()})")

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def __contains__(self, when: datetime) -> bool:
        return self.start <= when < self.end

    def overlaps(self, other: Window) -> bool:
        return self.start < other.end and other.start < self.end

    def label(self) -> str:
        """``2026-03-03/2026-03-04``, with the time of day where it is not midnight."""
        return f"{_short(self.start)}/{_short(self.end)}"


def _short(when: datetime) -> str:
    when = when.astimezone(UTC)
    return (
        when.strftime("%Y-%m-%d")
        if when == when.replace(hour=0, minute=0, second=0, microsecond=0)
        else (when.strftime("%Y-%m-%dT%H:%M:%SZ"))
    )


class Schedule(msgspec.Struct, frozen=True):
    """Windows of one length, laid end to end.

    Whole days start at local midnight of `timezone` (a day is 23 or 25 hours long when the clock changes); whole
    weeks start on Monday; shorter windows divide the UTC day.

    Parameters
    ----------
    length
        Length of a window: whole weeks, whole days, or a divisor of a day.
    timezone
        IANA name, used for whole days and weeks.

    >>> weekly = Schedule(WEEK)
    >>> weekly.window_at(datetime(2013, 4, 3, 12, tzinfo=UTC)).label()
    '2013-04-01/2013-04-08'
    """

    length: timedelta
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        if self.length <= timedelta(0):
            raise ValueError("window length must be positive")
        if self.length < DAY and DAY % self.length:
            raise ValueError("a window shorter than a day must divide the day")
        if self.length > DAY and self.length % DAY:
            raise ValueError("a window longer than a day must be whole days")

    def window_at(self, when: datetime) -> Window:
        """The window that contains `when`."""
        if self.length < DAY:
            midnight = when.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            start = midnight + (when - midnight) // self.length * self.length
            return Window(start, start + self.length)
        zone = ZoneInfo(self.timezone)
        wall = when.astimezone(zone).replace(tzinfo=None)
        first = _EPOCH_MONDAY + (wall - _EPOCH_MONDAY) // self.length * self.length
        return Window(_utc(first, zone), _utc(first + self.length, zone))

    def windows(self, start: datetime, end: datetime) -> Iterator[Window]:
        """Windows that overlap ``[start, end)``, in order."""
        when = start
        while when < end:
            window = self.window_at(when)
            yield window
            when = window.end


def _utc(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


def bucket_at(when: datetime, length: timedelta) -> Window:
    """The bucket of `length` (a divisor of a UTC day) that contains `when`.

    >>> bucket_at(datetime(2026, 3, 3, 10, 59, tzinfo=UTC), timedelta(hours=1)).label()
    '2026-03-03T10:00:00Z/2026-03-03T11:00:00Z'
    """
    return Schedule(length).window_at(when) if length <= DAY else Schedule(DAY).window_at(when)
