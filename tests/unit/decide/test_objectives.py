"""Objectives: which an alert touches, and how each stands."""

from __future__ import annotations

import pytest

from driftlog.contract.alerting import ObjectiveSettings
from driftlog.decide.alerts import advance
from driftlog.decide.objectives import standing, touched


def objective(name="good", metric="roc_auc", target=0.7, **rest):
    return ObjectiveSettings(name=name, metric=metric, target=target, **rest)


def alert_of(make, *measurements):
    (alert,) = advance([], {}, list(measurements), {}, make.window(0).end)
    return alert


def breach(make, metric="roc_auc", purpose="performance", **rest):
    return make.judged("critical", metric=metric, purpose=purpose, **rest)


def test_an_alert_touches_the_objectives_of_its_members(make):
    """By metric, measured or estimated; others stay untouched."""
    own = make.settings(objectives=(objective(), objective("fast", "latency_p99_ms", 100, direction="below")))
    assert touched(alert_of(make, breach(make), breach(make, "brier")), own) == ("good",)
    assert touched(alert_of(make, breach(make, purpose="estimated_performance")), own) == ("good",)
    assert touched(alert_of(make, breach(make, "latency_p99_ms", "operational")), own) == ("fast",)
    assert touched(alert_of(make, breach(make, "accuracy")), own) == ()


def test_drift_touches_no_objective_but_one_about_that_drift(make):
    """Whether drift costs anything, the objective's own measurements say."""
    drift = alert_of(make, breach(make, "kolmogorov_smirnov", "data_drift", field="features.x"))
    about = objective("steady", "kolmogorov_smirnov", 0.1, direction="below", field="x")
    elsewhere = objective("other", "kolmogorov_smirnov", 0.1, direction="below", field="y")
    assert touched(drift, make.settings(objectives=(objective(), about, elsewhere))) == ("steady",)


def test_a_segment_is_an_objective_of_its_own(make):
    """With and without ``features.``."""
    part = alert_of(make, breach(make, segment="features.plan=plus"))
    own = make.settings(objectives=(objective("all"), objective("plus", segment="plan=plus")))
    assert touched(part, own) == ("plus",)
    assert touched(alert_of(make, breach(make)), own) == ("all",)


@pytest.mark.parametrize(
    ("direction", "value", "state"),
    [("above", 0.7, "met"), ("above", 0.69, "missed"), ("below", 0.7, "met"), ("below", 0.71, "missed")],
)
def test_the_newest_window_says_how_an_objective_stands(make, direction, value, state):
    """At least, or at most, the target; the windows before are counted."""
    found = [
        make.measurement("roc_auc", "performance", 0.9, window=0),
        make.measurement("roc_auc", "performance", 0.1, window=1),
        make.measurement("roc_auc", "performance", value, window=2),
    ]
    (one,) = standing([objective(direction=direction)], reversed(found))
    assert (one.state, one.value, one.window, one.windows) == (state, value, make.window(2), 3)
    assert one.met == 1 + (state == "met")


def test_whether_it_is_certain_the_interval_says(make):
    """Its whole interval on the same side."""

    def certain(lower, upper):
        m = make.measurement("roc_auc", "performance", 0.75, lower=lower, upper=upper)
        return standing([objective()], [m])[0].certain

    assert (certain(0.71, 0.8), certain(0.6, 0.8), certain(None, None)) == (True, False, None)


def test_windows_that_say_nothing_are_passed_over(make):
    """Immature, at fault, without a value, of one version; the one before them counts."""
    good = make.measurement("roc_auc", "performance", 0.9)
    mute = [
        make.measurement("roc_auc", "performance", 0.1, window=1, marks=("immature",)),
        make.measurement("roc_auc", "performance", 0.1, window=2, marks=("integrity",)),
        make.measurement("roc_auc", "performance", None, window=3),
        make.measurement("roc_auc", "performance", 0.1, window=4, version="2"),
        make.measurement("roc_auc", "estimation_error", 0.1, window=5),
        make.measurement("roc_auc", "performance", 0.1, window=6, segment="features.plan=plus"),
    ]
    (one,) = standing([objective()], [good, *mute])
    assert (one.state, one.windows, one.window) == ("met", 1, make.window(0))


@pytest.mark.parametrize(
    ("rest", "note"),
    [
        ({"marks": ("immature",)}, "too few truths"),
        ({"marks": ("integrity",)}, "pipeline"),
        ({"value": None, "note": "fewer than 30 rows"}, "fewer than 30 rows"),
        ({"purpose": "estimated_performance"}, "estimated 0.6"),
    ],
)
def test_what_is_missing_is_said(make, rest, note):
    """An objective without a result is unknown, never met."""
    fields = {"purpose": "performance", "value": 0.6} | rest
    (one,) = standing([objective()], [make.measurement("roc_auc", **fields)])
    assert (one.state, one.value) == ("unknown", None) and note in one.note


def test_without_any_measurement_it_is_unknown():
    """A misspelt metric shows here."""
    (one,) = standing([objective(metric="roc_acu")], [])
    assert (one.state, one.note) == ("unknown", "nothing of this name was measured")
