"""Calibration of the score: whether of the outcomes with score 0.8 eighty in a hundred are positive."""

from __future__ import annotations

import numpy as np

from driftlog.evaluate.performance.classification import ratio
from driftlog.evaluate.performance.grid import GROUPS, ScoreGrid
from driftlog.evaluate.performance.scores import ranked
from driftlog.evaluate.performance.sums import Floats, OutcomeSums


def expected_calibration_error(sums: OutcomeSums) -> Floats:
    """``sum_g n_g / n |share of positives in g - mean score in g|`` over 10 equal-width groups of the score.

    Scores stand at the middle of their bin (`bin_bound`). Several classes: of the predicted label's probability, with
    right predictions as positives. Undefined where the score is no probability. Never below 0, so a perfectly
    calibrated model has more than 0 (`expected_by_chance`).

    Source: Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017.
    """
    excess = _grouped(sums, _excess(sums))
    return _checked(sums, ratio(np.abs(excess).sum(axis=-1), ranked(sums)))


def calibration_gap(sums: OutcomeSums) -> Floats:
    """Share of positives - mean score: positive where the model promises too little. Also within `bin_bound`."""
    return _checked(sums, ratio(_excess(sums).sum(axis=-1), ranked(sums)))


def bin_bound(sums: OutcomeSums) -> Floats:
    """``sum_i n_i half_i / n``: the most that the width of the fine bins can change either of the two."""
    grid = _grid(sums)
    rows = sums.score_positive + sums.score_negative
    return ratio((rows * grid.half).sum(axis=-1), ranked(sums))


def expected_by_chance(sums: OutcomeSums) -> Floats:
    """Expectation of the error of a perfectly calibrated model, ``sum_g sqrt(2 / pi v_g) / n``.

    v_g is the sum of ``p (1 - p)`` over the scores of a group (normal approximation of the group's count of positives).
    """
    grid = _grid(sums)
    rows = sums.score_positive + sums.score_negative
    variance = _grouped(sums, rows * grid.middle * (1 - grid.middle))
    return _checked(sums, ratio(np.sqrt(2 / np.pi * variance).sum(axis=-1), ranked(sums)))


def error_variance(sums: OutcomeSums) -> float:
    """Variance of `expected_calibration_error` for independent rows, the signs of the groups taken as they are."""
    grid = _grid(sums)
    sign = np.sign(_grouped(sums, _excess(sums)))[..., grid.group]
    return _variance(sums, grid, sign)


def gap_variance(sums: OutcomeSums) -> float:
    """Variance of `calibration_gap` for independent rows."""
    grid = _grid(sums)
    return _variance(sums, grid, np.ones(grid.middle.size))


def _variance(sums: OutcomeSums, grid: ScoreGrid, sign: Floats) -> float:
    n = float(ranked(sums))
    up, down = sign * (1 - grid.middle), -sign * grid.middle
    mean = float((sums.score_positive * up + sums.score_negative * down).sum()) / n
    square = float((sums.score_positive * up**2 + sums.score_negative * down**2).sum()) / n
    return max(0.0, square - mean * mean) / n


def _excess(sums: OutcomeSums) -> Floats:
    """By bin: positives - sum of scores."""
    grid = _grid(sums)
    excess: Floats = sums.score_positive - (sums.score_positive + sums.score_negative) * grid.middle
    return excess


def _grouped(sums: OutcomeSums, of_bin: Floats) -> Floats:
    member = np.eye(GROUPS)[_grid(sums).group]
    return of_bin @ member


def _grid(sums: OutcomeSums) -> ScoreGrid:
    if sums.grid is not None:
        return sums.grid
    size = sums.score_positive.shape[-1]
    return ScoreGrid(np.zeros(size), np.zeros(size), np.zeros(size), probability=False)


def _checked(sums: OutcomeSums, value: Floats) -> Floats:
    return value if _grid(sums).probability else np.full(value.shape, np.nan)
