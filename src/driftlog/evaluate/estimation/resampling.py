"""Half-samples of a reference's counts: what its estimates owe to the rows it happens to have."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_DAYS = 8
"""Fewer days: rows are drawn instead, and the method says so."""
REPLICATES = 300


@dataclass(frozen=True, slots=True)
class HalfSamples:
    """Random halves, without replacement, of counts that are kept by day.

    With `FEWEST_DAYS` days or more whole days are drawn, because rows of one day are not independent; otherwise rows.
    For an estimate theta of m out of D units, ``(theta_m - theta_D)`` has the variance and, to first order, the bias
    of theta_D times ``(D - m) / m``; `scale` undoes that. By contrast to the bootstrap no row counts twice, on which
    isotonic regression over-fits (its bootstrap is inconsistent).

    Source: Politis, Romano, Wolf, "Subsampling", 1999; Kosorok 2008 on the bootstrap of monotone estimates.

    >>> counts = np.full((10, 2), 5.0)
    >>> HalfSamples(10, seed=1, replicates=3).draw(counts)
    array([[25., 25.], [25., 25.], [25., 25.]])
    """

    days: int
    seed: int
    replicates: int = REPLICATES
    chosen: Floats | None = field(init=False, default=None)
    generator: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        generator = np.random.default_rng(self.seed)
        object.__setattr__(self, "generator", generator)
        if self.clustered:
            order = generator.random((self.replicates, self.days)).argsort(axis=1)
            object.__setattr__(self, "chosen", (order < self.days // 2).astype(np.float64))

    @property
    def clustered(self) -> bool:
        """Whole days are drawn."""
        return self.days >= FEWEST_DAYS

    @property
    def scale(self) -> float:
        """Variance and bias of a half-sample's estimate about the whole's, times this, are the whole's own."""
        half = self.days // 2
        return half / (self.days - half) if self.clustered else 1.0

    def draw(self, counts: Floats) -> Floats:
        """Half-samples, shape (replicates, ...), of `counts`, shape (days, ...); the same days for every table."""
        rest = counts.shape[1:]
        if self.chosen is not None:
            drawn: Floats = (self.chosen @ counts.reshape(len(counts), -1)).reshape(self.replicates, *rest)
            return drawn
        whole = counts.sum(axis=0)
        halves = np.zeros((self.replicates, *rest))
        there = whole > 0
        halves[:, there] = self.generator.binomial(whole[there].astype(np.int64), 0.5, (self.replicates, there.sum()))
        return halves
