"""Isotonic calibration of score bins, half-samples of the reference, and the check out of fold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from driftlog.contract.binning import NumericBins
from driftlog.evaluate.estimation.calibration import calibrate, check_calibration
from driftlog.evaluate.estimation.interval import Spread, interval_of, spread_of
from driftlog.evaluate.estimation.isotonic import bin_positions, isotonic_rates
from driftlog.evaluate.estimation.resampling import HalfSamples


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=30))
def test_isotonic_rates_are_scikit_learns(cells):
    """Weighted by rows; bins without rows are interpolated, the ends continued."""
    hits = np.array([a for a, _ in cells], dtype=float)
    total = hits + np.array([b for _, b in cells])
    position = np.arange(len(cells), dtype=float)
    found = isotonic_rates(hits, total, position)
    used = total > 0
    if not used.any():
        assert np.isnan(found).all()
        return
    oracle = IsotonicRegression(out_of_bounds="clip").fit(
        position[used], (hits / np.maximum(total, 1))[used], total[used]
    )
    assert found == pytest.approx(oracle.predict(position), abs=1e-9)
    assert (np.diff(found) >= -1e-12).all()


def test_many_rows_are_fitted_as_each_alone():
    """Leading axes do not pool with each other."""
    generator = np.random.default_rng(1)
    total = generator.integers(0, 9, (6, 3, 12)).astype(float)
    hits = generator.binomial(total.astype(int), 0.4).astype(float)
    together = isotonic_rates(hits, total, np.arange(12.0))
    alone = [[isotonic_rates(hits[i, j], total[i, j], np.arange(12.0)) for j in range(3)] for i in range(6)]
    assert together == pytest.approx(np.array(alone), nan_ok=True)


def test_calibrated_totals_are_the_observed_ones():
    """The sum of rate x rows over the reference is its number of positives."""
    hits, total = np.array([[1.0, 5, 2, 9]]), np.array([[10.0, 10, 10, 10]])
    found = calibrate(hits, total, np.arange(4.0), HalfSamples(1, seed=1, replicates=5))
    assert found.rates @ total[0] == pytest.approx(17)
    assert found.halves.shape == (5, 4)


def test_bin_positions_of_a_single_bin():
    """No edges: one bin."""
    assert bin_positions(NumericBins(edges=(), coarse=(0,))).tolist() == [0.0]


@pytest.mark.parametrize("days", [1, 9, 40])
def test_half_samples_have_the_variance_of_the_whole(days):
    """Of a rate: p (1 - p) / n, whether rows or whole days are drawn."""
    generator = np.random.default_rng(3)
    found = []
    for _ in range(60):
        hits = generator.binomial(5000 // days, 0.3, days).astype(float)[:, None]
        samples = HalfSamples(days, seed=int(generator.integers(1 << 30)))
        total = np.full((days, 1), 5000 // days, dtype=float)
        drawn, missed = samples.draw(hits), samples.draw(total - hits)
        found.append((drawn / (drawn + missed)).var() * samples.scale)
    assert np.mean(found) == pytest.approx(0.3 * 0.7 / 5000, rel=0.12)


def test_half_samples_take_the_same_days_of_every_table():
    """Hits and misses of one day belong together."""
    samples = HalfSamples(10, seed=1)
    counts = np.arange(10.0)[:, None]
    assert (samples.draw(counts) * 3 == samples.draw(counts * 3)).all()


def _reference(days, rate_of_day, seed=1, n=400):
    """Counts of 20 score bins by day."""
    generator = np.random.default_rng(seed)
    total = generator.multinomial(n, np.full(20, 0.05), days).astype(float)
    middle = (np.arange(20) + 0.5) / 20
    hits = np.stack([generator.binomial(total[d].astype(int), rate_of_day(d, middle)) for d in range(days)])
    return hits.astype(float), total, np.arange(20.0), np.arange(20) // 2


@pytest.mark.parametrize("days", [1, 5, 60])
def test_a_calibrated_reference_passes_its_check(days):
    """The score is the rate on every day: of ten references one may fail by chance."""
    checks = [check_calibration(*_reference(days, lambda d, s: s, seed)) for seed in range(10)]
    assert sum(check.failed for check in checks) <= 1
    assert checks[0].folds == (5 if days == 1 else min(days, 10))
    assert checks[0].tolerance == pytest.approx(0.05, abs=0.005)


def test_a_reference_whose_rates_change_half_way_fails_its_check():
    """What holds in its first weeks is off by 0.3 in its last."""
    hits, total, position, groups = _reference(60, lambda d, s: s if d < 30 else np.clip(s - 0.3, 0, 1))
    check = check_calibration(hits, total, position, groups)
    assert check.failed
    assert 0.1 < check.error < 0.4


def test_a_falling_rate_fails_its_check():
    """A score that says the opposite cannot be mended by a rising curve."""
    assert check_calibration(*_reference(60, lambda d, s: 1 - s)).failed


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_one_class_cannot_be_checked(rate):
    """There is nothing to compare."""
    check = check_calibration(*_reference(20, lambda d, s: np.full(20, rate)))
    assert np.isnan(check.error)
    assert not check.failed


def test_the_interval_widens_with_few_days():
    """Student's t with the days that carry the uncertainty."""
    rows, few = Spread(0.0, 0.02, 0.001), Spread(0.0, 0.02, 0.001, freedom=7)
    assert rows.half_width == pytest.approx(1.96 * rows.deviation, rel=1e-3)
    assert few.half_width == pytest.approx(2.365 * few.deviation, rel=1e-2)
    assert Spread(0.0, 0.001, 0.02, freedom=7).half_width == pytest.approx(1.96 * 0.02, rel=1e-2)


def test_the_interval_is_moved_by_the_bias_and_stays_in_bounds():
    """Too sharp rates promise too much; the value itself stays in."""
    assert interval_of(0.9, Spread(0.02, 0.01, 0.0), (0.0, 1.0)) == pytest.approx(
        (0.88 - 0.0438, 0.88 + 0.0438), abs=1e-4
    )
    assert interval_of(0.99, Spread(0.0, 0.1, 0.0), (0.0, 1.0))[1] == 1.0
    assert interval_of(0.5, Spread(0.3, 0.0, 0.0), (0.0, 1.0))[1] >= 0.5


def test_no_interval_where_a_metric_is_mostly_undefined():
    """Half of the half-samples have no precision."""
    halves = np.where(np.arange(100) % 2 == 0, np.nan, 0.5)
    assert spread_of(0.5, halves, np.full(100, 0.5), 1.0, 9.0) is None
