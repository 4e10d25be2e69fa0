"""Intervals of performance: variances against oracles, coverage where days differ and where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from driftlog.contract.measurement import Chunks
from driftlog.evaluate.performance.difference import difference, pooled, welch
from driftlog.evaluate.performance.grid import ScoreGrid
from driftlog.evaluate.performance.intervals import Estimate, Interval, estimate, jackknife_variance
from driftlog.evaluate.performance.registry import PERFORMANCE_METRICS
from driftlog.evaluate.performance.sums import ARRAYS, ByDay, OutcomeSums

ACCURACY, AUC = PERFORMANCE_METRICS["accuracy"], PERFORMANCE_METRICS["roc_auc"]


def sums(confusion=None, positive=None, negative=None, labels=("0", "1"), **scalars):
    """Sums with the arrays that are given, zeros elsewhere; leading axes are those of the arrays."""
    given = next(array for array in (confusion, positive, *scalars.values()) if array is not None)
    lead = np.shape(given)[: np.ndim(given) - (2 if confusion is not None else 1 if positive is not None else 0)]
    size = np.shape(positive)[-1] if positive is not None else 1
    zeros = {name: np.zeros(lead) for name in ARRAYS}
    zeros |= {
        "confusion": np.zeros((*lead, len(labels), len(labels))) if confusion is None else np.asarray(confusion, float),
        "score_positive": np.zeros((*lead, size)) if positive is None else np.asarray(positive, float),
        "score_negative": np.zeros((*lead, size)) if negative is None else np.asarray(negative, float),
        "class_positive": np.zeros((*lead, 0, 1)),
        "class_negative": np.zeros((*lead, 0, 1)),
        "n": np.ones(lead),
    }
    zeros |= {name: np.asarray(value, float) for name, value in scalars.items()}
    middle = (np.arange(size) + 0.5) / size
    grid = ScoreGrid(middle, np.full(size, 0.5 / size), np.ones(size), probability=True)
    return OutcomeSums(labels, 1, grid, (), None, None, None, **zeros)


def exact_delong(positive, negative):
    """Textbook DeLong on arrays: the placements of every row."""
    won = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return won.mean(axis=1).var(ddof=1) / len(positive) + won.mean(axis=0).var(ddof=1) / len(negative)


@pytest.mark.parametrize("bins", [7, 200])
def test_delong_on_bins_is_delong_of_the_binned_scores(bins):
    """Exactly; and of the raw scores to a per cent with 200 bins."""
    generator = np.random.default_rng(1)
    positive, negative = generator.beta(3, 2, 120), generator.beta(2, 3, 400)
    edges = np.linspace(0, 1, bins + 1)
    counted = sums(positive=np.histogram(positive, edges)[0], negative=np.histogram(negative, edges)[0])
    found = AUC.independent(counted, 0.95)
    binned = [np.digitize(values, edges) for values in (positive, negative)]
    assert found.variance == pytest.approx(exact_delong(*binned))
    assert found.variance == pytest.approx(exact_delong(positive, negative), rel=0.01 if bins == 200 else 0.3)
    assert "DeLong" in found.method


@pytest.mark.parametrize("metric", ["balanced_accuracy", "mcc", "cohens_kappa", "f1_macro", "precision_weighted"])
def test_variances_of_the_confusion_matrix_are_those_of_a_bootstrap(metric):
    """The jackknife over rows against the spread of multinomial redraws of the matrix."""
    matrix = np.array([[400, 60, 20], [50, 200, 30], [10, 40, 90]])
    entry = PERFORMANCE_METRICS[metric]
    labels = ("a", "b", "c")
    found = entry.independent(sums(matrix, labels=labels), 0.95)
    drawn = np.random.default_rng(2).multinomial(matrix.sum(), matrix.ravel() / matrix.sum(), 4000).reshape(-1, 3, 3)
    assert found.variance == pytest.approx(entry.compute(sums(drawn, labels=labels)).var(), rel=0.1)


@pytest.mark.parametrize("metric", ["average_precision", "brier", "log_loss", "expected_calibration_error"])
def test_variances_of_score_metrics_are_those_of_a_bootstrap(metric):
    """From merged bins (average precision) and from the middles of bins, against multinomial redraws."""
    generator = np.random.default_rng(3)
    score = generator.beta(2, 4, 3000)
    truth = generator.random(3000) < np.clip(score + 0.15, 0, 1)
    edges = np.linspace(0, 1, 101)
    cells = np.concatenate([np.histogram(score[truth == up], edges)[0] for up in (True, False)])
    middle = (edges[1:] + edges[:-1]) / 2
    own = np.concatenate((middle, 1 - middle))

    def counted(rows):
        rows = np.asarray(rows, float)
        losses = {"brier": rows @ (1 - own) ** 2, "log_loss": -(rows @ np.log(own)), "scored": rows.sum(axis=-1)}
        return sums(positive=rows[..., :100], negative=rows[..., 100:], **losses)

    entry = PERFORMANCE_METRICS[metric]
    drawn = generator.multinomial(3000, cells / 3000, 3000)
    found = entry.independent(counted(cells), 0.95)
    assert found.variance == pytest.approx(entry.compute(counted(drawn)).var(), rel=0.12)


def test_perfect_ranking_has_an_interval_of_its_own():
    """AUC 1 from 20 positives is not known exactly: DeLong's variance is 0, Wilson of 20 rows is said instead."""
    found = estimate(AUC, ByDay.of(sums(positive=[[0, 20]], negative=[[100, 0]])))
    assert (found.value, found.interval.upper) == (1.0, 1.0)
    assert 0.8 < found.interval.lower < 0.9
    assert "Wilson" in found.interval.method


