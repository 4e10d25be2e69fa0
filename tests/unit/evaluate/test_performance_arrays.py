"""Metrics of arrays, and so every formula of the registry, against scikit-learn; and the laws they keep."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from driftlog.contract.errors import UsageError
from driftlog.contract.profile import OutcomeProfile, ProfileKey, total
from driftlog.contract.settings import CellValue, ModelSettings
from driftlog.contract.window import Window
from driftlog.evaluate.performance.arrays import (
    class_metrics,
    classification_metrics,
    label_sums,
    regression_metrics,
    value_sums,
)
from driftlog.evaluate.performance.average_precision import average_precision, tie_bound
from driftlog.evaluate.performance.registry import PERFORMANCE_METRICS, metrics_for, metrics_of
from driftlog.evaluate.performance.sums import ARRAYS, ByDay, labels_of, outcome_sums

LABELS = [f"k{i}" for i in range(30)]


@st.composite
def binary_rows(draw):
    """Labels and scores with ties, constants, one class, rare classes, hardly any rows."""
    n = draw(st.integers(1, 80))
    rare = draw(st.sampled_from([0.0, 0.03, 0.5, 1.0]))
    seed = draw(st.integers(0, 2**32 - 1))
    steps = draw(st.sampled_from([1, 2, 7, 10**6]))
    generator = np.random.default_rng(seed)
    score = generator.integers(0, steps + 1, n) / steps
    return (generator.random(n) < rare).astype(int), (score >= 0.5).astype(int), score


@st.composite
def class_rows(draw):
    """Two to thirty classes, some never occurring, some never predicted."""
    n, k = draw(st.integers(1, 200)), draw(st.integers(2, 30))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = generator.dirichlet(np.full(k, draw(st.sampled_from([0.1, 1.0, 10.0]))))
    actual = generator.choice(LABELS[:k], n, p=weights)
    hit = generator.random(n) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    predicted = np.where(hit, actual, generator.choice(LABELS[:k], n))
    return actual, predicted


def oracle(function, *args, **kwargs):
    """scikit-learn's value; its warnings are its way of saying undefined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(function(*args, **kwargs))


