"""Power under stated shifts: the tests on bins beside scipy's on the same rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmarks._calibration_cells import LEVEL, zipf
from benchmarks._calibration_data import Floats, Generator, binned
from driftlog.contract.binning import CategoricalBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift.registry import DRIFT_MEASURES
from driftlog.evaluate.proportions import two_proportion_test


@dataclass(frozen=True, slots=True)
class PowerCell:
    """One run gives the p-values of our test and of scipy's on the same rows."""

    test: str
    beside: str
    data: str
    n: int
    m: int
    run: Callable[[Generator, int], tuple[float, float]]


def power_cells() -> Iterator[PowerCell]:
    """Every comparison, in the order of the table."""
    shifts = (
        (200, 100, 0.4, 1.0),
        (211, 103, 0.4, 1.0),
        (1000, 500, 0.15, 1.0),
        (1009, 503, 0.15, 1.0),
        (2000, 300, 0.2, 1.0),
        (1000, 500, 0.0, 1.3),
    )
    for test, beside in (("kolmogorov_smirnov", "ks_2samp, exact"), ("cramer_von_mises", "cramervonmises_2samp")):
        for n, m, shift, stretch in shifts:
            what = f"normal, mean + {shift} sd" if shift else f"normal, sd x {stretch}"
            yield PowerCell(
                test,
                beside,
                what,
                n,
                m,
                lambda g, seed, t=test, n=n, m=m, s=shift, k=stretch: _ranked(t, n, m, s, k, g, seed),
            )
    for size, n, m, moved in ((3, 500, 300, 0.08), (20, 1000, 500, 0.04), (50, 2000, 1000, 0.05)):
        yield PowerCell(
            "chi_square",
            "chi2_contingency",
            f"{size} categories, {moved:.0%} of the mass moved",
            n,
            m,
            lambda g, seed, size=size, n=n, m=m, moved=moved: _categorical(size, n, m, moved, g, seed),
        )
    for before, after, n, m in ((0.5, 0.6, 500, 300), (0.01, 0.04, 500, 200), (0.002, 0.02, 1000, 200)):
        yield PowerCell(
            "two_proportions",
            "fisher_exact",
            f"share of {before:.1%} to {after:.1%}",
            n,
            m,
            lambda g, seed, a=before, b=after, n=n, m=m: _shares(a, b, n, m, g),
        )


def powers(cell: PowerCell, runs: int, generator: Generator) -> tuple[float, float]:
    """Shares of runs in which ours and scipy's reject."""
    found = np.array([cell.run(generator, run) for run in range(runs)])
    ours, beside = (found <= LEVEL).mean(axis=0)
    return float(ours), float(beside)


def _ranked(
    test: str, n: int, m: int, shift: float, stretch: float, generator: Generator, seed: int
) -> tuple[float, float]:
    rows, window = generator.normal(size=n), generator.normal(shift, stretch, size=m)
    f, g, bins = binned(rows, window)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy leaves its exact method where that would overflow
        if test == "kolmogorov_smirnov":
            other = stats.ks_2samp(rows, window, method="exact").pvalue
        else:
            other = stats.cramervonmises_2samp(rows, window).pvalue
    return DRIFT_MEASURES[test](f, g, bins, seed=seed).p_value or 0.0, float(other)


def _categorical(size: int, n: int, m: int, moved: float, generator: Generator, seed: int) -> tuple[float, float]:
    before = zipf(size)
    after: Floats = (1 - moved) * before + moved * (np.arange(size) == size // 2)
    f, g = generator.multinomial(n, before), generator.multinomial(m, after)
    table = np.stack((f, g))[:, f + g > 0]
    other = stats.chi2_contingency(table, correction=False).pvalue
    bins = CategoricalBins(tuple(map(str, range(size))))
    ours = DRIFT_MEASURES["chi_square"](FieldCounts(np.append(f, 0)), FieldCounts(np.append(g, 0)), bins, seed=seed)
    return ours.p_value or 0.0, float(other)


def _shares(before: float, after: float, n: int, m: int, generator: Generator) -> tuple[float, float]:
    a, b = int(generator.binomial(n, before)), int(generator.binomial(m, after))
    return two_proportion_test(a, n, b, m)[0], float(stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue)
