"""Weeks and months of a model's own calendar, also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from driftlog.contract.errors import UsageError
from driftlog.worker.review_periods import Every, before, containing, label_of, last_complete, month, week


def test_a_month_with_a_change_of_clocks_is_an_hour_shorter() -> None:
    """March in Berlin loses one; the month begins and ends at local midnight."""
    march = month("2026-03", "Europe/Berlin")

    assert march.length == timedelta(days=31) - timedelta(hours=1)
    assert march.start == datetime(2026, 2, 28, 23, tzinfo=UTC)


@pytest.mark.parametrize("every", ["week", "month"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"])
def test_periods_follow_each_other_without_gap_and_know_their_name(every: Every, zone: str) -> None:
    """Three years of them, from the newest back; each is found again by its name."""
    period = last_complete(datetime(2027, 1, 3, 12, tzinfo=UTC), every, zone)
    for _ in range(36 if every == "month" else 158):
        earlier = before(period, every, zone)
        assert earlier.end == period.start
        label = label_of(earlier, every, zone)
        assert (week if every == "week" else month)(label, zone) == earlier
        assert containing(earlier.start, every, zone) == earlier
        period = earlier


def test_the_last_complete_period_is_over() -> None:
    """At the very moment of its end it is."""
    end = week("2026-W10", "Europe/Berlin").end

    assert label_of(last_complete(end, "week", "Europe/Berlin"), "week", "Europe/Berlin") == "2026-W10"
    moment = end - timedelta(microseconds=1)
    assert label_of(last_complete(moment, "week", "Europe/Berlin"), "week", "Europe/Berlin") == "2026-W09"


@pytest.mark.parametrize("label", ["2026-W54", "2026-W1", "W10", "", "2026-10"])
def test_what_is_no_week_is_refused(label: str) -> None:
    with pytest.raises(UsageError, match="no week"):
        week(label, "UTC")


@pytest.mark.parametrize("label", ["2026-13", "2026-3", "2026-W10", "0000-01"])
def test_what_is_no_month_is_refused(label: str) -> None:
    with pytest.raises(UsageError, match="no month"):
        month(label, "UTC")
