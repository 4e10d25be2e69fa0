"""Performance of a window against scikit-learn on the same rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from driftlog.contract.profile import OutcomeProfile
from driftlog.evaluate.performance.window import performance_measurements


def _binary(n=2000, days=7, seed=1, effect=1.5, day_effect=0.0):
    generator = np.random.default_rng(seed)
    day = np.sort(generator.integers(0, days, n))
    actual = generator.random(n) < np.clip(0.3 + day_effect * generator.normal(size=days)[day], 0.02, 0.98)
    score = 1 / (1 + np.exp(1 - effect * actual - generator.normal(size=n)))
    return pd.DataFrame(
        {
            "day": day,
            "actual": np.where(actual, "1", "0"),
            "predicted": np.where(score >= 0.5, "1", "0"),
            "score": score,
        }
    )


@pytest.fixture(scope="module")
def binary(build):
    rows = _binary()
    bins = build.bins(rows.score, 200)
    binning = build.binning(prediction__score=bins)
    found = performance_measurements(
        None, build.outcomes(rows, bins), len(rows), binning, build.settings(), build.context()
    )
    return rows, {m.metric: m for m in found}


@pytest.mark.parametrize(
    ("metric", "oracle"),
    [
        ("accuracy", metrics.accuracy_score),
        ("balanced_accuracy", metrics.balanced_accuracy_score),
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
        ("specificity", lambda y, p: metrics.recall_score(y, p, pos_label=0)),
    ],
)
def test_metrics_of_labels_are_scikit_learns(binary, metric, oracle):
    """From the confusion matrix, exactly."""
    rows, found = binary
    assert found[metric].value == pytest.approx(oracle(rows.actual.astype(int), rows.predicted.astype(int)))


@pytest.mark.parametrize(("metric", "oracle"), [("brier", metrics.brier_score_loss), ("log_loss", metrics.log_loss)])
def test_metrics_of_scores_are_scikit_learns(binary, metric, oracle):
    """From their sums, exactly."""
    rows, found = binary
    assert found[metric].value == pytest.approx(oracle(rows.actual.astype(int), rows.score))


def test_roc_auc_is_scikit_learns_within_its_bound(binary):
    """Rows in one bin count as ties; the bound says how much that can matter."""
    rows, found = binary
    exact = metrics.roc_auc_score(rows.actual.astype(int), rows.score)
    assert abs(found["roc_auc"].value - exact) <= found["roc_auc"].details["tie_bound"] < 0.01
    assert abs(found["roc_auc"].value - exact) < 0.001


@settings(max_examples=80, deadline=None)
@given(data=st.data(), n=st.integers(30, 120))
def test_any_outcomes_give_numbers_or_notes(build, data, n):
    """Few labels, one class, ties: never NaN, never a warning; intervals contain the value."""
    label = st.sampled_from(["0", "1"])
    rows = pd.DataFrame(
        {
            "day": data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)),
            "actual": data.draw(st.lists(label, min_size=n, max_size=n)),
            "predicted": data.draw(st.lists(label, min_size=n, max_size=n)),
            "score": data.draw(st.lists(st.floats(0, 1), min_size=n, max_size=n)),
        }
    )
    bins = build.bins(np.linspace(0, 1, 101), 50)
    binning = build.binning(prediction__score=bins)
    found = performance_measurements(None, build.outcomes(rows, bins), n, binning, build.settings(), build.context())
    for m in found:
        if m.value is None:
            assert m.note
            assert (m.lower, m.upper) == (None, None)
        else:
            assert np.isfinite(m.value)
            if m.lower is not None:
                assert m.lower - 1e-9 <= m.value <= m.upper + 1e-9


def test_multiclass_is_scikit_learns(build):
    """Accuracy, balanced accuracy and macro F1 from the confusion matrix."""
    generator = np.random.default_rng(3)
    actual = generator.choice(["ä", "b", "c"], 500, p=[0.6, 0.3, 0.1])
    predicted = np.where(generator.random(500) < 0.7, actual, generator.choice(["ä", "b", "d"], 500))
    rows = pd.DataFrame({"day": np.arange(500) % 7, "actual": actual, "predicted": predicted})
    found = performance_measurements(
        None, build.outcomes(rows), 500, build.binning(), build.settings(task="multiclass"), build.context()
    )
    values = {m.metric: m.value for m in found}
    recalls = metrics.recall_score(actual, predicted, average=None, labels=["ä", "b", "c"])
    assert values == {
        "accuracy": pytest.approx(metrics.accuracy_score(actual, predicted)),
        "balanced_accuracy": pytest.approx(recalls.mean()),
        "f1_macro": pytest.approx(metrics.f1_score(actual, predicted, average="macro", zero_division=0)),
    }


def test_regression_is_scikit_learns(build):
    """MAE, RMSE, bias and R2 from sums, also far from zero."""
    generator = np.random.default_rng(4)
    actual = 1.7e9 + generator.normal(0, 30, 700)
    predicted = actual + generator.normal(3, 10, 700)
    day, shift, profiles = np.arange(700) % 7, 1.7e9, []
    for d in range(7):
        y, p = actual[day == d], predicted[day == d]
        (key,) = {build.key(build.window(d, length=build.window().length / 7))}
        profiles.append(
            OutcomeProfile(
                key,
                len(y),
                valued=len(y),
                error=(p - y).sum(),
                absolute_error=abs(p - y).sum(),
                squared_error=((p - y) ** 2).sum(),
                actual_shift=shift,
                actual_total=(y - shift).sum(),
                actual_squares=((y - shift) ** 2).sum(),
            )
        )
    found = performance_measurements(
        None, profiles, 700, build.binning(), build.settings(task="regression"), build.context()
    )
    assert {m.metric: m.value for m in found} == {
        "mae": pytest.approx(metrics.mean_absolute_error(actual, predicted)),
        "rmse": pytest.approx(metrics.root_mean_squared_error(actual, predicted)),
        "bias": pytest.approx((predicted - actual).mean()),
        "r2": pytest.approx(metrics.r2_score(actual, predicted)),
    }
    assert all("clustered by day (7 days" in m.method for m in found)


def test_clustered_intervals_cover_where_days_differ(build):
    """With strong days, intervals by day cover the truth about 95 % of the time; Wilson's would not."""
    covered = naive = 0
    runs = 300
    generator = np.random.default_rng(5)
    for _ in range(runs):
        hits = generator.binomial(200, np.clip(generator.normal(0.7, 0.1, 10), 0, 1))
        profiles = [
            OutcomeProfile(
                build.key(build.window(day, build.window().length / 7)),
                200,
                confusion={("1", "1"): int(k), ("1", "0"): 200 - int(k)},
            )
            for day, k in enumerate(hits)
        ]
        (accuracy, *_) = performance_measurements(
            None, profiles, 2000, build.binning(), build.settings(), build.context()
        )
        covered += accuracy.lower <= 0.7 <= accuracy.upper
        half = 1.96 * np.sqrt(accuracy.value * (1 - accuracy.value) / 2000)
        naive += abs(accuracy.value - 0.7) <= half
    assert 0.91 < covered / runs < 0.98
    assert naive / runs < 0.6


