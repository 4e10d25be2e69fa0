"""Thresholds from the same hour of the week: local time, days of 23 and 25 hours, and what is needed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy import stats

from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.settings import ModelSettings, ThresholdSettings
from driftlog.contract.window import DAY, WEEK, Schedule, Window
from driftlog.decide.judge import judge
from driftlog.decide.seasonal import HOUR, slot_of

BERLIN = "Europe/Berlin"
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def measured(window, value, *, rows=500, verdict="ok", **rest):
    limit = Limit("seasonal", "above", warning=1.0) if verdict != "ok" else None
    return Measurement(
        model="m",
        environment="e",
        metric="rate",
        purpose="custom",
        window=window,
        value=value,
        n_current=rows,
        verdict=verdict,
        limit=limit,
        **rest,
    )


def windows(start, length, number, timezone=BERLIN):
    schedule = Schedule(length, timezone)
    found, when = [], start
    for _ in range(number):
        found.append(schedule.window_at(when))
        when = found[-1].end
    return found


def judged(window, value, past, *, timezone=BERLIN, **rest):
    threshold = {"kind": "seasonal", "warning": 3.0, "critical": 6.0, **rest}
    settings = ModelSettings(name="m", timezone=timezone, thresholds=(ThresholdSettings(metric="rate", **threshold),))
    return judge(measured(window, value), settings, past)


def hourly(weeks, value, *, start=MONDAY, timezone=BERLIN, **rest):
    """Every hour of `weeks` weeks, with a value that depends on the local time."""
    generator = np.random.default_rng(1)
    return [
        measured(w, value(w.start.astimezone(ZoneInfo(timezone))) + generator.normal(0, 0.01), **rest)
        for w in windows(start, HOUR, weeks * 168, timezone)
    ]


def test_the_limit_is_that_of_the_same_hour_of_the_week(make):
    """Mean + t(Phi(3), k - 1) sd sqrt(1 + 1/k) of the ten earlier values of Monday, nine o'clock."""
    past = hourly(10, lambda local: local.hour + 24 * local.weekday())
    nine = Window(MONDAY + 10 * WEEK + 8 * HOUR, MONDAY + 10 * WEEK + 9 * HOUR)  # 9 in Berlin
    found = judged(nine, 9.0, past)
    same = [m.value for m in past if m.window.start.astimezone(ZoneInfo(BERLIN)).strftime("%a%H") == "Mon09"]
    expected = np.mean(same) + stats.t.ppf(stats.norm.cdf(3), 9) * np.std(same, ddof=1) * np.sqrt(1.1)
    assert found.limit.warning == pytest.approx(expected)
    assert found.limit.critical - np.mean(same) == pytest.approx(2 * (expected - np.mean(same)))
    assert found.verdict == "ok"
    assert judged(nine, 9.2, past).verdict == "critical"
    assert judged(nine, 8.0, past, direction="below").verdict == "critical"
    assert "the same hour of the week" in found.limit.reason


def test_an_unchanged_series_breaches_as_often_as_three_standard_deviations_say(make):
    """0.13 % with eight values a slot, where mean and standard deviation taken as exact give 1.2 %."""
    x = np.random.default_rng(2).normal(size=(400_000, 9))
    mean, sd = x[:, :8].mean(axis=1), x[:, :8].std(axis=1, ddof=1)
    factor = (
        judged(
            windows(MONDAY, WEEK, 9)[8],
            0.0,
            [measured(w, v) for w, v in zip(windows(MONDAY, WEEK, 8), x[0], strict=False)],
        ).limit.warning
        - mean[0]
    ) / sd[0]
    assert float((x[:, 8] > mean + factor * sd).mean()) == pytest.approx(0.00135, rel=0.2)
    assert float((x[:, 8] > mean + 3 * sd).mean()) > 0.01


def test_before_eight_weeks_hours_are_pooled(make):
    """By weekday and weekend; before that nothing is judged and the reason is given."""
    past = hourly(3, lambda local: local.hour + 100 * (local.weekday() >= 5))
    weekday = judged(Window(MONDAY + 3 * WEEK + 8 * HOUR, MONDAY + 3 * WEEK + 9 * HOUR), 9.5, past)
    assert (weekday.verdict, "15 values of the same hour on weekdays" in weekday.limit.reason) == ("critical", True)
    saturday = Window(MONDAY + 3 * WEEK + 5 * DAY + 8 * HOUR, MONDAY + 3 * WEEK + 5 * DAY + 9 * HOUR)
    found = judged(saturday, 9.0, past)
    assert (found.verdict, found.limit.warning) == ("not_judged", None)
    assert "3 weeks of this slot and 6 values of weekends so far, with 3000 rows" in found.limit.reason
    later = hourly(4, lambda local: local.hour + 100 * (local.weekday() >= 5))
    on_weekend = judged(Window(saturday.start + WEEK, saturday.end + WEEK), 109.0, later)
    assert (on_weekend.verdict, "weekends" in on_weekend.limit.reason) == ("ok", True)


def test_slots_without_rows_are_not_judged(make):
    """Thirty rows between the values of a slot; metrics that are not made of rows need none."""
    nine = Window(MONDAY + 9 * WEEK + 8 * HOUR, MONDAY + 9 * WEEK + 9 * HOUR)
    assert judged(nine, 99.0, hourly(9, lambda local: 1.0, rows=3)).limit.reason.count("values of the same hour") == 1
    assert judged(nine, 99.0, hourly(9, lambda local: 1.0, rows=4)).verdict == "critical"
    assert judged(nine, 99.0, hourly(9, lambda local: 1.0, rows=0)).verdict == "critical"
    silent = [measured(m.window, 0.0, rows=0) for m in hourly(9, lambda local: 0.0)]
    assert judged(nine, 99.0, silent).verdict == "not_judged"


