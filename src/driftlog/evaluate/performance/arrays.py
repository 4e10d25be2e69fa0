"""The performance metrics of arrays, for notebooks: the registry's own formulas, exact since nothing is binned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from driftlog.contract.errors import UsageError
from driftlog.contract.settings import CellValue
from driftlog.evaluate.performance.classification import labelled
from driftlog.evaluate.performance.grid import Floats, ScoreGrid, padded, stacked
from driftlog.evaluate.performance.metric import PerformanceMetric
from driftlog.evaluate.performance.registry import CLASS_METRICS, metrics_of
from driftlog.evaluate.performance.sums import ARRAYS, OutcomeSums, worth_of

_CLIP = 1e-15
Values = dict[str, float | None]


def classification_metrics(
    actual: ArrayLike,
    predicted: ArrayLike,
    score: ArrayLike | None = None,
    *,
    positive: object = None,
    probabilities: Mapping[Any, ArrayLike] | None = None,
    business_value: Sequence[CellValue] = (),
) -> Values:
    """Every classification metric of the registry by name; None where undefined.

    Parameters
    ----------
    actual, predicted
        Labels, compared as text; ``1.0`` is ``1``. Rows where one is missing count in no metric of labels.
    score
        Binary: the probability (or any score) of the positive label. Several classes: of the predicted label.
    positive
        The positive label; None: the last of two in order of their text. Without one and with three labels or more
        the task is multiclass.
    probabilities
        Several classes: label -> probability of each row.

    >>> found = classification_metrics([1, 0, 1, 0], [1, 0, 0, 0], [0.9, 0.2, 0.4, 0.4])
    >>> found["accuracy"], found["recall"], found["roc_auc"], found["mcc"]
    (0.75, 0.5, 0.875, 0.5773502691896258)

    Raises
    ------
    UsageError
        The arrays are not of one length.
    """
    sums = label_sums(
        actual, predicted, score, positive=positive, probabilities=probabilities, business_value=business_value
    )
    if sums.positive is None:
        metrics = metrics_of("multiclass")
    else:
        averages = [metric for metric in metrics_of("multiclass") if metric.rows is labelled]
        metrics = list({metric.name: metric for metric in (*metrics_of("binary"), *averages)}.values())
    return {metric.name: _value(metric, sums) for metric in metrics if business_value or not metric.needs}


def class_metrics(
    actual: ArrayLike, predicted: ArrayLike, *, probabilities: Mapping[Any, ArrayLike] | None = None
) -> dict[str, Values]:
    """Precision, recall, F1 and (with probabilities) ROC AUC of each label against the rest.

    >>> class_metrics(["a", "b", "c"], ["a", "b", "b"])["b"]
    {'precision': 0.5, 'recall': 1.0, 'f1': 0.6666666666666666, 'roc_auc': None}
    """
    sums = label_sums(actual, predicted, probabilities=probabilities)
    parts = {label: sums.of_class(label) for label in sums.labels}
    return {label: {metric.name: _value(metric, part) for metric in CLASS_METRICS} for label, part in parts.items()}


def regression_metrics(actual: ArrayLike, predicted: ArrayLike, *, quantile: float | None = None) -> Values:
    """Every regression metric of the registry by name, over the rows where both are finite; None where undefined.

    Parameters
    ----------
    quantile
        The quantile that is predicted: adds ``quantile_coverage`` and ``pinball_loss``.

    >>> regression_metrics([1.0, 2.0, 4.0], [1.0, 3.0, 3.0])["mae"]
    0.6666666666666666

    Raises
    ------
    UsageError
        The arrays are not of one length.
    """
    y, p = np.asarray(actual, dtype=np.float64).ravel(), np.asarray(predicted, dtype=np.float64).ravel()
    _same_length(actual=y, predicted=p)
    known = np.isfinite(y) & np.isfinite(p)
    sums = value_sums(y[known], p[known], quantile=quantile)
    return {
        metric.name: _value(metric, sums)
        for metric in metrics_of("regression")
        if metric.needs != "quantile" or quantile is not None
    }


def value_sums(actual: Floats, predicted: Floats, *, quantile: float | None = None) -> OutcomeSums:
    """Sums of a regression's outcomes; all values finite."""
    with np.errstate(all="ignore"):
        error = predicted - actual
        away = actual - (actual.mean() if actual.size else 0.0)
        relative = np.abs(error[actual != 0] / actual[actual != 0])
        relative = relative[np.isfinite(relative)]
        numbers = {
            "n": actual.size,
            "valued": actual.size,
            "error": error.sum(),
            "absolute_error": np.abs(error).sum(),
            "squared_error": (error * error).sum(),
            "actual_total": away.sum(),
            "actual_squares": (away * away).sum(),
            "covered": (error >= 0).sum(),
            "relative": relative.size,
            "relative_error": relative.sum(),
        }
    return _sums((), None, numbers, quantile=quantile)


