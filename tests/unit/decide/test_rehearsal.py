"""Rules over a past period again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.contract.alerting import AlertSettings
from driftlog.decide.alerts import advance
from driftlog.decide.judge import judge
from driftlog.decide.rehearsal import rehearse
from driftlog.decide.rules import rules_in_force

STRICT = {"metric": "mae", "purpose": "performance", "warning": 2.0, "of_windows": (2, 3)}
LOOSE = {"metric": "mae", "purpose": "performance", "warning": 50.0}


def measured(make, values, **rest):
    return [make.measurement("mae", "performance", value, window=day, **rest) for day, value in enumerate(values)]


@settings(max_examples=80, deadline=None)
@given(values=st.lists(st.sampled_from([1.0, 3.0, None]), min_size=1, max_size=40))
def test_the_same_rules_open_the_same_alerts_again(make, values):
    """Window after window as the worker does, whatever verdicts are stored."""
    own = make.settings(STRICT)
    judged = [judge(one, own) for one in measured(make, values)]
    alerts, before = {}, []
    for one in judged:
        for alert in advance(list(alerts.values()), {}, [one], {one.series: before[-6:]}, one.window.end):
            alerts[alert.id] = alert
        before.append(one.verdict)
    found = rehearse(own, reversed(judged), since=make.window(0).start)
    assert [(a.id, a.opened, a.resolved, a.windows) for a in found.alerts] == [
        (a.id, a.opened, a.resolved, a.windows) for a in sorted(alerts.values(), key=lambda a: a.opened)
    ]
    assert list(found.judged) == judged


def test_changed_rules_say_what_would_have_fired(make):
    """Stored verdicts do not count."""
    values = [1.0, 3.0, 3.0, 1.0, 1.0, 1.0]
    stored = [judge(one, make.settings(LOOSE)) for one in measured(make, values)]
    (alert,) = rehearse(make.settings(STRICT), stored, since=make.window(0).start).alerts
    assert (alert.opened, alert.resolved) == (make.window(2).end, make.window(5).end)
    assert rehearse(make.settings(LOOSE), stored, since=make.window(0).start).alerts == ()


def test_windows_before_the_period_confirm_and_open_nothing(make):
    """The first window of the period is the second in breach."""
    stored = measured(make, [3.0, 3.0, 1.0])
    found = rehearse(make.settings(STRICT), stored, since=make.window(1).start)
    assert [alert.opened for alert in found.alerts] == [make.window(1).end]
    assert found.windows == 2


def test_what_cannot_be_judged_again_is_said(make):
    """No value, immature, no chunks, no reference; and thresholds that match nothing."""
    stored = [
        *measured(make, [None, None], note="fewer than 30 rows"),
        make.measurement("roc_auc", "performance", 0.5, marks=("immature",)),
        make.measurement("brier", "performance", 0.5),
        make.measurement("kolmogorov_smirnov", value=0.4, marks=("reference_too_short",)),
    ]
    own = make.settings(STRICT, {"metric": "mea", "warning": 1.0})
    found = rehearse(own, stored, since=make.window(0).start)
    assert found.unjudged == {
        "mae: no value was stored (fewer than 30 rows)": 2,
        "roc_auc: too few truths had arrived": 1,
        "brier: no reference value to compare with; a constant threshold would be judged": 1,
        "kolmogorov_smirnov: reference too short": 1,
    }
    assert [one.metric for one in found.unmatched] == ["mea"]


def test_a_threshold_that_looks_back_learns_from_earlier_values_and_on_the_way(make):
    """As in the worker: what is judged becomes part of the history of the next window."""
    rule = {"metric": "mae", "purpose": "performance", "kind": "quantile", "warning": 0.9}
    values = [float(i % 10) for i in range(60)]
    earlier = measured(make, values[:30])
    found = rehearse(
        make.settings(rule), measured(make, [None] * 30 + values[30:]), since=make.window(30).start, earlier=earlier
    )
    reasons = [one.limit.reason for one in found.judged]
    assert reasons[0].startswith("30 earlier values") and reasons[-1].startswith("59 earlier values")


def test_versions_are_not_judged_apart(make):
    """One fault, one alert."""
    stored = measured(make, [3.0, 3.0], version="2")
    assert rehearse(make.settings(STRICT), stored, since=make.window(0).start).alerts == ()


def test_rules_are_listed_with_where_they_come_from(make):
    """Settings first, in order; what the settings of alerts ask for; defaults; each with the series it judges."""
    from datetime import timedelta

    own = make.settings(STRICT, alerts=AlertSettings(no_data_after=timedelta(hours=6)))
    found = [
        *measured(make, [1.0]),
        make.measurement("roc_auc", "performance", 0.7),
        make.measurement("no_data_s", "integrity", 5.0),
        make.measurement("predictions", "operational", 5.0),
        make.measurement("roc_auc", "performance", 0.7, version="2"),
    ]
    rules = rules_in_force(own, found)
    used = [(rule.source, rule.purpose, rule.threshold.metric, rule.series) for rule in rules if rule.series]
    assert used == [
        ("thresholds[0]", "performance", "mae", 1),
        ("alerts.no_data_after", "integrity", "no_data_s", 1),
        ("alerts.no_data_after", "operational", "predictions", 1),
        ("default", "performance", "roc_auc", 1),
    ]
    assert rules[0].source == "thresholds[0]" and rules[-1].source == "default"
    assert any(rule.purpose == "data_drift" and rule.threshold.kind == "default_drift" for rule in rules)
