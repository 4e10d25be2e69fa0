"""One side's answers as sums by day, so that every metric of the registry can be compared on the same rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.performance.grid import ScoreGrid
from driftlog.evaluate.performance.sums import ARRAYS, ByDay, OutcomeSums, worth_of
from driftlog.evaluate.trial.rows import Answers, Floats, TrialRows, Words

CLIP = 1e-15


def by_day(rows: TrialRows, answers: Answers, settings: ModelSettings) -> ByDay:
    """Sums of `answers` along an axis of days; scores are not binned: each distinct one has a bin of its own.

    Both sides of a comparison have the same rows and the same labels, so that their days correspond. Multiclass scores
    are not used: losses of several classes need all their probabilities.
    """
    _, index = np.unique(rows.day, return_inverse=True)
    days = int(index.max()) + 1 if index.size else 1
    zero = np.zeros(days)
    held: dict[str, Floats] = dict.fromkeys(ARRAYS, zero)
    held |= {name: np.zeros((days, 1)) for name in ("score_positive", "score_negative")}
    held |= {name: np.zeros((days, 0, 1)) for name in ("class_positive", "class_negative")}
    held["n"] = _sum(index, days, np.ones(index.size))
    labels: tuple[str, ...] = ()
    positive, grid = None, None
    if settings.task == "regression":
        held["confusion"] = np.zeros((days, 0, 0))
        held |= _values(rows.actual_value, answers.value, index, days)
    else:
        labels = labels_of(rows, settings)
        held["confusion"] = _confusion(rows.actual, answers.label, labels, index, days)
        if settings.task == "binary":
            positive = labels.index(settings.positive_label)
            grid, scores = _scores(answers.score, rows.actual == settings.positive_label, index, days)
            held |= scores
    whole = OutcomeSums(
        labels=labels,
        positive=positive,
        grid=grid,
        class_labels=(),
        class_grid=None,
        worth=worth_of(labels, settings.business_value),
        quantile=settings.quantile,
        **held,
    )
    return ByDay.of(whole)


def with_labels(answers: Answers, actual: Words, settings: ModelSettings) -> Answers:
    """Answers of a binary model that are scores alone get labels by the decision threshold; the negative one is called
    as the truth calls it."""
    if settings.task != "binary":
        return answers
    others = sorted({*actual.tolist()} - {"", settings.positive_label})
    negative = others[0] if others else f"not {settings.positive_label}"
    by_score = np.where(answers.score >= settings.decision_threshold, settings.positive_label, negative)
    label = np.where((answers.label == "") & np.isfinite(answers.score), by_score, answers.label)
    return Answers(label, answers.score, answers.value)


def labels_of(rows: TrialRows, settings: ModelSettings) -> tuple[str, ...]:
    """All labels of truth and answers, sorted."""
    found = {*rows.actual.tolist()}
    for answers in (rows.champion, rows.candidate):
        found |= {*answers.label.tolist()}
    if settings.task == "binary":
        found.add(settings.positive_label)
    return tuple(sorted(found - {""}))


def _sum(index: NDArray[np.intp], days: int, values: Floats) -> Floats:
    return np.bincount(index, weights=values, minlength=days).astype(np.float64)


def _confusion(actual: Words, label: Words, labels: tuple[str, ...], index: NDArray[np.intp], days: int) -> Floats:
    size = len(labels)
    known = (actual != "") & (label != "")
    names = np.asarray(labels, dtype=np.str_)
    cells = index[known] * size * size
    cells = cells + np.searchsorted(names, actual[known]) * size + np.searchsorted(names, label[known])
    counts = np.bincount(cells, minlength=days * size * size).astype(np.float64)
    return counts.reshape(days, size, size)


def _scores(
    score: Floats, up: NDArray[np.bool_], index: NDArray[np.intp], days: int
) -> tuple[ScoreGrid | None, dict[str, Floats]]:
    known = np.isfinite(score)
    if not known.any():
        return None, {}
    distinct, place = np.unique(score[known], return_inverse=True)
    size, day, above = distinct.size, index[known], up[known]
    cells = day * size + place
    counts = {
        name: np.bincount(cells[side], minlength=days * size).astype(np.float64).reshape(days, size)
        for name, side in (("score_positive", above), ("score_negative", ~above))
    }
    probability = bool(distinct[0] >= 0.0 and distinct[-1] <= 1.0)
    grid = ScoreGrid(distinct, np.zeros(size), np.zeros(size), probability)
    if not probability:
        return grid, counts
    clipped = np.clip(score[known], CLIP, 1 - CLIP)
    losses = -np.where(above, np.log(clipped), np.log1p(-clipped))
    squares = (score[known] - above) ** 2
    return grid, counts | {
        "scored": _sum(day, days, np.ones(day.size)),
        "log_loss": _sum(day, days, losses),
        "brier": _sum(day, days, squares),
    }


def _values(actual: Floats, value: Floats, index: NDArray[np.intp], days: int) -> dict[str, Floats]:
    known = np.isfinite(actual) & np.isfinite(value)
    y, p, day = actual[known], value[known], index[known]
    error, away = p - y, y - (y.mean() if y.size else 0.0)
    has = y != 0
    relative = np.abs(error[has] / y[has])
    return {
        "valued": _sum(day, days, np.ones(y.size)),
        "error": _sum(day, days, error),
        "absolute_error": _sum(day, days, np.abs(error)),
        "squared_error": _sum(day, days, error * error),
        "actual_total": _sum(day, days, away),
        "actual_squares": _sum(day, days, away * away),
        "covered": _sum(day, days, (error >= 0).astype(np.float64)),
        "relative": _sum(day[has], days, np.ones(relative.size)),
        "relative_error": _sum(day[has], days, relative),
    }
