"""Experiments without a difference, looked at every day: the fixed test, and the always-valid one."""

from __future__ import annotations

import numpy as np
from docs.figures.drawing import Panel, percent, say, write
from scipy import special

from driftlog.evaluate.experiments.sequential import always_valid_p, mixing_sd

RUNS, LOOKS, DAILY, SHARE = 4000, 60, 400, 0.2


def draw() -> None:
    """4,000 experiments of two equal arms (conversion 20 %, 400 subjects an arm and day), 60 daily looks at 5 %."""
    generator = np.random.default_rng(3)
    counts = generator.binomial(DAILY, SHARE, (2, RUNS, LOOKS)).cumsum(axis=2)
    n = DAILY * np.arange(1, LOOKS + 1)
    p = counts / n
    difference, pooled = p[1] - p[0], p.mean(axis=0)
    fixed = special.erfc(np.abs(difference) / np.sqrt(2 * pooled * (1 - pooled) / n) / np.sqrt(2))
    variance = (p * (1 - p) / n).sum(axis=0)
    tau = mixing_sd(0.01, alpha=0.05, power=0.8)
    valid = np.vectorize(always_valid_p)(difference, variance, tau)
    ever = [np.cumsum((one < 0.05).cumsum(axis=1) > 0, axis=1) > 0 for one in (fixed, valid)]
    rates = [one.mean(axis=0) for one in ever]
    for look in (1, 7, 28, 60):
        say(f"peeking: stopped by day {look}: fixed {rates[0][look - 1]:.1%}, always valid {rates[1][look - 1]:.1%}")
    panel = Panel((70, 50, 700, 330), (1, LOOKS), (0, 0.4))
    parts = panel.axes(
        "Experiments without a difference that were called different",
        "daily looks",
        x_ticks=[1, 7, 14, 28, 42, 60],
        y_ticks=[0, 0.05, 0.1, 0.2, 0.3, 0.4],
        y_form=percent,
    )
    for rate, style, words in (
        (rates[0], "red", "fixed test, looked at daily"),
        (rates[1], "blue", "confidence sequence"),
    ):
        parts.append(panel.line([(i + 1, float(v)) for i, v in enumerate(rate)], style))
        parts.append(panel.name(words, LOOKS + 1, float(rate[-1]), style, up=-4))
    label = "Looking daily at a fixed test calls a third of equal variants different; a confidence sequence hardly any"
    write("peeking", parts, width=930, height=380, label=label)
