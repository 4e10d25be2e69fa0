"""Families of a whole window, and the joint measures on rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from benchmarks._calibration_cells import LEVEL, p_values_of, zipf
from benchmarks._calibration_data import Generator, Sides, quantile_targets, spacings
from driftlog.contract.binning import Binning, CategoricalBins, NumericBins
from driftlog.contract.profile import RowSample
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.joint import JointMeasure
from driftlog.evaluate.drift.presence import combined_by_holm
from driftlog.evaluate.multiple_testing import ADJUSTMENTS
from driftlog.evaluate.proportions import two_proportion_test
from driftlog.profile.edges import coarse_bins

START = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
NUMBERS, CATEGORIES, WINDOWS = 15, 5, 20
MISSING = 0.05


def _context(number: int) -> SeriesContext:
    return SeriesContext("m", "e", Window(START + number * DAY, START + (number + 1) * DAY))


def family_rates(
    corrections: tuple[str, ...], references: int, generator: Generator, n: int = 5000, m: int = 500
) -> dict[str, tuple[float, float]]:
    """Mean over references of the share of windows with any adjusted p <= 5 %, and its standard error, by correction.

    15 numbers and 5 categorical fields, 5 % missing, nothing changes; 20 windows a reference; the fields' combined
    p-values are what counts.
    """
    rates: dict[str, list[float]] = {name: [] for name in corrections}
    for _ in range(references):
        fields = [_numeric_field(n, m, generator) for _ in range(NUMBERS)]
        fields += [_categorical_field(n, m, generator) for _ in range(CATEGORIES)]
        for name, adjust in ADJUSTMENTS.items():
            if name in corrections:
                rates[name].append(float(np.mean([min(adjust(window)) <= LEVEL for window in np.array(fields).T])))
    return {name: (float(np.mean(r)), float(np.std(r, ddof=1) / np.sqrt(references))) for name, r in rates.items()}


def _numeric_field(n: int, m: int, generator: Generator) -> list[float]:
    """Combined p-values of 20 windows of one number."""
    present, now = (int(generator.binomial(size, 1 - MISSING)) for size in (n, m))
    targets = quantile_targets(present)
    reference = np.diff(np.concatenate(([0], targets, [present]))).astype(np.int64)
    shares = spacings(present, 1, generator)[0]
    bins = NumericBins(tuple(map(float, range(targets.size))), coarse_bins(reference))
    sides = Sides(reference[None, :], generator.multinomial(now, shares, size=WINDOWS), bins)
    own = p_values_of(sides, ("kolmogorov_smirnov",))["kolmogorov_smirnov"]
    return [_combined(p_value, n - present, n, m, generator) for p_value in own]


def _categorical_field(n: int, m: int, generator: Generator) -> list[float]:
    """Combined p-values of 20 windows of one categorical field."""
    present, now = (int(generator.binomial(size, 1 - MISSING)) for size in (n, m))
    shares = np.append(zipf(20), 0.0)
    counts = generator.multinomial(now, shares, size=WINDOWS)
    sides = Sides(generator.multinomial(present, shares)[None, :], counts, CategoricalBins(tuple(map(str, range(20)))))
    own = p_values_of(sides, ("chi_square",))["chi_square"]
    return [_combined(p_value, n - present, n, m, generator) for p_value in own]


def _combined(p_value: float, missing: int, n: int, m: int, generator: Generator) -> float:
    gone = two_proportion_test(missing, n, int(generator.binomial(m, MISSING)), m)[0]
    return combined_by_holm(float(p_value), {"missing": gone})[1] or 0.0


JOINT: Final = (
    ("no change", 200, 200, 0.6, 0.6),
    ("no change", 1000, 200, 0.6, 0.6),
    ("correlation 0.6 to 0.2, every field as before", 500, 300, 0.6, 0.2),
)
"""6 numbers and 2 categorical fields, 5 % missing: what changes, n, m, correlation of the numbers before and now."""


def joint_rate(measure: JointMeasure, case: tuple[str, int, int, float, float], runs: int, seed: int) -> float:
    """Share of runs with p <= 5 %."""
    generator = np.random.default_rng(seed)
    _, n, m, first, now = case
    hits = 0
    for run in range(runs):
        sides = make_rows(n, first, generator), make_rows(m, now, generator)
        p_value = measure(*sides, ROWS_BINNING, ModelSettings(name="m"), _context(run)).p_value
        hits += p_value is not None and p_value <= LEVEL
    return hits / runs


ROWS_BINNING = Binning(
    "b",
    "m",
    "e",
    {
        **{f"features.x{index}": NumericBins((0.0,), (0, 1)) for index in range(6)},
        **{f"features.c{index}": CategoricalBins(tuple("abcde")) for index in range(2)},
    },
    START,
)


def make_rows(n: int, correlation: float, generator: Generator) -> RowSample:
    """Rows of the fields of `ROWS_BINNING`; one common factor behind the numbers."""
    common = generator.normal(size=(n, 1))
    numbers = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * generator.normal(size=(n, 6))
    numbers[generator.random(numbers.shape) < MISSING] = np.nan
    columns = {f"features.x{index}": numbers[:, index] for index in range(6)}
    for index in range(2):
        columns[f"features.c{index}"] = generator.choice(np.arange(-1.0, 6.0), size=n)
    return RowSample(columns, n)
