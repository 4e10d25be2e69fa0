"""A trial says whether a candidate is better, and how sure that is; against scikit-learn, scipy and simulation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from driftlog.contract.maintaining import MaintainSettings, ValidationSettings
from driftlog.contract.maintenance import Trial
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.evaluate.performance.registry import PERFORMANCE_METRICS
from driftlog.evaluate.trial.paired import compare, delong_difference_variance
from driftlog.evaluate.trial.rows import Answers, TrialRows
from driftlog.evaluate.trial.trial import examine

AT = datetime(2026, 3, 29, tzinfo=UTC)
WINDOW = Window(datetime(2026, 3, 1, tzinfo=UTC), AT)


def model(**validation: Any) -> ModelSettings:
    known = {"min_rows": 200} | validation
    return ModelSettings(name="m", maintain=MaintainSettings(validation=ValidationSettings(**known)))


def data(
    rng: np.random.Generator, n: int = 2000, *, days: int = 28, skill: float = 1.0, day_effect: float = 0.0
) -> tuple[TrialRows, Answers]:
    """Two models of a signal: the champion's noise is 1, the candidate's `1 / skill`.

    `day_effect`: each model has days on which it is off, apart from the other.
    """
    day = np.sort(rng.integers(0, days, n))
    z = rng.normal(size=n)
    up = rng.uniform(size=n) < 1 / (1 + np.exp(-1.5 * z))

    def side(noise: float) -> Answers:
        gain = 1 + day_effect * rng.normal(size=days)[day]
        score = 1 / (1 + np.exp(-(gain * z + noise * rng.normal(size=n))))
        return Answers(np.where(score >= 0.5, "1", "0"), score, np.full(n, np.nan))

    champion, candidate = side(1.0), side(1.0 / skill)
    ids = tuple(f"p{i}" for i in range(n))
    actual = np.where(up, "1", "0")
    return TrialRows(ids, day, actual, np.full(n, np.nan), champion, candidate), candidate


def held(rows: TrialRows, answers: Answers, settings: ModelSettings, ids: Any = None, **more: Any) -> Trial:
    return examine(
        settings,
        rows,
        rows.ids if ids is None else ids,
        answers,
        id="t",
        champion="1",
        candidate="2",
        window=WINDOW,
        at=AT,
        **more,
    )


# Oracles


@pytest.mark.parametrize(
    ("name", "oracle", "sign"),
    [
        ("roc_auc", lambda y, label, score: metrics.roc_auc_score(y, score), 1),
        ("average_precision", lambda y, label, score: metrics.average_precision_score(y, score), 1),
        ("accuracy", lambda y, label, score: metrics.accuracy_score(y, label), 1),
        ("f1", lambda y, label, score: metrics.f1_score(y, label), 1),
        ("recall", lambda y, label, score: metrics.recall_score(y, label), 1),
        ("log_loss", lambda y, label, score: metrics.log_loss(y, score), -1),
        ("brier", lambda y, label, score: metrics.brier_score_loss(y, score), -1),
    ],
)
def test_values_are_those_of_scikit_learn_and_more_is_better(name: str, oracle: Any, sign: int) -> None:
    """Differences of losses are turned round."""
    rows, _ = data(np.random.default_rng(1), 800, skill=2.0)
    found = compare(PERFORMANCE_METRICS[name], rows, model(), alpha=0.05)
    y = rows.actual == "1"
    values = [float(oracle(y, side.label == "1", side.score)) for side in (rows.champion, rows.candidate)]

    assert found.champion == pytest.approx(values[0], rel=1e-9)
    assert found.candidate == pytest.approx(values[1], rel=1e-9)
    assert found.difference == pytest.approx(sign * (values[1] - values[0]), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("mae", metrics.mean_absolute_error),
        ("rmse", metrics.root_mean_squared_error),
        ("r2", metrics.r2_score),
    ],
)
def test_values_of_regressions_are_those_of_scikit_learn(name: str, oracle: Any) -> None:
    """On the rows that both answered."""
    rng = np.random.default_rng(2)
    n, y = 500, rng.normal(size=500)
    sides = [Answers.of(n, value=(y + noise * rng.normal(size=n)).tolist()) for noise in (1.0, 0.5)]
    rows = TrialRows(tuple(map(str, range(n))), np.arange(n) % 20, np.full(n, ""), y, sides[0], sides[1])
    found = compare(PERFORMANCE_METRICS[name], rows, ModelSettings(name="m", task="regression"), alpha=0.05)

    assert found.champion == pytest.approx(oracle(y, sides[0].value), rel=1e-9)
    assert found.candidate == pytest.approx(oracle(y, sides[1].value), rel=1e-9)
    assert found.lower is not None
    assert found.lower > 0


def test_accuracy_of_independent_rows_is_mcnemars_exact_test() -> None:
    """The p-value is the binomial test of the rows on which only one is right."""
    rows, _ = data(np.random.default_rng(3), 1000, days=1, skill=1.3)
    found = compare(PERFORMANCE_METRICS["accuracy"], rows, model(), alpha=0.05)
    right = [side.label == rows.actual for side in (rows.champion, rows.candidate)]
    b, c = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())

    assert found.p_value == stats.binomtest(b, b + c).pvalue
    assert found.difference == pytest.approx((b - c) / 1000)


def test_delongs_variance_of_a_difference_is_that_of_repeated_samples() -> None:
    """Of 200 samples of 400 rows: what it says on average is their variance, within three standard errors."""
    rng = np.random.default_rng(4)
    gaps, said = [], []
    for _ in range(200):
        rows, _ = data(rng, 400, skill=1.5)
        y = rows.actual == "1"
        first, second = rows.champion.score, rows.candidate.score
        gaps.append(metrics.roc_auc_score(y, second) - metrics.roc_auc_score(y, first))
        said.append(delong_difference_variance(first, second, y) or 0.0)

    assert float(np.mean(said)) == pytest.approx(float(np.var(gaps, ddof=1)), rel=0.3)


def test_equal_answers_have_no_variance_and_do_not_pass() -> None:
    """The same model again is not better."""
    rows, _ = data(np.random.default_rng(5))
    found = held(rows, rows.champion, model())

    assert not found.passed
    assert found.main.difference == 0.0
    assert "both answer alike" in found.reason


# How often it is wrong


def rate(runs: int, settings: ModelSettings, *, seed: int, **how: Any) -> float:
    """Share of trials that pass."""
    rng = np.random.default_rng(seed)
    passed = 0
    for _ in range(runs):
        rows, answers = data(rng, **how)
        passed += held(rows, answers, settings).passed
    return passed / runs


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "log_loss"])
@pytest.mark.parametrize("day_effect", [0.0, 1.0])
def test_a_candidate_that_is_no_better_passes_in_few_trials(metric: str, day_effect: float) -> None:
    """At most alpha / 2 = 2.5 %, as far as 150 trials can tell (binomial, p = 0.01), also where days differ much."""
    found = rate(150, model(metric=metric), seed=6, n=400, days=20, day_effect=day_effect)

    assert found <= float(stats.binom.ppf(0.99, 150, 0.025)) / 150 + 1e-9


def test_a_better_candidate_passes() -> None:
    """Power: three points of AUC more are seen with 4,000 rows in nine of ten trials."""
    large, _ = data(np.random.default_rng(7), 100_000, skill=1.35)
    gap = compare(PERFORMANCE_METRICS["roc_auc"], large, model(), alpha=0.05).difference

    assert gap == pytest.approx(0.03, abs=0.005)
    assert rate(30, model(), seed=7, n=4000, skill=1.35) >= 0.85


def test_few_days_make_wide_intervals_not_false_promotions() -> None:
    """Three days that differ much: Student's t with two degrees of freedom holds its level."""
    assert rate(120, model(), seed=8, n=400, days=3, day_effect=1.5) <= 0.06


