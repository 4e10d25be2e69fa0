"""Measures of categories against scipy: bias-corrected Cramer's V, two proportions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats.contingency import association

from driftlog.contract.binning import CategoricalBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift.cramers_v import corrected
from driftlog.evaluate.drift.registry import DRIFT_MEASURES

BOOLEAN = CategoricalBins(("false", "true"))


@settings(max_examples=80, deadline=None)
@given(table=st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=2, max_size=10))
def test_cramers_v_is_scipys_before_the_correction(build, table):
    """And after it as in Bergsma's formula, written out."""
    f, g = np.array(table).T
    result = DRIFT_MEASURES["cramers_v"](build.cells(f), build.cells(g), build.categories(f.size), seed=1)
    assert result.details["uncorrected"] == pytest.approx(association(np.stack((f, g)), method="cramer"), abs=1e-9)
    n, columns = int(f.sum() + g.sum()), f.size
    phi = stats.chi2_contingency(np.stack((f, g)), correction=False).statistic / n
    less = max(0.0, phi - (columns - 1) / (n - 1))
    wide, high = columns - (columns - 1) ** 2 / (n - 1), 2 - 1 / (n - 1)
    least = min(wide - 1, high - 1)
    if least > 1e-9:
        assert result.value == pytest.approx(min(1.0, np.sqrt(less / least)), abs=1e-9)


def test_cramers_v_of_unchanged_data_is_near_zero():
    """Where the uncorrected one of 100 categories and 500 rows a side is 0.31."""
    generator = np.random.default_rng(1)
    shares = np.full(100, 0.01)
    f, g = generator.multinomial(500, shares, 300), generator.multinomial(500, shares, 300)
    uncorrected = [association(np.stack((a, b))[:, a + b > 0], method="cramer") for a, b in zip(f, g, strict=True)]
    assert np.mean(uncorrected) > 0.3
    assert np.mean(corrected(f, g)) < 0.06


@settings(max_examples=80, deadline=None)
@given(a=st.integers(0, 60), b=st.integers(0, 60), c=st.integers(0, 3000), d=st.integers(0, 3000))
def test_two_categories_are_compared_by_fisher_or_by_z(a, b, c, d):
    """Fisher where an expected count is below 5 (and far out where it is skewed), else the chi-square test."""
    if not (a + b and c + d and a + c and b + d):
        return
    result = DRIFT_MEASURES["two_proportions"](
        FieldCounts(np.array([a, b, 0])), FieldCounts(np.array([c, d, 0])), BOOLEAN, seed=1
    )
    table = [[a, b], [c, d]]
    assert result.value == pytest.approx(abs(a / (a + b) - c / (c + d)))
    if stats.contingency.expected_freq(table).min() < 5:
        assert "Fisher" in result.method
    if "Fisher" in result.method:
        assert result.p_value == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-5)
    else:
        assert result.p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-6)


def test_two_proportions_need_two_categories(build):
    """Neither three, nor rarer ones, nor numbers."""
    measure = DRIFT_MEASURES["two_proportions"]
    assert measure.applies_to(BOOLEAN)
    assert not measure.applies_to(build.categories(3))
    assert not measure.applies_to(CategoricalBins(("a", "b"), ("c",)))
    assert not measure.applies_to(build.bins([1.0, 2.0, 3.0]))


def test_rare_categories_at_two_billion_rows_are_compared_exactly():
    """Log factorials of such numbers have no digits left for it; ratios do."""
    f, g = FieldCounts(np.array([2_000_000_000, 3, 0])), FieldCounts(np.array([1_000_000_000, 0, 0]))
    exact = stats.binom.pmf([0, 2, 3], 3, 1 / 3)  # one of three is the likeliest
    found = DRIFT_MEASURES["two_proportions"](f, g, BOOLEAN, seed=1).p_value
    assert found == pytest.approx(exact.sum(), rel=1e-6)
