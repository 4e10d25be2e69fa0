"""Monte Carlo p-values: the pooled rows dealt out anew to reference and current."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from driftlog.evaluate.drift.measure import Counts, Floats
from driftlog.evaluate.randomness import draw_without_replacement

RESOLUTION = 0.001
"""Smallest Monte Carlo p-value."""
FEWEST_FOR_LIMIT = 50
"""With fewer rows on a side p-values are Monte Carlo: the continuous limit is not reached yet."""
BATCHES: tuple[int, ...] = (49, 50, 100, 200, 600)
"""Splits are drawn in batches, 999 in all; after a batch that leaves no doubt the rest is saved."""
ENOUGH = 30
"""Splits as extreme as the observed one that leave no doubt: the p-value then is above 0.07."""


def permutation_p_value(
    reference: Counts, current: Counts, statistic: Callable[[Counts, Counts], Floats], *, seed: int
) -> float:
    """Share of random splits of the pooled counts with a statistic at least as large as the observed one.

    ``p = (1 + #{T_b >= T}) / (1 + draws)``; the splits are multivariate hypergeometric draws, so the test is exact up
    to Monte Carlo error whatever the ties, and never below 0.001. Drawing ends early once 30 splits are as extreme
    (Besag and Clifford), which is the usual case without change and decides nothing near 0.05.

    Parameters
    ----------
    statistic
        Of counts of shape (bins,) or (draws, bins) each; the same as the one observed.

    Source: Phipson and Smyth, "Permutation p-values should never be zero", 2010; Besag and Clifford, "Sequential Monte
    Carlo p-values", 1991.
    """
    pooled = reference + current
    used = pooled > 0
    reference, current, pooled = reference[used], current[used], pooled[used]
    observed = float(statistic(reference, current))
    threshold = observed - 1e-12 * max(1.0, observed)
    generator = np.random.default_rng(seed)
    extreme = drawn = 0
    for batch in BATCHES:
        dealt = draw_without_replacement(pooled, int(current.sum()), batch, generator)
        extreme += int(np.count_nonzero(statistic(pooled - dealt, dealt) >= threshold))
        drawn += batch
        if extreme >= ENOUGH:
            break
    return (1 + extreme) / (1 + drawn)