def oracle_of_classes(function, actual, predicted, labels):
    """One value a label, NaN where undefined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(actual, predicted, labels=labels, average=None, zero_division=np.nan)


@settings(max_examples=100, deadline=None)
@given(binary_rows())
def test_binary_metrics_are_scikit_learns(rows):
    """Wherever they are defined, and None elsewhere."""
    actual, predicted, score = rows
    found = classification_metrics(actual, predicted, score, positive=1)
    some, others = bool(actual.any()), not actual.all()
    expected = {
        "accuracy": oracle(metrics.accuracy_score, actual, predicted),
        "balanced_accuracy": oracle(metrics.balanced_accuracy_score, actual, predicted),
        "precision": oracle(metrics.precision_score, actual, predicted) if predicted.any() else None,
        "recall": oracle(metrics.recall_score, actual, predicted) if some else None,
        "specificity": oracle(metrics.recall_score, actual, predicted, pos_label=0) if others else None,
        "f1": oracle(metrics.f1_score, actual, predicted) if some or predicted.any() else None,
        "roc_auc": oracle(metrics.roc_auc_score, actual, score) if some and others else None,
        "average_precision": oracle(metrics.average_precision_score, actual, score) if some else None,
        "brier": oracle(metrics.brier_score_loss, actual, score, pos_label=1),
        "log_loss": oracle(metrics.log_loss, actual, np.clip(score, 1e-15, 1 - 1e-15), labels=[0, 1]),
        "f1_macro": oracle(metrics.f1_score, actual, predicted, average="macro", zero_division=0),
        "precision_weighted": oracle(metrics.precision_score, actual, predicted, average="weighted", zero_division=0),
    }
    for name, value in expected.items():
        assert found[name] == (None if value is None else pytest.approx(value, abs=1e-12)), name


@settings(max_examples=60, deadline=None)
@given(class_rows())
def test_metrics_of_many_classes_are_scikit_learns(rows):
    """Averages, correlation and kappa of 2 to 30 classes, and each class against the rest."""
    actual, predicted = rows
    found = classification_metrics([*actual, "x", "y", "z"], [*predicted, "x", "y", "z"])
    actual, predicted = np.append(actual, ["x", "y", "z"]), np.append(predicted, ["x", "y", "z"])
    scores = {"precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score}
    for name, function in scores.items():
        for average in ("macro", "weighted"):
            value = oracle(function, actual, predicted, average=average, zero_division=0)
            assert found[f"{name}_{average}"] == pytest.approx(value)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(actual, predicted))
    assert found["balanced_accuracy"] == pytest.approx(oracle(metrics.balanced_accuracy_score, actual, predicted))
    assert found["mcc"] == pytest.approx(metrics.matthews_corrcoef(actual, predicted))
    assert found["cohens_kappa"] == pytest.approx(metrics.cohen_kappa_score(actual, predicted))
    held = class_metrics(actual, predicted)
    for name, function in scores.items():
        values = oracle_of_classes(function, actual, predicted, list(held))
        assert [of_class[name] for of_class in held.values()] == [
            None if math.isnan(value) else pytest.approx(value) for value in values
        ]


@settings(max_examples=40, deadline=None)
@given(n=st.integers(3, 150), k=st.integers(3, 8), seed=st.integers(0, 2**32 - 1), ties=st.booleans())
def test_probabilities_of_classes_are_scikit_learns(n, k, seed, ties):
    """One-versus-rest AUC, log loss and Brier score; classes that never occur are left out of the averages."""
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.ones(k), n)
    if ties:
        shares = np.eye(k)[shares.argmax(axis=1)] * 0.5 + 0.5 / k
    truth = np.append(generator.integers(0, k, n - 3), [0, 1, 2])
    columns = {LABELS[i]: shares[:, i] for i in range(k)}
    names = np.array(LABELS)[truth]
    found = classification_metrics(names, np.array(LABELS)[shares.argmax(axis=1)], probabilities=columns)
    by_class = {LABELS[i]: oracle(metrics.roc_auc_score, truth == i, shares[:, i]) for i in set(truth.tolist())}
    counts = np.array([(names == name).sum() for name in by_class])
    assert found["roc_auc_macro"] == pytest.approx(np.mean(list(by_class.values())))
    assert found["roc_auc_weighted"] == pytest.approx(np.average(list(by_class.values()), weights=counts))
    of_class = class_metrics(names, names, probabilities=columns)
    assert {name: of_class[name]["roc_auc"] for name in by_class} == pytest.approx(by_class)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(truth, shares, labels=range(k)))
    assert found["brier"] == pytest.approx(((shares - np.eye(k)[truth]) ** 2).sum(axis=1).mean())


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.one_of(st.sampled_from([0.0, -1.0, 1e6]), st.floats(-1e6, 1e6, width=32))] * 2),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from([0.1, 0.5, 0.9]),
)
def test_regression_metrics_are_scikit_learns(rows, quantile):
    """Wherever they are defined; MAPE over the rows whose actual value is not 0."""
    actual, predicted = np.array(rows).T
    found = regression_metrics(actual, predicted, quantile=quantile)
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(actual, predicted))
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(actual, predicted))
    assert found["bias"] == pytest.approx((predicted - actual).mean(), abs=1e-6)
    assert found["quantile_coverage"] == pytest.approx((actual <= predicted).mean())
    pinball = metrics.mean_pinball_loss(actual, predicted, alpha=quantile)
    assert found["pinball_loss"] == pytest.approx(pinball, rel=1e-6, abs=1e-6)
    usable = actual != 0
    with np.errstate(over="ignore"):
        relative = abs((predicted[usable] - actual[usable]) / actual[usable])
    if np.isfinite(relative).all():
        assert found["mape"] == (pytest.approx(relative.mean()) if usable.any() else None)
    if found["r2"] is not None and found["r2"] > -1e6:
        assert found["r2"] == pytest.approx(metrics.r2_score(actual, predicted), rel=1e-6, abs=1e-6)
    assert (found["r2"] is None) == bool(np.ptp(actual) <= 1e-9 * abs(actual).max()) or np.ptp(actual) < 1e-3


@settings(max_examples=100, deadline=None)
@given(binary_rows(), st.randoms(use_true_random=False))
def test_order_of_rows_and_names_of_labels_change_nothing(rows, shuffle):
    """Metrics are symmetric in the rows; renaming labels (keeping which is positive) leaves every number."""
    actual, predicted, score = rows
    order = list(range(len(actual)))
    shuffle.shuffle(order)
    plain = classification_metrics(actual, predicted, score, positive=1)
    names = np.array(["négative & co", "a=b"])
    renamed = classification_metrics(names[actual[order]], names[predicted[order]], score[order], positive="a=b")
    assert plain.keys() == renamed.keys()
    for name, value in plain.items():
        assert renamed[name] == (None if value is None else pytest.approx(value, abs=1e-12)), name


@settings(max_examples=100, deadline=None)
@given(binary_rows())
def test_metrics_keep_their_bounds(rows):
    """Every value lies within the bounds its registry entry states."""
    actual, predicted, score = rows
    for name, value in classification_metrics(actual, predicted, score, positive=1).items():
        low, high = PERFORMANCE_METRICS[name].bounds
        assert value is None or (math.isfinite(value) and low <= value <= high)


@settings(max_examples=150, deadline=None)
@given(binary_rows(), st.integers(1, 12))
def test_binned_average_precision_stays_within_its_bound(rows, size):
    """However coarse the bins: the raw scores' value is within `tie_bound`."""
    actual, _, score = rows
    assume(actual.any())
    edges = np.linspace(0, 1, size + 1)[1:-1]
    cells = np.searchsorted(edges, score, side="right")
    up, down = (np.bincount(cells[actual == one], minlength=size).astype(float) for one in (1, 0))
    sums = label_sums(["1"], ["1"], positive="1")
    binned = replace(sums, grid=None, score_positive=up, score_negative=down)
    exact = oracle(metrics.average_precision_score, actual, score)
    assert abs(float(average_precision(binned)) - exact) <= float(tie_bound(binned)) + 1e-12


