"""Equal groups called different: the largest of many differences, with each pair's interval and with all together."""

from __future__ import annotations

import numpy as np
from docs.figures.drawing import Panel, percent, say, write

from driftlog.evaluate.fairness.comparison import Rate, largest_difference, pair_confidence
from driftlog.evaluate.performance.intervals import wilson

RUNS, ROWS, SHARE = 1500, 200, 0.35
GROUPS = (2, 3, 4, 6, 8, 10)


def draw() -> None:
    """1,500 windows a point; groups of 200 rows, all with a selection rate of 35 %."""
    generator = np.random.default_rng(8)
    found = []
    for groups in GROUPS:
        drawn = generator.binomial(ROWS, SHARE, (RUNS, groups))
        found.append(tuple(_different(drawn, level) for level in (0.95, pair_confidence(groups))))
        say(f"groups: {groups} equal groups called different: ordinary {found[-1][0]:.1%}, together {found[-1][1]:.1%}")
    panel = Panel((70, 50, 700, 300), (2, 10), (0, 0.8))
    parts = panel.axes(
        "Equal groups that are called different, intervals of 95 %",
        "groups",
        x_ticks=GROUPS,
        y_ticks=[0, 0.05, 0.2, 0.4, 0.6, 0.8],
        y_form=percent,
    )
    for which, style, words in ((0, "red", "each pair's own interval"), (1, "blue", "all pairs' together")):
        points = [(groups, one[which]) for groups, one in zip(GROUPS, found, strict=True)]
        parts += [panel.line(points, style), *panel.dots(points, style)]
        parts.append(panel.name(words, 10.15, points[-1][1], style, up=-4))
    label = (
        "With ordinary intervals ten equal groups are called different in most windows; with simultaneous ones seldom"
    )
    write("groups", parts, width=930, height=350, label=label)


def _different(drawn: np.ndarray, confidence: float) -> float:
    """Share of windows in which the interval of the largest difference excludes 0."""
    rates = [_rate(int(count), confidence) for count in range(ROWS + 1)]
    return float(np.mean([(largest_difference([rates[c] for c in row]).lower or 0.0) > 0 for row in drawn.tolist()]))


def _rate(count: int, confidence: float) -> Rate:
    interval = wilson(count, ROWS, confidence)
    assert interval is not None and interval.lower is not None and interval.upper is not None  # noqa: S101
    return Rate(count / ROWS, interval.lower, interval.upper, {})
