"""Which rules cry wolf, which never speak, and limits that would do better."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.contract.measurement import Limit
from driftlog.decide.alerts import advance
from driftlog.decide.judge import judge
from driftlog.decide.tuning import ALERTS_A_MONTH, _Value, expected, fitting, noisy_and_silent

RULE = {"metric": "mae", "warning": 5.0}


def history(make, values, threshold=None, **rest):
    """Judged measurements of one series, a window a day, and the alerts they made."""
    own = make.settings(threshold or RULE)
    judged, alerts = [], {}
    for day, value in enumerate(values):
        one = judge(make.measurement("mae", "performance", float(value), window=day, **rest), own)
        for alert in advance(list(alerts.values()), {}, [one], {}, make.window(day).end):
            alerts[alert.id] = alert
        judged.append(one)
    return judged, list(alerts.values())


def test_false_alarms_make_a_rule_noisy(make):
    """What people said counts; the suggested limit would have been quiet."""
    values = [1.0] * 60
    values[10] = values[30] = 6.0
    judged, alerts = history(make, values)
    alerts = [msgspec.structs.replace(one, false_alarm=True) for one in alerts]
    (use,) = noisy_and_silent(alerts, judged)
    assert (use.state, use.alerts, use.false_alarms, use.breaches) == ("noisy", 2, 2, 2)
    assert "2 of 2 alerts were false alarms" in use.reason
    assert use.suggestion.warning == 6.0 and use.expected_a_month <= ALERTS_A_MONTH


def test_alerts_that_come_and_go_make_a_rule_noisy(make):
    """Three short episodes."""
    values = [1.0] * 60
    for day in (5, 15, 25, 35):
        values[day] = 5.5
    (use,) = noisy_and_silent(*reversed(history(make, values)))
    assert use.state == "noisy" and "4 of 4 alerts lasted 2 windows or less" in use.reason


def test_what_people_confirmed_is_not_tuned_away(make):
    """An incident that was one does not widen the limit."""
    values = [1.0] * 60
    values[10] = 6.0
    values[30:36] = [50.0] * 6
    judged, alerts = history(make, values)
    marked = [msgspec.structs.replace(one, false_alarm=one.evidence.value < 10) for one in alerts]
    (use,) = noisy_and_silent(marked, judged, alerts_a_month=0)
    assert use.suggestion.warning == 6.0


def test_a_limit_far_out_makes_a_rule_silent(make):
    """Less than half of the way was ever used: a tighter limit is suggested, and would still be quiet."""
    values = np.random.default_rng(0).normal(1.0, 0.1, 90)
    (use,) = noisy_and_silent(*reversed(history(make, values)))
    assert use.state == "silent" and "of the way" in use.reason
    assert 1.0 < use.suggestion.warning < 1.5
    assert use.expected_a_month <= ALERTS_A_MONTH


def test_a_rule_that_cannot_alarm_says_so(make):
    """Its limit is beyond what the metric can reach."""
    limit = Limit("default_drift", "above", warning=1.2)
    judged = [make.measurement(value=0.1, window=day, verdict="cannot_alarm", limit=limit) for day in range(30)]
    (use,) = noisy_and_silent([], judged)
    assert use.state == "silent" and "cannot alarm in 100%" in use.reason


def test_useful_rules_and_young_ones_are_left_alone(make):
    """In breach now and then, or too young to tell."""
    values = np.random.default_rng(1).normal(1.0, 0.1, 60)
    values[20:26] = 9.0
    (useful,) = noisy_and_silent(*reversed(history(make, values)))
    (young,) = noisy_and_silent(*reversed(history(make, values[:10])))
    assert (useful.state, useful.suggestion) == ("useful", None)
    assert (young.state, young.suggestion) == ("unknown", None)


@pytest.mark.parametrize(("direction", "sign"), [("above", 1), ("below", -1)])
def test_relative_limits_are_suggested_as_differences(make, direction, sign):
    """Worse than the reference by more than that."""
    rule = {"metric": "mae", "kind": "relative", "direction": direction, "warning": 5.0}
    values = 10 + np.random.default_rng(0).normal(0.0, 0.1, 90)
    judged, alerts = history(make, values, rule, reference_value=10.0)
    (use,) = noisy_and_silent(alerts, judged)
    assert (use.suggestion.kind, use.suggestion.direction) == ("relative", direction)
    worst = max(sign * (values - 10))
    assert 0 < use.suggestion.warning <= 1.6 * worst


def values_of(make, numbers, series="a"):
    return [_Value(make.window(day), series, number, None, "ok") for day, number in enumerate(numbers)]


@settings(max_examples=80, deadline=None)
@given(
    numbers=st.lists(st.floats(-100, 100), min_size=5, max_size=60),
    of=st.sampled_from([(1, 1), (1, 2), (2, 3), (3, 3)]),
    target=st.sampled_from([0.0, 0.5, 1.0, 5.0]),
)
def test_a_fitting_limit_keeps_what_it_promises(make, numbers, of, target):
    """No more alerts a month than asked for; there always is one, since nothing lies beyond the largest value."""
    values = values_of(make, numbers)
    cut = fitting(values, of, target)
    assert cut is not None and expected(values, cut, of) <= target
    assert expected(values, max(numbers) + 1, of) == 0


@settings(max_examples=60, deadline=None)
@given(numbers=st.lists(st.sampled_from([0.0, 1.0]), min_size=3, max_size=60))
def test_expected_alerts_are_those_that_the_lifecycle_opens(make, numbers):
    """The same rule, N of M, as `advance` has."""
    own = make.settings({"metric": "mae", "warning": 0.5, "of_windows": (2, 3)})
    judged = [judge(make.measurement("mae", "performance", n, window=d), own) for d, n in enumerate(numbers)]
    alerts, before = {}, []
    for one in judged:
        for alert in advance(list(alerts.values()), {}, [one], {one.series: before[-6:]}, one.window.end):
            alerts[alert.id] = alert
        before.append(one.verdict)
    found = expected(values_of(make, numbers), 0.5, (2, 3))
    assert found == pytest.approx(len(alerts) / (len(numbers) / 30.4))
