"""Monte Carlo p-values: the pooled rows dealt out anew to reference and current."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from driftlog.evaluate.drift.measure import Counts, Floats
from driftlog.evaluate.randomness import draw_without_replacement

DRAWS = 999


def permutation_p_value(
    reference: Counts,
    current: Counts,
    statistic: Callable[[Counts, Counts], Floats],
    *,
    seed: int,
    draws: int = DRAWS,
) -> float:
    """Share of random splits of the pooled counts with a statistic at least as large as the observed one.

    ``p = (1 + #{T_b >= T}) / (1 + draws)``; the splits are multivariate hypergeometric draws, so the test is exact up
    to Monte Carlo error whatever the ties, and never below ``1 / (1 + draws)``.

    Parameters
    ----------
    statistic
        Of counts of shape (bins,) or (draws, bins) each; the same as the one observed.

    Source: Phipson and Smyth, "Permutation p-values should never be zero", 2010.
    """
    pooled = reference + current
    used = pooled > 0
    reference, current, pooled = reference[used], current[used], pooled[used]
    observed = float(statistic(reference, current))
    dealt = draw_without_replacement(pooled, int(current.sum()), draws, np.random.default_rng(seed))
    drawn = statistic(pooled - dealt, dealt)
    return float((1 + np.count_nonzero(drawn >= observed - 1e-12 * max(1.0, observed))) / (1 + draws))