# Guards and segments


def test_a_guard_that_falls_refuses_a_candidate_that_is_better_otherwise() -> None:
    """A better order of risks with probabilities that are far off."""
    rows, answers = data(np.random.default_rng(9), 3000, skill=2.0)
    off = Answers(answers.label, answers.score**4, answers.value)

    assert held(rows, off, model()).passed
    found = held(rows, off, model(guards=("log_loss",)))
    assert not found.passed
    assert "guard log_loss" in found.reason
    assert [each.passed for each in found.guards] == [False]


def test_a_segment_that_falls_refuses_a_candidate_that_is_better_on_the_whole() -> None:
    """And it is named; a segment of few rows is not judged."""
    rows, answers = data(np.random.default_rng(10), 5000, skill=4.0)
    hurt = np.arange(rows.n) % 25 == 0
    few = np.arange(rows.n) < 20
    score = np.where(hurt, 1 - answers.score, answers.score)
    spoiled = Answers(np.where(score >= 0.5, "1", "0"), score, answers.value)
    rows = TrialRows(
        rows.ids,
        rows.day,
        rows.actual,
        rows.actual_value,
        rows.champion,
        rows.candidate,
        {"plan=basic": hurt, "plan=plus": ~hurt, "plan=rare": few},
    )
    found = held(rows, spoiled, model())

    assert not found.passed
    assert found.main.passed
    assert "segment plan=basic" in found.reason
    assert [(each.segment, each.passed) for each in found.segments] == [("plan=basic", False), ("plan=plus", True)]


