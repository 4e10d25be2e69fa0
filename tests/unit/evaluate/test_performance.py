"""Performance of a window against scikit-learn on the same rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from driftlog.contract.measurement import MARK_IMMATURE, MARK_LESS_MATURE
from driftlog.contract.profile import OutcomeProfile
from driftlog.contract.settings import CellValue
from driftlog.evaluate.performance.baseline import ReferenceCache
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


def value_profile(key, actual, predicted, *, shift=0.0):
    """A regression's outcomes, counted independently of the profile room."""
    error = predicted - actual
    relative = np.abs(error[actual != 0] / actual[actual != 0])
    return OutcomeProfile(
        key,
        len(actual),
        valued=len(actual),
        error=error.sum(),
        absolute_error=abs(error).sum(),
        squared_error=(error**2).sum(),
        actual_shift=shift,
        actual_total=(actual - shift).sum(),
        actual_squares=((actual - shift) ** 2).sum(),
        covered=int((actual <= predicted).sum()),
        relative=len(relative),
        relative_error=relative.sum(),
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
        ("mcc", metrics.matthews_corrcoef),
        ("cohens_kappa", metrics.cohen_kappa_score),
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


def test_average_precision_is_scikit_learns_within_its_bound(binary):
    """Its bound is that of the worst and the best order of the rows within each bin."""
    rows, found = binary
    exact = metrics.average_precision_score(rows.actual.astype(int), rows.score)
    measured = found["average_precision"]
    assert abs(measured.value - exact) <= measured.details["tie_bound"] < 0.02
    assert abs(measured.value - exact) < 0.004
    assert measured.details["prevalence"] == pytest.approx((rows.actual == "1").mean())


def _calibration_error(score, truth):
    """Textbook ECE of ten groups."""
    group = np.minimum((score * 10).astype(int), 9)
    return sum(abs(truth[group == g].mean() - score[group == g].mean()) * (group == g).mean() for g in set(group))


def test_calibration_error_is_the_textbooks_within_its_bound(build):
    """Of the fine bins' middles; ten groups whose ends are edges. The gap is the mean truth less the mean score."""
    rows = _binary(5000)
    bins = build.bins(np.concatenate((rows.score, np.repeat(np.arange(1, 10) / 10, 200))), 100)
    found = performance_measurements(
        None, build.outcomes(rows, bins), 5000, build.binning(prediction__score=bins), build.settings(), build.context()
    )
    ece = next(m for m in found if m.metric == "expected_calibration_error")
    score, truth = rows.score.to_numpy(), (rows.actual == "1").to_numpy()
    assert abs(ece.value - _calibration_error(score, truth)) <= ece.details["bin_bound"] < 0.02
    assert abs(ece.details["calibration_gap"] - (truth.mean() - score.mean())) <= ece.details["bin_bound"]
    assert 0 < ece.details["expected_by_chance"] < 0.03


def test_a_calibrated_score_has_the_error_expected_by_chance(build):
    """Over 60 windows of calibrated scores the mean error is the expectation in details, to 15 %."""
    generator = np.random.default_rng(9)
    bins = build.bins(np.linspace(0, 1, 1001), 100)
    errors, expected = [], []
    for _ in range(60):
        score = generator.random(700)
        truth = np.where(generator.random(700) < score, "1", "0")
        rows = pd.DataFrame({"day": np.arange(700) % 7, "actual": truth, "predicted": truth, "score": score})
        found = performance_measurements(
            None,
            build.outcomes(rows, bins),
            700,
            build.binning(prediction__score=bins),
            build.settings(),
            build.context(),
        )
        ece = next(m for m in found if m.metric == "expected_calibration_error")
        errors.append(ece.value)
        expected.append(ece.details["expected_by_chance"])
    assert np.mean(errors) == pytest.approx(np.mean(expected), rel=0.15)


def _classes(build, n=3000, classes=4, seed=11):
    """Rows of a multiclass model with probabilities, their daily profiles, and the binning."""
    generator = np.random.default_rng(seed)
    names = np.array([f"k{i}" for i in range(classes)])
    logits = generator.normal(size=(n, classes)) + np.linspace(1, -1, classes)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (generator.random((n, 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(max=classes - 1)
    chosen, top = shares.argmax(axis=1), shares.max(axis=1)
    fields = {f"prediction.probabilities.{name}": build.bins(shares[:, i], 150) for i, name in enumerate(names)}
    fields["prediction.score"] = build.bins(top, 150)
    own = shares[np.arange(n), truth]
    profiles = []
    for day in range(7):
        part = np.arange(n) % 7 == day

        def counts(chosen_rows, field, values):
            return build.count(values[chosen_rows], fields[field]).counts

        right = part & (chosen == truth)
        pairs = pd.Series(list(zip(names[truth[part]], names[chosen[part]], strict=True))).value_counts().to_dict()
        by_class = {name: f"prediction.probabilities.{name}" for name in names}
        profiles.append(
            OutcomeProfile(
                build.key(build.window(day, timedelta(days=1))),
                int(part.sum()),
                confusion=pairs,
                score={
                    **{(k, k): counts(right & (names[chosen] == k), "prediction.score", top) for k in names},
                    ("", "k0"): counts(part & ~right, "prediction.score", top),
                },
                scored=int(part.sum()),
                log_loss=float(-np.log(own[part]).sum()),
                brier=float(((shares[part] - np.eye(classes)[truth[part]]) ** 2).sum()),
                class_positive={k: counts(part & (truth == i), by_class[k], shares[:, i]) for i, k in enumerate(names)},
                class_negative={k: counts(part & (truth != i), by_class[k], shares[:, i]) for i, k in enumerate(names)},
            )
        )
    return names, truth, shares, profiles, build.binning(**{name.replace(".", "__"): b for name, b in fields.items()})


def test_probabilities_of_several_classes_are_scikit_learns(build):
    """One-versus-rest AUC (macro, weighted, of each class), log loss, Brier score, and top-label calibration."""
    names, truth, shares, profiles, binning = _classes(build)
    found = performance_measurements(
        None, profiles, len(truth), binning, build.settings(task="multiclass"), build.context()
    )
    by = {(m.metric, m.field): m for m in found}
    for average in ("macro", "weighted"):
        exact = metrics.roc_auc_score(truth, shares, multi_class="ovr", average=average)
        auc = by[f"roc_auc_{average}", ""]
        assert abs(auc.value - exact) <= auc.details["tie_bound"] < 0.02
        assert abs(auc.value - exact) < 0.001
        assert auc.lower < auc.value < auc.upper
    for i, name in enumerate(names):
        exact = metrics.roc_auc_score(truth == i, shares[:, i])
        assert abs(by["roc_auc", f"class:{name}"].value - exact) < 0.002
        assert by["recall", f"class:{name}"].n_current == (truth == i).sum()
    assert by["log_loss", ""].value == pytest.approx(metrics.log_loss(truth, shares))
    assert by["brier", ""].value == pytest.approx(((shares - np.eye(4)[truth]) ** 2).sum(axis=1).mean())
    ece, top = by["expected_calibration_error", ""], shares.max(axis=1)
    exact = _calibration_error(top, shares.argmax(axis=1) == truth)
    assert abs(ece.value - exact) < 0.02
    assert (by["roc_auc_macro", ""].details["classes"], by["brier", ""].n_current) == (4.0, len(truth))


def test_at_most_thirty_classes_are_measured_one_by_one(build):
    """The most frequent ones; all count in the averages."""
    generator = np.random.default_rng(12)
    labels = np.array([f"c{i:02d}" for i in range(40)])
    actual = generator.choice(labels, 8000, p=np.linspace(2, 1, 40) / np.linspace(2, 1, 40).sum())
    predicted = np.where(generator.random(8000) < 0.6, actual, generator.choice(labels, 8000))
    rows = pd.DataFrame({"day": np.arange(8000) % 7, "actual": actual, "predicted": predicted})
    found = performance_measurements(
        None, build.outcomes(rows), 8000, build.binning(), build.settings(task="multiclass"), build.context()
    )
    fields = {m.field for m in found if m.field}
    frequent = pd.Series(actual).value_counts()
    assert len(fields) == 30
    assert frequent[[f.removeprefix("class:") for f in fields]].min() >= frequent.sort_values().iloc[9]
    macro = next(m for m in found if m.metric == "f1_macro")
    assert macro.value == pytest.approx(metrics.f1_score(actual, predicted, average="macro"))


def test_missing_predictions_are_no_mistakes(build):
    """An outcome without a predicted label is in no cell; the truth it brings counts for the target."""
    rows = _binary(400).assign(score=0.5)
    whole = performance_measurements(
        None, build.outcomes(rows), 400, build.binning(), build.settings(), build.context()
    )
    failed = pd.concat((rows, rows.head(50).assign(predicted="")))
    found = performance_measurements(
        None, build.outcomes(failed), 450, build.binning(), build.settings(), build.context()
    )
    assert (found[0].value, found[0].n_current) == (whole[0].value, 400)


VALUES = (CellValue("1", "1", 90.0), CellValue("1", "0", -100.0), CellValue("*", "1", -10.0))


def test_business_value_is_worth_of_cells(build):
    """The first line that fits counts, 0 where none does; total and per 1,000 with intervals that agree."""
    rows = _binary()
    found = performance_measurements(
        None,
        build.outcomes(rows),
        len(rows),
        build.binning(),
        build.settings(business_value=VALUES, business_unit="EUR"),
        build.context(),
    )
    by = {m.metric: m for m in found}
    worth = {("1", "1"): 90.0, ("1", "0"): -100.0, ("0", "1"): -10.0, ("0", "0"): 0.0}
    expected = sum(worth[pair] for pair in zip(rows.actual, rows.predicted, strict=True))
    whole, rate = by["business_value"], by["business_value_per_1000"]
    assert (whole.value, whole.unit) == (pytest.approx(expected), "EUR")
    assert (rate.value, rate.unit) == (pytest.approx(expected / 2), "EUR")
    assert (whole.lower, whole.upper) == (pytest.approx(2 * rate.lower), pytest.approx(2 * rate.upper))
    assert whole.lower < whole.value < whole.upper


def test_business_value_is_compared_for_as_many_outcomes(build):
    """A reference of twelve weeks does not make the week look poor."""
    reference, bins, rows = _reference(build)
    found = performance_measurements(
        reference,
        build.outcomes(_binary(700, seed=8), bins),
        700,
        build.binning(prediction__score=bins),
        build.settings(business_value=VALUES),
        build.context(),
    )
    whole = next(m for m in found if m.metric == "business_value")
    worth = {("1", "1"): 90.0, ("1", "0"): -100.0, ("0", "1"): -10.0, ("0", "0"): 0.0}
    expected = sum(worth[pair] for pair in zip(rows.actual, rows.predicted, strict=True))
    assert whole.reference_value == pytest.approx(expected / 12)
    assert whole.chunks.mean == pytest.approx(expected / 12, rel=0.01)


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
    """Everything that the confusion matrix gives, and precision, recall and F1 of each class."""
    generator = np.random.default_rng(3)
    actual = generator.choice(["ä", "b", "c"], 500, p=[0.6, 0.3, 0.1])
    predicted = np.where(generator.random(500) < 0.7, actual, generator.choice(["ä", "b", "d"], 500))
    rows = pd.DataFrame({"day": np.arange(500) % 7, "actual": actual, "predicted": predicted})
    found = performance_measurements(
        None, build.outcomes(rows), 500, build.binning(), build.settings(task="multiclass", min_rows=5), build.context()
    )
    values = {(m.metric, m.field): m.value for m in found}
    recalls = metrics.recall_score(actual, predicted, average=None, labels=["ä", "b", "c"])
    expected = {
        "accuracy": metrics.accuracy_score(actual, predicted),
        "balanced_accuracy": recalls.mean(),
        "mcc": metrics.matthews_corrcoef(actual, predicted),
        "cohens_kappa": metrics.cohen_kappa_score(actual, predicted),
    }
    scores = {"precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score}
    for name, oracle in scores.items():
        for average in ("macro", "weighted"):
            expected[f"{name}_{average}"] = oracle(actual, predicted, average=average, zero_division=0)
        of_class = oracle(actual, predicted, average=None, labels=["ä", "b", "c"])
        for label, value in zip(["ä", "b", "c"], of_class, strict=True):
            assert values.pop((name, f"class:{label}")) == pytest.approx(value)
    for name, value in expected.items():
        assert values.pop((name, "")) == pytest.approx(value)
    without = {"roc_auc_macro", "roc_auc_weighted", "brier", "log_loss", "expected_calibration_error"}
    assert values == dict.fromkeys((name, "") for name in without)


def _regression(build, *, seed=4, offset=0.0, days=range(7), center=1.7e9, settings=None, spread=30.0):
    """Daily profiles and their rows: values far from zero."""
    generator = np.random.default_rng(seed)
    found, rows = [], []
    for day in days:
        actual = center + offset + generator.normal(0, spread, 100)
        predicted = actual + generator.normal(3, 10, 100)
        rows.append(pd.DataFrame({"day": day, "actual": actual, "predicted": predicted}))
        found.append(value_profile(build.key(build.window(day, timedelta(days=1))), actual, predicted, shift=1.7e9))
    return pd.concat(rows), found


def test_regression_is_scikit_learns(build):
    """From sums, also far from zero; coverage and pinball loss where a quantile is predicted."""
    rows, profiles = _regression(build)
    found = performance_measurements(
        None, profiles, 700, build.binning(), build.settings(task="regression", quantile=0.6), build.context()
    )
    actual, predicted = rows.actual, rows.predicted
    assert {m.metric: m.value for m in found} == {
        "mae": pytest.approx(metrics.mean_absolute_error(actual, predicted)),
        "rmse": pytest.approx(metrics.root_mean_squared_error(actual, predicted)),
        "bias": pytest.approx((predicted - actual).mean()),
        "mape": pytest.approx(metrics.mean_absolute_percentage_error(actual, predicted)),
        "r2": pytest.approx(metrics.r2_score(actual, predicted)),
        "quantile_coverage": pytest.approx((actual <= predicted).mean()),
        "pinball_loss": pytest.approx(metrics.mean_pinball_loss(actual, predicted, alpha=0.6)),
    }
    coverage = next(m for m in found if m.metric == "quantile_coverage")
    assert coverage.details["nominal"] == 0.6
    assert coverage.details["difference"] == pytest.approx(coverage.value - 0.6)
    assert all("days" in m.method or "day" in m.method for m in found)


def test_quantile_metrics_need_the_setting(build):
    """A model of the mean has no coverage to keep to."""
    found = performance_measurements(
        None, _regression(build)[1], 700, build.binning(), build.settings(task="regression"), build.context()
    )
    assert {m.metric for m in found} == {"mae", "rmse", "bias", "mape", "r2"}


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
    assert "DeLong" in by_metric["roc_auc"].method
    assert by_metric["f1"].lower < by_metric["f1"].value < by_metric["f1"].upper
    assert all("rows taken as independent (fewer than 2 usable days)" in m.method for m in found)


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
        "average_precision": "undefined: no outcome with a score is positive",
        "mcc": "undefined: outcomes or predictions are all of one label",
        "cohens_kappa": "undefined: outcomes and predictions are all of one label",
    }


def _reference(build, seed=7):
    """Twelve weeks of outcomes as a reference, their bins and rows."""
    rows = _binary(12 * 700, days=84, seed=seed)
    bins = build.bins(rows.score)
    daily = build.outcomes(rows, bins)
    weeks = [tuple(daily[i : i + 7]) for i in range(0, 84, 7)]
    fields = [{"prediction.score": build.count(rows.score[rows.day // 7 == i], bins)} for i in range(12)]
    return build.reference(fields, chunk_outcomes=weeks), bins, rows


def test_the_reference_is_measured_alike(build):
    """reference_value, its interval, and the spread over its chunks; target drift beside them."""
    reference, bins, rows = _reference(build)
    binning = build.binning(prediction__score=bins)
    now = _binary(700, seed=8, day_effect=0.05)
    found = performance_measurements(
        reference, build.outcomes(now, bins), 700, binning, build.settings(), build.context()
    )
    accuracy = next(m for m in found if m.metric == "accuracy")
    expected = (rows.actual == rows.predicted).groupby(rows.day // 7).mean()
    assert accuracy.reference_value == pytest.approx((rows.actual == rows.predicted).mean())
    assert accuracy.details["reference_lower"] < accuracy.reference_value < accuracy.details["reference_upper"]
    assert accuracy.details["reference_design_effect"] > 0
    assert (accuracy.chunks.k, accuracy.chunks.mean) == (12, pytest.approx(expected.mean()))
    assert accuracy.chunks.sd == pytest.approx(expected.std())
    target = next(m for m in found if m.purpose == "target_drift")
    difference = abs((now.actual == "1").mean() - (rows.actual == "1").mean())
    assert (target.field, target.value) == ("outcome.actual", pytest.approx(difference))
    assert target.chunks.k == 12


def test_differences_are_measurements_of_their_own(build):
    """Current less reference with interval, p-value and its adjusted form, ready for charts and thresholds."""
    reference, bins, _ = _reference(build)
    binning = build.binning(prediction__score=bins)
    worse = _binary(700, seed=8, effect=0.2)
    found = performance_measurements(
        reference, build.outcomes(worse, bins), 700, binning, build.settings(), build.context()
    )
    by = {m.metric: m for m in found}
    for name in ("accuracy", "roc_auc"):
        changed = by[f"{name}_difference"]
        assert changed.purpose == "concept_drift"
        assert changed.value == pytest.approx(by[name].value - by[name].reference_value)
        assert changed.lower < changed.value < changed.upper < 0
        assert changed.p_value < 0.01
        assert changed.p_value <= changed.p_adjusted <= 2 * changed.p_value
        assert "7 v 84 days, Welch" in changed.method
        assert (changed.reference_value, changed.marks) == (0.0, ())


def test_less_mature_windows_are_marked_where_they_are_compared(build):
    """85 % of the truths against all of the reference's: the difference is marked and says why, the metric is not."""
    reference, bins, _ = _reference(build)
    binning = build.binning(prediction__score=bins)
    outcomes = build.outcomes(_binary(700, seed=8), bins)
    by = {
        m.metric: m
        for m in performance_measurements(reference, outcomes, 824, binning, build.settings(), build.context())
    }
    assert by["accuracy"].marks == ()
    changed = by["accuracy_difference"]
    assert (changed.marks, changed.details["reference_maturity"]) == ((MARK_LESS_MATURE,), 1.0)
    assert "85% of the truths have arrived, 100% of the reference's" in changed.note
    later = performance_measurements(reference, outcomes, 1400, binning, build.settings(), build.context())
    marks = {m.metric: m.marks for m in later}
    assert marks["accuracy_difference"] == (MARK_IMMATURE, MARK_LESS_MATURE)


def test_without_a_reference_there_is_no_difference(build):
    """Nothing to compare with is no measurement; too few outcomes is one without value."""
    rows = _binary(700)
    alone = performance_measurements(
        None, build.outcomes(rows), 700, build.binning(), build.settings(), build.context()
    )
    assert not [m for m in alone if m.purpose == "concept_drift"]
    reference, bins, _ = _reference(build)
    few = performance_measurements(
        reference,
        build.outcomes(_binary(20), bins),
        20,
        build.binning(prediction__score=bins),
        build.settings(),
        build.context(),
    )
    changed = next(m for m in few if m.metric == "accuracy_difference")
    assert (changed.value, changed.p_value, changed.note != "") == (None, None, True)


def _value_reference(build, weeks=12):
    rows, profiles = _regression(build, days=range(-7 * weeks, 0), seed=1)
    chunks = [tuple(profiles[i : i + 7]) for i in range(0, 7 * weeks, 7)]
    reference = build.reference([{}] * weeks, chunk_outcomes=chunks)
    return rows, replace(reference, predictions=replace(reference.predictions, n=len(rows)))


def test_the_target_of_a_regression_drifts_by_its_mean(build):
    """The shift in the reference's standard deviations, its interval and clustered p-value."""
    rows, reference = _value_reference(build)
    settings = build.settings(task="regression")
    for offset, drifts in ((0.0, False), (15.0, True)):
        now, profiles = _regression(build, offset=offset, seed=2)
        found = performance_measurements(reference, profiles, 700, build.binning(), settings, build.context())
        target = next(m for m in found if m.purpose == "target_drift")
        shift = (now.actual.mean() - rows.actual.mean()) / rows.actual.std(ddof=0)
        assert (target.metric, target.field) == ("mean_shift_sd", "outcome.actual_value")
        assert target.value == pytest.approx(abs(shift), rel=1e-6)
        assert target.details["shift"] == pytest.approx(shift, rel=1e-6)
        assert target.lower <= target.value <= target.upper
        assert (target.p_value < 0.001, target.lower > 0) == (drifts, drifts)
        assert (target.chunks.k, 0 < target.chunks.mean < 0.1) == (12, True)
        assert target.details["sd_ratio"] == pytest.approx(now.actual.std(ddof=0) / rows.actual.std(ddof=0))
        assert {m.metric for m in found if m.purpose == "concept_drift"} == {"mae_difference", "rmse_difference"}


def test_the_target_of_a_regression_can_be_constant_or_few(build):
    """A constant reference has no measure; few outcomes have no value, and say so."""
    _, reference = _value_reference(build)
    settings = build.settings(task="regression")
    few = performance_measurements(reference, [_short(build, 10)], 10, build.binning(), settings, build.context())
    target = next(m for m in few if m.purpose == "target_drift")
    assert (target.value, target.note) == (None, "fewer than 30 outcomes with a value")
    _, flat = _value_reference(build)
    constant = tuple(_short(build, 100, day, spread=0.0) for day in range(-20, 0))
    flat = replace(flat, outcomes=constant, chunks=())
    found = performance_measurements(flat, [_short(build, 100)], 100, build.binning(), settings, build.context())
    assert not [m for m in found if m.purpose == "target_drift"]


def _short(build, n, day=0, spread=1.0):
    actual = 1.7e9 + spread * np.arange(n)
    return value_profile(build.key(build.window(day, timedelta(days=1))), actual, actual + 1, shift=1.7e9)


@pytest.mark.parametrize("size", [1e200, 1e-200, 0.0])
def test_extreme_values_are_numbers_or_notes(build, size):
    """Squares that overflow or vanish: no warning, no NaN, no infinity."""
    generator = np.random.default_rng(13)
    profiles = []
    for day in range(7):
        with np.errstate(over="ignore"):
            actual = size * generator.normal(size=20)
            profiles.append(value_profile(build.key(build.window(day, timedelta(days=1))), actual, actual * 1.1))
    reference = replace(_value_reference(build)[1], outcomes=tuple(profiles), chunks=())
    found = performance_measurements(
        reference, profiles, 140, build.binning(), build.settings(task="regression"), build.context()
    )
    for m in found:
        numbers = [m.value, m.lower, m.upper, m.p_value, m.reference_value, *m.details.values()]
        assert all(number is None or np.isfinite(number) for number in numbers)
        assert m.value is not None or m.note


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


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_cache_of_references_changes_nothing(build, task):
    """The second window asks for what the first one computed; totals fit each window's rows; segments stay apart."""
    if task == "regression":
        reference, bins = _value_reference(build)[1], None
        windows = [_regression(build, seed=s, days=range(7 - s, 7))[1] for s in (5, 6)]
    else:
        reference, bins, _ = _reference(build)
        windows = [build.outcomes(_binary(300 * s, seed=s), bins) for s in (2, 3)]
    binning = build.binning(**({"prediction__score": bins} if bins else {}))
    chosen = build.settings(task=task, business_value=VALUES)
    part = replace(reference, outcomes=reference.outcomes[:40], chunks=reference.chunks[:5])
    cache = ReferenceCache()
    for outcomes in (*windows, windows[0]):
        n = sum(o.n for o in outcomes)
        for held, context in ((reference, build.context()), (part, replace(build.context(), segment="features.a=x"))):
            rest = (held, outcomes, n, binning, chosen, context)
            assert performance_measurements(*rest, cache=cache) == performance_measurements(*rest)


def test_a_full_cache_drops_the_oldest(build):
    """And computes it again when it is asked for."""
    reference, bins, _ = _reference(build)
    binning, cache = build.binning(prediction__score=bins), ReferenceCache(capacity=2)
    held = [cache.performance_of(reference, name, binning, build.settings()) for name in ("", "a", "")]
    assert held[0] is held[2]
    cache.performance_of(reference, "b", binning, build.settings())
    assert cache.performance_of(reference, "", binning, build.settings()) is held[0]
    assert cache.performance_of(reference, "a", binning, build.settings()) is not held[1]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(2, 6), days=st.integers(1, 4), scale=st.sampled_from([0.1, 1, 30]))
def test_any_outcomes_of_several_classes_give_numbers_or_notes(build, seed, k, days, scale):
    """Sparse matrices and histograms, classes on one side only, a reference that lacks some: never NaN, no warning."""
    generator = np.random.default_rng(seed)
    names = [f"k{i}" for i in range(k)]
    bins = build.bins(np.linspace(0, 1, 101), 20)
    fields = {f"prediction.probabilities.{name}": bins for name in names} | {"prediction.score": bins}
    binning = replace_fields(build.binning(), fields)

    def profile(day):
        cells = generator.poisson(scale * generator.integers(0, 2, (k, k)))
        pairs = {(names[i], names[j]): int(cells[i, j]) for i, j in zip(*np.nonzero(cells), strict=True)}
        held = [name for name in names if generator.random() < 0.7]
        histograms = [{name: generator.poisson(scale / 4, bins.size) for name in held} for _ in range(2)]
        n = int(cells.sum())
        scores = {("", "k0"): generator.poisson(scale / 9, bins.size)}
        return OutcomeProfile(
            build.key(build.window(day, timedelta(days=1))),
            n,
            confusion=pairs,
            score=scores,
            scored=n,
            log_loss=0.7 * n,
            brier=0.2 * n,
            class_positive=histograms[0],
            class_negative=histograms[1],
        )

    weeks = [tuple(profile(day) for day in range(-21 + 7 * i, -14 + 7 * i)) for i in range(3)]
    reference = build.reference([{}] * 3, chunk_outcomes=weeks)
    outcomes = [profile(day) for day in range(days)]
    chosen = build.settings(task="multiclass", min_rows=2, business_value=VALUES)
    found = performance_measurements(reference, outcomes, 50, binning, chosen, build.context())
    for m in found:
        numbers = [m.value, m.lower, m.upper, m.p_value, m.p_adjusted, m.reference_value, *m.details.values()]
        numbers += [m.chunks.mean, m.chunks.sd] if m.chunks is not None else []
        assert all(number is None or np.isfinite(number) for number in numbers)
        assert m.value is not None or m.note
        if m.value is not None and m.lower is not None:
            assert m.lower - 1e-9 <= m.value <= m.upper + 1e-9


def replace_fields(binning, fields):
    return msgspec.structs.replace(binning, fields=fields)
