"""What the published calibration simulates is what the product computes, and its bins are the product's."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks._calibration_cells import AT_ONCE, all_cells, one_by_one, p_values_of, zipf
from benchmarks._calibration_data import binned, categories, continuous, quantile_targets, repeated_values
from benchmarks.calibration import FEW_SPLITS, Finished, alarm_rows, splits, table, verdict_of
from driftlog.evaluate.drift import permutation


@pytest.mark.parametrize("n", [50, 99, 100, 257, 5000])
def test_simulated_bins_are_those_of_the_product(n):
    """The same number of bins and the same reference counts as `numeric_bins` gives on rows."""
    generator = np.random.default_rng(1)
    rows, window = generator.normal(size=n), generator.normal(size=80)
    reference, _, bins = binned(rows, window)
    sides = continuous(n, 80, 3, generator)
    assert sides.reference[0].tolist() == reference.counts.tolist()
    assert sides.bins.coarse == bins.coarse
    assert quantile_targets(n).size == len(bins.edges)


def test_simulated_windows_are_distributed_like_rows():
    """Mean and variance of a bin's count over fresh references: those of binned rows."""
    generator = np.random.default_rng(2)
    simulated = continuous(200, 100, 4000, generator).current[:, 40:45].sum(axis=1)
    counted = [
        binned(generator.normal(size=200), generator.normal(size=100))[1].counts[40:45].sum() for _ in range(1500)
    ]
    assert simulated.mean() == pytest.approx(np.mean(counted), rel=0.06)
    assert simulated.var() == pytest.approx(np.var(counted), rel=0.15)


@pytest.mark.parametrize("name", list(AT_ONCE))
@pytest.mark.parametrize(("n", "m"), [(500, 100), (211, 103), (50, 2_000_000), (40, 45)])
def test_many_pairs_at_once_are_the_product_one_by_one(name, n, m):
    """To the last digits, limit or Monte Carlo."""
    sides = continuous(n, m, 8, np.random.default_rng(3))
    assert p_values_of(sides, (name,))[name] == pytest.approx(one_by_one(sides, name), rel=1e-9, abs=1e-12)


def test_categories_at_once_are_the_product_one_by_one():
    """Those with small expected counts as well."""
    sides = categories(zipf(20), 300, 200, 20, np.random.default_rng(4))
    assert p_values_of(sides, ("chi_square",))["chi_square"] == pytest.approx(one_by_one(sides, "chi_square"))


def test_cutting_monte_carlo_short_decides_the_same():
    """A p-value of 99 splits that is cut short is above 5 % exactly where the whole one is."""
    sides = repeated_values(np.full(10, 0.1), 200, 100, 300, np.random.default_rng(5))
    found = []
    for batches, enough in (FEW_SPLITS, ((20, 20, 59), 100)):
        with splits(batches, enough):
            found.append(one_by_one(sides, "kolmogorov_smirnov") <= 0.05)
    assert found[0].tolist() == found[1].tolist()
    assert FEW_SPLITS[0] != permutation.BATCHES


def test_every_cell_runs():
    """A few runs of each give p-values between 0 and 1 and a row a test."""
    for number, cell in enumerate(all_cells()):
        if cell.n <= 5000 and cell.m <= 5000:
            rows = alarm_rows(cell, 3, np.random.default_rng(number))
            assert rows and all(row[-1] in ("ok", "fails", "conservative") for row in rows)


def test_verdicts_follow_the_bands():
    """Continuous data narrow, counts wide, combined tests from above only."""
    assert [verdict_of(rate, "continuous") for rate in (0.044, 0.05, 0.056)] == ["conservative", "ok", "fails"]
    assert [verdict_of(rate, "counts") for rate in (0.034, 0.06, 0.066)] == ["conservative", "ok", "fails"]
    assert [verdict_of(rate, "combined") for rate in (0.01, 0.056)] == ["ok", "fails"]


def test_finished_cells_are_kept(tmp_path):
    """A run that was ended goes on where it was."""
    path, made = tmp_path / "cells.json", []

    def make():
        made.append(1)
        return [("a", "1")]

    assert Finished(path, only=False).get("cell", make) == [("a", "1")]
    assert Finished(path, only=False).get("cell", make) == [("a", "1")]
    assert Finished(path, only=True).get("another", make) == []
    assert made == [1]
    assert table(("x", "y"), [("a", "1")]) == "| x | y |\n| --- | --- |\n| a | 1 |"
