"""CBPE from counts against CBPE on rows, and the coverage of its intervals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from driftlog.contract.measurement import MARK_UNCALIBRATED
from driftlog.contract.settings import CellValue
from driftlog.evaluate.estimation.arrays import array_bins, estimate_from_arrays


def _scores(generator, n, shift=0.0, off=-1.0):
    score = 1 / (1 + np.exp(-1.5 * generator.normal(shift, 1, n) - off))
    return score, (generator.random(n) < score).astype(int)


def _exact(ref_score, ref_actual, score, predicted):
    """Isotonic regression of rows; expected cells and weighted curves."""
    isotonic = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(ref_score, ref_actual)
    p = isotonic.predict(score)
    truth, both = np.repeat([1, 0], len(p)), np.tile(predicted, 2)
    weights, scores = np.concatenate([p, 1 - p]), np.tile(score, 2)
    return {
        "accuracy": metrics.accuracy_score(truth, both, sample_weight=weights),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, both, sample_weight=weights),
        "precision": metrics.precision_score(truth, both, sample_weight=weights),
        "recall": metrics.recall_score(truth, both, sample_weight=weights),
        "specificity": metrics.recall_score(truth, both, sample_weight=weights, pos_label=0),
        "f1": metrics.f1_score(truth, both, sample_weight=weights),
        "mcc": metrics.matthews_corrcoef(truth, both, sample_weight=weights),
        "roc_auc": metrics.roc_auc_score(truth, scores, sample_weight=weights),
        "average_precision": metrics.average_precision_score(truth, scores, sample_weight=weights),
    }


@pytest.mark.parametrize(
    ("n", "off", "threshold", "tolerance"),
    [(100_000, -1.0, 0.5, 0.002), (20_000, -1.0, 0.5, 0.005), (100_000, -4.0, 0.2, 0.005)],
)
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_estimates_from_counts_are_those_from_rows(n, off, threshold, tolerance, shift):
    """Every metric, unchanged and shifted: 29 % and 4 % positive."""
    generator = np.random.default_rng(5)
    (s, y), (w, _) = _scores(generator, n, off=off), _scores(generator, 20_000, shift, off)
    found = estimate_from_arrays(
        s, (s >= threshold).astype(int), y, w, (w >= threshold).astype(int), threshold=threshold
    )
    for metric, value in _exact(s, y, w, (w >= threshold).astype(int)).items():
        assert found[metric].value == pytest.approx(value, abs=tolerance), metric


def test_rounded_scores_are_calibrated_value_by_value():
    """Eleven values, each in a bin of its own: exactly as on rows."""
    generator = np.random.default_rng(6)
    s, y = _scores(generator, 5000)
    w, _ = _scores(generator, 3000, 0.5)
    s, w = s.round(1), w.round(1)
    found = estimate_from_arrays(s, (s >= 0.5).astype(int), y, w, (w >= 0.5).astype(int))
    for metric, value in _exact(s, y, w, (w >= 0.5).astype(int)).items():
        assert found[metric].value == pytest.approx(value, abs=1e-9), metric


def _covered(runs, n_ref, n, shift, days=None):
    """Shares of intervals that hold the realised value: whole ones, and those without the reference's uncertainty."""
    inside, alone = {}, {}
    for run in range(runs):
        generator = np.random.default_rng([run, 9])
        (s, y), (w, truth) = _scores(generator, n_ref), _scores(generator, n, shift)
        day = None if days is None else generator.integers(0, days, n_ref)
        guess = (w >= 0.5).astype(int)
        found = estimate_from_arrays(s, (s >= 0.5).astype(int), y, w, guess, ref_day=day, name=str(run))
        realised = {
            "accuracy": metrics.accuracy_score(truth, guess),
            "recall": metrics.recall_score(truth, guess),
            "f1": metrics.f1_score(truth, guess),
            "roc_auc": metrics.roc_auc_score(truth, w),
        }
        for metric, value in realised.items():
            one = found[metric]
            inside.setdefault(metric, []).append(one.lower <= value <= one.upper)
            alone.setdefault(metric, []).append(abs(one.value - value) <= 1.96 * one.details["sd_labels"])
    return {m: np.mean(v) for m, v in inside.items()}, {m: np.mean(v) for m, v in alone.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("n_ref", "n", "shift", "days"), [(5000, 2000, 0.0, None), (2000, 10_000, 0.5, 20)])
def test_intervals_hold_the_realised_value(n_ref, n, shift, days):
    """40 references each: 95 % but for chance (34 of 40 would be 2.9 standard deviations below)."""
    inside, _ = _covered(40, n_ref, n, shift, days)
    assert min(inside.values()) > 34 / 40, inside


@pytest.mark.slow
def test_an_interval_of_the_window_alone_does_not():
    """With a small reference its uncertainty is most of it."""
    _, alone = _covered(25, 2000, 10_000, 0.5)
    assert max(alone.values()) < 0.75, alone


def test_a_day_is_a_cluster():
    """Days of the reference that differ make the interval wider than rows would."""
    generator = np.random.default_rng(4)
    day = generator.integers(0, 20, 8000)
    z = 1.5 * generator.normal(size=8000) - 1
    s = 1 / (1 + np.exp(-z))
    y = (generator.random(8000) < 1 / (1 + np.exp(-z - generator.normal(0, 0.8, 20)[day]))).astype(int)
    guess = (s >= 0.5).astype(int)
    rows = estimate_from_arrays(s, guess, y, s, guess)
    clustered = estimate_from_arrays(s, guess, y, s, guess, ref_day=day)
    assert clustered["accuracy"].value == rows["accuracy"].value
    assert clustered["precision"].details["sd_reference"] > 2 * rows["precision"].details["sd_reference"]
    assert "20 days" in clustered["accuracy"].method


