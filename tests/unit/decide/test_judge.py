"""Which threshold judges what, and how."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from driftlog.contract.measurement import Chunks
from driftlog.contract.settings import ThresholdSettings
from driftlog.decide.defaults import DEFAULTS
from driftlog.decide.judge import judge

LIMIT = 0.05 + stats.t.ppf(0.999, 11) * 0.01 * np.sqrt(1 + 1 / 12)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(LIMIT - 1e-6, "ok"), (LIMIT + 1e-6, "warning"), (0.199, "warning"), (0.2, "critical"), (0.9, "critical")],
)
def test_drift_beyond_the_references_own_spread(make, value, verdict):
    """mean + t(0.999, k - 1) sd sqrt(1 + 1/k); critical from twice that and 0.2."""
    judged = judge(make.measurement(value=value, chunks=make.chunks()), make.settings())
    assert judged.verdict == verdict
    assert judged.limit.warning == judged.limit.smallest_detectable == pytest.approx(LIMIT)
    assert judged.limit.of_windows == (2, 3)


@pytest.mark.parametrize(("value", "verdict"), [(0.0499, "ok"), (0.05, "warning")])
def test_small_effects_never_alarm(make, value, verdict):
    """The floor, for references that hardly vary."""
    judged = judge(make.measurement(value=value, chunks=make.chunks(mean=0.001, sd=0.0001)), make.settings())
    assert (judged.verdict, judged.limit.warning) == (verdict, 0.05)


def test_twice_a_high_limit_is_critical(make):
    """Where the reference varies much, 0.2 is not critical yet; beyond the measure's maximum nothing is."""
    chunks = make.chunks(mean=0.2, sd=0.02)
    limit = judge(make.measurement(value=0.3, chunks=chunks), make.settings()).limit
    assert limit.critical == pytest.approx(2 * limit.warning)
    steep = judge(make.measurement(value=0.99, chunks=make.chunks(mean=0.4, sd=0.05)), make.settings())
    assert (steep.verdict, steep.limit.critical) == ("warning", None)


def test_a_limit_out_of_reach_is_said(make):
    """The reference differs from itself so much that no window could alarm."""
    judged = judge(make.measurement(value=1.0, chunks=make.chunks(mean=0.5, sd=0.2)), make.settings())
    assert judged.verdict == "cannot_alarm"
    assert judged.limit.smallest_detectable > 1
    unbounded = make.settings({"metric": "wasserstein", "kind": "default_drift"})
    judged = judge(make.measurement("wasserstein", value=9.0, chunks=make.chunks(mean=0.5, sd=0.2)), unbounded)
    assert judged.verdict == "critical"


@pytest.mark.parametrize(
    ("value", "p", "verdict"),
    [(0.5, 1e-9, "warning"), (0.09, 1e-9, "ok"), (0.5, 0.02, "ok"), (0.5, None, "not_judged")],
)
def test_a_short_reference_warns_at_most(make, value, p, verdict):
    """Adjusted p-value below 0.01 and effect of at least 0.1, with seven chunks or none."""
    for chunks in (None, Chunks(k=7, mean=0.0, sd=0.0)):
        measurement = make.measurement(value=value, p_adjusted=p, chunks=chunks, marks=("reference_too_short",))
        assert judge(measurement, make.settings()).verdict == verdict


def test_reported_measures_are_not_judged(make):
    """Only the measure that stands for its field is."""
    assert judge(make.measurement("jensen_shannon", value=0.9), make.settings()).verdict == "not_judged"
    assert judge(make.measurement("total_variation", value=0.9), make.settings()).verdict == "not_judged"


