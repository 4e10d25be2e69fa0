"""Sequential inference: the formulae against their definition, and the error rates it promises, by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from driftlog.contract.experiment import UnitSums
from driftlog.evaluate.experiments.analysis import MIN_UNITS, difference_variance
from driftlog.evaluate.experiments.fixed import two_proportions
from driftlog.evaluate.experiments.planner import plan_experiment, split_alpha
from driftlog.evaluate.experiments.sequential import (
    always_valid_p,
    confidence_sequence,
    half_width,
    mixing_sd,
    shrunken,
)

ALPHA = 0.05


def proportion(successes: int, n: int) -> UnitSums:
    mean = successes / n
    return UnitSums(exposed=n, n=n, rows=n, mean=mean, m2=n * mean * (1 - mean), whole=n, low=0.0, high=1.0)


def first_crossing(successes: np.ndarray, n: np.ndarray, alpha: float, effect: float) -> int | None:
    """Index of the first look at which the sequential test decides; `successes` has shape (2, looks)."""
    tau = mixing_sd(effect, alpha=alpha, power=0.8)
    for look, (c, t, units) in enumerate(zip(*successes, n, strict=True)):
        if units < MIN_UNITS:
            continue
        arms = proportion(int(c), int(units)), proportion(int(t), int(units))
        if always_valid_p(arms[1].mean - arms[0].mean, difference_variance(*arms), tau) <= alpha:
            return look
    return None


def experiments(rng: np.random.Generator, runs: int, days: int, daily: int, p: float, q: float) -> np.ndarray:
    """Successes in control and treatment after each day: shape (runs, 2, days)."""
    counts = np.stack([rng.binomial(daily, p, (runs, days)), rng.binomial(daily, q, (runs, days))], axis=1)
    return counts.cumsum(axis=2)


@pytest.mark.parametrize(("difference", "variance", "tau"), [(0.02, 1e-4, 0.01), (1.5, 0.4, 2.0), (-3.0, 1.0, 0.5)])
def test_the_p_value_is_one_over_the_mixed_likelihood_ratio(difference: float, variance: float, tau: float) -> None:
    """By numerical integration over the mixture."""
    error = math.sqrt(variance)

    def mixed(delta: float) -> float:
        return float(stats.norm.pdf(difference, delta, error) * stats.norm.pdf(delta, 0, tau))

    reach = 12 * (error + tau)
    middle = shrunken(difference, variance, tau)
    likelihood = integrate.quad(mixed, -reach, reach, points=[middle, difference, 0.0], limit=200)[0]
    ratio = likelihood / stats.norm.pdf(difference, 0, error)
    assert always_valid_p(difference, variance, tau) == pytest.approx(min(1.0, 1 / ratio), rel=1e-5)


@given(st.floats(-5, 5), st.floats(1e-4, 10), st.floats(0.01, 10), st.floats(0.001, 0.4))
def test_the_sequence_leaves_zero_exactly_when_the_p_value_is_alpha(
    difference: float, variance: float, tau: float, alpha: float
) -> None:
    """Interval and test say the same."""
    low, high = confidence_sequence(difference, variance, tau, alpha)
    p = always_valid_p(difference, variance, tau)
    if abs(p - alpha) > 1e-9:
        assert (p <= alpha) == (low > 0 or high < 0)


@given(st.floats(0.001, 10), st.floats(0.001, 0.2), st.floats(0.55, 0.99))
def test_no_other_mixture_is_tighter_where_a_fixed_plan_ends(effect: float, alpha: float, power: float) -> None:
    """What `mixing_sd` is chosen for."""
    variance = (effect / (stats.norm.isf(alpha / 2) + stats.norm.ppf(power))) ** 2
    tau = mixing_sd(effect, alpha=alpha, power=power)
    here = half_width(variance, tau, alpha)
    assert here <= min(half_width(variance, tau * factor, alpha) for factor in (0.5, 0.9, 1.1, 2.0))


def test_nothing_is_said_without_a_variance() -> None:
    """A constant target: p-value 1, no interval."""
    assert always_valid_p(0.3, 0.0, 0.1) == always_valid_p(0.3, math.inf, 0.1) == 1.0
    assert confidence_sequence(0.3, 0.0, 0.1, ALPHA) == (-math.inf, math.inf)


def test_extreme_figures_give_neither_warnings_nor_nan() -> None:
    """Overflow of the exponent is a p-value of 0."""
    assert always_valid_p(1e150, 1e-150, 1.0) == 0.0
    assert always_valid_p(1e-300, 1e-3, 1.0) == 1.0


@pytest.mark.parametrize(("p", "daily", "effect"), [(0.2, 100, 0.03), (0.02, 60, 0.02)])
def test_looking_every_day_is_free_with_the_sequential_test_alone(p: float, daily: int, effect: float) -> None:
    """Thirty daily looks without a difference: at most 5 % are ever wrong; the fixed test looked at is wrong 4 times
    as often as it promises."""
    rng = np.random.default_rng(11)
    runs, n = 600, daily * np.arange(1, 31)
    counts = experiments(rng, runs, 30, daily, p, p)
    sequential = sum(first_crossing(run, n, ALPHA, effect) is not None for run in counts) / runs

    pooled = counts.sum(axis=1) / (2 * n)
    error = np.sqrt(2 * pooled * (1 - pooled) / n)
    z = np.divide(counts[:, 1] / n - counts[:, 0] / n, error, out=np.zeros_like(error), where=error > 0)
    naive = (np.abs(z[:, n >= MIN_UNITS]) >= stats.norm.isf(ALPHA / 2)).any(axis=1).mean()
    assert sequential <= ALPHA
    assert naive > 4 * ALPHA


def test_skewed_numbers_hold_the_level_too() -> None:
    """Log-normal values with a few units a day: the asymptotic form, looked at from the first allowed look on."""
    rng = np.random.default_rng(12)
    runs, days, daily, tau = 800, 40, 25, mixing_sd(0.4, alpha=ALPHA, power=0.8)
    values = np.exp(rng.normal(0, 1, (runs, 2, days * daily)))
    n = daily * np.arange(1, days + 1)
    sums, squares = values.cumsum(axis=2)[:, :, n - 1], (values**2).cumsum(axis=2)[:, :, n - 1]
    means = sums / n
    variances = ((squares - n * means**2) / (n - 1) / n).sum(axis=1)
    differences = means[:, 1] - means[:, 0]
    wrong = [
        any(
            always_valid_p(d, v, tau) <= ALPHA
            for d, v in zip(run_d[n >= MIN_UNITS], run_v[n >= MIN_UNITS], strict=True)
        )
        for run_d, run_v in zip(differences, variances, strict=True)
    ]
    assert np.mean(wrong) <= ALPHA


def test_subjects_that_come_back_hold_the_level() -> None:
    """Every look takes all values of the subjects so far, so early subjects' means still change afterwards."""
    rng = np.random.default_rng(13)
    runs, days, daily = 500, 30, 40
    tau = mixing_sd(0.15, alpha=ALPHA, power=0.8)
    entry = np.repeat(np.arange(days), daily)
    wrong = 0
    for _ in range(runs):
        own = rng.normal(0, 0.6, (2, days * daily))
        noise = rng.normal(0, 1.0, (2, days * daily, 10))
        running = own[:, :, None] + noise.cumsum(axis=2) / np.arange(1, 11)
        for day in range(2, days):
            seen = entry <= day
            rows = np.minimum(day - entry[seen], 9)
            means = running[:, : seen.sum()][:, np.arange(seen.sum()), rows]
            variance = means.var(axis=1, ddof=1).sum() / seen.sum()
            if always_valid_p(means[1].mean() - means[0].mean(), variance, tau) <= ALPHA:
                wrong += 1
                break
    assert wrong / runs <= ALPHA