def test_a_reference_that_changed_is_marked_and_one_that_did_not_is_not():
    """The last ten of twenty days turn the score round."""
    generator = np.random.default_rng(4)
    s, y = _scores(generator, 8000)
    day = generator.integers(0, 20, 8000)
    guess = (s >= 0.5).astype(int)
    steady = estimate_from_arrays(s, guess, y, s, guess, ref_day=day)
    turned = estimate_from_arrays(s, guess, np.where(day >= 10, 1 - y, y), s, guess, ref_day=day)
    assert MARK_UNCALIBRATED not in steady["accuracy"].marks
    assert MARK_UNCALIBRATED in turned["accuracy"].marks
    assert turned["accuracy"].details["calibration_error"] > turned["accuracy"].details["calibration_tolerance"]


def test_business_value_is_what_the_expected_cells_are_worth():
    """5 for a hit, -1 for a false alarm."""
    generator = np.random.default_rng(7)
    (s, y), (w, _) = _scores(generator, 5000), _scores(generator, 2000)
    worth = (CellValue("1", "1", 5.0), CellValue("*", "1", -1.0))
    found = estimate_from_arrays(s, (s >= 0.5).astype(int), y, w, (w >= 0.5).astype(int), business_value=worth)
    cells = found["accuracy"].details
    expected = 5 * cells["expected:1|1"] - cells["expected:0|1"]
    assert found["business_value"].value == pytest.approx(expected)
    assert found["business_value_per_1000"].value == pytest.approx(expected / 2)
    assert found["business_value"].lower < expected < found["business_value"].upper
    assert sum(value for name, value in cells.items() if name.startswith("expected:")) == pytest.approx(2000)


def _classes(generator, n, shift=0.0, k=4):
    logits = generator.normal(0, 1.3, (n, k)) + np.linspace(0.6, -0.6, k) + shift * np.linspace(-1, 1, k)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return p, np.minimum((p.cumsum(axis=1) < generator.random((n, 1))).sum(axis=1), k - 1)


def _estimate_classes(p, y, q):
    def by_class(shares):
        return {str(c): shares[:, c] for c in range(shares.shape[1])}

    return estimate_from_arrays(
        p.max(axis=1),
        p.argmax(axis=1),
        y,
        q.max(axis=1),
        q.argmax(axis=1),
        multiclass=True,
        ref_probabilities=by_class(p),
        probabilities=by_class(q),
    )


def test_several_classes_from_counts_are_those_from_rows():
    """P(right) by isotonic regression of rows for each predicted label, wrong ones split as in the reference."""
    generator = np.random.default_rng(8)
    (p, y), (q, _) = _classes(generator, 60_000), _classes(generator, 20_000, 0.4)
    found = _estimate_classes(p, y, q)
    guess, now = p.argmax(axis=1), q.argmax(axis=1)
    confusion = np.zeros((4, 4))
    for label in range(4):
        of, right = guess == label, y == guess
        curve = IsotonicRegression(out_of_bounds="clip").fit(p.max(axis=1)[of], right[of])
        hits = curve.predict(q.max(axis=1)[now == label]).sum()
        wrong = np.bincount(y[of & ~right], minlength=4)
        confusion[:, label] = wrong / wrong.sum() * ((now == label).sum() - hits)
        confusion[label, label] += hits
    actual, predicted = np.indices((4, 4)).reshape(2, -1)
    weights = confusion.reshape(-1)
    oracle = {
        "accuracy": metrics.accuracy_score(actual, predicted, sample_weight=weights),
        "balanced_accuracy": metrics.balanced_accuracy_score(actual, predicted, sample_weight=weights),
        "cohens_kappa": metrics.cohen_kappa_score(actual, predicted, sample_weight=weights),
        **{
            f"{name}_{average}": score(actual, predicted, sample_weight=weights, average=average)
            for name, score in (
                ("precision", metrics.precision_score),
                ("recall", metrics.recall_score),
                ("f1", metrics.f1_score),
            )
            for average in ("macro", "weighted")
        },
    }
    for metric, value in oracle.items():
        assert found[metric].value == pytest.approx(value, abs=0.002), metric
    per_class = metrics.precision_score(actual, predicted, sample_weight=weights, average=None)
    assert [found[f"precision/class:{c}"].value for c in range(4)] == pytest.approx(per_class, abs=0.003)


def test_several_classes_are_near_the_truth_when_shifted():
    """Accuracy, F1 and one-versus-rest AUC move as the realised ones do, and the intervals hold those."""
    generator = np.random.default_rng(10)
    (p, y), (q, truth) = _classes(generator, 20_000), _classes(generator, 5000, 0.5)
    found = _estimate_classes(p, y, q)
    now = q.argmax(axis=1)
    realised = {
        "accuracy": metrics.accuracy_score(truth, now),
        "f1_macro": metrics.f1_score(truth, now, average="macro"),
        "roc_auc_macro": metrics.roc_auc_score(truth, q, multi_class="ovr"),
        "recall/class:0": metrics.recall_score(truth, now, average=None)[0],
    }
    for metric, value in realised.items():
        assert found[metric].lower <= value <= found[metric].upper, metric


def test_bins_of_scores_outside_the_unit_interval():
    """Log-odds get equal widths between their ends."""
    bins = array_bins(np.linspace(-6, 6, 1000), 10, [0.0])
    assert 0.0 in bins.edges
    assert bins.edges[0] > -6