@pytest.mark.parametrize(
    ("direction", "value", "verdict"),
    [
        ("above", 0.1, "ok"),
        ("above", 0.11, "warning"),
        ("above", 0.21, "critical"),
        ("below", 0.21, "ok"),
        ("below", 0.19, "warning"),
        ("below", 0.09, "critical"),
    ],
)
def test_constant_thresholds(make, direction, value, verdict):
    """Strictly beyond the number."""
    warning, critical = (0.1, 0.2) if direction == "above" else (0.2, 0.1)
    settings = make.settings({"metric": "error_*", "direction": direction, "warning": warning, "critical": critical})
    assert judge(make.measurement("error_rate", "operational", value), settings).verdict == verdict


@pytest.mark.parametrize(
    ("share", "value", "verdict"),
    [(False, 0.66, "ok"), (False, 0.64, "warning"), (False, 0.59, "critical"), (True, 0.66, "warning")],
)
def test_relative_thresholds(make, share, value, verdict):
    """0.05 (or 5 %) below the reference's 0.7 is a warning."""
    settings = make.settings(
        {
            "metric": "roc_auc",
            "kind": "relative",
            "direction": "below",
            "warning": 0.05,
            "critical": 0.1,
            "share": share,
        }
    )
    judged = judge(make.measurement("roc_auc", "performance", value, reference_value=0.7), settings)
    assert judged.verdict == verdict
    assert judged.limit.warning == pytest.approx(0.665 if share else 0.65)


def test_without_a_reference_relative_thresholds_say_so(make):
    """not_judged with the reason."""
    judged = judge(make.measurement("roc_auc", "performance", 0.4), make.settings())
    assert judged.verdict == "not_judged"
    assert "no reference value" in judged.limit.reason


def test_performance_by_default_needs_certainty(make):
    """Both intervals and the reference's chunks are allowed for on top of 0.02."""

    def verdict(value, half, **rest):
        measurement = make.measurement(
            "roc_auc", "performance", value, lower=value - half, upper=value + half, reference_value=0.70, **rest
        )
        return judge(measurement, make.settings()).verdict

    assert verdict(0.65, 0.05) == "ok"
    assert verdict(0.65, 0.02) == "warning"
    assert verdict(0.65, 0.02, details={"reference_lower": 0.67}) == "ok"
    assert verdict(0.65, 0.02, chunks=Chunks(k=12, mean=0.7, sd=0.02)) == "ok"
    assert verdict(0.60, 0.02, chunks=Chunks(k=12, mean=0.7, sd=0.01)) == "critical"


def test_settings_come_first_and_the_first_match_wins(make):
    """By metric, field (with or without its prefix) and segment."""
    settings = make.settings(
        {"metric": "kolmogorov_smirnov", "field": "x", "kind": "none"},
        {"metric": "kolmogorov_smirnov", "field": "features.y*", "warning": 0.01},
        {"metric": "*", "segment": "eu", "warning": 0.2},
    )
    chunks = make.chunks()
    assert judge(make.measurement(chunks=chunks), settings).verdict == "not_judged"
    assert judge(make.measurement(field="features.yz", value=0.02, chunks=chunks), settings).limit.kind == "constant"
    assert judge(make.measurement(field="features.z", segment="eu", chunks=chunks), settings).limit.warning == 0.2
    assert judge(make.measurement(field="features.z", chunks=chunks), settings).limit.kind == "default_drift"


def test_no_value_and_immaturity_are_not_judged(make):
    """Whatever the thresholds."""
    assert judge(make.measurement(value=None), make.settings()).verdict == "insufficient_data"
    early = make.measurement("roc_auc", "performance", 0.1, reference_value=0.9, marks=("immature",))
    assert judge(early, make.settings()).verdict == "insufficient_data"


def test_judging_again_changes_nothing(make):
    """Limit and verdict are a function of measurement and settings."""
    once = judge(make.measurement(chunks=make.chunks()), make.settings())
    assert judge(once, make.settings()) == once