def test_looks_and_an_end_together_hold_the_level() -> None:
    """Daily looks at a fifth of alpha and the fixed test at the end with the rest: wrong in at most 5 %."""
    rng = np.random.default_rng(14)
    runs, days, daily = 1000, 21, 100
    looking, ending = split_alpha(ALPHA, has_end=True)
    n = daily * np.arange(1, days + 1)
    counts = experiments(rng, runs, days, daily, 0.3, 0.3)
    wrong = sum(
        first_crossing(run, n, looking, 0.04) is not None
        or two_proportions(int(run[0, -1]), int(n[-1]), int(run[1, -1]), int(n[-1]), ending).p_value <= ending
        for run in counts
    )
    assert wrong / runs <= ALPHA + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert wrong / runs >= 0.02


def test_power_and_stopping_time_are_as_planned() -> None:
    """With daily looks the planned effect is found in 80 % within 3 points, after the planned units on average."""
    rng = np.random.default_rng(15)
    design = plan_experiment(baseline=0.3, effect=0.05).designs[2]
    days, runs = 50, 1200
    daily = math.ceil(design.units[0] / days)
    n = daily * np.arange(1, days + 1)
    counts = experiments(rng, runs, days, daily, 0.3, 0.35)
    looks = [first_crossing(run, n, ALPHA, 0.05) for run in counts]
    assert np.mean([look is not None for look in looks]) == pytest.approx(0.8, abs=0.03)
    stopped = [2 * n[look if look is not None else -1] for look in looks]
    assert np.mean(stopped) == pytest.approx(design.average_total, rel=0.06)


def test_the_shrunken_difference_is_right_on_average_where_the_stopped_one_is_too_large() -> None:
    """Winner's curse: effects drawn from the prior, experiments stopped at the first crossing."""
    rng = np.random.default_rng(16)
    effect, alpha = 0.04, ALPHA
    tau = mixing_sd(effect, alpha=alpha, power=0.8)
    raw, shrunk, true = [], [], []
    n = 100 * np.arange(1, 41)
    for _ in range(600):
        delta = rng.normal(0, tau)
        run = experiments(rng, 1, 40, 100, 0.5 - delta / 2, 0.5 + delta / 2)[0]
        look = first_crossing(run, n, alpha, effect)
        if look is None:
            continue
        arms = [proportion(int(run[side, look]), int(n[look])) for side in (0, 1)]
        difference, sign = arms[1].mean - arms[0].mean, math.copysign(1.0, arms[1].mean - arms[0].mean)
        raw.append(sign * difference)
        shrunk.append(sign * shrunken(difference, difference_variance(*arms), tau))
        true.append(sign * delta)
    assert np.mean(raw) > np.mean(true) * 1.05
    assert np.mean(shrunk) == pytest.approx(np.mean(true), rel=0.05)
