"""False alarms and power of every test that gives a p-value, by simulation with a fresh reference in every run.

    python -m benchmarks.calibration                  # prints the table: 20,000 runs a cell
    python -m benchmarks.calibration --write          # also writes docs/calibration.md
    python -m benchmarks.calibration --quick          # 400 runs a cell, to see that it works

The tests are those of the product, on simulated counts. For rates at 5 % a Monte Carlo p-value of 99 splits is as good
as one of 999 and is cut short once 5 splits are as extreme (it then is above 5 % whatever follows); the table shows
cells both ways, and power and families always take 999. `--resume FILE` keeps finished cells there, so that a run which
was ended goes on; every cell has random numbers of its own, so that changes nothing.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._calibration_cells import BAND, COUNTED, LEVEL, Cell, all_cells, p_values_of
from benchmarks._calibration_data import repeated_values
from benchmarks._calibration_power import PowerCell, power_cells, powers
from benchmarks._calibration_windows import JOINT, family_rates, joint_rate
from driftlog.evaluate.drift import permutation
from driftlog.evaluate.drift.joint import JOINT_MEASURES

PAGE = Path(__file__).parent.parent / "docs" / "calibration.md"
FEW_SPLITS = (20, 20, 59), 5
"""Batches, and how many splits as extreme end the drawing."""
ALL_SPLITS = permutation.BATCHES, permutation.ENOUGH
Row = tuple[str, ...]

HEAD = """# Calibration: how often the tests cry wolf, and what they catch

`{command}` ({runs:,} runs a cell, a fresh reference in each; {machine}, {day})

Every test of the product that gives a p-value, at the level of 5 %. n: rows of the reference, m: rows of the window.
The reference's bins are made afresh in every run, from its own quantiles, as the product makes them. The standard error
of a rate near 5 % is {error:.2f} points.

Accepted: 4.5 to 5.5 % on continuous data, 3.5 to 6.5 % on counts and repeated values, at most 5.5 % for combined tests.
*conservative*: fewer alarms than that, because the statistic takes few values. {verdict}

