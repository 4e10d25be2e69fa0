"""One suite over every drift measure: laws, extremes, and the oracles of scipy."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift import chi_square, population_stability_index, wasserstein
from driftlog.evaluate.drift.registry import DRIFT_MEASURES

NUMERIC = [name for name, measure in DRIFT_MEASURES.items() if "numeric" in measure.kinds]
CATEGORICAL = [name for name, measure in DRIFT_MEASURES.items() if "categorical" in measure.kinds]
SYMMETRIC = [name for name in DRIFT_MEASURES if name not in ("chi_square", "cramers_v")]
"""Chi-square and Cramer's V of numbers use bins that hold enough rows of the reference; of categories they are too."""
GROWING = ("chi_square", "population_stability_index", "cramers_v")
"""Their values depend on the number of rows."""
cell_counts = st.lists(st.integers(0, 400), min_size=2, max_size=10).filter(lambda cells: sum(cells) > 0)


@pytest.fixture(scope="module")
def normal(build):
    rows = np.random.default_rng(1).normal(size=4000)
    return rows, build.bins(rows)


def _sizes(name):
    """Numbers of categories the measure is defined on."""
    return st.just(2) if name == "two_proportions" else st.integers(2, 10)


def _sides(data, name):
    """Two rows of counts, neither empty, and their bins."""
    size = data.draw(_sizes(name))
    cells = st.lists(st.integers(0, 400), min_size=size, max_size=size).filter(lambda c: sum(c) > 0)
    return np.append(data.draw(cells), 0), np.append(data.draw(cells), 0)


def test_the_registry_is_the_table_of_the_documentation():
    """Every drift measure of a single field, under its own name."""
    assert list(DRIFT_MEASURES) == [
        "kolmogorov_smirnov",
        "cramer_von_mises",
        "total_variation",
        "population_stability_index",
        "jensen_shannon",
        "hellinger",
        "wasserstein",
        "chi_square",
        "cramers_v",
        "two_proportions",
    ]


@pytest.mark.parametrize("name", CATEGORICAL)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_pair_of_counts_gives_numbers_within_bounds(build, name, data):
    """Value within [0, maximum], p-value within (0, 1], the vectorised effect the same; identical sides give 0."""
    f, g = _sides(data, name)
    bins, measure = build.categories(f.size - 1), DRIFT_MEASURES[name]
    result = measure(FieldCounts(f), FieldCounts(g), bins, seed=1)
    assert 0 <= result.value <= measure.maximum
    assert 0 <= result.p_value <= 1
    assert result.value == pytest.approx(float(measure.effect(f, g, bins)), abs=1e-12)
    assert measure(FieldCounts(f), FieldCounts(f), bins, seed=1).value == pytest.approx(0, abs=1e-7)
    assert float(measure.effect(g, f, bins)) == pytest.approx(result.value, abs=1e-9)


@pytest.mark.parametrize("name", NUMERIC)
@settings(max_examples=40, deadline=None)
@given(
    reference=st.lists(st.one_of(st.integers(-4, 4).map(float), st.floats(-1e9, 1e9)), min_size=1, max_size=150),
    current=st.lists(st.one_of(st.integers(-4, 4).map(float), st.floats(-1e12, 1e12)), min_size=1, max_size=150),
)
def test_any_numbers_give_numbers_within_bounds(build, name, reference, current):
    """Ties, constants, single rows, far outliers: value and bounds in order, p-value in (0, 1], nothing is NaN."""
    bins, measure = build.bins(reference, 20), DRIFT_MEASURES[name]
    result = measure(build.count(reference, bins), build.count(current, bins), bins, seed=1)
    assert 0 < result.p_value <= 1 or (result.p_value == 0 and min(len(reference), len(current)) >= 50)
    assert all(math.isfinite(number) for number in result.details.values())
    if result.value is not None:
        assert 0 <= result.value <= measure.maximum
    if result.lower is not None:
        assert result.lower <= result.value <= result.upper <= measure.maximum


