"""The population stability index of unchanged data: as it is customary, and less its expectation."""

from __future__ import annotations

import numpy as np
from docs.figures.drawing import Panel, say, write

from driftlog.evaluate.drift.population_stability_index import expectation, raw

RUNS, ROWS = 2000, 1000
CATEGORIES = (2, 5, 10, 20, 50, 100, 200)


def draw() -> None:
    """2,000 unchanged pairs of 1,000 rows a point; median and 5 to 95 % of the pairs."""
    generator = np.random.default_rng(6)
    found = []
    for k in CATEGORIES:
        f, g = generator.multinomial(ROWS, np.full(k, 1 / k), (2, RUNS))
        index = raw(f, g)
        found.append((np.quantile(index, (0.05, 0.5, 0.95)), np.quantile(index - expectation(f, g), (0.05, 0.5, 0.95))))
        customary, less = (tuple(round(float(v), 3) for v in one) for one in found[-1])
        say(f"psi_expected: {k} categories: raw 5, 50, 95 % {customary}, less its expectation {less}")
    panel = Panel((70, 50, 700, 330), (0, 205), (-0.1, 0.45))
    parts = panel.axes(
        "PSI of unchanged data, 1,000 rows against 1,000",
        "categories",
        x_ticks=CATEGORIES[2:],
        y_ticks=[0, 0.1, 0.25, 0.4],
    )
    parts.append(panel.line([(0, 0.25), (205, 0.25)], "grey dash thin"))
    parts.append(panel.name("commonly called a large shift", 2, 0.25, "grey", up=6))
    for which, style, words in ((0, "red", "as it is customary"), (1, "blue", "less its expectation")):
        low, middle, high = (
            [(k, float(one[which][i])) for k, one in zip(CATEGORIES, found, strict=True)] for i in (0, 1, 2)
        )
        parts += [panel.band(low, high, style), panel.line(middle, style), *panel.dots(middle, style)]
        parts.append(panel.name(words, 208, middle[-1][1], style, up=-4))
    label = "The customary index grows with the number of categories although nothing changed; corrected it stays at 0"
    write("psi-expected", parts, width=930, height=380, label=label)
