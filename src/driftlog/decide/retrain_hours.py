"""Quiet hours and cron lines, in a model's time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)\Z")


def parse_hours(text: str) -> tuple[time, time]:
    """Beginning and end of ``22:00-06:00``; it may pass midnight.

    >>> parse_hours("22:00-06:00")
    (datetime.time(22, 0), datetime.time(6, 0))

    Raises
    ------
    ValueError
        It is written otherwise, or begins when it ends.
    """
    found = _HOURS.match(text)
    if found is None:
        raise ValueError("hours are written 22:00-06:00")
    a, b, c, d = (int(part) for part in found.groups())
    if (a, b) == (c, d):
        raise ValueError("hours begin when they end")
    return time(a, b), time(c, d)


def quiet_until(text: str, timezone: str, now: datetime) -> datetime | None:
    """End of the quiet hours that `now` is in; None outside them, and where `text` is empty.

    By the wall clock: a night is an hour longer or shorter when the clock changes.

    >>> quiet_until("22:00-06:00", "Europe/Berlin", datetime(2026, 3, 28, 23, tzinfo=UTC)).isoformat()
    '2026-03-29T04:00:00+00:00'
    """
    if not text:
        return None
    start, end = parse_hours(text)
    zone = ZoneInfo(timezone)
    wall = now.astimezone(zone)
    clock = wall.time().replace(tzinfo=None)
    inside = start <= clock < end if start < end else clock >= start or clock < end
    if not inside:
        return None
    day = wall.date() if clock < end else wall.date() + timedelta(days=1)
    found = datetime.combine(day, end, tzinfo=zone).astimezone(UTC)
    if found <= now:  # the hour that comes twice: its second half is still before `end` on the wall
        found = datetime.combine(day, end, tzinfo=zone).replace(fold=1).astimezone(UTC)
    return found


def last_time(cron: str, timezone: str, now: datetime) -> datetime | None:
    """The newest moment of `cron` at or before `now`, UTC; None where there was none in fifty years.

    >>> last_time("0 6 * * MON", "UTC", datetime(2026, 3, 4, 12, tzinfo=UTC)).isoformat()
    '2026-03-02T06:00:00+00:00'
    """
    moment = now.astimezone(ZoneInfo(timezone)) + timedelta(minutes=1)  # what is due right now counts
    for found in CronSim(cron, moment.replace(second=0, microsecond=0), reverse=True):
        if found.astimezone(UTC) <= now:
            return found.astimezone(UTC)
    return None


def next_time(cron: str, timezone: str, now: datetime) -> datetime | None:
    """The first moment of `cron` after `now`, UTC; None where there is none in fifty years.

    >>> next_time("0 6 * * MON", "UTC", datetime(2026, 3, 4, 12, tzinfo=UTC)).isoformat()
    '2026-03-09T06:00:00+00:00'
    """
    found = next(CronSim(cron, now.astimezone(ZoneInfo(timezone))), None)
    return None if found is None else found.astimezone(UTC)
