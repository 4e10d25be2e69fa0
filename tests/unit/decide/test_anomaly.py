"""Sudden changes against the series' own median and spread."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ModelSettings, ThresholdSettings
from driftlog.contract.window import DAY, WEEK, Schedule, Window
from driftlog.decide.anomaly import CRITICAL, NORMAL_MAD, WARNING, times
from driftlog.decide.judge import judge
from driftlog.decide.past import PastValue, PastValues

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
DAYS = 91


def measured(window: Window, value: float, **rest) -> Measurement:
    return Measurement(
        model="m", environment="e", metric="x", purpose="custom", window=window, value=value, n_current=50, **rest
    )


def judged(values, value, *, step=DAY, threshold=None, **rest):
    """`value` in the window after those of `values`, oldest first."""
    windows = list(Schedule(step).windows(START, START + (len(values) + 1) * step))
    now = measured(windows[len(values)], value, **rest)
    past = [PastValue(w, float(v), rows=50) for w, v in zip(windows, values, strict=False)]
    rule = threshold or {"metric": "x", "kind": "anomaly", "direction": "both"}
    own = ModelSettings(name="m", environment="e", thresholds=(ThresholdSettings(**rule),))
    return judge(now, own, PastValues({now.series: past}))


def normal(n=DAYS, *, seed=0):
    return np.random.default_rng(seed).normal(100, 10, n)


def test_the_limits_are_medians_of_the_weekday_and_spreads_of_all_of_them():
    """The median of 13 Mondays, and 1.4826 MAD of theirs, or of all weekdays about their own medians."""
    values = normal()
    mondays = values[::7]
    median = np.median(mondays)
    own = NORMAL_MAD * np.median(np.abs(mondays - median))
    away = [(v - np.median(v)) * np.sqrt(13 / 12) for v in (values[day::7] for day in range(5))]
    scale = max(own, NORMAL_MAD * np.median(np.abs(np.concatenate(away))))
    found = judged(values, float(median) + 1)
    assert found.verdict == "ok" and found.limit.direction == "above"
    assert found.limit.warning == pytest.approx(median + times(WARNING, 13, 61) * scale)
    assert found.limit.critical == pytest.approx(median + times(CRITICAL, 13, 61) * scale)
    assert "13 values of the same weekday" in found.limit.reason


def test_weekdays_of_different_level_are_no_spread():
    """Mondays are busy; the other days say how much a Monday varies, not where it lies."""
    values = normal() + np.where(np.arange(DAYS) % 7 == 0, 900.0, 0.0)
    found = judged(values, 1000.0)
    assert found.verdict == "ok" and 30 < abs(found.limit.warning - 1000) < 90
    assert judged(values, 100.0).verdict == "critical"


@pytest.mark.parametrize("sign", [1, -1])
def test_both_sides_alarm_alike(sign):
    """The limit is that of the side on which the value lies; one side alone hears nothing of the other."""
    values = normal()
    far = float(np.median(values)) + sign * 500
    found = judged(values, far)
    assert (found.verdict, found.limit.direction) == ("critical", "above" if sign > 0 else "below")
    below = judged(values, far, threshold={"metric": "x", "kind": "anomaly", "direction": "below"})
    assert below.verdict == ("ok" if sign > 0 else "critical")


def test_a_short_history_is_insufficient_and_says_so():
    """Fewer than eight values of such days; with eight of all weekdays the weekdays are pooled."""
    found = judged(normal(6), 1e6)
    assert found.verdict == "insufficient_data"
    assert "8 weeks (or 8 values)" in found.limit.reason
    assert "weekdays" in judged(normal(21), 1e6).limit.reason


@pytest.mark.parametrize("value", [100.0, 101.0, 104.9, 95.1])
def test_a_constant_history_does_not_alarm_on_noise(value):
    """Less than 5 % of the median is no change, whatever the spread."""
    assert judged([100.0] * DAYS, value).verdict == "ok"


@pytest.mark.parametrize(
    ("value", "verdict"), [(105.0, "ok"), (105.1, "warning"), (107.6, "critical"), (92.4, "critical")]
)
def test_a_constant_history_alarms_on_a_change(value, verdict):
    """A warning from 5 % of the median on, critical in proportion."""
    found = judged([100.0] * DAYS, value)
    assert found.verdict == verdict, found.limit
    assert found.limit.warning == pytest.approx(100 + np.sign(value - 100) * 5)


def test_zeros_cannot_say_what_is_far():
    """Not judged, with the way out; where the value's own error is known, that is the scale; counts have theirs."""
    found = judged([0.0] * DAYS, 0.01)
    assert found.verdict == "not_judged" and "constant limit" in found.limit.reason
    assert judged([0.0] * DAYS, 0.001, lower=0.0002, upper=0.005).verdict == "ok"
    assert judged([0.0] * DAYS, 0.4, lower=0.39, upper=0.41).verdict == "critical"
    assert judged([4.0] * DAYS, 9.0, unit="events").verdict == "ok"
    assert judged([4.0] * DAYS, 60.0, unit="events").verdict == "critical"


