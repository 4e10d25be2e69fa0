"""Agreement of prediction and truth beyond chance: Matthews' correlation and Cohen's kappa, two labels or more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftlog.evaluate.performance.classification import correct, labelled, ratio
from driftlog.evaluate.performance.sums import Floats, OutcomeSums


def matthews_correlation(sums: OutcomeSums) -> Floats:
    """``(c s - sum_k p_k t_k) / sqrt((s^2 - sum_k p_k^2) (s^2 - sum_k t_k^2))``, in [-1, 1].

    s outcomes, c of them right, p_k predicted and t_k actual of label k. Undefined where only one label was predicted
    or only one occurred. Source: Matthews 1975; Gorodkin 2004 for several labels.
    """
    # Shares instead of counts: the products of counts leave the range of exact doubles at 1e8 rows.
    whole = labelled(sums)
    right, actual, predicted = _shares(sums)
    spread = np.sqrt(np.maximum(1 - (predicted**2).sum(axis=-1), 0.0) * np.maximum(1 - (actual**2).sum(axis=-1), 0.0))
    varied = _several(sums, -1) & _several(sums, -2) & (whole > 0)
    return np.clip(ratio(right - (actual * predicted).sum(axis=-1), np.where(varied, spread, 0.0)), -1.0, 1.0)


def cohens_kappa(sums: OutcomeSums) -> Floats:
    """``(p_o - p_e) / (1 - p_e)``: agreement above that of independent labels with the same frequencies, in [-1, 1].

    Undefined where predictions and truth are all one and the same label. Source: Cohen 1960.
    """
    right, actual, predicted = _shares(sums)
    by_chance = (actual * predicted).sum(axis=-1)
    one = (actual.max(axis=-1, initial=0.0) == 1.0) & (actual * predicted == 1.0).any(axis=-1)
    return ratio(right - by_chance, np.where(one | (labelled(sums) == 0), 0.0, 1 - by_chance))


def _shares(sums: OutcomeSums) -> tuple[Floats, Floats, Floats]:
    whole = np.maximum(labelled(sums), 1.0)
    actual: Floats = sums.confusion.sum(axis=-1) / whole[..., None]
    predicted: Floats = sums.confusion.sum(axis=-2) / whole[..., None]
    return correct(sums) / whole, actual, predicted


def _several(sums: OutcomeSums, axis: int) -> NDArray[np.bool_]:
    several: NDArray[np.bool_] = (sums.confusion.sum(axis=axis) > 0).sum(axis=-1) > 1
    return several
