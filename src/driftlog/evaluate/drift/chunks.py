"""How a measure varies over the reference itself: the basis of the default drift rule.

Each chunk of the reference is compared with the rest of it. A small window shows more sampling noise than a large
chunk, so chunks are thinned to the window's size first; a window larger than the chunks is compared with chunks as
they are, which errs on the quiet side.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable

import numpy as np

from driftlog.contract.binning import FieldBins
from driftlog.contract.measurement import Chunks
from driftlog.contract.profile import Reference
from driftlog.evaluate.drift.measure import Counts, DriftMeasure
from driftlog.evaluate.randomness import draw_without_replacement, seed_of

THINNINGS = 4
GRID = 1.25
FEWEST_CHUNKS = 8


class ChunkCache:
    """Chunk statistics already computed, the least recently used dropped first.

    Statistics depend on reference, field, measure and window size (rounded down to a grid) only, so the cache changes
    how long an evaluation takes and never its result.
    """

    def __init__(self, capacity: int = 8192) -> None:
        self._capacity = capacity
        self._held: OrderedDict[Hashable, Chunks | None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def chunk_statistics(
        self,
        reference: Reference,
        field: str,
        bins: FieldBins,
        measure: DriftMeasure,
        n_current: int,
        fewest_rows: int,
        segment: str = "",
    ) -> Chunks | None:
        """As `chunk_statistics`, computed once for windows of about the same size.

        The references of segments have the id of the whole one: `segment` (and the rows) tell them apart.
        """
        size = grid_size(n_current)
        key = (reference.id, segment, reference.n, field, measure.name, size, fewest_rows)
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        result = chunk_statistics(reference, field, bins, measure, size, fewest_rows)
        self._held[key] = result
        if len(self._held) > self._capacity:
            self._held.popitem(last=False)
        return result


def grid_size(n: int) -> int:
    """The largest power of 1.25 (rounded down to whole rows) that is not above `n`.

    >>> grid_size(1000)
    807
    """
    if n < 1:
        return 0
    power = math.floor(math.log(n) / math.log(GRID) + 1e-9)
    return min(n, math.floor(GRID**power + 1e-6))


def chunk_statistics(
    reference: Reference, field: str, bins: FieldBins, measure: DriftMeasure, n_current: int, fewest_rows: int = 1
) -> Chunks | None:
    """Number, mean and standard deviation of the effects of the reference's chunks; None for fewer than two.

    Chunks with fewer than `fewest_rows` rows are left out, as such windows are not judged either.
    """
    whole = reference.predictions.fields.get(field)
    if whole is None:
        return None
    held = [chunk.predictions.fields[field].counts for chunk in reference.chunks if field in chunk.predictions.fields]
    return statistics_of_counts(
        whole.counts, held, bins, measure, n_current, seed_of(reference.id, field, measure.name, n_current), fewest_rows
    )


def statistics_of_counts(
    whole: Counts,
    chunks: list[Counts],
    bins: FieldBins,
    measure: DriftMeasure,
    n_current: int,
    seed: int,
    fewest_rows: int = 1,
) -> Chunks | None:
    """As `chunk_statistics`, on counts.

    With effects x of R thinned draws of each of k chunks, the variance of a *single* draw is estimated by
    ``var(chunk means) + (1 - 1/R) mean(variance within chunks)``, both with ddof = 1: unbiased, and steadier than one
    draw a chunk.
    """
    n = int(whole.sum())
    usable = [counts for counts in chunks if max(1, fewest_rows) <= int(counts.sum()) < n]
    if len(usable) < 2 or n_current < 1:
        return None
    generator = np.random.default_rng(seed)
    drawn = np.stack([_thinned(counts, n_current, generator) for counts in usable])
    rest = (whole - np.stack(usable))[:, None, :]
    effects = measure.effect(rest, drawn, bins)
    between = effects.mean(axis=1).var(ddof=1)
    within = effects.var(axis=1, ddof=1).mean() * (1 - 1 / THINNINGS)
    return Chunks(k=len(usable), mean=float(effects.mean()), sd=float(np.sqrt(between + within)))


def _thinned(counts: Counts, n_current: int, generator: np.random.Generator) -> Counts:
    if int(counts.sum()) <= n_current:
        return np.broadcast_to(counts, (THINNINGS, counts.size))
    return draw_without_replacement(counts, n_current, THINNINGS, generator)