def test_one_wild_value_moves_nothing():
    """That is what median and MAD are for."""
    values = normal()
    wild = values.copy()
    wild[7] = 1e9
    above = {"metric": "x", "kind": "anomaly"}
    calm, disturbed = (judged(each, 100.0, threshold=above) for each in (values, wild))
    assert disturbed.limit.warning == pytest.approx(calm.limit.warning, rel=0.25)


def test_limits_of_the_settings_take_the_place_of_the_defaults():
    """Each in robust standard deviations; only those that are given."""
    rule = {"metric": "x", "kind": "anomaly", "info": 2, "warning": 3}
    limit = judged(normal(), 100.0, threshold=rule).limit
    assert limit.critical is None and limit.info < limit.warning
    ratio = (limit.info - judged(normal(), 100.0).limit.warning) / limit.warning
    assert np.isfinite(ratio)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=63, max_size=70),
    value=st.floats(-1e6, 1e6, allow_nan=False),
    factor=st.floats(0.01, 100),
)
def test_units_do_not_matter_and_farther_is_never_milder(values, value, factor):
    """Scaled values give the same verdict; a value farther out on the same side has at least its severity."""
    order = ("ok", "warning", "critical")
    found = judged(values, value)
    if found.verdict not in order:
        assert found.verdict in ("not_judged", "cannot_alarm")
        return
    scaled = judged([each * factor for each in values], value * factor)
    limits = [found.limit.warning, found.limit.critical]
    if min(abs(value - limit) for limit in limits) > 1e-6 * max(1.0, abs(value)):
        assert scaled.verdict == found.verdict
    away = value + (1 if found.limit.direction == "above" else -1) * (abs(value) + 1)
    assert order.index(judged(values, away).verdict) >= order.index(found.verdict)


def test_the_false_alarm_rate_is_small_on_independent_values():
    """Normal values, judged 13 weeks after their beginning: fewer than 1 of 200 beyond a warning."""
    generator = np.random.default_rng(7)
    verdicts = [judged(generator.normal(100, 10, 70), generator.normal(100, 10)).verdict for _ in range(400)]
    assert sum(verdict != "ok" for verdict in verdicts) <= 2


def test_weeks_and_hours_have_slots_of_their_own():
    """Hours: the same hour of the week; weeks: such windows."""
    hours = np.tile([10.0] * 12 + [200.0] * 12, 7 * 9)
    night = judged(hours, 200.0, step=timedelta(hours=1))
    assert night.verdict == "critical" and "hour of the week" in night.limit.reason
    weeks = judged(normal(10), 100.0, step=WEEK)
    assert weeks.verdict == "ok" and "10 values of such windows" in weeks.limit.reason


def test_info_is_below_warning():
    """An info limit alone: worth knowing, no alarm, and part of what is normal."""
    rule = {"metric": "x", "kind": "constant", "info": 1.0, "warning": 3.0}
    own = ModelSettings(name="m", environment="e", thresholds=(ThresholdSettings(**rule),))
    window = Window(START, START + DAY)
    verdicts = [judge(measured(window, value), own).verdict for value in (0.5, 2.0, 4.0)]
    assert verdicts == ["ok", "info", "warning"]
    assert msgspec.structs.asdict(judge(measured(window, 2.0), own).limit)["info"] == 1.0
