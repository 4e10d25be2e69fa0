"""Estimates from rows that were drawn with unequal, known probabilities.

Source: Horvitz and Thompson 1952; Hajek 1971 for the mean; Sarndal, Swensson and Wretman 1992, chapter 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def either(first: float, second: float) -> float:
    """Probability of being drawn at all, by two independent draws.

    >>> either(0.5, 0.5)
    0.75
    """
    return 1 - (1 - first) * (1 - second)


def weighted_mean(values: Sequence[float], probabilities: Sequence[float]) -> tuple[float, float, float]:
    """The population's mean, and its 95 % interval, from values drawn with these inclusion probabilities.

    ``sum(y / pi) / sum(1 / pi)``; its variance by linearisation, rows taken as drawn independently: ``sum (1 - pi)
    ((y - mean) / pi)^2 / (sum 1 / pi)^2``. Rows that were certain to be drawn (pi = 1) add none. For large samples:
    with fewer than some 30 rows below pi = 1, or none that differ, the interval is too narrow.

    >>> weighted_mean([1, 0, 1, 1], [1, 1, 0.5, 0.5])[0]
    0.8333333333333334

    Raises
    ------
    ValueError
        No values, or a probability that is not above 0 and at most 1.
    """
    if not values or any(not 0 < p <= 1 for p in probabilities):
        raise ValueError("values with probabilities above 0 and at most 1 are needed")
    pairs = list(zip(values, probabilities, strict=True))
    size = sum(1 / p for _, p in pairs)
    mean = sum(y / p for y, p in pairs) / size
    variance = sum((1 - p) * ((y - mean) / p) ** 2 for y, p in pairs) / size**2
    half = 1.959963984540054 * math.sqrt(variance)
    return mean, mean - half, mean + half
