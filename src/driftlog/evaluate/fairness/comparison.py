"""The largest difference (smallest ratio) of a rate between groups, with a simultaneous interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import permutations

import numpy as np

from driftlog.evaluate.fairness.groups import Side
from driftlog.evaluate.performance.intervals import Estimate, estimate
from driftlog.evaluate.performance.metric import PerformanceMetric


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of one group with the interval it is compared with.

    `moves`: how far the rate moves when each day is left out, for the covariance between groups of the same days;
    empty where rows were taken as independent.
    """

    value: float
    lower: float
    upper: float
    moves: dict[date, float]


@dataclass(frozen=True, slots=True)
class Extent:
    """The comparison's value and interval; None where a rate is undefined in all pairs."""

    value: float | None
    lower: float | None = None
    upper: float | None = None


def pair_confidence(groups: int, rates: int = 1) -> float:
    """Confidence of each pair's interval, so that all of them hold together at 95 % (Bonferroni).

    >>> pair_confidence(2)
    0.95
    """
    pairs = groups * (groups - 1) // 2 * rates
    return 1 - 0.05 / max(1, pairs)


def rate_of(metric: PerformanceMetric, side: Side, confidence: float, given: Estimate | None = None) -> Rate | None:
    """The rate of a group for a comparison; None where it is undefined or has no interval."""
    found = estimate(metric, side.sums, confidence=confidence) if given is None else given
    if found.value is None or found.interval.lower is None or found.interval.upper is None:
        return None
    moves: dict[date, float] = {}
    if found.left_out is not None and "clustered" in found.interval.method:
        centred = found.left_out - found.left_out.mean()
        moves = dict(zip(side.days, centred.tolist(), strict=True))
    return Rate(found.value, found.interval.lower, found.interval.upper, moves)


def correlation(a: Rate, b: Rate) -> float:
    """Correlation of two rates over the days both have, by the jackknife; 0 where one was not clustered."""
    norm = math.sqrt(sum(x * x for x in a.moves.values()) * sum(x * x for x in b.moves.values()))
    if norm == 0.0:
        return 0.0
    return max(-1.0, min(1.0, sum(x * b.moves[day] for day, x in a.moves.items() if day in b.moves) / norm))


def pair_difference(a: Rate, b: Rate) -> tuple[float, float]:
    """Interval of a - b from the intervals of both.

    ``d - sqrt(l^2 - 2 r l u + u^2)`` with l = a - a.lower, u = b.upper - b and their correlation r, and likewise
    upwards. On Wilson intervals with r = 0 it is Newcombe's hybrid score interval.

    Source: Newcombe 1998, method 10; Zou and Donner 2008.
    """
    r, d = correlation(a, b), a.value - b.value
    return d - _joined(a.value - a.lower, b.upper - b.value, r), d + _joined(a.upper - a.value, b.value - b.lower, r)


def pair_ratio(a: Rate, b: Rate) -> tuple[float, float]:
    """Interval of a / b of two shares: that of the difference of their logarithms; b is above 0."""
    high = a.upper / b.lower if b.lower > 0 else math.inf
    if a.value <= 0:
        return 0.0, high
    r, middle = correlation(a, b), a.value / b.value
    low = 0.0
    if a.lower > 0:
        low = middle * math.exp(-_joined(math.log(a.value / a.lower), math.log(b.upper / b.value), r))
    if b.lower > 0:
        high = middle * math.exp(_joined(math.log(a.upper / a.value), math.log(b.value / b.lower), r))
    return low, high


def _joined(down: float, up: float, r: float) -> float:
    return math.sqrt(max(0.0, down * down - 2 * r * down * up + up * up))


def largest_difference(rates: Sequence[Rate]) -> Extent:
    """Largest - smallest rate.

    With intervals [l, u] of all ordered pairs that hold together at 95 %, the true largest difference lies within
    [max l, max u]: choosing the most different groups after looking at them is paid for.
    """
    if len(rates) < 2:
        return Extent(None)
    values = [rate.value for rate in rates]
    ends = np.array([pair_difference(a, b) for a, b in permutations(rates, 2)])
    low, high = ends.max(axis=0)
    return Extent(max(values) - min(values), max(0.0, float(low)), float(high))


def smallest_ratio(rates: Sequence[Rate]) -> Extent:
    """Smallest / largest rate, its interval as in `largest_difference`; undefined where all rates are 0."""
    values = [rate.value for rate in rates]
    if len(rates) < 2 or max(values) <= 0:
        return Extent(None)
    ends = np.array([pair_ratio(a, b) for a, b in permutations(rates, 2) if b.value > 0])
    low, high = ends.min(axis=0)
    return Extent(min(values) / max(values), max(0.0, float(low)), min(1.0, float(high)))
