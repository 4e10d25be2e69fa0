"""Ratings, responses and labels of a window, with intervals that know who said what."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy import stats

from driftlog.contract.feedback import ClusterSums, FeedbackSummary, RatingSums
from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.evaluate.clusters import mean_interval, share_interval, variance
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.feedback import feedback_measurements
from driftlog.evaluate.proportions import wilson_interval

DAY = Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
CONTEXT = SeriesContext("churn", "production", DAY)
SETTINGS = ModelSettings(name="churn")


def sums_of(values: list[float], subjects: list[int]) -> ClusterSums:
    groups: dict[int, list[float]] = defaultdict(list)
    for value, subject in zip(values, subjects, strict=True):
        groups[subject].append(value)
    total = ClusterSums()
    for group in groups.values():
        total += ClusterSums.of_cluster(len(group), sum(group))
    return total


def rated(values: list[float], subjects: list[int], question: str = "") -> RatingSums:
    return RatingSums(
        question,
        sums_of(values, subjects),
        sums_of([float(v >= 4) for v in values], subjects),
        sums_of([float(v <= 2) for v in values], subjects),
    )


def by_name(found: list[Measurement]) -> dict[str, Measurement]:
    return {measurement.metric: measurement for measurement in found}


def test_one_value_a_subject_is_the_usual_interval() -> None:
    """Clusters of one are independent values: scipy's t interval, and Wilson's."""
    values = np.random.default_rng(1).integers(1, 6, 80).astype(float)
    apart = ClusterSums.apart(80, float(values.sum()), float((values**2).sum()))
    low, high = mean_interval(apart)
    expected = stats.t.interval(0.95, 79, loc=values.mean(), scale=stats.sem(values))
    assert (low, high) == pytest.approx(expected)
    assert sums_of(values.tolist(), list(range(80))) == apart
    share = ClusterSums.apart(400, 40, 40)
    assert share_interval(share) == pytest.approx(wilson_interval(40, 400, z=stats.t.ppf(0.975, 399)), rel=0.01)


def test_the_same_opinion_ten_times_counts_once() -> None:
    """Everybody says the same ten times over: the interval is that of the people, not of their clicks."""
    people = np.random.default_rng(2).integers(1, 6, 60).astype(float)
    repeated = sums_of(np.repeat(people, 10).tolist(), np.repeat(np.arange(60), 10).tolist())
    once = sums_of(people.tolist(), list(range(60)))
    assert mean_interval(repeated) == pytest.approx(mean_interval(once))
    complaints = (people <= 2).astype(float)
    many = sums_of(np.repeat(complaints, 10).tolist(), np.repeat(np.arange(60), 10).tolist())
    assert share_interval(many) == pytest.approx(
        share_interval(sums_of(complaints.tolist(), list(range(60)))), rel=0.03
    )


def test_intervals_hold_what_they_promise_for_clustered_ratings() -> None:
    """95 % intervals of a clustered share cover the true share 93 to 98 times of 100; plain Wilson fails."""
    rng = np.random.default_rng(3)
    covered = plain = 0
    runs = 600
    for _ in range(runs):
        rates = rng.beta(1.0, 4.0, 60)
        sizes = rng.integers(1, 12, 60)
        hits = rng.binomial(sizes, rates)
        total = ClusterSums()
        for n, hit in zip(sizes.tolist(), hits.tolist(), strict=True):
            total += ClusterSums.of_cluster(n, hit)
        low, high = share_interval(total)
        covered += low <= 0.2 <= high
        low, high = wilson_interval(float(hits.sum()), float(sizes.sum()))
        plain += low <= 0.2 <= high
    assert 0.925 <= covered / runs <= 0.985
    assert plain / runs < 0.9


def test_nobody_complains_still_has_an_upper_end() -> None:
    """A share of 0 says as much as there are people."""
    nobody = sums_of([0.0] * 100, [n // 5 for n in range(100)])
    low, high = share_interval(nobody)
    assert (low, high) == pytest.approx(wilson_interval(0, 20, z=stats.t.ppf(0.975, 19)))
    assert share_interval(ClusterSums.of_cluster(50, 0)) == (0.0, 1.0)
    assert variance(ClusterSums.of_cluster(50, 0)) is None


def test_a_window_with_ratings() -> None:
    """Mean, shares, responses; per question; all of purpose feedback."""
    values = [5.0] * 30 + [1.0] * 10 + [3.0] * 10
    summary = FeedbackSummary(
        DAY, responses=60, ratings=(rated(values, list(range(50))), rated(values[:31], list(range(31)), "tone"))
    )
    found = feedback_measurements(summary, SETTINGS, CONTEXT, predictions=600)
    assert {m.purpose for m in found} == {"feedback"}
    main = by_name([m for m in found if not m.field])
    assert main["satisfaction"].value == pytest.approx(3.8)
    assert main["satisfied_share"].value == pytest.approx(0.6)
    assert main["complaint_rate"].value == pytest.approx(0.2)
    assert (main["response_rate"].value, main["response_rate"].n_current) == (pytest.approx(0.1), 600)
    lower, upper = main["complaint_rate"].lower, main["complaint_rate"].upper
    assert lower is not None
    assert upper is not None
    assert lower < 0.2 < upper
    assert {m.metric for m in found if m.field == "tone"} == {"satisfaction", "satisfied_share", "complaint_rate"}


def test_few_answers_have_no_value() -> None:
    """Fewer than min_rows: nothing is claimed, and the note says so."""
    found = feedback_measurements(
        FeedbackSummary(DAY, responses=5, ratings=(rated([1.0] * 5, list(range(5))),)),
        SETTINGS,
        CONTEXT,
        predictions=20,
    )
    assert {m.value for m in found} == {None}
    assert all(m.note for m in found)


def test_silence_is_no_measurement() -> None:
    """Models that nobody rates have nothing of it."""
    assert feedback_measurements(FeedbackSummary(DAY), SETTINGS, CONTEXT, predictions=1000) == []


def test_users_and_truth_disagree() -> None:
    """Of classes as a share, of a regression as a mean difference."""
    labels = sums_of([1.0] * 10 + [0.0] * 40, list(range(50)))
    [share] = feedback_measurements(FeedbackSummary(DAY, labels=labels), SETTINGS, CONTEXT, predictions=100)
    assert (share.metric, share.value) == ("label_disagreement", pytest.approx(0.2))
    regression = ModelSettings(name="churn", task="regression")
    [mean] = feedback_measurements(FeedbackSummary(DAY, labels=labels), regression, CONTEXT, predictions=100)
    assert (mean.metric, mean.value) == ("label_difference", pytest.approx(0.2))


def test_unmatched_feedback_is_integrity() -> None:
    """Its share of the feedback of the time, and the number."""
    summary = FeedbackSummary(DAY, feedback=200, unmatched=50)
    [found] = feedback_measurements(summary, SETTINGS, CONTEXT, predictions=0)
    assert (found.purpose, found.metric, found.value) == ("integrity", "unmatched_feedback", pytest.approx(0.25))
    assert found.details["unmatched"] == 50


def test_windows_of_any_length() -> None:
    """The summary's window is the context's; nothing else is assumed of it."""
    hour = Window(DAY.start, DAY.start + timedelta(hours=1))
    context = SeriesContext("churn", "production", hour)
    [found] = feedback_measurements(FeedbackSummary(hour, responses=40), SETTINGS, context, predictions=40)
    assert (found.value, found.window) == (1.0, hour)
