"""From rows to metrics through the profile room's own counting, against scikit-learn."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from driftlog.evaluate.performance.window import performance_measurements
from driftlog.profile.binning import build_binning
from driftlog.profile.count import count_outcomes

START = pd.Timestamp("2026-01-05", tz="UTC").to_pydatetime()


def measured(build, frame, settings, *, positive=None):
    """The metrics of a window of seven days, by metric and field."""
    predictions = frame.rename(columns=lambda name: name.replace("outcome.", "prediction."))
    predictions = predictions.rename(columns={"prediction.predicted": "prediction.label"})
    predictions = predictions.rename(columns={"prediction.predicted_value": "prediction.value"})
    binning = build_binning(predictions.drop(columns="day"), settings, created=START)
    profiles = [
        count_outcomes(part, binning, build.key(build.window(day, timedelta(days=1))), positive_label=positive)
        for day, part in frame.groupby("day")
    ]
    found = performance_measurements(None, profiles, len(frame), binning, settings, build.context())
    return {(m.metric, m.field): m for m in found}


def test_binary_rows(build):
    """Rare positives, scores near 0: AUC and average precision stay close to the rows' own, within their bounds."""
    generator = np.random.default_rng(1)
    truth = generator.random(20_000) < 0.01
    score = 1 / (1 + np.exp(6 - 3 * truth - 1.2 * generator.normal(size=truth.size)))
    frame = pd.DataFrame(
        {
            "day": np.arange(truth.size) % 7,
            "outcome.actual": truth.astype(int).astype(str),
            "outcome.predicted": (score >= 0.1).astype(int).astype(str),
            "outcome.score": score,
        }
    )
    found = measured(build, frame, build.settings(decision_threshold=0.1), positive="1")
    for name, oracle, close in (
        ("roc_auc", metrics.roc_auc_score, 0.001),
        ("average_precision", metrics.average_precision_score, 0.02),
    ):
        m = found[name, ""]
        assert abs(m.value - oracle(truth, score)) <= m.details["tie_bound"]
        assert abs(m.value - oracle(truth, score)) < close
    assert found["mcc", ""].value == pytest.approx(metrics.matthews_corrcoef(truth, score >= 0.1))
    assert found["brier", ""].value == pytest.approx(metrics.brier_score_loss(truth, score))
    ece = found["expected_calibration_error", ""]
    assert ece.details["bin_bound"] <= 0.005
    group = np.minimum((score * 10).astype(int), 9)
    exact = sum(abs(truth[group == g].mean() - score[group == g].mean()) * (group == g).mean() for g in set(group))
    assert abs(ece.value - exact) <= ece.details["bin_bound"]


def test_rows_of_several_classes(build):
    """Probabilities per class, named as in the events."""
    generator = np.random.default_rng(2)
    names = np.array(["ä", "b c", "1"])
    shares = generator.dirichlet([2, 1, 0.5], 6000)
    truth = (generator.random((6000, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(max=2)
    frame = pd.DataFrame(
        {
            "day": np.arange(6000) % 7,
            "outcome.actual": names[truth],
            "outcome.predicted": names[shares.argmax(axis=1)],
            "outcome.score": shares.max(axis=1),
            **{f"outcome.probabilities.{name}": shares[:, i] for i, name in enumerate(names)},
        }
    )
    found = measured(build, frame, build.settings(task="multiclass"))
    exact = metrics.roc_auc_score(truth, shares, multi_class="ovr")
    assert found["roc_auc_macro", ""].value == pytest.approx(exact, abs=0.001)
    for i, name in enumerate(names):
        one = metrics.roc_auc_score(truth == i, shares[:, i])
        assert found["roc_auc", f"class:{name}"].value == pytest.approx(one, abs=0.002)
    assert found["log_loss", ""].value == pytest.approx(metrics.log_loss(truth, shares))
    top, right = shares.max(axis=1), shares.argmax(axis=1) == truth
    group = np.minimum((top * 10).astype(int), 9)
    exact = sum(abs(right[group == g].mean() - top[group == g].mean()) * (group == g).mean() for g in set(group))
    ece = found["expected_calibration_error", ""]
    assert abs(ece.value - exact) <= ece.details["bin_bound"] + 1e-3


def test_regression_rows(build):
    """Coverage of a quantile, MAPE with zeros among the actual values."""
    generator = np.random.default_rng(3)
    actual = np.where(generator.random(3000) < 0.1, 0.0, generator.normal(100, 20, 3000))
    predicted = actual + generator.normal(5, 10, 3000)
    frame = pd.DataFrame(
        {"day": np.arange(3000) % 7, "outcome.actual_value": actual, "outcome.predicted_value": predicted}
    )
    found = measured(build, frame, build.settings(task="regression", quantile=0.9))
    usable = actual != 0
    assert found["mape", ""].value == pytest.approx((abs(predicted - actual)[usable] / abs(actual[usable])).mean())
    assert found["mape", ""].details["usable_share"] == pytest.approx(usable.mean())
    assert found["quantile_coverage", ""].value == pytest.approx((actual <= predicted).mean())
    assert found["pinball_loss", ""].value == pytest.approx(metrics.mean_pinball_loss(actual, predicted, alpha=0.9))
    assert found["r2", ""].value == pytest.approx(metrics.r2_score(actual, predicted))
