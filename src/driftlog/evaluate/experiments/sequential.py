"""Sequential inference that may be looked at whenever one likes: mixture SPRT and normal-mixture confidence sequence.

A difference with estimate ``d`` and variance ``V`` (of the estimate) carries the information ``t = 1 / V``, and
``d t`` behaves like a Brownian motion with drift ``delta`` over ``t``. Mixing the likelihood ratio of "the difference
is delta" against "it is 0" over ``delta ~ N(0, tau^2)`` gives a non-negative martingale under no difference, so that
by Ville's inequality

    P(at any look  1 / L >= 1 / alpha) <= alpha,   L = sqrt((V + tau^2) / V) exp(-tau^2 d^2 / (2 V (V + tau^2)))

`L` cut at 1 is the always-valid p-value; the differences that it does not reject are the confidence sequence. Both are
asymptotic: the variance is estimated, and the first looks need some dozens of units in each arm.

Sources: Robbins 1970; Johari, Koomen, Pekelis and Walsh 2022 (mixture SPRT, always-valid p-values); Howard, Ramdas,
McAuliffe and Sekhon 2021 (tuning); Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024 (asymptotic form).
"""

from __future__ import annotations

import math

from scipy import special


def mixing_sd(effect: float, *, alpha: float, power: float) -> float:
    """Standard deviation ``tau`` of the mixture that makes the sequence tightest where a fixed plan would end.

    ``1 / tau^2 = t* / (-W(-alpha^2 / e) - 1)`` with the information ``t* = ((z_(1-alpha/2) + z_power) / effect)^2`` of
    the fixed plan and W the lower branch of Lambert's function (Howard et al. 2021). It is close to
    `effect` itself.

    >>> round(mixing_sd(0.01, alpha=0.05, power=0.8), 5)
    0.01023
    """
    information = float((special.ndtri(power) - special.ndtri(alpha / 2)) / effect) ** 2
    stretch = -float(special.lambertw(-alpha * alpha / math.e, k=-1).real) - 1.0
    return math.sqrt(stretch / information)


def always_valid_p(difference: float, variance: float, tau: float) -> float:
    """p-value of "no difference" that may be looked at as often as one likes; 1 where the variance is 0.

    >>> always_valid_p(0.0, 1.0, 1.0)
    1.0
    """
    if variance <= 0 or not math.isfinite(variance):
        return 1.0
    both = variance + tau * tau
    log = 0.5 * math.log(both / variance) - 0.5 * (difference / variance) * difference * (tau * tau / both)
    return math.exp(min(0.0, log))


def confidence_sequence(difference: float, variance: float, tau: float, alpha: float) -> tuple[float, float]:
    """Interval that holds the true difference at every look at once, with probability 1 - alpha.

    ``d +- sqrt(V (V + tau^2) / tau^2 (ln((V + tau^2) / V) + 2 ln(1 / alpha)))``

    >>> low, high = confidence_sequence(0.0, 1.0, 1.0, 0.05)
    >>> round(high, 3), low == -high
    (3.656, True)
    """
    half = half_width(variance, tau, alpha)
    return difference - half, difference + half


def half_width(variance: float, tau: float, alpha: float) -> float:
    """Half the width of the sequence; infinite where the variance is 0, which only says that it is unknown yet."""
    if variance <= 0 or not math.isfinite(variance):
        return math.inf
    both = variance + tau * tau
    return math.sqrt(variance * (both / (tau * tau)) * (math.log(both / variance) - 2.0 * math.log(alpha)))


def shrunken(difference: float, variance: float, tau: float) -> float:
    """Mean of the difference after the data, with the mixture as prior: ``d tau^2 / (V + tau^2)``.

    A difference picked because it was large is too large on average (the winner's curse); this one is not, as far as
    true effects are as spread as the prior says.

    >>> round(shrunken(0.02, 0.0001, 0.01), 6)
    0.01
    """
    return difference * tau * tau / (variance + tau * tau)