def test_binned_average_precision_is_the_mean_over_orders():
    """Within one bin all orders are as likely: 8 rows, 3 of them positive, below 2 positives and 1 other."""
    sums = replace(
        label_sums(["1"], ["1"], positive="1"),
        grid=None,
        score_positive=np.array([3.0, 2.0]),
        score_negative=np.array([5.0, 1.0]),
    )
    orders = []
    for top in combinations(range(3), 2):
        for low in combinations(range(8), 3):
            truth = [i in top for i in range(3)] + [i in low for i in range(8)]
            orders.append(metrics.average_precision_score(truth, -np.arange(11)))
    assert float(average_precision(sums)) == pytest.approx(np.mean(orders))


def test_profiles_add_up_to_the_same_metrics():
    """Sums of profiles and sums of their arrays are one, for every metric of both kinds of model."""
    generator = np.random.default_rng(1)
    actual, predicted = generator.choice(["a", "b", "c"], (2, 600))
    start = datetime(2026, 1, 5, tzinfo=UTC)
    profiles = []
    for day in range(6):
        pairs = list(zip(actual[day::6].tolist(), predicted[day::6].tolist(), strict=True))
        key = ProfileKey(
            "m", "t", "*", "*", "", "b", Window(start + day * timedelta(1), start + (day + 1) * timedelta(1))
        )
        profiles.append(OutcomeProfile(key, len(pairs), confusion={pair: pairs.count(pair) for pair in set(pairs)}))
    labels = labels_of(profiles)

    def sums(held):
        return outcome_sums(held, positive_label="a", labels=labels, score_bins=None, task="multiclass")

    side, whole = ByDay.of(sums(profiles)), sums([total(profiles)])
    expected = classification_metrics(actual, predicted)
    for metric in metrics_of("multiclass"):
        with np.errstate(all="ignore"):
            values = float(metric.compute(side.whole)), float(metric.compute(whole)[0])
        known = expected.get(metric.name)
        if known is not None:
            assert values == (pytest.approx(known), pytest.approx(known))
    for name in ARRAYS:
        left = getattr(side.left_out, name) + getattr(side.days, name)
        assert left == pytest.approx(np.broadcast_to(getattr(side.whole, name), left.shape))