def days_of(hits, n):
    """Days with so many of n predictions right."""
    confusion = np.zeros((len(hits), 2, 2))
    confusion[:, 1, 1], confusion[:, 1, 0] = hits, n - np.asarray(hits)
    return ByDay.of(sums(confusion))


def test_the_design_effect_decides_between_days_and_rows():
    """28 days: alike, rows are taken as independent; strongly different, they are not. 6 days never are enough."""
    generator = np.random.default_rng(4)
    alike = estimate(ACCURACY, days_of([140, 141, 139, 140] * 7, 200))
    apart = estimate(ACCURACY, days_of(generator.binomial(200, generator.uniform(0.5, 0.9, 28)), 200))
    few = estimate(ACCURACY, days_of([140, 141, 139, 140, 141, 139], 200))
    assert (alike.design_effect < 0.1, "design effect 0.0" in alike.interval.method) == (True, True)
    assert "Wilson" in alike.interval.method
    assert apart.design_effect > 5
    assert "clustered by day (28 days" in apart.interval.method
    assert few.design_effect < 0.1
    assert "clustered by day (6 days" in few.interval.method


def test_the_jackknife_needs_days_that_differ():
    """One day, an undefined day, equal days, overflow: no variance, no warning."""
    for left_out in (None, np.array([0.5, np.nan]), np.array([1e300, -1e300])):
        assert jackknife_variance(left_out, 0.5) is None
    assert jackknife_variance(np.array([0.5, 0.5]), 0.5) == 0.0
    assert jackknife_variance(np.array([0.4, 0.6]), 0.5) == pytest.approx(0.5 * 0.02)


def simulated_days(generator, runs, days, n, spread):
    """(hits, positives above, negatives above) of latent normal days, and their true means over days."""
    effect = spread * generator.standard_normal((runs, days))
    hits = generator.binomial(n, special.ndtr(0.8 + effect))
    return hits, special.ndtr(0.8 / np.sqrt(1 + spread**2))


@pytest.mark.parametrize("days", [7, 14, 28])
@pytest.mark.parametrize("spread", [0.0, 0.05, 0.1, 0.4])
def test_accuracy_is_covered_at_95_percent(days, spread):
    """Whatever rule chose the interval: 92 to 98 in a hundred hold the truth, with and without differences by day."""
    generator = np.random.default_rng(100 * days + int(100 * spread))
    runs = 1000
    hits, truth = simulated_days(generator, runs, days, 200, spread)
    held = [estimate(ACCURACY, days_of(row, 200)).interval for row in hits]
    assert 0.92 <= np.mean([found.lower <= truth <= found.upper for found in held]) <= 0.98


