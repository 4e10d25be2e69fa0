"""How the reference differs from itself: leave-one-out, thinned to the window."""

from __future__ import annotations

import numpy as np
import pytest

from driftlog.evaluate.drift.chunks import ChunkCache, chunk_statistics, grid_size
from driftlog.evaluate.drift.registry import DRIFT_MEASURES

KS = DRIFT_MEASURES["kolmogorov_smirnov"]


def _reference(build, generator, chunks=12, n=3000, fields=1, wander=0.0):
    rows = [[generator.normal(generator.normal(0, wander), 1, n) for _ in range(fields)] for _ in range(chunks)]
    bins = build.bins(np.concatenate([chunk[0] for chunk in rows]))
    named = [{f"features.x{i}": build.count(x, bins) for i, x in enumerate(chunk)} for chunk in rows]
    return build.reference(named), bins


def test_unthinned_chunks_are_compared_with_the_rest(build):
    """k, mean and standard deviation (ddof 1) of the effect of each chunk against the sum of the others."""
    reference, bins = _reference(build, np.random.default_rng(1), wander=0.2)
    whole = reference.predictions.fields["features.x0"].counts
    effects = [
        float(KS.effect(whole - part, part, bins))
        for part in (chunk.predictions.fields["features.x0"].counts for chunk in reference.chunks)
    ]
    found = chunk_statistics(reference, "features.x0", bins, KS, 10_000)
    assert (found.k, found.mean, found.sd) == (
        12,
        pytest.approx(np.mean(effects)),
        pytest.approx(np.std(effects, ddof=1)),
    )


def test_thinned_chunks_vary_like_small_windows(build):
    """Chunks of 3000 rows thinned to 200 have the mean and spread of windows of 200 rows of unchanged data."""
    generator = np.random.default_rng(2)
    reference, bins = _reference(build, generator)
    whole = reference.predictions.fields["features.x0"].counts
    windows = [float(KS.effect(whole, build.count(generator.normal(size=200), bins).counts, bins)) for _ in range(400)]
    found = [chunk_statistics(reference, "features.x0", bins, KS, 200 + i) for i in range(20)]
    assert np.mean([c.mean for c in found]) == pytest.approx(np.mean(windows), rel=0.08)
    assert np.sqrt(np.mean([c.sd**2 for c in found])) == pytest.approx(np.std(windows), rel=0.15)


def test_small_chunks_are_left_out(build):
    """Chunks that would not be judged as windows say nothing; fewer than two are no statistics."""
    generator = np.random.default_rng(3)
    bins = build.bins(generator.normal(size=1000))
    sizes = [500, 500, 500, 5]
    chunks = [{"features.x0": build.count(generator.normal(size=n), bins)} for n in sizes]
    reference = build.reference(chunks)
    assert chunk_statistics(reference, "features.x0", bins, KS, 100, fewest_rows=30).k == 3
    assert chunk_statistics(build.reference(chunks[2:]), "features.x0", bins, KS, 100, fewest_rows=30) is None
    assert chunk_statistics(reference, "features.absent", bins, KS, 100) is None
    assert chunk_statistics(reference, "features.x0", bins, KS, 0) is None


def test_statistics_are_the_same_in_every_run(build):
    """Thinning is seeded by reference, field, measure and size."""
    reference, bins = _reference(build, np.random.default_rng(4))
    first, second = (chunk_statistics(reference, "features.x0", bins, KS, 300) for _ in range(2))
    assert first == second


def test_the_cache_is_bounded_and_changes_nothing(build):
    """Windows of about the same size share statistics; the oldest are forgotten."""
    reference, bins = _reference(build, np.random.default_rng(5))
    cache = ChunkCache(capacity=2)
    found = [cache.chunk_statistics(reference, "features.x0", bins, KS, n, 30) for n in (101, 102, 500, 2000, 101)]
    assert found[0] is found[1]
    assert found[0] == found[4] == chunk_statistics(reference, "features.x0", bins, KS, grid_size(101), 30)
    assert len(cache) == 2


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 999, 10**6, 2 * 10**9])
def test_the_grid_rounds_down_by_less_than_a_quarter(n):
    """So that windows are never thought larger than they are."""
    size = grid_size(n)
    assert size <= n
    assert n < (size + 1) * 1.25 + 1