@pytest.mark.parametrize(
    ("purpose", "threshold"),
    [(purpose, one) for purpose, several in DEFAULTS.items() for one in several],
    ids=lambda part: part if isinstance(part, str) else part.metric,
)
def test_every_default_can_alarm(make, purpose, threshold):
    """Something far on the wrong side is a breach: no default is dead; only the truth makes performance critical."""
    worst = 0.0 if threshold.direction == "below" else 1.0 if threshold.metric.endswith(("share", "rate")) else 1e6
    measurement = make.measurement(
        threshold.metric, purpose, worst, reference_value=0.1 if worst else 0.9, lower=worst, upper=worst
    )
    levels = ("critical", "warning", "info")
    expected = next(level for level in levels if getattr(threshold, level) is not None)
    assert judge(measurement, make.settings()).verdict == expected
    assert purpose != "estimated_performance" or expected == "warning"


@pytest.mark.parametrize("purpose", ["concept_drift", "estimation_error", "fairness", "cost", "feedback", "custom"])
@pytest.mark.parametrize("metric", ["accuracy", "adwin", "kolmogorov_smirnov"])
def test_some_purposes_are_reported_until_the_settings_judge_them(make, purpose, metric):
    """Whatever the metric is called; a threshold that names metric and purpose judges it."""
    measurement = make.measurement(metric, purpose, 1.0, reference_value=0.1)
    assert judge(measurement, make.settings()).verdict == "not_judged"
    named = make.settings({"metric": metric, "purpose": purpose, "warning": 0.5})
    assert judge(measurement, named).verdict == "warning"
    unnamed = judge(measurement, make.settings({"metric": metric, "warning": 0.5}))
    assert unnamed.verdict == ("not_judged" if purpose == "estimation_error" else "warning")
    other = make.settings({"metric": metric, "purpose": "oper*", "warning": 0.5})
    assert judge(measurement, other).verdict == "not_judged"


def test_an_uncalibrated_estimate_is_not_judged_by_default(make):
    """The reason says so; a threshold that names the purpose judges it all the same."""
    estimate = make.measurement(
        "accuracy", "estimated_performance", 0.3, reference_value=0.9, upper=0.3, marks=("uncalibrated",)
    )
    judged = judge(estimate, make.settings())
    assert (judged.verdict, "calibration" in judged.limit.reason) == ("not_judged", True)
    limit = {"metric": "accuracy", "direction": "below", "warning": 0.5}
    assert judge(estimate, make.settings(limit)).verdict == "not_judged"
    assert judge(estimate, make.settings({**limit, "purpose": "estimated_*"})).verdict == "warning"
    calibrated = make.measurement("accuracy", "estimated_performance", 0.3, reference_value=0.9, upper=0.3)
    assert judge(calibrated, make.settings()).verdict == "warning"


@pytest.mark.parametrize(
    ("purpose", "judged"),
    [
        ("data_drift", False),
        ("prediction_drift", False),
        ("target_drift", False),
        ("attribution_drift", False),
        ("concept_drift", False),
        ("performance", False),
        ("estimated_performance", False),
        ("fairness", False),
        ("operational", True),
        ("integrity", True),
        ("quality", True),
        ("custom", True),
    ],
)
def test_a_fault_of_the_pipeline_is_never_reported_as_drift(make, purpose, judged):
    """Nothing is said of data and model in such a window, not even by the settings' thresholds."""
    settings = make.settings({"metric": "x", "warning": 0.1})
    found = judge(make.measurement("x", purpose, 0.9, marks=("integrity",)), settings)
    assert found.verdict == ("warning" if judged else "not_judged")
    assert judged or "pipeline" in found.limit.reason
    drift = make.measurement(purpose="data_drift", value=0.9, chunks=make.chunks(), marks=("integrity",))
    assert judge(drift, make.settings()).verdict == "not_judged"


