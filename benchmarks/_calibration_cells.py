"""False alarms of single tests under no change: what is simulated, cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from benchmarks._calibration_data import (
    Floats,
    Generator,
    Sides,
    binned,
    categories,
    continuous,
    repeated_values,
)
from driftlog.contract.binning import NumericBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift import chi_square, cramer_von_mises, kolmogorov_smirnov, permutation
from driftlog.evaluate.drift.merging import merge, tested_groups
from driftlog.evaluate.drift.presence import combined_by_holm, presence_p_values
from driftlog.evaluate.drift.registry import DRIFT_MEASURES
from driftlog.evaluate.proportions import two_proportion_test

LEVEL = 0.05
HUGE = 2_000_000
CONTINUOUS, COUNTED, COMBINED = "continuous", "counts", "combined"
BAND = {CONTINUOUS: (0.045, 0.055), COUNTED: (0.035, 0.065), COMBINED: (0.0, 0.055)}
"""Rates accepted at the level of 5 %; less is conservative, more fails."""
RANKED = ("kolmogorov_smirnov", "cramer_von_mises")
HOMOGENEITY = ("chi_square",)
"""Its p-value is also that of total variation, PSI, Jensen-Shannon, Hellinger and Cramer's V."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the table (or one a test): p-values of `runs` fresh pairs, by test."""

    data: str
    n: int
    m: int
    kind: str
    p_values: Callable[[int, Generator], dict[str, Floats]]


def all_cells() -> Iterator[Cell]:
    """Every cell, in the order of the table."""
    yield from _continuous()
    yield from _tied()
    yield from _counted()
    yield from _proportions()
    yield from _combined()


def p_values_of(sides: Sides, names: tuple[str, ...]) -> dict[str, Floats]:
    """p-values of the product's own measures.

    Where the product reads a limit distribution, all pairs at once by the same functions (a test in the project holds
    the two against each other); Monte Carlo pair by pair.
    """
    return {name: AT_ONCE[name](sides) for name in names}


def one_by_one(sides: Sides, name: str) -> Floats:
    """p-values pair by pair, as the product computes them."""
    pairs = (sides.pair(run) for run in range(len(sides.current)))
    return np.array([_p(name, f, g, sides.bins, run) for run, (f, g) in enumerate(pairs)])


def _has_limit(sides: Sides) -> bool:
    sizes = sides.reference[0].sum(), sides.current[0].sum()
    assert isinstance(sides.bins, NumericBins)
    return not sides.bins.discrete and min(sizes) >= permutation.FEWEST_FOR_LIMIT


def _kolmogorov_smirnov(sides: Sides) -> Floats:
    if not _has_limit(sides):
        return one_by_one(sides, "kolmogorov_smirnov")
    n, m = int(sides.reference[0].sum()), int(sides.current[0].sum())
    distance = kolmogorov_smirnov.effect(sides.reference, sides.current, sides.bins)
    occupied = np.count_nonzero(sides.reference + sides.current, axis=1)
    step = kolmogorov_smirnov.lattice(sides.reference[0], n, m)
    return kolmogorov_smirnov.limit_p_value(distance, n, m, occupied, step)


def _cramer_von_mises(sides: Sides) -> Floats:
    if not _has_limit(sides):
        return one_by_one(sides, "cramer_von_mises")
    n, m = int(sides.reference[0].sum()), int(sides.current[0].sum())
    squared = cramer_von_mises.squared(sides.reference, sides.current)
    return cramer_von_mises.limit_p_value(n / (n + m) * m * squared, n, m)


