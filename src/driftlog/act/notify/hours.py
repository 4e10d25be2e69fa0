"""When a route is open: hours of local days, across changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from driftlog.contract.opening import Opening


def next_open(opening: Opening, timezone: str, at: datetime) -> datetime:
    """`at` where it lies inside the opening, else the start of the next one.

    Local times that the clock skips (in spring) move on by the skipped hour; of those that come twice (in autumn) an
    opening begins with the first and ends with the second.

    >>> working = Opening(8 * 60, 18 * 60, frozenset(range(5)))
    >>> friday = datetime(2026, 3, 27, 18, 30, tzinfo=UTC)
    >>> next_open(working, "Europe/Berlin", friday).isoformat()  # summer time began on Sunday
    '2026-03-30T06:00:00+00:00'
    >>> next_open(working, "Europe/Berlin", friday - timedelta(hours=3)) == friday - timedelta(hours=3)
    True
    """
    if opening.always:
        return at
    zone = ZoneInfo(timezone)
    today = at.astimezone(zone).date()
    starts = []
    for ahead in range(-2, 9):
        day = today + timedelta(days=ahead)
        if day.weekday() not in opening.days:
            continue
        start, end = _span(opening, zone, day)
        if start <= at < end:
            return at
        if start > at:
            starts.append(start)
    return min(starts)


def _span(opening: Opening, zone: ZoneInfo, day: date) -> tuple[datetime, datetime]:
    over_midnight = 1 if opening.end <= opening.start else 0
    return _instant(zone, day, opening.start, fold=0), _instant(
        zone, day + timedelta(days=over_midnight), opening.end, fold=1
    )


def _instant(zone: ZoneInfo, day: date, minutes: int, *, fold: int) -> datetime:
    days, minute = divmod(minutes, 1440)
    local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone) + timedelta(days=days)
    return local.replace(fold=fold).astimezone(UTC)
