"""Fixed-horizon tests against scipy, textbook formulae and published examples."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from driftlog.contract.errors import UsageError
from driftlog.contract.experiment import UnitSums
from driftlog.evaluate.experiments.fixed import TWO_PROPORTIONS, WELCH, fixed_test, two_proportions, welch
from driftlog.evaluate.experiments.planner import ANY_LOOK, BOTH, ONE_LOOK, plan_experiment
from driftlog.evaluate.experiments.power import binary_power, detectable_effect, numeric_power, total_units
from driftlog.evaluate.experiments.sample_ratio import sample_ratio_always_valid, sample_ratio_p_value


def sums_of(values: list[float] | np.ndarray) -> UnitSums:
    sums = UnitSums()
    for value in values:
        sums.add(float(value))
    return sums


values = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40)


@given(values, values)
def test_welch_is_scipys(control: list[float], treatment: list[float]) -> None:
    """p-value and interval of ttest_ind(equal_var=False)."""
    for arm in (control, treatment):
        assume(np.std(arm) > 1e-6 * max(1.0, *np.abs(arm)))  # else scipy warns of precision loss
    ours = welch(sums_of(control), sums_of(treatment), 0.05)
    theirs = stats.ttest_ind(treatment, control, equal_var=False)
    low, high = theirs.confidence_interval(0.95)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
    scale = max(1.0, abs(low), abs(high))
    assert (ours.lower, ours.upper) == (pytest.approx(low, abs=1e-7 * scale), pytest.approx(high, abs=1e-7 * scale))


@given(values, st.integers(1, 39))
def test_sums_merge_as_if_counted_at_once(items: list[float], cut: int) -> None:
    """Days add up to the whole."""
    one, other = sums_of(items[:cut]), sums_of(items[cut:])
    one.merge(other)
    whole = sums_of(items)
    assert (one.n, one.low, one.high, one.whole) == (whole.n, whole.low, whole.high, whole.whole)
    assert one.mean == pytest.approx(np.mean(items), rel=1e-9, abs=1e-9)
    assert one.variance == pytest.approx(np.var(items, ddof=1), rel=1e-6, abs=1e-6)


def test_sums_keep_their_variance_far_from_zero() -> None:
    """Around 1.7e9 a plain sum of squares has no digits left for it."""
    items = [1.7e9 + x for x in (1.0, 2.0, 3.0, 4.0)]
    assert sums_of(items).variance == pytest.approx(5 / 3, rel=1e-6)


def test_two_proportions_are_the_textbook_z_test() -> None:
    """z = d / sqrt(p q (1/n + 1/m)) with the pooled p."""
    x, n, y, m = 230, 1000, 284, 1100
    pooled = (x + y) / (n + m)
    z = (y / m - x / n) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    assert two_proportions(x, n, y, m, 0.05).p_value == pytest.approx(2 * stats.norm.sf(abs(z)))


@pytest.mark.parametrize(
    ("counts", "interval"),
    [
        ((48, 80, 56, 70), (0.0524, 0.3339)),
        ((3, 10, 9, 10), (0.1705, 0.8090)),
        ((0, 29, 5, 56), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.2775, 0.1611)),
        ((0, 10, 10, 10), (0.6075, 1.0)),
    ],
)
def test_the_interval_of_two_proportions_is_newcombes(
    counts: tuple[int, int, int, int], interval: tuple[float, float]
) -> None:
    """Table II, method 10 of Newcombe 1998."""
    found = two_proportions(*counts, 0.05)
    assert (found.lower, found.upper) == (pytest.approx(interval[0], abs=5e-5), pytest.approx(interval[1], abs=5e-5))


def test_units_of_zeros_and_ones_are_proportions_and_others_means() -> None:
    """A subject that is right in two predictions of three is 0.67."""
    control, treatment = sums_of([0, 1] * 50), sums_of([0, 1, 1] * 30)
    assert fixed_test(control, treatment, 0.05).method == TWO_PROPORTIONS
    assert fixed_test(control, treatment, 0.05, proportions=False).method == WELCH
    treatment.add(2 / 3, rows=3)
    assert fixed_test(control, treatment, 0.05).method == WELCH


def test_too_few_units_and_constants_have_no_interval() -> None:
    """Not enough data is a value."""
    assert fixed_test(sums_of([1.5]), sums_of([1.0, 2.0]), 0.05) is None
    constant = fixed_test(sums_of([3.0] * 60), sums_of([4.0] * 60), 0.05)
    assert (constant.difference, constant.lower, constant.p_value) == (1.0, None, None)


def test_type_one_error_of_both_fixed_tests_is_the_level() -> None:
    """5 % of 4,000 experiments without a difference, within three standard errors (1.0 points)."""
    rng = np.random.default_rng(5)
    n, m, runs = 400, 300, 4000
    pairs = zip(rng.binomial(n, 0.3, runs), rng.binomial(m, 0.3, runs), strict=True)
    wrong = sum(two_proportions(int(x), n, int(y), m, 0.05).p_value <= 0.05 for x, y in pairs)
    assert wrong / runs == pytest.approx(0.05, abs=0.0105)

    skewed = rng.gamma(2.0, 1.0, (runs, n)), 1.0 + rng.gamma(4.0, 0.25, (runs, m))
    wrong = 0
    for control, treatment in zip(*skewed, strict=True):
        arms = [UnitSums(n=a.size, mean=float(a.mean()), m2=float(a.var() * a.size)) for a in (control, treatment)]
        wrong += welch(*arms, 0.05).p_value <= 0.05
    assert wrong / runs == pytest.approx(0.05, abs=0.0105)


def test_power_is_as_planned() -> None:
    """Experiments of the planned size find the planned effect in 80 %, within 3 points; unequal shares too."""
    rng = np.random.default_rng(6)
    runs = 3000
    for baseline, effect, shares in ((0.2, 0.03, (0.5, 0.5)), (0.05, -0.02, (0.7, 0.3))):
        plan = plan_experiment(baseline=baseline, effect=effect, shares=shares)
        n, m = plan.designs[0].units
        x, y = rng.binomial(n, baseline, runs), rng.binomial(m, baseline + effect, runs)
        found = sum(two_proportions(int(a), n, int(b), m, 0.05).p_value <= 0.05 for a, b in zip(x, y, strict=True))
        assert found / runs == pytest.approx(0.8, abs=0.03), (baseline, effect, shares)

    n, m = plan_experiment(sd=2.0, effect=0.9, shares=(0.6, 0.4)).designs[0].units
    control, treatment = rng.normal(5, 2, (runs, n)), rng.normal(5.9, 2, (runs, m))
    found = stats.ttest_ind(treatment, control, axis=1, equal_var=False).pvalue <= 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.03)


def test_sample_sizes_are_the_published_ones() -> None:
    """Cohen's d of 0.5 needs 64 in each group; 20 % against 21 % needs 25,583 (Fleiss's formula by hand)."""
    assert plan_experiment(sd=1.0, effect=0.5).designs[0].units == (64, 64)
    z, w = stats.norm.isf(0.025), stats.norm.ppf(0.8)
    p, q, middle = 0.2, 0.21, 0.205
    by_hand = (z * math.sqrt(2 * middle * (1 - middle)) + w * math.sqrt(p * (1 - p) + q * (1 - q))) ** 2 / 0.01**2
    assert plan_experiment(baseline=p, effect=0.01).designs[0].units == (math.ceil(by_hand),) * 2


@settings(deadline=None, max_examples=25)
@given(st.floats(0.05, 0.9), st.floats(0.005, 0.09), st.integers(1, 4))
def test_the_detectable_effect_of_the_planned_units_is_the_planned_effect(p: float, effect: float, arms: int) -> None:
    """Planning and its reverse agree."""
    shares = (1 / (arms + 1),) * (arms + 1)
    total = total_units(baseline=p, sd=None, effect=effect, alpha=0.05, power=0.8, shares=shares)
    each = total / (arms + 1)
    back = detectable_effect(baseline=p, sd=None, n_control=each, n_treatment=each, alpha=0.05 / arms, power=0.8)
    assert back == pytest.approx(effect, rel=0.02)


def test_power_without_an_effect_is_alpha() -> None:
    """Both tails."""
    assert binary_power(0.3, 0.3, 500, 500, 0.05) == pytest.approx(0.05)
    assert numeric_power(0.0, 1.0, 20, 30, 0.05) == pytest.approx(0.05)


def test_a_plan_says_what_looking_costs() -> None:
    """Looking and an end cost a few units more than one look; no end costs more, and stops early on average."""
    plan = plan_experiment(baseline=0.1, effect=0.02, traffic=500.0)
    one, both, any_look = plan.designs
    assert [d.name for d in plan.designs] == [ONE_LOOK, BOTH, ANY_LOOK]
    assert one.total < both.total < 1.1 * one.total < 1.5 * one.total < any_look.total < 1.9 * one.total
    assert both.average_total < both.total and any_look.average_total < 1.15 * one.total
    assert one.days == pytest.approx(one.total / 500)
    assert [line.effect for line in plan.detectable] == sorted((x.effect for x in plan.detectable), reverse=True)


@pytest.mark.parametrize(
    ("given_", "complaint"),
    [
        ({"effect": 0.0, "baseline": 0.2}, "effect is 0"),
        ({"effect": 0.9, "baseline": 0.2}, "leave 0 to 1"),
        ({"effect": 0.1}, "neither baseline nor sd"),
        ({"effect": 0.1, "sd": 0.0}, "not positive"),
        ({"effect": 0.1, "baseline": 0.2, "shares": (0.5, 0.6)}, "do not sum to 1"),
        ({"effect": 0.1, "baseline": 0.2, "shares": (1.0,)}, "do not sum to 1"),
        ({"effect": 0.1, "baseline": 0.2, "alpha": 0.0}, "alpha"),
        ({"effect": 0.1, "baseline": 0.2, "power": 1.0}, "power"),
        ({"effect": math.nan, "baseline": 0.2}, "not finite"),
        ({"effect": 1e-12, "baseline": 0.2}, "too small"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(given_: dict[str, float], complaint: str) -> None:
    """With the figure that is wrong."""
    with pytest.raises(UsageError, match=complaint):
        plan_experiment(**given_)


def test_sample_ratio_is_the_chi_square_test() -> None:
    """scipy's chisquare."""
    counts, shares = [480, 260, 260], [0.5, 0.3, 0.2]
    expected = [1000 * share for share in shares]
    assert sample_ratio_p_value(counts, shares) == pytest.approx(stats.chisquare(counts, expected).pvalue)
    assert sample_ratio_p_value([0, 0], [0.5, 0.5]) is None