def test_many_segments_without_a_difference_refuse_nobody() -> None:
    """Twenty segments of random rows, a candidate that is better: at most 1 of 20 is refused."""
    rng, refused = np.random.default_rng(11), 0
    for _ in range(20):
        rows, answers = data(rng, 2500, skill=2.0)
        parts = rng.integers(0, 20, rows.n)
        masks = {f"s={k}": parts == k for k in range(20)}
        rows = TrialRows(rows.ids, rows.day, rows.actual, rows.actual_value, rows.champion, rows.candidate, masks)
        refused += not held(rows, answers, model()).passed

    assert refused <= 1


# What cannot be compared is refused with its reason


def test_too_few_rows() -> None:
    """Named with how many are needed."""
    rows, answers = data(np.random.default_rng(12), 150)
    assert held(rows, answers, model()).reason == "only 150 rows have truth and both answers, 200 are needed"


def test_truth_of_one_class_only() -> None:
    """An AUC needs both."""
    rows, answers = data(np.random.default_rng(13))
    rows = TrialRows(rows.ids, rows.day, np.full(rows.n, "1"), rows.actual_value, rows.champion, rows.candidate, {})
    found = held(rows, answers, model())

    assert not found.passed
    assert "cannot be told" in found.reason
    assert found.main.difference is None


def test_answers_that_are_missing_or_not_finite() -> None:
    """All of them, more than one in a hundred, or a few that are left out and told."""
    rows, answers = data(np.random.default_rng(14), 2000, skill=2.0)

    def broken(count: int) -> Answers:
        score = answers.score.copy()
        score[:count] = np.nan
        return Answers(np.full(rows.n, ""), score, answers.value)

    assert held(rows, broken(2000), model()).reason == "the candidate gives no score, or NaN alone"
    assert held(rows, broken(500), model()).reason == "the candidate gives no score for 500 of 2,000 rows"
    few = held(rows, broken(10), model())
    assert few.passed
    assert few.rows == 1990
    assert few.notes == ("10 of 2,000 rows have no score of the candidate and are left out",)


def test_answers_to_other_rows_or_to_the_same_row_twice() -> None:
    """Ids decide, not places: the same answers in another order give the same trial."""
    rows, answers = data(np.random.default_rng(15), skill=2.0)
    others = [f"x{id}" for id in rows.ids]
    turned = Answers(answers.label[::-1], answers.score[::-1], answers.value[::-1])

    assert "answers are to other rows" in held(rows, answers, model(), ids=others).reason
    assert "more than once" in held(rows, answers, model(), ids=[rows.ids[0], *rows.ids[:-1]]).reason
    assert held(rows, turned, model(), ids=rows.ids[::-1]) == held(rows, answers, model())


def test_a_metric_the_model_does_not_have() -> None:
    """Also one without a better side."""
    rows, answers = data(np.random.default_rng(16))

    assert "no metric of a binary model" in held(rows, answers, model(metric="mae")).reason
    regression = msgspec.structs.replace(model(metric="bias"), task="regression")
    assert "no metric of a regression model" in held(rows, answers, regression).reason


def test_no_rows_at_all() -> None:
    """Nobody answered anything."""
    empty = Answers.of(0)
    rows = TrialRows((), np.zeros(0, dtype=np.int64), np.zeros(0, dtype="U1"), np.zeros(0), empty, empty)

    assert not held(rows, empty, model(), ids=[]).passed


def test_a_champion_without_scores_is_compared_by_labels() -> None:
    """The main metric becomes accuracy; the candidate's scores get labels by the threshold."""
    rows, answers = data(np.random.default_rng(17), skill=3.0)
    labels = Answers(rows.champion.label, np.full(rows.n, np.nan), rows.champion.value)
    rows = TrialRows(rows.ids, rows.day, rows.actual, rows.actual_value, labels, rows.candidate, {})
    found = held(rows, Answers(np.full(rows.n, ""), answers.score, answers.value), model())

    assert found.main.metric == "accuracy"
    assert found.passed


def test_a_margin_makes_it_harder_or_asks_only_that_it_is_not_worse() -> None:
    """One point more than it has; the same model with other noise, five points below allowed."""
    rows, answers = data(np.random.default_rng(18), 4000, skill=1.4)
    gap = held(rows, answers, model()).main.difference or 0.0
    same, alike = data(np.random.default_rng(19), 4000)

    assert not held(rows, answers, model(margin=gap + 0.01)).passed
    assert held(same, alike, model(margin=-0.05)).passed
    assert held(same, alike, model(), margin=-0.05).passed