@pytest.mark.parametrize("name", CATEGORICAL)
def test_drift_grows_with_the_mass_that_moves(build, name):
    """More mass in another category is a larger value."""
    size = 2 if name == "two_proportions" else 4
    before = np.append(np.full(size, 1200 // size), 0)
    values = []
    for moved in (0, 100, 200, 250, 290):
        now = before.copy()
        now[0] -= moved
        now[1] += moved
        values.append(float(DRIFT_MEASURES[name].effect(before, now, build.categories(size))))
    assert values[0] == pytest.approx(0, abs=1e-9)
    assert all(a < b or (a == b == 0) for a, b in pairwise(values))
    assert values[-1] > 0.05


@pytest.mark.parametrize("name", NUMERIC)
def test_identical_counts_have_no_drift(build, normal, name):
    """Identity gives 0 and a p-value of 1 up to rounding."""
    rows, bins = normal
    counts = build.count(rows, bins)
    result = DRIFT_MEASURES[name](counts, counts, bins, seed=1)
    assert result.value == pytest.approx(0.0, abs=1e-7)
    assert result.p_value > 0.999


@pytest.mark.parametrize("name", NUMERIC)
def test_drift_grows_with_the_shift(build, normal, name):
    """A larger shift of the mean is a larger value, within the measure's maximum."""
    rows, bins = normal
    reference = build.count(rows, bins)
    values = [
        DRIFT_MEASURES[name](reference, build.count(rows + shift, bins), bins, seed=1).value
        for shift in (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
    ]
    assert values == sorted(values)
    assert len(set(values)) == len(values)
    assert values[-1] <= DRIFT_MEASURES[name].maximum


@pytest.mark.parametrize("name", [name for name in SYMMETRIC if name in NUMERIC])
def test_exchanging_the_sides_changes_nothing(build, normal, name):
    """Measures of distance are symmetric."""
    rows, bins = normal
    one, other = build.count(rows, bins), build.count(rows[:900] * 1.3 + 0.2, bins)
    measure = DRIFT_MEASURES[name]
    assert measure(one, other, bins, seed=1).value == pytest.approx(measure(other, one, bins, seed=1).value)


@pytest.mark.parametrize("name", CATEGORICAL)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_order_of_categories_changes_nothing(build, name, data):
    """Renaming categories changes neither value nor effect."""
    f, g = _sides(data, name)
    order = [*data.draw(st.permutations(range(f.size - 1))), f.size - 1]
    bins, measure = build.categories(f.size - 1), DRIFT_MEASURES[name]
    plain = measure.effect(f, g, bins)
    assert measure.effect(f[order], g[order], bins) == pytest.approx(plain, abs=1e-9)


@pytest.mark.parametrize("name", NUMERIC)
def test_many_pairs_at_once_agree_with_one_at_a_time(build, normal, name):
    """The vectorised effect broadcasts over leading axes."""
    rows, bins = normal
    generator = np.random.default_rng(2)
    sides = np.stack([build.count(generator.choice(rows, 500) + shift, bins).counts for shift in (0, 0.2, 0.4)])
    reference = build.count(rows, bins).counts
    measure = DRIFT_MEASURES[name]
    together = measure.effect(reference[None, None, :], sides[:, None, :], bins)
    assert together.shape == (3, 1)
    assert together[:, 0] == pytest.approx([float(measure.effect(reference, side, bins)) for side in sides])


@pytest.mark.parametrize("name", NUMERIC)
def test_an_empty_side_has_no_value(build, normal, name):
    """No rows: None, never NaN."""
    rows, bins = normal
    counts, nothing = build.count(rows, bins), FieldCounts(np.zeros(bins.size, dtype=np.int64))
    for reference, current in ((counts, nothing), (nothing, counts), (nothing, nothing)):
        result = DRIFT_MEASURES[name](reference, current, bins, seed=1)
        assert (result.value, result.p_value) == (None, None)


@pytest.mark.parametrize("name", NUMERIC)
@pytest.mark.parametrize("rows", [[0.3], [5.0] * 40, [-1e300, 1e300], [0.0] * 7 + [1e-300]])
def test_extreme_windows_give_numbers(build, normal, name, rows):
    """One row, a constant, the ends of the number range: finite values and p-values in [0, 1]."""
    reference_rows, bins = normal
    result = DRIFT_MEASURES[name](build.count(reference_rows, bins), build.count(rows, bins), bins, seed=1)
    assert math.isfinite(result.value)
    assert 0 <= result.p_value <= 1


@pytest.mark.parametrize("name", NUMERIC)
def test_a_constant_reference_gives_numbers(build, name):
    """A reference of one value: no drift against itself, the largest against another, or none that is defined."""
    bins = build.bins([3.0] * 100)
    constant = build.count([3.0] * 100, bins)
    assert DRIFT_MEASURES[name](constant, constant, bins, seed=1).value == 0
    moved = DRIFT_MEASURES[name](constant, build.count([4.0] * 50, bins), bins, seed=1)
    assert moved.value is None if name == "wasserstein" else moved.value > 0.4


@pytest.mark.parametrize("name", NUMERIC)
def test_billions_of_rows_are_only_numbers(build, normal, name):
    """Two billion rows, never materialised; also past the limit of NumPy's sampler."""
    rows, bins = normal
    counts = build.count(rows, bins).counts
    shifted = build.count(rows + 0.3, bins).counts
    result = DRIFT_MEASURES[name](FieldCounts(counts * 500_000), FieldCounts(shifted * 500_000), bins, seed=1)
    assert result.n_current == 2_000_000_000
    assert result.p_value < 1e-3
    small = DRIFT_MEASURES[name](FieldCounts(counts), FieldCounts(shifted), bins, seed=1)
    if name not in GROWING:
        assert result.value == pytest.approx(small.value)


def test_counts_of_another_binning_are_refused(build, normal):
    """A wrong number of bins is an error that says so."""
    rows, bins = normal
    with pytest.raises(ValueError, match="current has counts of shape"):
        DRIFT_MEASURES["total_variation"](
            build.count(rows, bins), FieldCounts(np.ones(3, dtype=np.int64)), bins, seed=1
        )


@settings(max_examples=60, deadline=None)
@given(table=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=10))
def test_chi_square_is_scipys(table):
    """Statistic and degrees of freedom of `chi2_contingency`."""
    f, g = np.array(table).T
    if f.sum() == 0 or g.sum() == 0 or np.count_nonzero(f + g) < 2:
        return
    used = f + g > 0
    expected = stats.chi2_contingency(np.stack((f[used], g[used])), correction=False)
    value, p_value, freedom, how = chi_square.homogeneity(f, g, seed=3)
    assert (value, freedom) == (pytest.approx(expected.statistic), expected.dof)
    if "Monte Carlo" not in how:
        assert p_value == pytest.approx(expected.pvalue)


def test_chi_square_with_small_cells_agrees_with_scipys_monte_carlo(build):
    """Where an expected count is below 5 the p-value is that of the permutation distribution."""
    f, g = np.array([3, 9, 2, 11, 1]), np.array([9, 4, 4, 6, 2])
    _, p_value, _, how = chi_square.homogeneity(f, g, seed=3)
    exact = stats.chi2_contingency(
        np.stack((f, g)), correction=False, method=stats.PermutationMethod(n_resamples=20_000, rng=1)
    ).pvalue
    assert "Monte Carlo" in how
    assert p_value == pytest.approx(exact, abs=0.04)


@settings(max_examples=60, deadline=None)
@given(reference=cell_counts, data=st.data())
def test_jensen_shannon_is_scipys(build, reference, data):
    """Distance, base 2."""
    size = len(reference)
    current = data.draw(st.lists(st.integers(0, 400), min_size=size, max_size=size).filter(lambda c: sum(c) > 0))
    p, q = np.array(reference) / sum(reference), np.array(current) / sum(current)
    value = DRIFT_MEASURES["jensen_shannon"](
        build.cells(reference), build.cells(current), build.categories(size), seed=1
    )
    assert value.value == pytest.approx(float(distance.jensenshannon(p, q, base=2)), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(reference=cell_counts, data=st.data())
def test_total_variation_is_half_the_city_block_distance(build, reference, data):
    """And never below the squared Hellinger distance."""
    size = len(reference)
    current = data.draw(st.lists(st.integers(0, 400), min_size=size, max_size=size).filter(lambda c: sum(c) > 0))
    p, q = np.array(reference) / sum(reference), np.array(current) / sum(current)
    sides = (build.cells(reference), build.cells(current), build.categories(size))
    value = DRIFT_MEASURES["total_variation"](*sides, seed=1).value
    assert value == pytest.approx(distance.cityblock(p, q) / 2, abs=1e-12)
    assert value >= DRIFT_MEASURES["hellinger"](*sides, seed=1).value ** 2 - 1e-9


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.3, 1.0])
def test_wasserstein_is_near_scipys(build, normal, shift):
    """On rows winsorised alike, within a few thousandths of a standard deviation."""
    rows, bins = normal
    current = np.random.default_rng(5).normal(shift, 1.1, 3000)
    a, b = (np.clip(x, bins.low, bins.high) for x in (rows, current))
    expected = stats.wasserstein_distance(a, b) / rows.std()
    value = DRIFT_MEASURES["wasserstein"](build.count(rows, bins), build.count(current, bins), bins, seed=1).value
    assert value == pytest.approx(expected, abs=0.012)


def test_wasserstein_of_repeated_values_is_exact(build):
    """Bins of one value hold it at its place: no smearing over the gap to the next."""
    rows, current = np.repeat([0.0, 1.0, 5.0], [500, 300, 200]), np.repeat([0.0, 1.0, 5.0], [200, 300, 500])
    bins = build.bins(rows)
    expected = stats.wasserstein_distance(rows, current) / rows.std()
    assert DRIFT_MEASURES["wasserstein"](
        build.count(rows, bins), build.count(current, bins), bins, seed=1
    ).value == pytest.approx(expected)


def test_wasserstein_of_categories_is_refused(build):
    """There is no distance between categories."""
    with pytest.raises(ValueError, match="numeric"):
        wasserstein.effect(np.array([1, 2, 0]), np.array([2, 1, 0]), build.categories(2))


def test_psi_takes_its_expectation_off(build):
    """Unchanged data of 200 categories look drifted by the raw index and do not by the value."""
    generator = np.random.default_rng(7)
    shares = generator.dirichlet(np.full(200, 20.0))
    raw, values = [], []
    for _ in range(200):
        f, g = generator.multinomial(1000, shares, size=2)
        raw.append(float(population_stability_index.raw(f, g)))
        values.append(float(population_stability_index.effect(np.append(f, 0), np.append(g, 0), build.categories(200))))
    assert 0.25 < np.mean(raw) < 0.4
    assert np.mean(values) < 0.01


def test_psi_with_an_empty_bin_stays_finite(build):
    """A bin that is empty on one side counts as about half a row, not as 1e-300."""
    value = DRIFT_MEASURES["population_stability_index"](
        build.cells([500, 500, 0]), build.cells([400, 400, 200]), build.categories(3), seed=1
    ).value
    assert 0.5 < value < 3


def test_psi_matches_its_formula_on_large_samples(build):
    """With many rows pseudo-counts and expectation vanish."""
    f, g = np.array([500_000, 300_000, 200_000]), np.array([400_000, 300_000, 300_000])
    p, q = f / f.sum(), g / g.sum()
    value = DRIFT_MEASURES["population_stability_index"](
        build.cells(f), build.cells(g), build.categories(3), seed=1
    ).value
    assert value == pytest.approx(((p - q) * np.log(p / q)).sum(), rel=1e-3)
