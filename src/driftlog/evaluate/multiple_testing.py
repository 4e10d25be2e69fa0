"""Adjusted p-values of a family of tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """False discovery rate: ``min over j >= i of p_(j) m / j``, at most 1, in the order given.

    >>> [round(p, 4) for p in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]

    Source: Benjamini and Hochberg 1995.
    """
    p, order = _sorted(p_values)
    scaled = p * p.size / np.arange(1, p.size + 1)
    return _restored(np.minimum.accumulate(scaled[::-1])[::-1], order)


def holm(p_values: Sequence[float]) -> list[float]:
    """Family-wise error: ``max over j <= i of p_(j) (m - j + 1)``, at most 1. Source: Holm 1979."""
    p, order = _sorted(p_values)
    return _restored(np.maximum.accumulate(p * np.arange(p.size, 0, -1)), order)


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """Family-wise error: ``p m``, at most 1."""
    p, order = _sorted(p_values)
    return _restored(p * p.size, order)


def unadjusted(p_values: Sequence[float]) -> list[float]:
    """As they are."""
    return [float(p) for p in p_values]


ADJUSTMENTS: Final[Mapping[str, Callable[[Sequence[float]], list[float]]]] = {
    "benjamini_hochberg": benjamini_hochberg,
    "holm": holm,
    "bonferroni": bonferroni,
    "none": unadjusted,
}


def _sorted(p_values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    return p[order], order


def _restored(adjusted: np.ndarray, order: np.ndarray) -> list[float]:
    result = np.empty(order.size)
    result[order] = np.minimum(adjusted, 1.0)
    return [float(p) for p in result]
