"""False alarms and power of p-values and of the default drift rule, by simulation.

``python tests/unit/evaluate/calibration.py 4000`` prints the figures of docs/statistics.md (two minutes). The tests
check the same with fewer runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from driftlog.contract.binning import CategoricalBins, NumericBins
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import FieldCounts
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.default_drift import CONFIDENCE
from driftlog.decide.defaults import DEFAULT_DRIFT
from driftlog.decide.judge import judge
from driftlog.decide.prediction_limit import margin
from driftlog.evaluate.drift import chi_square, kolmogorov_smirnov
from driftlog.evaluate.drift.chunks import statistics_of_counts
from driftlog.evaluate.drift.registry import DRIFT_MEASURES

DAY = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


def share(run: Callable[[int], bool], runs: int) -> str:
    return f"{sum(run(i) for i in range(runs)) / runs:.2%}"


def quantile_bins(rows: np.ndarray) -> NumericBins:
    edges = np.unique(np.quantile(rows, np.linspace(0, 1, 101)[1:-1], method="inverted_cdf"))
    return NumericBins(tuple(edges.tolist()), tuple(range(edges.size + 1)))


def counted(rows: np.ndarray, bins: NumericBins) -> FieldCounts:
    return FieldCounts(
        np.bincount(np.searchsorted(bins.edges, rows, side="right"), minlength=bins.size).astype(np.int64)
    )


def p_values(runs: int, generator: np.random.Generator) -> None:
    """p < 0.05 without change, a fresh reference (and its quantile bins) each run."""
    for n, m in ((500, 100), (5000, 500), (5000, 5000)):

        def ks(run: int, n: int = n, m: int = m) -> bool:
            rows = generator.normal(size=n)
            bins = quantile_bins(rows)
            window = counted(generator.normal(size=m), bins)
            return (kolmogorov_smirnov.compare(counted(rows, bins), window, bins, seed=run).p_value or 0) < 0.05

        print(f"Kolmogorov-Smirnov, continuous, {n} v {m}: {share(ks, runs)}")
    for size, n, m in ((3, 1000, 1000), (20, 1000, 5000), (50, 300, 200)):
        shares = generator.dirichlet(np.full(size, 5.0))

        def chi(run: int, n: int = n, m: int = m, shares: np.ndarray = shares) -> bool:
            f, g = generator.multinomial(n, shares), generator.multinomial(m, shares)
            return chi_square.homogeneity(f, g, seed=run)[1] < 0.05

        print(f"chi-square, {size} categories, {n} v {m}: {share(chi, runs)}")


def default_rule(runs: int, generator: np.random.Generator) -> None:
    """Windows in breach, i.i.d. rows, 12 chunks of 3000; and with 15 % of the mass moved."""
    halves = np.full(100, 0.01)
    moved = np.where(np.arange(100) < 50, 0.007, 0.013)
    mix = np.append(generator.dirichlet(np.full(20, 5.0)), 0.0)
    mixed = 0.85 * mix + 0.15 * (np.arange(21) == 3)
    cases = (
        ("kolmogorov_smirnov", NumericBins(tuple(map(float, range(99))), tuple(range(100))), halves, moved),
        ("total_variation", CategoricalBins(tuple(map(str, range(20)))), mix, mixed),
    )
    for name, bins, before, after in cases:
        measure = DRIFT_MEASURES[name]
        for n in (200, 500, 3000, 6500):

            def breach(run: int, now: np.ndarray, n: int = n) -> bool:
                chunks = [generator.multinomial(3000, before) for _ in range(12)]  # noqa: B023
                whole = np.sum(chunks, axis=0)
                value = float(measure.effect(whole, generator.multinomial(n, now), bins))  # noqa: B023
                measurement = Measurement(
                    model="m",
                    environment="e",
                    metric=name,  # noqa: B023
                    purpose="data_drift",
                    window=DAY,
                    value=value,
                    chunks=statistics_of_counts(whole, chunks, bins, measure, n, run),  # noqa: B023
                )
                return judge(measurement, ModelSettings(name="m")).verdict in ("warning", "critical")

            quiet = share(lambda run: breach(run, before), runs)  # noqa: B023
            caught = share(lambda run: breach(run, after), runs // 4)  # noqa: B023
            print(f"default rule, {name}, windows of {n}: unchanged {quiet}, 15 % moved {caught}")


def alerts_of_one_field(references: int, generator: np.random.Generator) -> None:
    """How often an unchanged field opens an alert: breaches of one reference are not independent, so per reference.

    In breach now and in one of the two windows before: about ``2 p^2`` a window for a reference with breach rate p.
    """
    bins, shares, windows = NumericBins(tuple(map(float, range(99))), tuple(range(100))), np.full(100, 0.01), 400
    measure = DRIFT_MEASURES["kolmogorov_smirnov"]
    pairs = 0.0
    for run in range(references):
        chunks = [generator.multinomial(3000, shares) for _ in range(12)]
        whole = np.sum(chunks, axis=0)
        known = statistics_of_counts(whole, chunks, bins, measure, 500, run)
        assert known is not None
        limit = max(DEFAULT_DRIFT.floor, known.mean + margin(known, CONFIDENCE))
        hits = int((measure.effect(whole, generator.multinomial(500, shares, size=windows), bins) > limit).sum())
        pairs += hits * (hits - 1) / (windows * (windows - 1))
    print(f"default rule, kolmogorov_smirnov, windows of 500: alerts opened {2 * pairs / references:.4%} of windows")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    p_values(count, np.random.default_rng(1))
    default_rule(count, np.random.default_rng(2))
    alerts_of_one_field(max(count // 3, 100), np.random.default_rng(5))