def _homogeneity(sides: Sides) -> Floats:
    """Pairs that need Monte Carlo one by one, the others at once."""
    groups = tested_groups(sides.bins, sides.reference[0])
    current = merge(sides.current, groups)
    reference = np.broadcast_to(merge(sides.reference, groups), current.shape)
    n, m = int(reference[0].sum()), int(current[0].sum())
    pooled = reference + current
    least = np.where(pooled > 0, pooled, np.iinfo(np.int64).max).min(axis=1)
    freedom = np.count_nonzero(pooled, axis=1) - 1
    p_values = special.chdtrc(freedom, chi_square.statistic(reference, current))
    for run in np.flatnonzero(chi_square.needs_monte_carlo(least * (min(n, m) / (n + m)), p_values)):
        p_values[run] = chi_square.homogeneity(reference[run], current[run], seed=int(run))[1]
    return np.asarray(p_values)


AT_ONCE: Mapping[str, Callable[[Sides], Floats]] = {
    "kolmogorov_smirnov": _kolmogorov_smirnov,
    "cramer_von_mises": _cramer_von_mises,
    "chi_square": _homogeneity,
}


def _p(name: str, f: FieldCounts, g: FieldCounts, bins: object, seed: int) -> float:
    p_value = DRIFT_MEASURES[name](f, g, bins, seed=seed).p_value  # type: ignore[arg-type]
    return 1.0 if p_value is None else p_value


def _continuous() -> Iterator[Cell]:
    pairs = ((50, 50), (53, 59), (200, 100), (211, 103), (500, 100), (1000, 1000), (5000, 500), (100_000, 10_000))
    for n, m in (*pairs, (50, HUGE), (500, HUGE), (HUGE, 50), (HUGE, 53), (HUGE, HUGE)):
        yield Cell(
            "continuous, 100 bins",
            n,
            m,
            CONTINUOUS,
            lambda runs, g, n=n, m=m: p_values_of(continuous(n, m, runs, g), RANKED),
        )
    for n, m, gone in ((1000, 1000, 0.5), (5000, 300, 0.3)):
        yield Cell(
            f"continuous, {gone:.0%} missing",
            n,
            m,
            CONTINUOUS,
            lambda runs, g, n=n, m=m, gone=gone: _with_gaps(n, m, gone, runs, g),
        )


def _with_gaps(n: int, m: int, gone: float, runs: int, generator: Generator) -> dict[str, Floats]:
    parts = [
        p_values_of(
            continuous(generator.binomial(n, 1 - gone), generator.binomial(m, 1 - gone), size, generator), RANKED
        )
        for size in _parts(runs)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in RANKED}


def _parts(runs: int, most: int = 100) -> list[int]:
    count = min(most, runs)
    return [len(part) for part in np.array_split(np.arange(runs), count)]


def _tied() -> Iterator[Cell]:
    for values, n, m in ((2, 500, 200), (10, 50, 50), (10, 1000, 500), (10, HUGE, HUGE), (40, 1000, 1000)):
        shares = np.full(values, 1 / values)
        yield Cell(
            f"{values} repeated values",
            n,
            m,
            COUNTED,
            lambda runs, g, n=n, m=m, shares=shares: p_values_of(repeated_values(shares, n, m, runs, g), RANKED),
        )
    yield Cell("half zeros, half continuous", 500, 200, COUNTED, lambda runs, g: _zeros(500, 200, runs, g))


def _zeros(n: int, m: int, runs: int, generator: Generator) -> dict[str, Floats]:
    found: dict[str, list[float]] = {name: [] for name in RANKED}
    for run in range(runs):
        rows = [generator.exponential(size=size) * (generator.random(size) < 0.5) for size in (n, m)]
        f, g, bins = binned(*rows)
        for name in RANKED:
            found[name].append(_p(name, f, g, bins, run))
    return {name: np.array(values) for name, values in found.items()}


