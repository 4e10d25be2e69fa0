"""A model of a regressor's losses: |error| and squared error as functions of features and prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.profile import RowSample

Floats = NDArray[np.float64]

ERROR: Final = "outcome.error"
HALVES: Final = 10
FEWEST_ROWS: Final = 200
TOLERANCE: Final = 0.10
"""Largest calibration error out of sample, as a share of the mean loss."""
GROUPS: Final = 5
CONFIDENT: Final = 1.645


@dataclass(frozen=True, slots=True)
class LossModel:
    """Two losses as functions of a row, fitted on the reference's rows and on halves of them.

    Attributes
    ----------
    names
        Columns the model sees, in order: ``features.*`` and ``prediction.value``.
    whole
        Models of (|error|, error^2) fitted on all rows.
    halves
        The same fitted on random halves, for the uncertainty; each is checked on the half it did not see.
    observed
        Mean losses of the rows.
    residual
        Mean squared differences of losses and predictions out of sample.
    calibration_error
        Root mean squared difference, out of sample, of predicted and observed mean |error| over fifths of the
        predicted, as a share of the mean |error|, sampling noise taken off.
    uncalibrated
        That error is above `TOLERANCE` with 95 % confidence.
    explained
        Share of the variance of |error| that is predicted out of sample; about 0: the estimate hardly moves.
    """

    names: tuple[str, ...]
    whole: tuple[Any, Any]
    halves: tuple[tuple[Any, Any], ...]
    rows: int
    observed: tuple[float, float]
    residual: tuple[float, float]
    calibration_error: float
    uncalibrated: bool
    explained: float

    def predict(self, columns: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Losses of rows: by the whole, shape (2, rows), and means by each half's models, shape (halves, 2)."""
        x = design(columns, self.names)
        with _one_thread():
            whole = np.stack([model.predict(x) for model in self.whole])
            means = [[float(model.predict(x).mean()) for model in pair] for pair in self.halves]
        return whole, np.asarray(means)


def fit_losses(rows: RowSample, seed: int) -> LossModel | str:
    """Fit a reference's rows whose error is known, or say in one sentence why that cannot be done.

    Gradient-boosted trees with squared loss, so that means are estimated; a missing value takes the branch that fits.
    """
    errors = rows.columns.get(ERROR, np.zeros(0))
    known = np.isfinite(errors)
    names = tuple(sorted(name for name in rows.columns if name.startswith("features.") or name == "prediction.value"))
    if not names:
        return "the reference's rows have no features"
    count = int(known.sum())
    if count < FEWEST_ROWS:
        return f"the reference has fewer than {FEWEST_ROWS} sampled rows ({count}) whose error is known"
    x, e = design(rows.columns, names)[known], errors[known]
    losses = np.stack([np.abs(e), e * e])
    if not np.isfinite(losses.sum()):
        return "the reference's errors are too large to be squared"
    with _one_thread():
        return _fitted(x, losses, names, np.random.default_rng(seed))


def _one_thread() -> AbstractContextManager[Any]:
    """Small fits on many threads wait for each other longer than they work, most of all on a busy machine."""
    import sklearn.ensemble  # noqa: F401 - only libraries that are loaded can be limited
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


def _fitted(x: Floats, losses: Floats, names: tuple[str, ...], generator: np.random.Generator) -> LossModel:
    count = len(x)
    halves, unseen = [], []
    for _ in range(HALVES // 2):
        order = generator.permutation(count)
        for part, rest in ((order[: count // 2], order[count // 2 :]), (order[count // 2 :], order[: count // 2])):
            pair = _fit(x[part], losses[:, part])
            halves.append(pair)
            unseen.append((losses[:, rest], np.stack([model.predict(x[rest]) for model in pair])))
    error, failed = _calibration([(seen[0], predicted[0]) for seen, predicted in unseen])
    squares = np.mean([((seen - predicted) ** 2).mean(axis=1) for seen, predicted in unseen], axis=0)
    variance = float(losses[0].var())
    return LossModel(
        names=names,
        whole=_fit(x, losses),
        halves=tuple(halves),
        rows=count,
        observed=(float(losses[0].mean()), float(losses[1].mean())),
        residual=(float(squares[0]), float(squares[1])),
        calibration_error=error,
        uncalibrated=failed,
        explained=1.0 - float(squares[0]) / variance if variance > 0 else 0.0,
    )


def design(columns: Mapping[str, Floats], names: Sequence[str]) -> Floats:
    """Rows as a matrix, NaN where a column is not there or a value is infinite."""
    size = max((len(column) for column in columns.values()), default=0)
    matrix = np.full((size, len(names)), np.nan)
    for at, name in enumerate(names):
        if name in columns:
            matrix[:, at] = columns[name]
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def _fit(x: Floats, losses: Floats) -> tuple[Any, Any]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    def one(y: Floats) -> Any:
        smallest = max(10, min(50, len(y) // 20))
        model = HistGradientBoostingRegressor(
            max_iter=40, learning_rate=0.15, max_leaf_nodes=15, min_samples_leaf=smallest, early_stopping=False
        )
        return model.fit(x, y)

    return one(losses[0]), one(losses[1])


def _calibration(parts: Sequence[tuple[Floats, Floats]]) -> tuple[float, bool]:
    """Calibration error over groups of predicted loss, as a share of the mean loss, and whether it is too large."""
    excesses, doubts, mean = [], [], float(np.mean([seen.mean() for seen, _ in parts]))
    if mean <= 0:
        return 0.0, False
    for seen, predicted in parts:
        groups = np.array_split(np.argsort(predicted, kind="stable"), GROUPS)
        n = np.array([group.size for group in groups], dtype=np.float64)
        gap = np.array([seen[group].mean() - predicted[group].mean() for group in groups])
        noise = np.array([2 * seen[group].var() / group.size for group in groups])
        excesses.append(float((n * (gap**2 - noise)).sum() / n.sum()))
        doubts.append(math.sqrt(2 * float((n**2 * noise**2).sum())) / float(n.sum()))
    excess, doubt = float(np.mean(excesses)), CONFIDENT * float(np.mean(doubts))
    return math.sqrt(max(0.0, excess)) / mean, excess - doubt > (TOLERANCE * mean) ** 2