@pytest.mark.parametrize(
    ("start", "hours"), [(datetime(2026, 3, 28, 23, tzinfo=UTC), 23), (datetime(2026, 10, 24, 22, tzinfo=UTC), 25)]
)
def test_days_of_23_and_25_hours_are_sundays_like_others(start, hours):
    """The clocks of Berlin change on March 29 and October 25: the day's window is that Sunday's."""
    day = Schedule(DAY, BERLIN).window_at(start)
    assert (day.length, slot_of(day, BERLIN)) == (hours * HOUR, (6, 0))
    past = [measured(w, 1.0 + 5 * (slot_of(w, BERLIN)[0] == 6)) for w in windows(start - 9 * WEEK, DAY, 63)]
    assert [slot_of(m.window, BERLIN)[0] for m in past].count(6) == 9
    assert judged(day, 6.0, past).verdict == "ok"
    assert judged(day, 7.0, past).verdict == "critical"
    assert "9 values of the same weekday" in judged(day, 6.0, past).limit.reason


def test_the_hour_that_occurs_twice_is_one_slot():
    """02:00 in Berlin occurs twice on October 25, and not at all on March 29."""
    autumn = [slot_of(w, BERLIN) for w in windows(datetime(2026, 10, 24, 22, tzinfo=UTC), HOUR, 25)]
    assert autumn == [(6, hour) for hour in (0, 1, 2, 2, *range(3, 24))]
    spring = [slot_of(w, BERLIN) for w in windows(datetime(2026, 3, 28, 23, tzinfo=UTC), HOUR, 23)]
    assert spring == [(6, hour) for hour in (0, 1, *range(3, 24))]


def test_slots_stay_local_when_the_clocks_change():
    """A peak at nine local time is expected at nine local time in summer, and this is another hour by UTC."""
    start = datetime(2026, 1, 26, tzinfo=UTC)  # nine weeks before March 30, the first Monday of summer time
    past = hourly(9, lambda local: 10.0 * (local.hour == 9), start=start)
    summer = start + 9 * WEEK
    peak, before = (Window(summer + n * HOUR, summer + (n + 1) * HOUR) for n in (7, 8))
    assert peak.start.astimezone(ZoneInfo(BERLIN)).hour == 9
    assert judged(peak, 10.0, past).verdict == "ok"
    assert judged(before, 10.0, past).verdict == "critical"
    assert judged(peak, 10.0, past, timezone="UTC").verdict == "critical"


def test_twice_an_hour_does_not_make_two_weeks():
    """Eight weeks are needed, however many values they hold."""
    start = datetime(2026, 10, 25, tzinfo=UTC) - 6 * WEEK
    past = hourly(7, lambda local: 1.0, start=start - DAY)
    two = Window(datetime(2026, 11, 1, 1, tzinfo=UTC), datetime(2026, 11, 1, 2, tzinfo=UTC))
    same = [m for m in past if slot_of(m.window, BERLIN) == slot_of(two, BERLIN)]
    assert (len(same), len({m.window.start.date() for m in same})) == (8, 7)
    assert "on weekends" in judged(two, 1.0, past).limit.reason


@pytest.mark.parametrize(
    ("length", "slots"), [(timedelta(minutes=15), 168), (HOUR, 168), (timedelta(hours=6), 28), (DAY, 7), (2 * DAY, 1)]
)
def test_every_length_has_its_slots(length, slots):
    """Of a week in winter; a quarter of an hour belongs to its hour, two days to no season."""
    number = round(WEEK / length) + 1
    found = {slot_of(w, BERLIN) for w in windows(datetime(2026, 1, 4, 23, tzinfo=UTC), length, number)}
    assert len(found) == slots


def test_weekly_windows_have_no_season(make):
    """Eight earlier ones are compared with, whatever the date."""
    past = [measured(w, v) for w, v in zip(windows(MONDAY, WEEK, 8), [1, 2, 1, 2, 1, 2, 1, 2], strict=True)]
    nine = windows(MONDAY, WEEK, 9)[8]
    assert judged(nine, 2.0, past).verdict == "ok"
    assert judged(nine, 20.0, past).verdict == "critical"
    assert judged(nine, 20.0, past[1:]).verdict == "not_judged"
    assert "of such windows" in judged(nine, 20.0, past[1:]).limit.reason


def test_an_incident_does_not_become_the_season(make):
    """Two days of alarm leave the limits of their hours alone; constant values and intervals give no false alarm."""
    past = hourly(9, lambda local: 1.0)
    broken = [
        measured(m.window, 50.0, verdict="critical")
        if m.window.start.date() in (date(2026, 2, 23), date(2026, 2, 24))
        else m
        for m in past
    ]
    nine = Window(MONDAY + 9 * WEEK + 8 * HOUR, MONDAY + 9 * WEEK + 9 * HOUR)
    assert judged(nine, 1.5, broken).verdict == "critical"
    constant = [measured(m.window, 0.1) for m in past]
    assert judged(nine, 0.1, constant).verdict == "ok"
    assert judged(nine, 0.2, constant).verdict == "critical"
    uncertain = measured(nine, 0.2, lower=0.0, upper=0.5)
    settings = ModelSettings(
        name="m", timezone=BERLIN, thresholds=(ThresholdSettings(metric="rate", kind="seasonal", warning=3.0),)
    )
    assert judge(uncertain, settings, constant).verdict == "ok"
