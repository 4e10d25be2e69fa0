"""Windows lie end to end, follow the local clock, and survive daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.contract.window import DAY, WEEK, Schedule, Window, bucket_at

instants = st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
schedules = st.builds(
    Schedule,
    st.sampled_from([timedelta(minutes=15), timedelta(hours=1), DAY, 2 * DAY, WEEK, 4 * WEEK]),
    st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"]),
)


@given(instants, schedules)
def test_every_instant_lies_in_its_window(when: datetime, schedule: Schedule) -> None:
    """And the next window starts where this one ends."""
    window = schedule.window_at(when)
    assert when in window
    assert schedule.window_at(window.end).start == window.end
    assert schedule.window_at(window.end - timedelta(microseconds=1)) == window


@given(instants)
def test_weeks_start_on_monday(when: datetime) -> None:
    """Whole weeks are calendar weeks."""
    assert Schedule(WEEK).window_at(when).start.weekday() == 0


def test_a_day_is_as_long_as_the_clock_says() -> None:
    """23 hours when summer time begins in New York, 25 when it ends."""
    daily = Schedule(DAY, "America/New_York")
    assert daily.window_at(datetime(2013, 3, 10, 17, tzinfo=UTC)).length == timedelta(hours=23)
    assert daily.window_at(datetime(2013, 11, 3, 17, tzinfo=UTC)).length == timedelta(hours=25)
    start = daily.window_at(datetime(2013, 3, 11, 17, tzinfo=UTC)).start
    assert start.astimezone(ZoneInfo("America/New_York")).hour == 0


def test_windows_between_two_times_cover_them() -> None:
    """In order, without gaps."""
    found = list(Schedule(DAY).windows(datetime(2026, 3, 3, 12, tzinfo=UTC), datetime(2026, 3, 5, 1, tzinfo=UTC)))
    assert [w.label() for w in found] == ["2026-03-03/2026-03-04", "2026-03-04/2026-03-05", "2026-03-05/2026-03-06"]


@pytest.mark.parametrize("length", [timedelta(0), timedelta(hours=7), timedelta(hours=36), timedelta(seconds=-1)])
def test_lengths_that_do_not_tile_are_refused(length: timedelta) -> None:
    """A window divides the day or is whole days."""
    with pytest.raises(ValueError, match="window"):
        Schedule(length)


def test_naive_and_empty_windows_are_refused() -> None:
    """Times are aware, and a window has a length."""
    with pytest.raises(ValueError, match="aware"):
        Window(datetime(2026, 1, 1), datetime(2026, 1, 2))
    with pytest.raises(ValueError, match="ends"):
        Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))


@given(instants, st.sampled_from([timedelta(minutes=5), timedelta(hours=1), DAY]))
def test_buckets_are_utc(when: datetime, length: timedelta) -> None:
    """A bucket divides the UTC day."""
    bucket = bucket_at(when, length)
    assert (
        when in bucket
        and bucket.length == length
        and (bucket.start - bucket.start.replace(hour=0, minute=0)) % length == timedelta(0)
    )
