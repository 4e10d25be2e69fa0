"""95 % interval of an estimated metric."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from driftlog.contract.measurement import Chunks
from driftlog.evaluate.estimation.isotonic import Floats

FEWEST_DEFINED = 0.95
"""Share of replicates in which a metric must be defined."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What an estimate owes to chance.

    Attributes
    ----------
    bias
        By which half-samples are off on average: isotonic rates follow the reference's noise and look too sharp.
    of_reference
        Standard deviation from the reference's finite rows.
    of_labels
        Standard deviation of the realised metric about its expectation given the scores.
    freedom
        Degrees of freedom of `of_reference`; infinite where rows were drawn.
    """

    bias: float
    of_reference: float
    of_labels: float
    freedom: float = math.inf

    @property
    def deviation(self) -> float:
        return math.sqrt(self.of_reference**2 + self.of_labels**2 + self.bias**2)

    @property
    def half_width(self) -> float:
        """``t * deviation``, t at ``freedom * (deviation / of_reference)^4`` degrees of freedom (Satterthwaite)."""
        if self.deviation == 0.0:
            return 0.0
        share = (self.of_reference / self.deviation) ** 4
        freedom = self.freedom / share if share > 0.0 and math.isfinite(self.freedom) else math.inf
        quantile = special.stdtrit(freedom, 0.975) if freedom < 1e6 else special.ndtri(0.975)
        return float(quantile) * self.deviation


def spread_of(value: float, halves: Floats, labelled: Floats, scale: float, freedom: float) -> Spread | None:
    """From replicates; None where a metric is undefined in too many of them.

    Parameters
    ----------
    halves
        The metric with half-samples of the reference; `scale` as in `HalfSamples.scale`.
    labelled
        The metric with labels drawn for the window's rows.
    """
    found = [part[np.isfinite(part)] for part in (halves, labelled)]
    if any(
        kept.size < max(2.0, FEWEST_DEFINED * part.size) for kept, part in zip(found, (halves, labelled), strict=True)
    ):
        return None
    return Spread(
        bias=float(found[0].mean() - value) * scale,
        of_reference=float(found[0].std(ddof=1)) * math.sqrt(scale),
        of_labels=float(found[1].std(ddof=1)),
        freedom=freedom,
    )


def interval_of(value: float, spread: Spread, bounds: tuple[float, float]) -> tuple[float, float]:
    """``value - bias +- half_width``, cut at the metric's bounds; it always holds the value."""
    low, high = value - spread.bias - spread.half_width, value - spread.bias + spread.half_width
    return max(bounds[0], min(low, value)), min(bounds[1], max(high, value))


def chunks_of(values: Floats) -> Chunks | None:
    """Mean and deviation of a metric over chunks; None where fewer than two are defined."""
    known = values[np.isfinite(values)]
    if known.size < 2:
        return None
    return Chunks(k=int(known.size), mean=float(known.mean()), sd=float(known.std(ddof=1)))
