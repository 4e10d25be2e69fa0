"""Unchanged data, p below 0.05: a chi-square that takes the reference's shares as exact, and one of homogeneity."""

from __future__ import annotations

import numpy as np
from docs.figures.drawing import Panel, percent, say, write
from scipy import special

from driftlog.evaluate.drift.chi_square import statistic

RUNS = 10_000
SIZES = ((1000, 1000), (1000, 5000))
CATEGORIES = (2, 3, 5, 8, 12, 20, 30, 40, 50)


def rates(n: int, m: int, categories: int, generator: np.random.Generator) -> tuple[float, float]:
    """Shares of unchanged pairs with p < 0.05: reference taken as exact, both sides random."""
    shares = np.full(categories, 1 / categories)
    f, g = generator.multinomial(n, shares, RUNS), generator.multinomial(m, shares, RUNS)
    expected = np.maximum(f, 0.5) / n * m
    fixed = ((g - expected) ** 2 / expected).sum(axis=1)
    return tuple(float((special.chdtrc(categories - 1, value) < 0.05).mean()) for value in (fixed, statistic(f, g)))  # type: ignore[return-value]


def draw() -> None:
    """10,000 fresh references and windows a point, categories equally frequent."""
    generator = np.random.default_rng(1)
    panel = Panel((70, 50, 700, 330), (0, 52), (0, 1))
    parts = panel.axes(
        "False alarms of a test at 5 %, nothing changed",
        "categories",
        x_ticks=[2, 10, 20, 30, 40, 50],
        y_ticks=[0, 0.25, 0.5, 0.75, 1],
        y_form=percent,
    )
    for (n, m), dash in zip(SIZES, ("", "dash"), strict=True):
        found = [rates(n, m, k, generator) for k in CATEGORIES]
        for k, (fixed, both) in zip(CATEGORIES, found, strict=True):
            say(f"exact_reference: {n} v {m}, {k} categories: taken as exact {fixed:.1%}, homogeneity {both:.1%}")
        for which, style in ((0, "red"), (1, "blue")):
            points = [(k, one[which]) for k, one in zip(CATEGORIES, found, strict=True)]
            parts += [panel.line(points, f"{style} {dash}"), *panel.dots(points, style)]
        side = found[-1][0]
        parts.append(panel.name(f"taken as exact, {n:,} v {m:,}", 52, side, "red", up=4 if dash else -14))
    parts.append(panel.name("homogeneity, both sizes", 52, 0.05, "blue", up=-4))
    label = "A chi-square test that takes the reference as exact alarms on up to all unchanged data; homogeneity on 5 %"
    write("exact-reference", parts, width=960, height=380, label=label)