p-values take rows as independent. Rows of real streams are not: that is why they are reported, and why the default
rule, which compares the window with the reference's own chunks, is what judges.
"""


@contextmanager
def splits(batches: tuple[int, ...], enough: int) -> Iterator[None]:
    """Monte Carlo p-values from so many splits inside the block."""
    kept = permutation.BATCHES, permutation.ENOUGH
    permutation.BATCHES, permutation.ENOUGH = batches, enough
    try:
        yield
    finally:
        permutation.BATCHES, permutation.ENOUGH = kept


def verdict_of(rate: float, kind: str) -> str:
    """What the acceptance of a cell says about its rate."""
    low, high = BAND[kind]
    return "fails" if rate > high else "conservative" if rate < low else "ok"


def percent(rate: float) -> str:
    return f"{100 * rate:.2f} %"


@dataclass
class Finished:
    """Rows of cells, kept in a file where one is named."""

    path: Path | None
    only: bool
    """Leave out what is not finished yet."""

    def __post_init__(self) -> None:
        self.rows: dict[str, list[list[str]]] = {}
        if self.path is not None and self.path.exists():
            self.rows = json.loads(self.path.read_text(encoding="utf-8"))

    def get(self, key: str, make: Callable[[], list[Row]]) -> list[Row]:
        """The rows of a cell, made now unless they are held."""
        if key not in self.rows:
            if self.only:
                return []
            self.rows[key] = [list(row) for row in make()]
            for row in self.rows[key]:
                print("  ".join(row), flush=True)
            if self.path is not None:
                self.path.write_text(json.dumps(self.rows), encoding="utf-8")
        return [tuple(row) for row in self.rows[key]]


def alarm_rows(cell: Cell, runs: int, generator: np.random.Generator) -> list[Row]:
    """(test, data, n, m, rate, verdict) of one cell, one row a test."""
    rows: list[Row] = []
    with splits(*FEW_SPLITS):
        for test, p_values in cell.p_values(runs, generator).items():
            rate = float((p_values <= LEVEL).mean())
            said = verdict_of(rate, cell.kind)
            rows.append((test, cell.data, f"{cell.n:,}", f"{cell.m:,}", percent(rate), said))
    return rows


def splits_compared(runs: int, generator: np.random.Generator) -> list[Row]:
    """Monte Carlo cells with 99 and with 999 splits, on the same counts."""
    sides = repeated_values(np.full(10, 0.1), 1000, 500, runs, generator)
    rows = []
    for batches, enough in (FEW_SPLITS, ALL_SPLITS):
        with splits(batches, enough):
            for test, p_values in p_values_of(sides, ("kolmogorov_smirnov", "cramer_von_mises")).items():
                rate = float((p_values <= LEVEL).mean())
                said = verdict_of(rate, COUNTED)
                rows.append((test, f"10 repeated values, {sum(batches)} splits", percent(rate), said))
    return rows


def power_rows(cell: PowerCell, runs: int, generator: np.random.Generator) -> list[Row]:
    """(test, data, n, m, our power, beside, scipy's power, verdict)."""
    ours, other = powers(cell, runs, generator)
    said = "ok" if ours >= other - 0.02 else "less"
    return [(cell.test, cell.data, f"{cell.n:,}", f"{cell.m:,}", percent(ours), cell.beside, percent(other), said)]


def family_rows(references: int, generator: np.random.Generator) -> list[Row]:
    """(correction, references, mean rate, verdict)."""
    rates = family_rates(("benjamini_hochberg", "holm", "bonferroni"), references, generator)
    return [
        (
            correction,
            f"{references} x 20 windows x 20 fields",
            f"{percent(rate)} (+- {100 * error:.2f})",
            "ok" if rate <= 0.055 else "fails",
        )
        for correction, (rate, error) in rates.items()
    ]


def default_rule_rows(quick: bool) -> list[Row]:
    """What `benchmarks.default_rule.rows()` measures, where that is there."""
    try:
        module: Any = importlib.import_module("benchmarks.default_rule")
    except ImportError:
        return []
    return [tuple(str(cell) for cell in row) for row in module.rows(quick=quick)]


def table(header: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def sections(runs: int, seed: int, quick: bool, finished: Finished, *, rule: bool) -> tuple[str, list[Row]]:
    """All tables as Markdown, and the rows that fail."""

    def stream(*key: int) -> np.random.Generator:
        return np.random.default_rng((seed, *key))

    alarms = [
        row
        for i, cell in enumerate(all_cells())
        for row in finished.get(
            f"{cell.data} {cell.n} {cell.m} {runs}", lambda c=cell, i=i: alarm_rows(c, runs, stream(0, i))
        )
    ]
    references = 20 if quick else 400
    families = finished.get(f"family {references}", lambda: family_rows(references, stream(2)))
    fewer = max(200, runs // 20)
    power = [
        row
        for i, cell in enumerate(power_cells())
        for row in finished.get(
            f"power {cell.test} {cell.data} {cell.n} {fewer}", lambda c=cell, i=i: power_rows(c, fewer, stream(3, i))
        )
    ]
    both = finished.get(f"splits {runs // 4}", lambda: splits_compared(runs // 4, stream(1)))
    trained = 20 if quick else 200
    joint: list[Row] = []
    for name, measure in JOINT_MEASURES.items():
        for case in JOINT:
            count = trained if case[0] == "no change" else max(20, trained // 5)
            joint += finished.get(
                f"joint {name} {case} {count}",
                lambda n=name, f=measure, c=case, k=count: [
                    (n, c[0], f"{c[1]:,}", f"{c[2]:,}", str(k), percent(joint_rate(f, c, k, seed)))
                ],
            )
    parts = [
        "## Nothing changes: share of p <= 5 %\n",
        "`chi_square` stands for the homogeneity test, whose p-value total variation, PSI, Jensen-Shannon, Hellinger",
        "and Cramer's V carry as well; Wasserstein carries that of Kolmogorov-Smirnov.\n",
        table(("test", "data", "n", "m", "rate", ""), alarms),
        "\nMonte Carlo p-values above take 99 splits, the product 999; on the same counts (n = 1,000, m = 500,",
        f"{runs // 4:,} runs):\n",
        table(("test", "data", "rate", ""), both),
        "\n## A whole window: share of windows with any adjusted p <= 5 %\n",
        "15 numbers and 5 categorical fields with 5 % missing, 5,000 v 500 rows, nothing changes; each field's p-value",
        "is Holm's combination of its distribution and its missing values; accepted: at most 5.5 %.\n",
        table(("correction", "references", "mean", ""), families),
        f"\n## Something changes: share of p <= 5 %, {fewer:,} runs, the same rows for both\n",
        "*ok*: at most 2 points less than scipy's test on the raw rows. Where sample sizes have large common divisors",
        "(200 v 100), the distance of Kolmogorov and Smirnov takes few values on quantile bins and its test is",
        "conservative; sizes without one (211 v 103) show what it costs otherwise.\n",
        table(("test", "change", "n", "m", "power", "scipy", "its power", ""), power),
        "\n## Joint measures on rows\n",
        f"They train a model in every run, so there are fewer runs; with {trained} the standard error near 5 %",
        f"is {100 * float(np.sqrt(LEVEL * (1 - LEVEL) / trained)):.1f} points.\n",
        table(("measure", "data", "n", "m", "runs", "share of p <= 5 %"), joint),
        "",
    ]
    measured = finished.get(f"default rule {quick}", lambda: default_rule_rows(quick)) if rule else []
    if measured:
        parts += [
            "## The default rule\n",
            "On real flights: alarms where nothing changes, and planted shifts caught.\n",
            table(("what", "where", "figure", "goal"), measured),
        ]
    failing = [row for row in (*alarms, *families, *power) if row[-1] in ("fails", "less")]
    return "\n".join(parts), failing


def failure(row: Row) -> str:
    """A failing row in words."""
    if row[-1] == "less":
        return f"power of {row[0]}, {row[1]}, {row[2]} v {row[3]}: {row[4]} ({row[5]}: {row[6]})"
    return f"{row[0]}, {row[1]}" + (f", {row[2]} v {row[3]}: {row[4]}" if len(row) > 4 else f": {row[2]}")


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="400 runs a cell")
    parser.add_argument("--write", action="store_true", help="write docs/calibration.md")
    parser.add_argument("--resume", type=Path, help="file that keeps finished cells")
    parser.add_argument("--finished", action="store_true", help="with --resume: only the cells that are finished")
    parser.add_argument("--without-rule", action="store_true", help="leave out the default rule, which takes longest")
    arguments = parser.parse_args()
    runs = 400 if arguments.quick else arguments.runs
    began = time.perf_counter()
    finished = Finished(arguments.resume, arguments.finished)
    body, failing = sections(runs, arguments.seed, arguments.quick, finished, rule=not arguments.without_rule)
    said = "; ".join(failure(row) for row in failing)
    listed = "".join(f"\n- {failure(row)}" for row in failing)
    head = HEAD.format(
        command="python -m benchmarks.calibration --write"
        + ("" if runs == 20_000 else f" --runs {runs}")
        + (" --without-rule" if arguments.without_rule else ""),
        runs=runs,
        machine=machine(),
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        error=100 * float(np.sqrt(LEVEL * (1 - LEVEL) / runs)),
        verdict=f"Cells that miss what is accepted:\n{listed}" if failing else "No cell fails.",
    )
    print(f"\n{len(failing)} cells fail{': ' + said if said else ''}; {time.perf_counter() - began:.0f} s")
    if arguments.write:
        PAGE.write_text(f"{head}\n{body.rstrip()}\n", encoding="utf-8")
        print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
