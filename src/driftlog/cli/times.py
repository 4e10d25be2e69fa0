"""``--since`` and ``--until``: ISO times, or durations before the latest data.

Stores hold history: nine months of 2013, say. Durations therefore count back from the newest data, not from today.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from driftlog.config.durations import parse_duration
from driftlog.contract.errors import UsageError

_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Windows around times further away leave the calendar of Python or of pandas."""

Moment = datetime | timedelta
"""A time, or a duration before the latest data."""


@dataclass(frozen=True)
class Span:
    """Half-open ``[since, until)``; None is open."""

    since: datetime | None = None
    until: datetime | None = None


def parse_moment(text: str, *, option: str) -> Moment:
    """A time or a duration.

    Raises
    ------
    UsageError
        Neither.

    >>> parse_moment("2013-04-01", option="--since")
    datetime.datetime(2013, 4, 1, 0, 0, tzinfo=datetime.timezone.utc)
    >>> parse_moment("7d", option="--since")
    datetime.timedelta(days=7)
    """
    try:
        return parse_duration(text)
    except ValueError:
        pass
    return parse_time(text, option=option)


def parse_time(text: str, *, option: str) -> datetime:
    """An ISO 8601 time between 1900 and 2200; UTC where it names no zone."""
    try:
        when = datetime.fromisoformat(text.strip())
        when = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option}: {text[:80]!r} is neither a time nor a duration",
            remedy="write 2026-03-01, 2026-03-01T12:00:00Z, or a duration such as 7d",
        ) from error
    if not _FIRST <= when < _LAST:
        raise UsageError(f"{option}: {text[:80]!r} is not between 1900 and 2200", remedy="correct the year")
    return when


def resolve(since: Moment | None, until: Moment | None, latest: datetime | None) -> Span:
    """Span of the two options; durations count back from `latest`, the end of the newest data.

    Raises
    ------
    UsageError
        It is empty.

    >>> resolve(timedelta(days=7), None, datetime(2013, 12, 30, tzinfo=UTC)).since
    datetime.datetime(2013, 12, 23, 0, 0, tzinfo=datetime.timezone.utc)
    """
    span = Span(_absolute(since, latest), _absolute(until, latest))
    if span.since is not None and span.until is not None and span.since >= span.until:
        raise UsageError(
            f"--since ({span.since:%Y-%m-%d %H:%M}) is not before --until ({span.until:%Y-%m-%d %H:%M})",
            remedy="exchange the two",
        )
    return span


def check_timezone(name: str) -> None:
    """Refuse what is no time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise UsageError(f"--timezone: {name[:80]!r} is no time zone", remedy="write UTC or Europe/Berlin") from None


def _absolute(moment: Moment | None, latest: datetime | None) -> datetime | None:
    if isinstance(moment, timedelta):
        return latest - moment if latest is not None else None
    return moment