def label_sums(
    actual: ArrayLike,
    predicted: ArrayLike,
    score: ArrayLike | None = None,
    *,
    positive: object = None,
    probabilities: Mapping[Any, ArrayLike] | None = None,
    business_value: Sequence[CellValue] = (),
) -> OutcomeSums:
    """Sums of a classification's outcomes, each distinct score in a bin of its own; see `classification_metrics`."""
    y, p = _text(actual), _text(predicted)
    shares = {
        _name(label): np.asarray(column, dtype=np.float64).ravel() for label, column in (probabilities or {}).items()
    }
    _same_length(actual=y, predicted=p, **{f"probabilities of {label}": column for label, column in shares.items()})
    labels = sorted(({*y.tolist(), *p.tolist()} | {*shares}) - {""})
    one = _positive(labels, positive)
    if one is not None and one not in labels:
        labels = sorted([*labels, one])
    given = _chosen(shares, p) if score is None and shares else score
    numbers: dict[str, Any] = {"n": y.size, "confusion": _confusion(y, p, labels)}
    grid = None
    if given is not None:
        values = np.asarray(given, dtype=np.float64).ravel()
        _same_length(actual=y, score=values)
        up = y == one if one is not None else y == p
        usable = np.isfinite(values) & (y != "") & ((p != "") | (one is not None))
        grid, numbers["score_positive"], numbers["score_negative"] = _histograms(values[usable], up[usable])
        if one is not None:
            numbers |= _binary_losses(values[usable], up[usable])
    grids = {}
    if one is None and shares:
        numbers |= _multiclass_losses(y, shares)
        known = y != ""
        grids = {label: _histograms(column[known], y[known] == label) for label, column in sorted(shares.items())}
        size = max(grid.middle.size for grid, _, _ in grids.values())
        numbers["class_positive"] = np.stack([padded(up, size) for _, up, _ in grids.values()])
        numbers["class_negative"] = np.stack([padded(down, size) for _, _, down in grids.values()])
    return _sums(
        tuple(labels),
        labels.index(one) if one is not None else None,
        numbers,
        grid=grid,
        class_labels=tuple(grids),
        class_grid=stacked([grid for grid, _, _ in grids.values()]),
        worth=worth_of(labels, business_value),
    )


def _sums(labels: tuple[str, ...], positive: int | None, numbers: Mapping[str, Any], **fixed: Any) -> OutcomeSums:
    empty: dict[str, Any] = {name: np.zeros(()) for name in ARRAYS}
    empty |= {"confusion": np.zeros((len(labels), len(labels)))}
    empty |= {"score_positive": np.zeros(1), "score_negative": np.zeros(1)}
    empty |= {"class_positive": np.zeros((0, 1)), "class_negative": np.zeros((0, 1))}
    held = {name: np.asarray(value, dtype=np.float64) for name, value in numbers.items()}
    rest: dict[str, Any] = {"grid": None, "class_labels": (), "class_grid": None, "worth": None, "quantile": None}
    return OutcomeSums(labels=labels, positive=positive, **(rest | fixed | empty | held))


def _value(metric: PerformanceMetric, sums: OutcomeSums) -> float | None:
    with np.errstate(all="ignore"):
        value = float(metric.compute(sums))
    return value if math.isfinite(value) else None


def _name(value: object) -> str:
    """A label as text; empty where it is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _text(labels: ArrayLike) -> NDArray[np.str_]:
    names = [_name(value) for value in np.asarray(labels).ravel().tolist()]
    return np.asarray(names, dtype=np.str_)


def _positive(labels: list[str], positive: object) -> str | None:
    if positive is not None:
        return _name(positive)
    return labels[-1] if 1 <= len(labels) <= 2 else None


def _same_length(**columns: NDArray[Any]) -> None:
    lengths = {name: column.size for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise UsageError(f"the arrays differ in length: {told}", remedy="give one value a row in each")


def _confusion(y: NDArray[np.str_], p: NDArray[np.str_], labels: Sequence[str]) -> Floats:
    known = (y != "") & (p != "")
    names = np.asarray(labels, dtype=np.str_)
    cells = np.searchsorted(names, y[known]) * len(labels) + np.searchsorted(names, p[known])
    return np.bincount(cells, minlength=len(labels) ** 2).astype(np.float64).reshape(len(labels), len(labels))


def _histograms(values: Floats, up: NDArray[np.bool_]) -> tuple[ScoreGrid, Floats, Floats]:
    known = np.isfinite(values)
    distinct, index = np.unique(values[known], return_inverse=True)
    positive = np.bincount(index[up[known]], minlength=distinct.size).astype(np.float64)
    negative = np.bincount(index[~up[known]], minlength=distinct.size).astype(np.float64)
    if not distinct.size:
        distinct, positive, negative = np.zeros(1), np.zeros(1), np.zeros(1)
    probability = bool(distinct[0] >= 0.0 and distinct[-1] <= 1.0)
    zero = np.zeros(distinct.size)
    return ScoreGrid(distinct, zero, zero, probability), positive, negative


def _binary_losses(score: Floats, up: NDArray[np.bool_]) -> dict[str, float]:
    usable = (score >= 0.0) & (score <= 1.0)
    score, up = score[usable], up[usable]
    clipped = np.clip(score, _CLIP, 1 - _CLIP)
    losses = -np.where(up, np.log(clipped), np.log1p(-clipped))
    return {"scored": score.size, "log_loss": float(losses.sum()), "brier": float(((score - up) ** 2).sum())}


def _chosen(shares: Mapping[str, Floats], predicted: NDArray[np.str_]) -> Floats:
    """The probability of the predicted label."""
    chosen = np.full(predicted.size, np.nan)
    for label, column in shares.items():
        chosen[predicted == label] = column[predicted == label]
    return chosen


def _multiclass_losses(y: NDArray[np.str_], shares: Mapping[str, Floats]) -> dict[str, float]:
    columns, names = np.stack(list(shares.values()), axis=-1), np.asarray(list(shares), dtype=np.str_)
    truth = y[:, None] == names
    usable = truth.any(axis=1) & ((columns >= 0.0) & (columns <= 1.0)).all(axis=1)
    own = columns[usable][truth[usable]]
    squares = ((columns[usable] - truth[usable]) ** 2).sum()
    losses = -np.log(np.clip(own, _CLIP, 1.0))
    return {"scored": float(usable.sum()), "log_loss": float(losses.sum()), "brier": float(squares)}
