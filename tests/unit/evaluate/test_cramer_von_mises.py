"""The Cramer-von Mises distance from bins against scipy's on the rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftlog.contract.binning import NumericBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift.cramer_von_mises import LARGEST, compare, limit_distribution, limit_p_value

numbers = st.floats(-1e6, 1e6)


def _own_bins(*samples):
    """A bin for every distinct value."""
    values = np.unique(np.concatenate(samples))
    edges = values[1:]
    return NumericBins(
        tuple(edges.tolist()), tuple(np.zeros(values.size, int).tolist()), single=tuple(range(values.size))
    )


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(numbers, min_size=2, max_size=80, unique=True), data=st.data())
def test_with_a_bin_for_each_value_it_is_scipys_statistic(build, rows, data):
    """``T = e w^2 + 1 / (6 N)`` on rows without ties, and both bounds meet."""
    cut = data.draw(st.integers(1, len(rows) - 1))
    x, y = np.array(rows[:cut]), np.array(rows[cut:])
    bins = _own_bins(x, y)
    result = compare(build.count(x, bins), build.count(y, bins), bins, seed=1)
    total = len(rows)
    expected = stats.cramervonmises_2samp(x, y, method="asymptotic").statistic if min(x.size, y.size) > 1 else None
    if expected is not None:
        assert result.details["statistic"] + 1 / (6 * total) == pytest.approx(expected, abs=1e-9)
    assert (result.lower, result.upper) == (pytest.approx(result.value), pytest.approx(result.value))


@settings(max_examples=150, deadline=None)
@given(
    reference=st.lists(st.one_of(st.integers(-5, 5).map(float), numbers), min_size=1, max_size=120),
    current=st.lists(st.one_of(st.integers(-5, 5).map(float), numbers), min_size=1, max_size=120),
    size=st.integers(2, 40),
)
def test_the_exact_distance_lies_within_the_bounds(build, reference, current, size):
    """Whatever the rows, ties and bins."""
    fine = _own_bins(np.array(reference) + 0.0, np.array(current) + 0.0)
    exact = compare(build.count(reference, fine), build.count(current, fine), fine, seed=1).value
    bins = build.bins(reference, size)
    result = compare(build.count(reference, bins), build.count(current, bins), bins, seed=1)
    assert result.lower - 1e-9 <= exact <= result.upper + 1e-9
    assert result.lower <= result.value <= result.upper <= LARGEST


def test_p_values_are_scipys_on_a_hundred_bins(build):
    """Within a twentieth of themselves, for unchanged and for shifted rows."""
    generator = np.random.default_rng(1)
    for shift in (0.0, 0.1, 0.2):
        x, y = generator.normal(size=1003), generator.normal(shift, size=509)
        bins = build.bins(x)
        result = compare(build.count(x, bins), build.count(y, bins), bins, seed=1)
        assert result.p_value == pytest.approx(stats.cramervonmises_2samp(x, y).pvalue, rel=0.05, abs=0.01)


@pytest.mark.parametrize(("x", "p"), [(0.34730, 0.10), (0.46136, 0.05), (0.74346, 0.01), (1.16786, 0.001)])
def test_the_limit_has_the_published_quantiles(x, p):
    """Anderson and Darling 1952, table 1."""
    assert 1 - limit_distribution(np.array(x)) == pytest.approx(p, abs=5e-6)


def test_the_limit_ends_at_both_ends():
    """No negative probabilities and no NaN, however small or large the statistic."""
    found = limit_p_value(np.array([0.0, 1e-3, 0.17, 5.0, 1e9]), 1000, 2000)
    assert found[0] == 1
    assert found[-1] == pytest.approx(0, abs=1e-9)
    assert np.all(np.diff(found) <= 0)


def test_disjoint_sides_reach_the_largest_value():
    """``1 / sqrt(3)``, whatever the sizes."""
    bins = NumericBins((0.0,), (0, 1))
    result = compare(FieldCounts(np.array([70, 0])), FieldCounts(np.array([0, 9])), bins, seed=1)
    assert result.value == pytest.approx(1 / math.sqrt(3))


def test_tied_data_take_monte_carlo():
    """Ten values of equal share: the level holds."""
    bins = NumericBins(tuple(np.arange(1.0, 10.0)), tuple(range(10)), single=tuple(range(10)), discrete=True)
    generator = np.random.default_rng(2)
    f, g = generator.multinomial(400, np.full(10, 0.1), 600), generator.multinomial(300, np.full(10, 0.1), 600)
    results = [compare(FieldCounts(a), FieldCounts(b), bins, seed=i) for i, (a, b) in enumerate(zip(f, g, strict=True))]
    assert "Monte Carlo" in results[0].method
    alarms = sum(result.p_value < 0.05 for result in results)
    assert stats.binom.ppf(0.0005, 600, 0.045) <= alarms <= stats.binom.ppf(0.9995, 600, 0.05)