def auc_days(generator, days, spread, n=150):
    """Score histograms of days whose separation and level differ."""
    level, gap = spread * generator.standard_normal(days), 1.0 + spread * generator.standard_normal(days)
    edges = np.linspace(-4, 5, 60)
    positive = generator.standard_normal((days, n // 3)) + (level + gap)[:, None]
    negative = generator.standard_normal((days, n)) + level[:, None]

    def counted(rows):
        cells = np.searchsorted(edges, rows)
        return (cells[..., None] == np.arange(61)).sum(axis=1)

    return ByDay.of(sums(positive=counted(positive), negative=counted(negative)))


@pytest.mark.parametrize("days", [7, 14, 28])
@pytest.mark.parametrize("spread", [0.0, 0.15, 0.4])
def test_roc_auc_is_covered_at_95_percent(days, spread):
    """As accuracy; the truth is P(positive > negative) over days drawn independently."""
    generator = np.random.default_rng(1000 + 100 * days + int(100 * spread))
    runs = 500
    truth = special.ndtr(1.0 / np.sqrt(2 + 3 * spread**2))
    held = [estimate(AUC, auc_days(generator, days, spread)).interval for _ in range(runs)]
    assert 0.92 <= np.mean([found.lower <= truth <= found.upper for found in held]) <= 0.98


def test_intervals_of_rows_would_miss_where_days_differ():
    """What clustering is for: Wilson on the same strongly clustered days holds the truth in fewer than 60 of 100."""
    generator = np.random.default_rng(5)
    hits, truth = simulated_days(generator, 400, 14, 200, 0.4)
    held = [ACCURACY.independent(days_of(row, 200).whole, 0.95) for row in hits]
    assert np.mean([found.lower <= truth <= found.upper for found in held]) < 0.6


@pytest.mark.parametrize(("current", "reference"), [(7, 21), (7, 84), (14, 14), (3, 28)])
def test_the_clustered_test_of_a_difference_alarms_at_its_level(current, reference):
    """Unchanged, with a design effect of about 20: near 5 %, where a binomial test alarms in most windows."""
    generator = np.random.default_rng(10 * current + reference)
    runs = 1000
    left, _ = simulated_days(generator, runs, current, 200, 0.4)
    right, _ = simulated_days(generator, runs, reference, 200, 0.4)
    p = [
        difference(estimate(ACCURACY, days_of(a, 200)), estimate(ACCURACY, days_of(b, 200))).p_value
        for a, b in zip(left, right, strict=True)
    ]
    naive = [
        stats.chi2_contingency([[a.sum(), 200 * current - a.sum()], [b.sum(), 200 * reference - b.sum()]]).pvalue
        for a, b in zip(left[:200], right[:200], strict=True)
    ]
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.075
    assert np.mean(np.array(naive) < 0.05) > 0.4


def test_a_real_difference_is_found():
    """0.65 v 0.79 a day with the same days' spread: most windows of a week say so, and the interval holds it."""
    generator = np.random.default_rng(6)
    found = []
    for _ in range(200):
        a = generator.binomial(200, special.ndtr(0.4 + 0.2 * generator.standard_normal(7)))
        b = generator.binomial(200, special.ndtr(0.8 + 0.2 * generator.standard_normal(28)))
        found.append(difference(estimate(ACCURACY, days_of(a, 200)), estimate(ACCURACY, days_of(b, 200))))
    truth = special.ndtr(0.4 / np.sqrt(1.04)) - special.ndtr(0.8 / np.sqrt(1.04))
    assert np.mean([one.p_value < 0.05 for one in found]) > 0.9
    assert 0.9 <= np.mean([one.lower <= truth <= one.upper for one in found]) <= 0.99


def test_welch_is_scipys():
    """On means of plain numbers the jackknife is s^2 / n, and the whole is Welch's t test, or Student's."""
    generator = np.random.default_rng(7)
    a, b = generator.normal(0, 1, 9), generator.normal(0.5, 3, 20)
    spread, freedom = welch(a.var(ddof=1) / 9, 9, b.var(ddof=1) / 20, 20)
    oracle = stats.ttest_ind(a, b, equal_var=False)
    assert (a.mean() - b.mean()) / spread == pytest.approx(oracle.statistic)
    assert freedom == pytest.approx(oracle.df)
    spread, freedom = pooled(a.var(ddof=1) / 9, 9, b.var(ddof=1) / 20, 20)
    oracle = stats.ttest_ind(a, b)
    assert (a.mean() - b.mean()) / spread == pytest.approx(oracle.statistic)
    assert freedom == oracle.df


def one(value, variance=None, days=1):
    return Estimate(value, Interval(None, None, ""), variance, days)


def test_a_single_day_is_compared_with_the_references_chunks():
    """By the prediction limit of 12 chunks of one day; with fewer than 8 there is no test and the method says so."""
    found = difference(one(0.70), one(0.80, 1e-4, 12), Chunks(k=12, mean=0.8, sd=0.03))
    half = stats.t.ppf(0.975, 11) * 0.03 * np.sqrt(1 + 1 / 12)
    assert (found.lower, found.upper) == (pytest.approx(-0.1 - half), pytest.approx(-0.1 + half))
    assert found.p_value == pytest.approx(2 * stats.t.sf(0.1 / (0.03 * np.sqrt(1 + 1 / 12)), 11))
    few = difference(one(0.70), one(0.80, 1e-4, 7), Chunks(k=7, mean=0.8, sd=0.03))
    assert (few.value, few.p_value, few.lower) == (pytest.approx(-0.1), None, None)
    assert "fewer than 8 chunks" in few.method
    assert difference(one(None), one(0.8)).value is None
