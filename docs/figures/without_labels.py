"""Estimated and realised accuracy: the estimate follows a change of the inputs and is blind to one of the concept."""

from __future__ import annotations

import numpy as np
from docs.figures.drawing import Panel, percent, say, write

from driftlog.evaluate.estimation.arrays import estimate_from_arrays

WINDOWS, ROWS, REFERENCE = 36, 3000, 30_000
SHIFTED, CHANGED = 12, 24


def draw() -> None:
    """Windows of 3,000 rows: unchanged, then inputs moved by 0.8 sd, then also a concept with flatter log-odds."""
    generator = np.random.default_rng(4)
    score, actual = _side(generator, REFERENCE, 0.0, 1.0)
    estimated, realised = [], []
    for number in range(WINDOWS):
        s, y = _side(generator, ROWS, 0.8 if number >= SHIFTED else 0.0, 0.35 if number >= CHANGED else 1.0)
        found = estimate_from_arrays(score, score >= 0.5, actual == 1, s, s >= 0.5, positive_label="True")["accuracy"]
        estimated.append((found.value or 0.0, found.lower or 0.0, found.upper or 0.0))
        realised.append(float(((s >= 0.5) == (y == 1)).mean()))
    for words, low, high in (
        ("unchanged", 0, SHIFTED),
        ("inputs moved", SHIFTED, CHANGED),
        ("concept changed", CHANGED, WINDOWS),
    ):
        inside = [e[1] <= r <= e[2] for e, r in zip(estimated[low:high], realised[low:high], strict=True)]
        say(
            f"without_labels: {words}: estimated {np.mean([e[0] for e in estimated[low:high]]):.3f}, "
            f"realised {np.mean(realised[low:high]):.3f}, interval holds it in {sum(inside)} of {len(inside)} windows"
        )
    panel = Panel((70, 50, 960, 310), (0, WINDOWS - 1), (0.55, 0.9))
    parts = panel.axes("Accuracy, estimated without labels and realised", "window", y_form=percent)
    for place, words in ((0, "unchanged"), (SHIFTED, "inputs moved by 0.8 sd"), (CHANGED, "concept changed as well")):
        if place:
            parts.append(panel.line([(place - 0.5, 0.55), (place - 0.5, 0.9)], "grey dash thin"))
        parts.append(panel.name(words, place, 0.885, "grey"))
    line = [(i, e[0]) for i, e in enumerate(estimated)]
    below, above = ([(i, e[which]) for i, e in enumerate(estimated)] for which in (1, 2))
    parts += [panel.band(below, above, "blue"), panel.line(line, "blue"), *panel.dots(list(enumerate(realised)), "ink")]
    parts.append(panel.name("estimated, 95 % interval", 12.2, 0.83, "blue"))
    parts.append(panel.name("realised, once labels are there", 24.2, 0.567, "ink"))
    label = "The estimate follows the realised accuracy when inputs move and misses the fall when the concept changes"
    write("without-labels", parts, width=1000, height=360, label=label)


def _side(generator: np.random.Generator, n: int, shift: float, slope: float) -> tuple[np.ndarray, np.ndarray]:
    odds = generator.normal(shift, 1.0, n) * 1.5 - 1.0
    return 1 / (1 + np.exp(-odds)), (generator.random(n) < 1 / (1 + np.exp(-slope * odds))).astype(int)
