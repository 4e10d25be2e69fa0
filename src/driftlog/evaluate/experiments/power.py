"""Power of the fixed-horizon tests, and what follows from it: units needed, smallest detectable effect."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from scipy import special

from driftlog.contract.errors import UsageError

MOST_UNITS: Final = 10**15
Power = Callable[[float, float], float]
"""Power given the units of control and treatment."""


def binary_power(p_control: float, p_treatment: float, n_control: float, n_treatment: float, alpha: float) -> float:
    """Power of the pooled two-proportion z test, both tails, by the normal approximation.

    ``Phi((|d| - z sqrt(p q (1/n_c + 1/n_t))) / sqrt(p_c q_c / n_c + p_t q_t / n_t))`` plus the other tail; p is the
    share of successes over both arms.

    Source: Fleiss, Levin and Paik 2003, chapter 4 (without continuity correction).
    """
    pooled = (p_control * n_control + p_treatment * n_treatment) / (n_control + n_treatment)
    under_null = math.sqrt(pooled * (1 - pooled) * (1 / n_control + 1 / n_treatment))
    error = math.sqrt(p_control * (1 - p_control) / n_control + p_treatment * (1 - p_treatment) / n_treatment)
    difference = abs(p_treatment - p_control)
    limit = float(-special.ndtri(alpha / 2)) * under_null
    if error == 0:
        return float(difference > limit)
    return float(special.ndtr((difference - limit) / error) + special.ndtr((-difference - limit) / error))


def numeric_power(effect: float, sd: float, n_control: float, n_treatment: float, alpha: float) -> float:
    """Power of the two-sided t test with equal standard deviations, by the non-central t distribution.

    Source: Cohen 1988, chapter 2.
    """
    freedom = n_control + n_treatment - 2
    if freedom <= 0:
        return 0.0
    shift = abs(effect) / (sd * math.sqrt(1 / n_control + 1 / n_treatment))
    limit = float(-special.stdtrit(freedom, alpha / 2))
    if freedom > 1e4 or shift > 30:  # the non-central t is the normal there, and no longer computed reliably
        return float(special.ndtr(shift - limit) + special.ndtr(-limit - shift))
    other_tail = float(special.nctdtr(freedom, shift, -limit)) if shift < 4 else 0.0
    return 1.0 - float(special.nctdtr(freedom, shift, limit)) + other_tail


def units_needed(power_of: Power, wanted: float, shares: tuple[float, float]) -> int:
    """Smallest whole number N for which ``power_of(share_c N, share_t N)`` reaches `wanted`.

    Parameters
    ----------
    shares
        Of control and treatment in N, which may hold further arms.

    Raises
    ------
    UsageError
        No such number below 1e15.
    """
    share_c, share_t = shares
    low, high = 1, 2
    while power_of(share_c * high, share_t * high) < wanted:
        low, high = high, high * 2
        if high > MOST_UNITS:
            raise UsageError("the effect is too small to be found", remedy="plan for a larger effect")
    while high - low > 1:
        middle = (low + high) // 2
        if power_of(share_c * middle, share_t * middle) < wanted:
            low = middle
        else:
            high = middle
    return max(high, math.ceil(2 / min(share_c, share_t)))


def total_units(
    *, baseline: float | None, sd: float | None, effect: float, alpha: float, power: float, shares: Sequence[float]
) -> int:
    """Units over all arms so that every comparison with the control has `power`; alpha is shared by Bonferroni.

    With `sd` the target is numeric, else binary with the control's proportion `baseline`. `effect` is signed.

    >>> total_units(baseline=0.2, sd=None, effect=0.01, alpha=0.05, power=0.8, shares=(0.5, 0.5))
    51165
    """
    each = alpha / (len(shares) - 1)

    def power_of(n_control: float, n_treatment: float) -> float:
        if sd is not None:
            return numeric_power(effect, sd, n_control, n_treatment, each)
        p = 0.0 if baseline is None else baseline
        return binary_power(p, p + effect, n_control, n_treatment, each)

    return max(units_needed(power_of, power, (shares[0], share)) for share in shares[1:])


def detectable_effect(
    *,
    baseline: float | None,
    sd: float | None,
    n_control: float,
    n_treatment: float,
    alpha: float,
    power: float,
    sign: int = 1,
) -> float | None:
    """Smallest size of an effect that one look finds with `power`; None where even the largest is not found.

    `sign` is the side on which a binary effect lies.

    >>> effect = detectable_effect(baseline=None, sd=1.0, n_control=100, n_treatment=100, alpha=0.05, power=0.8)
    >>> round(effect, 3)
    0.398
    """
    if n_control < 2 or n_treatment < 2:
        return None
    if sd is not None:
        if sd <= 0:
            return None
        largest = 30.0 * sd * math.sqrt(1 / n_control + 1 / n_treatment)

        def gap(effect: float) -> float:
            return numeric_power(effect, sd, n_control, n_treatment, alpha) - power
    else:
        p = 0.0 if baseline is None else baseline
        largest = (1.0 - p) if sign > 0 else p

        def gap(effect: float) -> float:
            return binary_power(p, min(1.0, max(0.0, p + sign * effect)), n_control, n_treatment, alpha) - power

    if largest <= 0 or gap(largest) < 0:
        return None
    from scipy import optimize

    smallest = largest * 1e-12
    return float(optimize.brentq(gap, smallest, largest, xtol=largest * 1e-12)) if gap(smallest) < 0 else smallest