def _counted() -> Iterator[Cell]:
    for n, m in ((50, 50), (200, 50), (1000, 1000), (500, HUGE), (HUGE, 500), (HUGE, HUGE)):
        yield Cell(
            "continuous, at most 10 bins",
            n,
            m,
            COUNTED,
            lambda runs, g, n=n, m=m: p_values_of(continuous(n, m, runs, g), HOMOGENEITY),
        )
    even = ((2, 50, 50), (3, 50, HUGE), (3, 1000, 1000), (20, 100, 100), (20, 1000, 5000), (20, HUGE, HUGE))
    many = ((200, 50, 50), (200, 1000, 1000), (200, 2000, HUGE), (200, 10_000, 5000), (200, HUGE, HUGE))
    for size, n, m in (*even, *many):
        yield _categorical(f"{size} equal categories", np.full(size, 1 / size), n, m)
    for size, n, m in ((20, 300, 200), (50, 1000, 1000), (200, 100_000, 10_000)):
        yield _categorical(f"{size} categories, shares as 1/rank", zipf(size), n, m)


def zipf(size: int) -> Floats:
    """Shares in proportion to 1, 1/2, 1/3, ..."""
    weights = 1 / np.arange(1, size + 1)
    return np.asarray(weights / weights.sum())


def _categorical(data: str, shares: Floats, n: int, m: int) -> Cell:
    return Cell(data, n, m, COUNTED, lambda runs, g: p_values_of(categories(shares, n, m, runs, g), HOMOGENEITY))


def _proportions() -> Iterator[Cell]:
    for share in (0.5, 0.1, 0.01, 0.001):
        for n, m in ((50, 50), (1000, 1000), (HUGE, 50), (100_000, 1000), (HUGE, HUGE)):
            yield Cell(
                f"share of {share:.1%}",
                n,
                m,
                COUNTED,
                lambda runs, g, n=n, m=m, share=share: _two_shares(share, n, m, runs, g),
            )


def _two_shares(share: float, n: int, m: int, runs: int, generator: Generator) -> dict[str, Floats]:
    a, b = generator.binomial(n, share, size=runs), generator.binomial(m, share, size=runs)
    p_values = [two_proportion_test(int(x), n, int(y), m)[0] for x, y in zip(a, b, strict=True)]
    return {"two_proportions, missing, unseen": np.array(p_values)}


def _combined() -> Iterator[Cell]:
    for n, m, gone in ((1000, 500, 0.3), (HUGE, 1000, 0.5)):
        yield Cell(
            f"number, {gone:.0%} missing",
            n,
            m,
            COMBINED,
            lambda runs, g, n=n, m=m, gone=gone: _holm_numeric(n, m, gone, runs, g),
        )
    yield Cell("20 categories, 10 % missing, 2 % unseen", 2000, 1000, COMBINED, _holm_categorical)


def _holm_numeric(n: int, m: int, gone: float, runs: int, generator: Generator) -> dict[str, Floats]:
    found = []
    for size in _parts(runs):
        here = int(generator.binomial(n, 1 - gone))
        for _ in range(size):
            now = int(generator.binomial(m, 1 - gone))
            sides = continuous(here, now, 1, generator)
            f, g = (FieldCounts(c.counts, missing=k) for c, k in zip(sides.pair(0), (n - here, m - now), strict=True))
            found.append(_holm("kolmogorov_smirnov", f, g, sides.bins, len(found)))
    return {"kolmogorov_smirnov + missing (Holm)": np.array(found)}


def _holm_categorical(runs: int, generator: Generator) -> dict[str, Floats]:
    shares = np.concatenate((zipf(20) * 0.88, [0.02, 0.10]))
    sides = categories(shares, 2000, 1000, runs, generator)
    bins = categories(zipf(20), 1, 1, 1, generator).bins
    found = []
    for run in range(runs):
        f, g = (
            FieldCounts(np.append(c.counts[:20], 0), unseen=int(c.counts[20]), missing=int(c.counts[21]))
            for c in sides.pair(run)
        )
        found.append(_holm("total_variation", f, g, bins, run))
    return {"homogeneity + missing + unseen (Holm)": np.array(found)}


def _holm(name: str, f: FieldCounts, g: FieldCounts, bins: object, seed: int) -> float:
    combined = combined_by_holm(_p(name, f, g, bins, seed), presence_p_values(f, g))[1]
    return 1.0 if combined is None else combined