def test_sample_ratio_alarms_seldom_without_cause_and_always_with_one() -> None:
    """One look in a thousand; the always-valid p-value is below 0.01 at most once in a hundred; 53:47 is found."""
    rng = np.random.default_rng(8)
    counts = rng.binomial(20_000, 0.5, 20_000)
    alarms = sum(sample_ratio_p_value([int(x), 20_000 - int(x)], [0.5, 0.5]) < 0.001 for x in counts)
    assert alarms <= 36  # 20 expected; more than 36 once in a thousand

    daily = rng.binomial(200, 0.5, (1500, 60)).cumsum(axis=1)
    n = 200 * np.arange(1, 61)

    def smallest(run: np.ndarray) -> float:
        return min(sample_ratio_always_valid([int(x), int(k - x)], [0.5, 0.5]) for x, k in zip(run, n, strict=True))

    assert np.mean([smallest(run) <= 0.01 for run in daily]) <= 0.01

    lost = rng.binomial(24_000, 0.47, 200)
    assert all(sample_ratio_always_valid([int(x), 24_000 - int(x)], [0.5, 0.5]) < 0.001 for x in lost)


def test_shuffling_units_changes_nothing() -> None:
    """Order is no part of a mean."""
    items = [random.Random(3).gauss(0, 1) for _ in range(300)]
    forth, back = sums_of(items), sums_of(items[::-1])
    assert (forth.mean, forth.m2) == (pytest.approx(back.mean), pytest.approx(back.m2))