def test_one_day_has_intervals_of_independent_rows(build):
    """And the method says so."""
    rows = _binary(400, days=1)
    bins = build.bins(rows.score)
    binning = build.binning(prediction__score=bins)
    found = performance_measurements(None, build.outcomes(rows, bins), 400, binning, build.settings(), build.context())
    by_metric = {m.metric: m for m in found}
    assert "Wilson" in by_metric["accuracy"].method
    assert "Hanley-McNeil" in by_metric["roc_auc"].method
    assert by_metric["f1"].lower < by_metric["f1"].value < by_metric["f1"].upper
    assert (by_metric["brier"].lower, by_metric["brier"].method) == (None, "no interval: fewer than 2 usable days")


def test_immature_windows_are_marked_and_keep_their_value(build):
    """60 % of the truths, 80 % wanted."""
    rows = _binary(600)
    bins = build.bins(rows.score)
    binning = build.binning(prediction__score=bins)
    found = performance_measurements(None, build.outcomes(rows, bins), 1000, binning, build.settings(), build.context())
    assert all(m.maturity == 0.6 and "immature" in m.marks for m in found)
    assert found[0].value is not None


def test_too_few_outcomes_have_no_value(build):
    """None at all, or fewer than min_rows: None with a note."""
    for outcomes, known in (([], 0.0), (build.outcomes(_binary(20)), 0.4)):
        found = performance_measurements(None, outcomes, 50, build.binning(), build.settings(), build.context())
        assert all((m.value, m.maturity) == (None, known) and "fewer than 30" in m.note for m in found)
    assert performance_measurements(None, [], 0, build.binning(), build.settings(), build.context()) == []


