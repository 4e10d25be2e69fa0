"""Coverage of 95 % intervals of accuracy where days differ: rows taken as independent, and days as clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
from docs.figures.drawing import Panel, percent, say, write

from driftlog.evaluate.performance.grid import ScoreGrid
from driftlog.evaluate.performance.intervals import estimate, wilson
from driftlog.evaluate.performance.registry import PERFORMANCE_METRICS
from driftlog.evaluate.performance.sums import ARRAYS, ByDay, OutcomeSums

RUNS, DAYS, ROWS = 4000, 14, 200
OTHERS = (7, 28)
EFFECTS = (1, 1.5, 2, 4, 8, 15)
ACCURACY = PERFORMANCE_METRICS["accuracy"]


def draw() -> None:
    """4,000 windows a point: 14 days of 200 rows; the days' accuracies are beta distributed around 0.8."""
    generator = np.random.default_rng(2)
    found = []
    for effect in EFFECTS:
        found.append(coverage(effect, generator))
        say(f"clustered: design effect {effect:g}: rows {found[-1][0]:.1%}, days {found[-1][1]:.1%}")
    for days in OTHERS:
        by_days = [coverage(effect, generator, days)[1] for effect in EFFECTS]
        say(f"clustered: {days} days: {min(by_days):.1%} to {max(by_days):.1%}")
    panel = Panel((70, 50, 700, 330), (1, 15), (0.3, 1))
    parts = panel.axes(
        "Coverage of 95 % intervals of accuracy, 14 days of 200 rows",
        "design effect: how much more the sum varies than that of independent rows",
        x_ticks=list(EFFECTS),
        y_ticks=[0.4, 0.6, 0.8, 0.95],
        y_form=percent,
    )
    for which, style, words in ((0, "red", "rows taken as independent"), (1, "blue", "clustered by day")):
        points = [(effect, one[which]) for effect, one in zip(EFFECTS, found, strict=True)]
        parts += [panel.line(points, style), *panel.dots(points, style)]
        parts.append(panel.name(words, 15.2, points[-1][1], style, up=-4))
    label = "Intervals that take rows as independent cover less and less as days differ; clustered ones keep 95 %"
    write("clustered", parts, width=930, height=380, label=label)


def coverage(effect: float, generator: np.random.Generator, days: int = DAYS) -> tuple[float, float]:
    """Shares of windows whose interval holds 0.8: Wilson's over all rows, and the product's."""
    held = np.zeros(2)
    inner = (effect - 1) / (ROWS - 1)
    for _ in range(RUNS):
        p = np.full(days, 0.8) if inner == 0 else generator.beta(0.8 * (1 / inner - 1), 0.2 * (1 / inner - 1), days)
        right = generator.binomial(ROWS, p)
        alone = wilson(float(right.sum()), days * ROWS)
        by_day = estimate(ACCURACY, ByDay.of(_sums(right))).interval
        for which, interval in enumerate((alone, by_day)):
            assert interval is not None and interval.lower is not None and interval.upper is not None  # noqa: S101
            held[which] += interval.lower <= 0.8 <= interval.upper
    return float(held[0] / RUNS), float(held[1] / RUNS)


def _sums(right: np.ndarray) -> OutcomeSums:
    """Days of outcomes that are right or wrong."""
    days = len(right)
    arrays: dict[str, Any] = {name: np.zeros(days) for name in ARRAYS}
    arrays |= {name: np.zeros((days, 1)) for name in ("score_positive", "score_negative")}
    arrays |= {name: np.zeros((days, 0, 1)) for name in ("class_positive", "class_negative")}
    confusion = np.zeros((days, 2, 2))
    confusion[:, 1, 1], confusion[:, 1, 0] = right, ROWS - right
    arrays |= {"confusion": confusion, "n": np.full(days, float(ROWS))}
    grid = ScoreGrid(np.array([0.5]), np.array([0.5]), np.ones(1), probability=True)
    return OutcomeSums(("0", "1"), 1, grid, (), None, None, None, **arrays)