def test_empty_and_missing_rows_are_undefined():
    """No rows, only missing ones, lists of NaN: None everywhere, no warning."""
    for actual, predicted in (([], []), ([None, np.nan], ["a", "b"])):
        assert set(classification_metrics(actual, predicted).values()) == {None}
    assert set(regression_metrics([], []).values()) == {None}
    assert set(regression_metrics([np.nan, 1.0], [1.0, np.inf]).values()) == {None}
    found = classification_metrics([1, 0, None, 1], [1, 0, 1, None], [0.9, 0.1, 0.5, np.nan], positive=1)
    assert (found["accuracy"], found["roc_auc"]) == (1.0, 1.0)


def test_labels_are_compared_as_text():
    """Booleans, whole floats and numbers as strings mean what they say."""
    for actual, predicted in (([True, False], ["true", "true"]), ([1.0, 0.0], [1, 1]), ([1, 0], ["1", "1"])):
        assert classification_metrics(actual, predicted)["accuracy"] == 0.5
        assert classification_metrics(actual, predicted)["recall"] == 1.0


def test_scores_outside_probabilities_rank_only():
    """Log-odds have an AUC and an average precision, and no Brier score, log loss or calibration."""
    found = classification_metrics([1, 0, 1, 0], [1, 0, 1, 0], [3.0, -2.0, 1.5, 1.2])
    assert (found["roc_auc"], found["average_precision"]) == (1.0, 1.0)
    assert (found["brier"], found["log_loss"], found["expected_calibration_error"]) == (None, None, None)


def test_business_value_of_arrays():
    """With lines of worth; without them it is not reported."""
    lines = (CellValue("1", "1", 5.0), CellValue("*", "1", -1.0))
    found = classification_metrics([1, 0, 0], [1, 1, 0], business_value=lines)
    assert (found["business_value"], found["business_value_per_1000"]) == (4.0, pytest.approx(4000 / 3))
    assert "business_value" not in classification_metrics([1, 0], [1, 0])


def test_arrays_of_different_length_are_refused():
    """The message tells how long each is."""
    with pytest.raises(UsageError, match="actual 2, predicted 1"):
        classification_metrics([1, 0], [1])
    with pytest.raises(UsageError, match="actual 2, score 1"):
        classification_metrics([1, 0], [1, 0], [0.5])
    with pytest.raises(UsageError, match="actual 1, predicted 2"):
        regression_metrics([1.0], [1.0, 2.0])


def test_metrics_that_need_a_setting_are_silent_without_it():
    """Coverage without a quantile and value without worth are not reported at all."""
    plain = {m.name for m in metrics_for(ModelSettings(name="m", task="regression"))}
    asked = {m.name for m in metrics_for(ModelSettings(name="m", task="regression", quantile=0.5))}
    assert asked - plain == {"quantile_coverage", "pinball_loss"}
    worth = ModelSettings(name="m", business_value=(CellValue("1", "1", 1.0),))
    assert {m.name for m in metrics_for(worth)} - {m.name for m in metrics_for(ModelSettings(name="m"))} == {
        "business_value",
        "business_value_per_1000",
    }


def test_huge_counts_stay_exact():
    """1e12 rows: correlation and kappa of a matrix are those of its shares."""
    small = label_sums([1] * 60 + [0] * 40, [1] * 50 + [0] * 45 + [1] * 5, positive="1")
    huge = replace(small, confusion=small.confusion * 1e10)
    for name in ("mcc", "cohens_kappa", "accuracy", "f1", "balanced_accuracy"):
        compute = PERFORMANCE_METRICS[name].compute
        assert float(compute(huge)) == pytest.approx(float(compute(small)))


def test_values_far_from_zero_keep_their_variance():
    """R2 at 1.7e9 with a spread of 30."""
    generator = np.random.default_rng(2)
    actual = 1.7e9 + generator.normal(0, 30, 500)
    predicted = actual + generator.normal(0, 10, 500)
    assert regression_metrics(actual, predicted)["r2"] == pytest.approx(metrics.r2_score(actual, predicted), rel=1e-6)
    assert float(value_sums(actual, predicted).valued) == 500