def test_one_class_has_no_auc(build):
    """Undefined is None with the reason, while accuracy still is a number."""
    rows = _binary(200).assign(actual="0", predicted="0")
    bins = build.bins(rows.score)
    binning = build.binning(prediction__score=bins)
    found = performance_measurements(None, build.outcomes(rows, bins), 200, binning, build.settings(), build.context())
    notes = {m.metric: m.note for m in found if m.value is None}
    assert notes == {
        "precision": "undefined: no prediction is positive",
        "recall": "undefined: no outcome is positive",
        "f1": "undefined: neither outcome nor prediction is positive",
        "roc_auc": "undefined: outcomes with a score are all positive or all negative",
    }


def test_the_reference_is_measured_alike(build):
    """reference_value, its interval, and the spread over its chunks; target drift beside them."""
    rows = _binary(12 * 700, days=84, seed=7)
    bins = build.bins(rows.score)
    daily = build.outcomes(rows, bins)
    weeks = [tuple(daily[i : i + 7]) for i in range(0, 84, 7)]
    fields = [{"prediction.score": build.count(rows.score[rows.day // 7 == i], bins)} for i in range(12)]
    reference = build.reference(fields, chunk_outcomes=weeks)
    binning = build.binning(prediction__score=bins)
    now = _binary(700, seed=8, day_effect=0.05)
    found = performance_measurements(
        reference, build.outcomes(now, bins), 700, binning, build.settings(), build.context()
    )
    accuracy = next(m for m in found if m.metric == "accuracy")
    expected = (rows.actual == rows.predicted).groupby(rows.day // 7).mean()
    assert accuracy.reference_value == pytest.approx((rows.actual == rows.predicted).mean())
    assert accuracy.details["reference_lower"] < accuracy.reference_value < accuracy.details["reference_upper"]
    assert (accuracy.chunks.k, accuracy.chunks.mean) == (12, pytest.approx(expected.mean()))
    assert accuracy.chunks.sd == pytest.approx(expected.std())
    target = next(m for m in found if m.purpose == "target_drift")
    difference = abs((now.actual == "1").mean() - (rows.actual == "1").mean())
    assert (target.field, target.value) == ("outcome.actual", pytest.approx(difference))
    assert target.chunks.k == 12


def test_hours_add_up_to_days(build):
    """Buckets are joined by local day before anything is clustered."""
    hour = build.window().length / 168
    profiles = [
        OutcomeProfile(build.key(build.window(i, hour)), 10, confusion={("1", "1"): 7, ("0", "1"): 3})
        for i in range(48)
    ]
    utc = performance_measurements(None, profiles, 480, build.binning(), build.settings(), build.context())
    local = performance_measurements(
        None, profiles, 480, build.binning(), build.settings(timezone="America/New_York"), build.context()
    )
    assert utc[0].value == local[0].value == pytest.approx(0.7)
    assert "Wilson" in utc[0].method  # two equal days: no variance between them to go by
