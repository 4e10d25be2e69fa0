"""Average precision from expected counts, which need not be whole numbers."""

from __future__ import annotations

import numpy as np

from driftlog.evaluate.performance.classification import ratio
from driftlog.evaluate.performance.sums import Floats, OutcomeSums


def expected_average_precision(sums: OutcomeSums) -> Floats:
    """Mean over positives of the precision among the rows that score at least as high.

    Within a bin, positives and negatives are taken as evenly mixed: with T and F the positives and negatives in higher
    bins and p and q those in it, it adds ``int_0^1 (T + t p) / (T + F + t (p + q)) p dt / P``. The realised metric
    averages over orders of whole rows, which fractions of rows do not have; the two agree to about 1 / P. In bins that
    hold one value rows are truly tied: ``p (T + p) / (T + F + p + q) / P``.
    """
    p, q = sums.score_positive[..., ::-1], sums.score_negative[..., ::-1]
    hits = np.cumsum(p, axis=-1) - p
    above = hits + np.cumsum(q, axis=-1) - q
    size = p + q
    share = np.nan_to_num(ratio(p, size))
    # int_0^1 (T + t p) / (A + t m) dt = p / m + (T - A p / m) / m * log(1 + m / A)
    steps = np.log1p(np.nan_to_num(ratio(size, above)))
    mean = share + np.nan_to_num(ratio((hits - above * share) * steps, size))
    if sums.grid is not None:
        tied = sums.grid.several[::-1] == 0.0
        mean = np.where(tied, np.nan_to_num(ratio(hits + p, above + size)), mean)
    return ratio((p * mean).sum(axis=-1), p.sum(axis=-1))
