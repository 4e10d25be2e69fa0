"""Weeks and months of a model's own calendar."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from driftlog.contract.errors import UsageError
from driftlog.contract.window import WEEK, Schedule, Window

Every = Literal["week", "month"]
_WEEK: Final = re.compile(r"(\d{4})-W(\d{2})")
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")


def week(label: str, timezone: str) -> Window:
    """The ISO week, from Monday to Monday in the time zone.

    >>> week("2026-W10", "Europe/Berlin").start.isoformat()
    '2026-03-01T23:00:00+00:00'
    """
    match = _WEEK.fullmatch(label.strip())
    try:
        monday = date.fromisocalendar(int(match[1]), int(match[2]), 1) if match else None
    except ValueError:
        monday = None
    if monday is None:
        raise UsageError(f"--week: {label[:40]!r} is no week", remedy="write 2026-W10")
    zone = ZoneInfo(timezone)
    start = datetime(monday.year, monday.month, monday.day)  # noqa: DTZ001 - a wall-clock time, made aware below
    return Window(_at(start, zone), _at(start + WEEK, zone))


def month(label: str, timezone: str) -> Window:
    """The calendar month in the time zone.

    >>> month("2026-03", "UTC").label()
    '2026-03-01/2026-04-01'
    """
    match = _MONTH.fullmatch(label.strip())
    try:
        start = datetime(int(match[1]), int(match[2]), 1) if match else None  # noqa: DTZ001
    except ValueError:
        start = None
    if start is None:
        raise UsageError(f"--month: {label[:40]!r} is no month", remedy="write 2026-03")
    zone = ZoneInfo(timezone)
    return Window(_at(start, zone), _at((start + timedelta(days=31)).replace(day=1), zone))


def label_of(period: Window, every: Every, timezone: str) -> str:
    """Name of a period.

    >>> label_of(week("2020-W53", "UTC"), "week", "UTC")
    '2020-W53'
    """
    first = period.start.astimezone(ZoneInfo(timezone))
    if every == "month":
        return f"{first:%Y-%m}"
    year, number, _ = first.isocalendar()
    return f"{year}-W{number:02d}"


def containing(when: datetime, every: Every, timezone: str) -> Window:
    """The week or month that `when` falls in."""
    if every == "week":
        return Schedule(WEEK, timezone).window_at(when)
    return month(f"{when.astimezone(ZoneInfo(timezone)):%Y-%m}", timezone)


def last_complete(when: datetime, every: Every, timezone: str) -> Window:
    """The newest week or month that is over at `when`."""
    return containing(containing(when, every, timezone).start - timedelta(microseconds=1), every, timezone)


def before(period: Window, every: Every, timezone: str) -> Window:
    """The one before."""
    return containing(period.start - timedelta(microseconds=1), every, timezone)


def _at(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)
