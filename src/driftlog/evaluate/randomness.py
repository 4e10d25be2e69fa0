"""Random numbers that depend on nothing but a name, so that a re-run gives the same result."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

LARGEST_URN = 10**9
"""NumPy draws multivariate hypergeometric numbers from urns smaller than this."""


def seed_of(*parts: object) -> int:
    """A 64-bit seed from a name.

    >>> seed_of("reference", "features.x") == seed_of("reference", "features.x")
    True
    """
    text = "|".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def draw_without_replacement(
    urn: NDArray[np.int64], size: int, draws: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Counts of `size` rows drawn without replacement from the counts in `urn`, `draws` times.

    Parameters
    ----------
    urn
        Shape (bins,). Its sum must be at least `size`.

    Returns
    -------
    array of shape (draws, bins)
        From 10**9 rows on, where NumPy's sampler ends, the rounded normal approximation with the same mean and
        covariance (its rows may miss `size` by a few).
    """
    total = int(urn.sum())
    if not 0 <= size <= total:
        raise ValueError(f"cannot draw {size} rows from {total}")
    if total < LARGEST_URN:
        return generator.multivariate_hypergeometric(urn, size, size=draws, method="marginals")
    share = urn / total
    noise = generator.standard_normal((draws, urn.size)) * np.sqrt(share)
    noise -= share * noise.sum(axis=1, keepdims=True)
    spread = np.sqrt(size * (total - size) / (total - 1))
    drawn: NDArray[np.int64] = np.clip(np.rint(size * share + spread * noise), 0, urn).astype(np.int64)
    return drawn