def test_segments_are_judged_by_thresholds_that_name_them_only(make):
    """Defaults judge the whole model; patterns may leave ``features.`` away; ranges are names, not character sets."""
    name = "features.carrier=UA&features.origin=EWR"
    part = make.measurement("accuracy", "performance", 0.1, reference_value=0.9, upper=0.1, segment=name)
    drift = make.measurement(segment=name, chunks=make.chunks(), value=0.9)

    def verdict(measurement, *thresholds):
        return judge(measurement, make.settings(*thresholds)).verdict

    assert [verdict(part), verdict(drift)] == ["not_judged", "not_judged"]
    below = {"metric": "*", "direction": "below", "warning": 0.5}
    assert verdict(part, below) == "not_judged"
    for pattern in ("*", name, "carrier=UA&*", "*origin=EWR"):
        assert verdict(part, {**below, "segment": pattern}) == "warning"
    assert verdict(part, {**below, "segment": "origin=JFK*"}) == "not_judged"
    assert verdict(drift, {"metric": "*", "kind": "default_drift", "segment": "*"}) == "critical"
    ranged = make.measurement("accuracy", "performance", 0.1, segment="features.distance=[500,1000)&features.x=[,2)")
    assert verdict(ranged, {**below, "segment": "distance=[500,1000)&x=[,2)"}) == "warning"
    whole = make.measurement("accuracy", "performance", 0.1)
    assert verdict(whole, {**below, "segment": "*"}) == "warning"


def test_the_default_rule_is_quiet_on_unchanged_data(make):
    """i.i.d. windows of 12 chunks' size alarm in about 0.1 %, far below 1 %."""
    generator = np.random.default_rng(1)
    alarms = windows = 0
    for _ in range(400):
        edges = np.linspace(0, 1, 101)
        chunks = generator.multinomial(400, np.diff(edges), size=12)
        total = chunks.sum(axis=0)

        def distance(f, g):
            return float(abs(np.cumsum(f) / f.sum() - np.cumsum(g) / g.sum()).max())

        effects = [distance(total - chunk, chunk) for chunk in chunks]
        known = Chunks(k=12, mean=float(np.mean(effects)), sd=float(np.std(effects, ddof=1)))
        for window in generator.multinomial(400, np.diff(edges), size=20):
            judged = judge(make.measurement(value=distance(total, window), chunks=known), make.settings())
            alarms += judged.verdict != "ok"
            windows += 1
    assert alarms / windows < 0.005


def test_thresholds_of_the_settings_judge_the_value_itself(make):
    """A limit somebody wrote down is not widened by intervals."""
    settings = make.settings({"metric": "error_rate", "warning": 0.05})
    assert isinstance(settings.thresholds[0], ThresholdSettings)
    measurement = make.measurement("error_rate", "operational", 0.06, lower=0.01, upper=0.2)
    assert judge(measurement, settings).verdict == "warning"
    assert judge(measurement, make.settings()).verdict == "ok"


def test_one_class_of_many_is_not_judged_by_default(make):
    """Thirty classes would raise thirty alarms; the metric of all of them is judged."""
    whole = make.measurement(
        metric="roc_auc", purpose="performance", value=0.6, lower=0.59, upper=0.61, reference_value=0.8
    )
    one = make.measurement(
        metric="roc_auc", purpose="performance", field="class:a", value=0.6, lower=0.59, upper=0.61, reference_value=0.8
    )

    assert judge(whole, make.settings()).verdict == "critical"
    assert judge(one, make.settings()).verdict == "not_judged"


def test_a_moved_mean_of_a_regressions_target_is_drift(make):
    chunks = Chunks(k=12, mean=0.05, sd=0.02)
    moved = make.measurement(
        metric="mean_shift_sd", purpose="target_drift", field="outcome.actual_value", value=0.5, chunks=chunks
    )
    still = make.measurement(
        metric="mean_shift_sd", purpose="target_drift", field="outcome.actual_value", value=0.08, chunks=chunks
    )

    assert judge(moved, make.settings()).verdict == "critical"
    assert judge(still, make.settings()).verdict == "ok"
