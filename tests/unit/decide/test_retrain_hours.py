"""Quiet hours and cron lines go by the model's wall clock, also on the days when it is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.decide.retrain_hours import last_time, next_time, parse_hours, quiet_until

instants = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
hours = st.tuples(st.integers(0, 47), st.integers(0, 47)).filter(lambda pair: pair[0] != pair[1])


def written(pair: tuple[int, int]) -> str:
    return "-".join(f"{half // 2:02d}:{half % 2 * 30:02d}" for half in pair)


@given(now=instants, zone=zones, pair=hours)
def test_quiet_hours_are_those_on_the_wall(now: datetime, zone: str, pair: tuple[int, int]) -> None:
    """Inside exactly where the wall clock is between their ends; and they end later, within a day and an hour."""
    start, end = parse_hours(written(pair))
    clock = now.astimezone(ZoneInfo(zone)).time()
    inside = start <= clock < end if start < end else clock >= start or clock < end

    until = quiet_until(written(pair), zone, now)

    assert (until is not None) == inside
    if until is not None:
        assert now < until <= now + timedelta(hours=25)


def test_no_hours_are_never_quiet() -> None:
    """The default."""
    assert quiet_until("", "UTC", datetime(2026, 3, 2, tzinfo=UTC)) is None


def test_the_night_of_the_long_hour_is_quiet_twice() -> None:
    """02:15 comes twice in Berlin on 25 October 2026, and is quiet both times."""
    first, second = datetime(2026, 10, 25, 0, 15, tzinfo=UTC), datetime(2026, 10, 25, 1, 15, tzinfo=UTC)

    assert quiet_until("01:00-02:30", "Europe/Berlin", first) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert quiet_until("01:00-02:30", "Europe/Berlin", second) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["22-6", "22:00-06:60", "24:00-06:00", "10:00-10:00", "22:00 - 06:00", ""])
def test_other_hours_are_refused(text: str) -> None:
    """They are written 22:00-06:00."""
    with pytest.raises(ValueError, match="hours"):
        parse_hours(text)


@given(now=instants, zone=zones)
def test_the_last_time_is_not_after_now_and_the_next_one_is(now: datetime, zone: str) -> None:
    """Monday at six by the wall, on either side."""
    last, later = last_time("0 6 * * MON", zone, now), next_time("0 6 * * MON", zone, now)

    assert last is not None
    assert later is not None
    assert last <= now < later
    assert timedelta(days=6, hours=22) <= later - last <= timedelta(days=7, hours=2)
    assert last.astimezone(ZoneInfo(zone)).strftime("%a %H:%M") == "Mon 06:00"


def test_a_time_that_is_now_counts_as_come() -> None:
    """To the second."""
    now = datetime(2026, 3, 2, 6, tzinfo=UTC)

    assert last_time("0 6 * * MON", "UTC", now) == now
