"""Sample-ratio mismatch: did the variants get the shares of units they were meant to get?

Where they did not, units are missing from one arm, and nobody knows which: the rest is no longer comparable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from scipy import special

ALARM: Final = 0.001
"""Chi-square p-value below which the results must not be read (Fabijan et al. 2019)."""
PRIOR_UNITS: Final = 500.0
"""Weight of the prior of the sequential test: it is tuned to shares that are off by some hundredths."""


def sample_ratio_p_value(counts: Sequence[int], shares: Sequence[float]) -> float | None:
    """Chi-square goodness of fit of the units in each arm; None without units.

    >>> round(sample_ratio_p_value([5000, 5300], [0.5, 0.5]), 5)
    0.00312
    """
    n = sum(counts)
    if n == 0:
        return None
    statistic = math.fsum((count - n * share) ** 2 / (n * share) for count, share in zip(counts, shares, strict=True))
    return float(special.gammaincc((len(counts) - 1) / 2, statistic / 2))


def sample_ratio_always_valid(counts: Sequence[int], shares: Sequence[float]) -> float | None:
    """p-value of the same question that may be looked at after every unit; None without units.

    One over the Bayes factor of a Dirichlet prior ``a_i = 500 share_i`` against the intended shares, cut at 1:
    ``ln BF = ln G(A) - ln G(A + n) + sum(ln G(a_i + n_i) - ln G(a_i) - n_i ln share_i)``, G the gamma function.

    >>> sample_ratio_always_valid([5000, 5000], [0.5, 0.5])
    1.0

    Source: Lindon and Malek 2022.
    """
    n = sum(counts)
    if n == 0:
        return None
    log = special.gammaln(PRIOR_UNITS) - special.gammaln(PRIOR_UNITS + n)
    for count, share in zip(counts, shares, strict=True):
        prior = PRIOR_UNITS * share
        log += special.gammaln(prior + count) - special.gammaln(prior) - count * math.log(share)
    return math.exp(min(0.0, -float(log)))
