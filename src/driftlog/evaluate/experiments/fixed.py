"""Tests and intervals for one look at a planned end: two proportions, and Welch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from scipy import special

from driftlog.contract.experiment import UnitSums
from driftlog.evaluate.proportions import two_proportion_p_value, wilson_interval

TWO_PROPORTIONS: Final = "two proportions"
WELCH: Final = "welch"


@dataclass(frozen=True, slots=True)
class FixedTest:
    """Treatment minus control. Interval and p-value are None where there is no variance to judge by."""

    difference: float
    lower: float | None
    upper: float | None
    p_value: float | None
    method: str


def is_proportion(*arms: UnitSums) -> bool:
    """Whether every unit's value is 0 or 1, so that means are proportions."""
    return all(arm.whole == arm.n for arm in arms)


def fixed_test(control: UnitSums, treatment: UnitSums, alpha: float, *, proportions: bool = True) -> FixedTest | None:
    """Two proportions where every unit is 0 or 1 (and `proportions` are wanted), else Welch; None below two units."""
    if min(control.n, treatment.n) < 2:
        return None
    if proportions and is_proportion(control, treatment):
        successes = (round(arm.mean * arm.n) for arm in (control, treatment))
        return two_proportions(next(successes), control.n, next(successes), treatment.n, alpha)
    return welch(control, treatment, alpha)


def two_proportions(successes_c: int, n_c: int, successes_t: int, n_t: int, alpha: float) -> FixedTest:
    """Pooled z test (Fisher's exact one where an expected count is below 5) and Newcombe's interval.

    The interval joins the Wilson intervals (l, u) of both proportions: ``d - sqrt((p_t - l_t)^2 + (u_c - p_c)^2)`` to
    ``d + sqrt((u_t - p_t)^2 + (p_c - l_c)^2)``; it stays within -1 and 1 and covers well at the edges.

    >>> two_proportions(30, 100, 50, 100, 0.05)  # doctest: +NUMBER
    FixedTest(difference=0.2, lower=0.064..., upper=0.325..., p_value=0.0038..., method='two proportions')

    Source: Newcombe 1998, method 10.
    """
    z = float(-special.ndtri(alpha / 2))
    p_c, p_t = successes_c / n_c, successes_t / n_t
    low_c, high_c = wilson_interval(successes_c, n_c, z=z)
    low_t, high_t = wilson_interval(successes_t, n_t, z=z)
    difference = p_t - p_c
    return FixedTest(
        difference,
        difference - math.hypot(p_t - low_t, high_c - p_c),
        difference + math.hypot(high_t - p_t, p_c - low_c),
        two_proportion_p_value(successes_c, n_c, successes_t, n_t),
        TWO_PROPORTIONS,
    )


def welch(control: UnitSums, treatment: UnitSums, alpha: float) -> FixedTest:
    """Welch's t test on the units' values, with Satterthwaite's degrees of freedom.

    ``t = d / sqrt(s_c^2 / n_c + s_t^2 / n_t)``; subjects with several predictions count once, with their mean.

    Source: Welch 1947.
    """
    difference = treatment.mean - control.mean
    parts = (control.variance / control.n, treatment.variance / treatment.n)
    variance = sum(parts)
    if not (variance > 0 and math.isfinite(variance)):
        return FixedTest(difference, None, None, None, WELCH)
    freedom = 1.0 / sum(
        (part / variance) ** 2 / (arm.n - 1) for part, arm in zip(parts, (control, treatment), strict=True)
    )
    error = math.sqrt(variance)
    half = float(-special.stdtrit(freedom, alpha / 2)) * error
    p_value = 2.0 * float(special.stdtr(freedom, -abs(difference) / error))
    return FixedTest(difference, difference - half, difference + half, p_value, WELCH)
