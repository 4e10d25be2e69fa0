"""Times of events: ISO 8601 in, UTC with microseconds out.

As on a real Logstash: offsets are turned into UTC, a time without zone is UTC, a number or a word is not a time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_ISO_8601: Final = re.compile(
    r"\d{4}-\d\d-\d\d"
    r"(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?\Z",
    re.ASCII,
)


def parse_timestamp(text: str) -> datetime | None:
    """The time that `text` names, in UTC; None when it is no ISO 8601 date or time of the calendar.

    Fractions beyond microseconds are cut. A date alone is its midnight.

    >>> parse_timestamp("2026-03-03T12:00:00.5+02:00")
    datetime.datetime(2026, 3, 3, 10, 0, 0, 500000, tzinfo=datetime.timezone.utc)
    >>> parse_timestamp("2026-03-03 12:00:00")
    datetime.datetime(2026, 3, 3, 12, 0, tzinfo=datetime.timezone.utc)
    >>> parse_timestamp("1772532000") is None
    True
    """
    if not _ISO_8601.match(text):
        return None
    try:
        when = datetime.fromisoformat(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_timestamp(when: datetime) -> str:
    """Aware `when` in UTC, with microseconds.

    >>> format_timestamp(datetime(2026, 3, 3, 10, tzinfo=UTC))
    '2026-03-03T10:00:00.000000Z'
    >>> format_timestamp(datetime(1, 1, 1, tzinfo=UTC))
    '0001-01-01T00:00:00.000000Z'
    """
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
