"""The distance from bins against scipy's on the rows."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftlog.contract.binning import NumericBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift.kolmogorov_smirnov import compare, effect

rows = st.lists(st.one_of(st.integers(-5, 5).map(float), st.floats(-1e6, 1e6)), min_size=1, max_size=200)


def _exact(reference, current):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its p-value, which is not used
        return stats.ks_2samp(reference, current, method="asymp").statistic


@settings(max_examples=200, deadline=None)
@given(reference=rows, current=rows, size=st.integers(2, 40))
def test_the_exact_distance_lies_within_the_bounds(build, reference, current, size):
    """lower <= D_exact <= upper, whatever the rows, ties and bins."""
    bins = build.bins(reference, size)
    result = compare(build.count(reference, bins), build.count(current, bins), bins, seed=1)
    exact = _exact(reference, current)
    assert result.lower - 1e-12 <= exact <= result.upper + 1e-12
    assert result.details["bound"] == pytest.approx(result.upper - result.value)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_repeated_values_in_bins_of_their_own_leave_no_doubt(build, data):
    """On few distinct values, each heavy, the distance is exact."""
    values = st.sampled_from([0.0, 1.0, 2.5, 7.0])
    reference = data.draw(st.lists(values, min_size=20, max_size=100))
    reference += [0.0, 1.0, 2.5, 7.0] * 20
    current = data.draw(st.lists(values, min_size=1, max_size=100))
    bins = build.bins(reference)
    result = compare(build.count(reference, bins), build.count(current, bins), bins, seed=1)
    exact = _exact(reference, current)
    assert (result.lower, result.upper) == (pytest.approx(exact), pytest.approx(exact))


def test_a_hundred_bins_are_close(build):
    """Within 0.01 of the exact distance for 100,000 rows against 1,000,000."""
    generator = np.random.default_rng(1)
    reference = generator.gamma(2.0, size=100_000)
    bins = build.bins(reference)
    for shape in (2.0, 2.05, 2.5):
        current = generator.gamma(shape, size=200_000)
        result = compare(build.count(reference, bins), build.count(current, bins), bins, seed=1)
        exact = _exact(reference, current)
        assert abs(result.value - exact) <= 0.01


def _false_alarms(generator, draw, bins, n, m, runs, seed):
    alarms = 0
    for run in range(runs):
        f, g = draw(generator, n), draw(generator, m)
        alarms += compare(FieldCounts(f), FieldCounts(g), bins, seed=seed + run).p_value < 0.05
    return alarms


@pytest.mark.parametrize(("n", "m"), [(5_000, 1_000), (100_000, 2_000_000)])
def test_p_values_of_continuous_data_are_calibrated(n, m):
    """5 % of unchanged data, on 100 equally likely bins: within the 99.9 % binomial range of 2000 runs."""
    bins = NumericBins(edges=tuple(np.arange(1.0, 100.0)), coarse=tuple(np.arange(100) // 10))
    shares = np.full(100, 0.01)
    alarms = _false_alarms(np.random.default_rng(3), lambda g, k: g.multinomial(k, shares), bins, n, m, 2000, 0)
    low, high = stats.binom.ppf([0.0005, 0.9995], 2000, 0.05)
    assert low <= alarms <= high


def test_p_values_of_tied_data_are_calibrated():
    """Ten values: Monte Carlo holds the level where the continuous limit would be far too quiet."""
    bins = NumericBins(edges=tuple(np.arange(1.0, 10.0)), coarse=tuple(range(10)), discrete=True)
    shares = np.full(10, 0.1)
    alarms = _false_alarms(np.random.default_rng(4), lambda g, k: g.multinomial(k, shares), bins, 400, 300, 1000, 0)
    assert stats.binom.ppf(0.0005, 1000, 0.035) <= alarms <= stats.binom.ppf(0.9995, 1000, 0.05)


def test_small_samples_use_monte_carlo(build):
    """With 20 rows the limit does not hold; the p-value is close to scipy's exact one."""
    generator = np.random.default_rng(5)
    reference = generator.normal(size=2000)
    current = generator.normal(0.6, size=20)
    bins = build.bins(reference)
    result = compare(build.count(reference, bins), build.count(current, bins), bins, seed=1)
    assert "Monte Carlo" in result.method
    assert result.p_value == pytest.approx(stats.ks_2samp(reference, current).pvalue, abs=0.03)


def test_the_distance_does_not_depend_on_scale(build):
    """A strictly increasing transformation of the rows changes nothing."""
    generator = np.random.default_rng(6)
    reference, current = generator.normal(size=3000), generator.normal(0.3, size=500)
    bins, logarithmic = build.bins(reference), build.bins(np.exp(reference))
    plain = effect(build.count(reference, bins).counts, build.count(current, bins).counts, bins)
    changed = effect(
        build.count(np.exp(reference), logarithmic).counts,
        build.count(np.exp(current), logarithmic).counts,
        logarithmic,
    )
    assert changed == pytest.approx(plain)
