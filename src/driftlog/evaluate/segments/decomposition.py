"""Is it the mix, or is it inside the segments: a change of the whole split into its two parts.

The whole is a mixture of its segments, ``p = sum_s w_s p_s`` in the reference and ``q = sum_s v_s q_s`` now, with w_s
and v_s the segments' shares of the rows and p_s, q_s what is measured inside them (the distribution of a field, or the
mean of a metric). Then exactly

    q - p = sum_s (v_s - w_s) (p_s + q_s) / 2  +  sum_s (w_s + v_s) / 2 (q_s - p_s)
            mix                                   within

Source: Kitagawa 1955; Oaxaca 1973 and Blinder 1973 (with the symmetric weights, so that exchanging the sides changes
signs only).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.alert import Contribution, Decomposition

Floats = NDArray[np.float64]

SHOWN: Final = 5
NOTHING: Final = 1e-12
"""A change this small is rounding."""


def split_distributions(
    reference: Mapping[str, Sequence[int]] | Mapping[str, NDArray[np.int64]],
    current: Mapping[str, Sequence[int]] | Mapping[str, NDArray[np.int64]],
    *,
    name: str = "",
    by: tuple[str, ...] = (),
) -> Decomposition:
    """The change of a distribution, from counts by segment in the same bins.

    Both sides must name the same segments and have rows. `total`, `mix` and `within` are total variations, that is half
    the sums of the absolute values of the whole difference and of the two parts of the formula above. `largest`
    projects the segments' terms on the sign of the whole difference, with the mix term taken against the mean of all
    rows (a segment like the others explains nothing by growing): these contributions add up to `total`. `mix_share` is
    the mix, projected alike, over `total`.

    >>> split = split_distributions({"a": [90, 10], "b": [10, 90]}, {"a": [180, 20], "b": [10, 90]})
    >>> round(split.total, 3), round(split.mix, 3), round(split.within, 3)
    (0.133, 0.133, 0.0)
    """
    names = list(reference)
    f, g = (np.array([side[n] for n in names], dtype=np.float64) for side in (reference, current))
    w, v, p, q = _shares(f.sum(axis=1), g.sum(axis=1), f, g)
    mix, within = _terms(w, v, p, q)
    difference = (mix + within).sum(axis=0)
    sign = np.sign(difference)
    anchor = (w[:, None] * p + v[:, None] * q).sum(axis=0) / 2
    contributions = 0.5 * (mix - (v - w)[:, None] * anchor + within) @ sign
    total = 0.5 * float(np.abs(difference).sum())
    return Decomposition(
        name=name,
        by=by,
        total=total,
        mix=0.5 * float(np.abs(mix.sum(axis=0)).sum()),
        within=0.5 * float(np.abs(within.sum(axis=0)).sum()),
        mix_share=0.5 * float(mix.sum(axis=0) @ sign) / total if total > NOTHING else 0.0,
        noise=_noise(w, v, p, q, f.sum(axis=1), g.sum(axis=1)),
        largest=_largest(names, contributions),
    )


def split_means(
    reference: Mapping[str, tuple[float, float]],
    current: Mapping[str, tuple[float, float]],
    *,
    name: str = "",
    by: tuple[str, ...] = (),
) -> Decomposition:
    """The change of a mean, from (sum, rows) by segment; both sides must name the same segments and have rows.

    >>> split = split_means({"a": (90, 100), "b": (50, 100)}, {"a": (90, 100), "b": (150, 300)})
    >>> round(split.total, 3), round(split.mix, 3), split.within
    (-0.1, -0.1, 0.0)
    """
    names = list(reference)
    f, g = (np.array([side[n] for n in names], dtype=np.float64) for side in (reference, current))
    w, v, p, q = _shares(f[:, 1], g[:, 1], f[:, :1], g[:, :1])
    mix, within = _terms(w, v, p, q)
    anchor = (w[:, None] * p + v[:, None] * q).sum(axis=0) / 2
    contributions = (mix - (v - w)[:, None] * anchor + within)[:, 0]
    total = float((mix + within).sum())
    return Decomposition(
        name=name,
        by=by,
        total=total,
        mix=float(mix.sum()),
        within=float(within.sum()),
        mix_share=float(mix.sum()) / total if abs(total) > NOTHING else 0.0,
        largest=_largest(names, contributions),
    )


def _shares(n: Floats, m: Floats, f: Floats, g: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """(w, v, p, q). A segment with rows on one side only has on the other what it has there: all its change is mix."""
    p = np.divide(f, n[:, None], out=np.zeros_like(f), where=n[:, None] > 0)
    q = np.divide(g, m[:, None], out=np.zeros_like(g), where=m[:, None] > 0)
    p = np.where(n[:, None] > 0, p, q)
    q = np.where(m[:, None] > 0, q, p)
    return n / n.sum(), m / m.sum(), p, q


def _terms(w: Floats, v: Floats, p: Floats, q: Floats) -> tuple[Floats, Floats]:
    mix: Floats = (v - w)[:, None] * (p + q) / 2
    within: Floats = ((w + v) / 2)[:, None] * (q - p)
    return mix, within


def _noise(w: Floats, v: Floats, p: Floats, q: Floats, n: Floats, m: Floats) -> float:
    """Expected total variation of the within part where nothing changed inside: half-normal means, bin by bin."""
    known = (n > 0) & (m > 0)
    inverse = np.divide(1.0, n, out=np.zeros_like(n), where=known) + np.divide(
        1.0, m, out=np.zeros_like(m), where=known
    )
    pooled = (p * n[:, None] + q * m[:, None]) / np.maximum(n + m, 1.0)[:, None]
    variance = (((w + v) / 2) ** 2 * inverse)[:, None] * pooled * (1 - pooled)
    return float(np.sqrt(variance.sum(axis=0) / (2 * np.pi)).sum())


def _largest(names: Sequence[str], contributions: Floats) -> tuple[Contribution, ...]:
    ordered = sorted(zip(names, contributions, strict=True), key=lambda pair: (-abs(pair[1]), pair[0]))
    return tuple(Contribution(name, float(value)) for name, value in ordered[:SHOWN])
