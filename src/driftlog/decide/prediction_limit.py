"""Where one more value may lie, given k values of the same kind."""

from __future__ import annotations

import math

from scipy import special

from driftlog.contract.measurement import Chunks


def margin(chunks: Chunks, confidence: float) -> float:
    """``t(confidence, k - 1) * sd * sqrt(1 + 1/k)``: a normal prediction limit, one-sided.

    >>> round(margin(Chunks(k=12, mean=0.05, sd=0.01), 0.999), 4)
    0.0419
    """
    return float(special.stdtrit(chunks.k - 1, confidence)) * chunks.sd * math.sqrt(1 + 1 / chunks.k)
