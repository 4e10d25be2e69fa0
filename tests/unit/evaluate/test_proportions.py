"""Intervals and tests of proportions against scipy."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftlog.evaluate.multiple_testing import benjamini_hochberg, bonferroni, holm
from driftlog.evaluate.proportions import two_proportion_p_value, wilson_interval


@given(n=st.integers(1, 10**9), data=st.data())
def test_wilson_is_scipys(n, data):
    """The score interval of `binomtest`."""
    k = data.draw(st.integers(0, n))
    expected = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert wilson_interval(k, n) == (pytest.approx(expected.low, abs=1e-9), pytest.approx(expected.high, abs=1e-9))


@settings(max_examples=200)
@given(a=st.integers(0, 12), n_a=st.integers(12, 3000), b=st.integers(0, 12), n_b=st.integers(12, 3000))
def test_rare_proportions_are_compared_exactly(a, n_a, b, n_b):
    """Fisher's test of scipy wherever an expected count is below 5, from either end."""
    smallest = min(n_a, n_b) * min(a + b, n_a + n_b - a - b) / (n_a + n_b)
    if smallest >= 5:
        return
    expected = stats.fisher_exact([[a, n_a - a], [b, n_b - b]]).pvalue
    assert two_proportion_p_value(a, n_a, b, n_b) == pytest.approx(expected, rel=1e-5)
    assert two_proportion_p_value(n_a - a, n_a, n_b - b, n_b) == pytest.approx(expected, rel=1e-5)
    assert two_proportion_p_value(b, n_b, a, n_a) == pytest.approx(expected, rel=1e-5)


def test_common_proportions_are_compared_by_the_normal_limit():
    """The pooled z test is the chi-square test of the 2 x 2 table."""
    expected = stats.chi2_contingency([[30, 70], [500, 900]], correction=False).pvalue
    assert two_proportion_p_value(30, 100, 500, 1400) == pytest.approx(expected)


def test_a_side_without_rows_has_no_p_value():
    """And equal certainties have p = 1."""
    assert two_proportion_p_value(0, 0, 3, 10) is None
    assert two_proportion_p_value(0, 5, 0, 7) == 1.0
    assert two_proportion_p_value(5, 5, 7, 7) == 1.0


@given(st.lists(st.floats(0, 1), max_size=30))
def test_adjusted_p_values_are_scipys_and_ordered(p_values):
    """Benjamini-Hochberg as in scipy; p <= BH <= Holm <= Bonferroni."""
    adjusted = benjamini_hochberg(p_values)
    if p_values:
        assert adjusted == pytest.approx(stats.false_discovery_control(p_values).tolist())
    for p, bh, h, b in zip(p_values, adjusted, holm(p_values), bonferroni(p_values), strict=True):
        assert p <= bh * (1 + 1e-12)
        assert bh <= h * (1 + 1e-12)
        assert h <= b * (1 + 1e-12)
