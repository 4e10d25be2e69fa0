"""Times and windows as people write them: ISO times, durations before the latest data, and stretches ``A/B``.

Stores hold history: nine months of 2013, say. Durations therefore count back from the newest data, not from today.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from driftlog.config.durations import parse_duration
from driftlog.contract.errors import UsageError
from driftlog.contract.window import DAY, Window

_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Windows around times further away leave the calendar of Python or of pandas."""
_DATE: Final = re.compile(r"\d{4}-?\d\d-?\d\d\Z", re.ASCII)
_WRITE: Final = "write 2026-03-01/2026-03-08, 2026-03-01/7d, 2026-03-01 (that day), 7d (the latest), or 14d/7d"

Moment = datetime | timedelta
"""A time, or a duration before the latest data."""
MomentLike = str | datetime | date | timedelta
"""What the Python interface takes for a time."""
WindowLike = Window | str | tuple[MomentLike, MomentLike]
"""What it takes for a window."""
Latest = Callable[[], datetime | None]
"""The end of the newest data; asked only where a duration needs it."""


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
    return _sensible(when, text, option)


def _sensible(when: datetime, shown: object, option: str) -> datetime:
    if not _FIRST <= when < _LAST:
        raise UsageError(f"{option}: {str(shown)[:80]!r} is not between 1900 and 2200", remedy="correct the year")
    return when


def as_moment(value: MomentLike | None, *, option: str) -> Moment | None:
    """A time however it is given; naive ones are UTC.

    >>> as_moment(date(2013, 4, 1), option="since")
    datetime.datetime(2013, 4, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if value is None or isinstance(value, timedelta):
        return value
    if isinstance(value, datetime):
        try:
            when = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
        except OverflowError:
            when = _LAST
        return _sensible(when, value, option)
    if isinstance(value, date):
        return _sensible(datetime.combine(value, time(), UTC), value, option)
    if isinstance(value, str):
        return parse_moment(value, option=option)
    raise UsageError(f"{option}: {type(value).__name__} is no time", remedy="give a datetime, a date, or text: 7d")


def resolve(
    since: Moment | None,
    until: Moment | None,
    latest: datetime | None,
    *,
    names: tuple[str, str] = ("--since", "--until"),
) -> Span:
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
            f"{names[0]} ({span.since:%Y-%m-%d %H:%M}) is not before {names[1]} ({span.until:%Y-%m-%d %H:%M})",
            remedy="exchange the two",
        )
    return span


def _absolute(moment: Moment | None, latest: datetime | None) -> datetime | None:
    if isinstance(moment, timedelta):
        return latest - moment if latest is not None else None
    return moment


def parse_window(text: str, latest: Latest, *, option: str) -> Window:
    """A stretch of time.

    ``A/B`` from A up to B; ``A/7d`` seven days from A; ``A`` alone that day, or from that time to the latest data;
    ``7d`` the latest seven days; ``14d/7d`` from fourteen to seven days before the latest data.

    Raises
    ------
    UsageError
        It has another form, is empty, or counts back from data that is not there.

    >>> parse_window("2013-04-01/7d", lambda: None, option="--current").label()
    '2013-04-01/2013-04-08'
    >>> parse_window("14d/7d", lambda: datetime(2013, 12, 30, tzinfo=UTC), option="--current").label()
    '2013-12-16/2013-12-23'
    """
    first, separator, second = (part.strip() for part in text.partition("/"))
    try:
        start = parse_moment(first, option=option)
        if separator:
            end: Moment | None = parse_moment(second, option=option)
        else:
            end = start + DAY if isinstance(start, datetime) and _DATE.match(first) else None
    except UsageError as error:
        raise UsageError(f"{option}: {text[:80]!r} is no stretch of time", remedy=_WRITE) from error
    return _window(start, end, latest, shown=text, option=option)


def as_window(value: WindowLike, latest: Latest, *, option: str) -> Window:
    """A window however it is given: a `Window`, text as `parse_window` reads it, or its two ends."""
    if isinstance(value, Window):
        return value
    if isinstance(value, str):
        return parse_window(value, latest, option=option)
    if isinstance(value, tuple | list) and len(value) == 2:
        start, end = (as_moment(part, option=option) for part in value)
        if start is not None:
            return _window(start, end, latest, shown=f"{value[0]}/{value[1]}", option=option)
    raise UsageError(f"{option}: {value!r:.80} is no stretch of time", remedy=_WRITE)


def _window(start: Moment, end: Moment | None, latest: Latest, *, shown: str, option: str) -> Window:
    if isinstance(start, datetime) and isinstance(end, timedelta):
        end = start + end
    newest = latest() if isinstance(start, timedelta) or not isinstance(end, datetime) else None
    if isinstance(start, timedelta) and newest is None:
        raise UsageError(f"{option}: {shown[:80]!r} counts back from the latest data, and there is none", remedy=_WRITE)
    begin, finish = _absolute(start, newest), _absolute(end, newest) if end is not None else newest
    if begin is None or finish is None or begin >= finish:
        raise UsageError(f"{option}: {shown[:80]!r} is empty", remedy=_WRITE)
    return Window(begin, finish)
