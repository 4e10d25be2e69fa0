"""The difference of one metric between two models on the same rows, with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.performance.intervals import (
    ENOUGH_DAYS,
    NEGLIGIBLE_DESIGN_EFFECT,
    jackknife_variance,
    normal_quantile,
)
from driftlog.evaluate.performance.metric import PerformanceMetric
from driftlog.evaluate.performance.sums import ByDay
from driftlog.evaluate.trial.rows import Answers, Floats, TrialRows
from driftlog.evaluate.trial.sums import CLIP, by_day

GROUPS: Final = 100
"""Groups of rows left out one after the other, for metrics without a variance of their own."""


@dataclass(frozen=True, slots=True)
class Paired:
    """Candidate - champion, turned so that more is better; None where it cannot be had."""

    champion: float | None
    candidate: float | None
    difference: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    champion_error: float | None = None
    design_effect: float | None = None
    method: str = ""
    error: float | None = None
    """Standard error of the difference, with its degrees of freedom."""
    freedom: float = 1e6


Sides = tuple[ByDay, ByDay]


def both_sides(rows: TrialRows, settings: ModelSettings) -> Sides:
    """Champion's and candidate's answers as sums by day."""
    return by_day(rows, rows.champion, settings), by_day(rows, rows.candidate, settings)


def compare(
    metric: PerformanceMetric, rows: TrialRows, settings: ModelSettings, *, alpha: float, sides: Sides | None = None
) -> Paired:
    """Compare both answers of `rows` (`sides`: their sums, where they are known already).

    Rows are clustered by day (delete-one-day jackknife of the *difference*, Student's t with days - 1 degrees of
    freedom), or taken as independent where the design effect over at least 7 days is below 1.2, or there are fewer than
    two usable days. For independent rows: DeLong's covariance of two AUCs on the same rows; the variance of the
    row-by-row difference for accuracy (with McNemar's exact p-value), losses and errors; a jackknife over 100 groups of
    rows for everything else.

    Source: DeLong, DeLong and Clarke-Pearson 1988; McNemar 1947; Wolter 2007, chapter 4.
    """
    sign = -1.0 if metric.worse == "above" else 1.0
    champion, candidate = sides or both_sides(rows, settings)
    compute = metric.scaled(champion.whole)
    with np.errstate(all="ignore"):
        before, after = float(compute(champion.whole)), float(compute(candidate.whole))
    if not (math.isfinite(before) and math.isfinite(after)):
        return Paired(before if math.isfinite(before) else None, after if math.isfinite(after) else None)
    difference = sign * (after - before)
    clustered, own = _clustered(metric, champion, candidate)
    alone = independent_variance(metric, rows, settings)
    effect = clustered / alone if clustered is not None and alone else None
    days = champion.count
    whole: dict[str, Any] = {"champion": before, "candidate": after, "difference": difference, "design_effect": effect}
    small = effect is not None and effect < NEGLIGIBLE_DESIGN_EFFECT and days >= ENOUGH_DAYS
    if clustered and not small:
        spread, freedom = math.sqrt(clustered), days - 1.0
        half = float(special.stdtrit(freedom, 1 - alpha / 2)) * spread
        p_value = 2 * float(special.stdtr(freedom, -abs(difference) / spread))
        how = f"clustered by day ({days} days, jackknife of the difference)"
    elif alone:
        spread, freedom = math.sqrt(alone), 1e6
        half = normal_quantile(1 - alpha) * spread
        p_value = _p_value(metric, rows, difference / spread)
        why = f"design effect {effect:.2f} by day" if effect is not None else "fewer than 2 usable days"
        how = f"{_NAMES.get(metric.name, 'jackknife over rows')}, rows taken as independent ({why})"
    else:
        how = "both answer alike" if not difference and not clustered else "no interval could be had"
        return Paired(**whole, method=how, champion_error=own)
    level = f"{100 * (1 - alpha):.4g} %"
    return Paired(
        **whole,
        lower=difference - half,
        upper=difference + half,
        p_value=p_value,
        champion_error=own,
        method=f"{level} {how}",
        error=spread,
        freedom=freedom,
    )


_NAMES: Final = {
    "accuracy": "McNemar",
    "roc_auc": "DeLong",
    "brier": "paired differences",
    "log_loss": "paired differences",
    "mae": "paired differences",
    "bias": "paired differences",
    "rmse": "paired differences (delta method)",
}


def _clustered(metric: PerformanceMetric, champion: ByDay, candidate: ByDay) -> tuple[float | None, float | None]:
    """(variance of the difference, standard error of the champion's value)."""
    if champion.left_out is None or candidate.left_out is None:
        return None, None
    compute = metric.scaled(champion.whole)
    with np.errstate(all="ignore"):
        before, after = compute(champion.left_out), compute(candidate.left_out)
        value = float(compute(champion.whole))
    own = jackknife_variance(before, value)
    return jackknife_variance(after - before, value), math.sqrt(own) if own is not None else None


def independent_variance(metric: PerformanceMetric, rows: TrialRows, settings: ModelSettings) -> float | None:
    """Variance of the difference, rows taken as independent; None where it cannot be had, 0 of equal answers."""
    if metric.name == "roc_auc":
        return delong_difference_variance(
            rows.champion.score, rows.candidate.score, rows.actual == settings.positive_label
        )
    if metric.name == "rmse":
        parts = [_rmse_part(rows.actual_value, side.value) for side in (rows.champion, rows.candidate)]
        return None if parts[0] is None or parts[1] is None else _mean_variance(parts[1] - parts[0])
    losses = [_row_values(metric.name, rows, side, settings) for side in (rows.champion, rows.candidate)]
    if losses[0] is not None and losses[1] is not None:
        return _mean_variance(losses[1] - losses[0])
    return _grouped(metric, rows, settings)


def delong_difference_variance(first: Floats, second: Floats, positive: NDArray[np.bool_]) -> float | None:
    """Variance of AUC(second) - AUC(first) on the same rows; NaN scores must be gone. None with < 2 rows of a class."""
    p, n = int(positive.sum()), int((~positive).sum())
    if p < 2 or n < 2:
        return None
    placed = [_placements(score, positive) for score in (first, second)]
    above = placed[1][0] - placed[0][0]
    below = placed[1][1] - placed[0][1]
    return float(above.var(ddof=1)) / p + float(below.var(ddof=1)) / n


def _placements(score: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Share of negatives below each positive, and of positives above each negative; ties count half."""
    p, n = int(positive.sum()), int((~positive).sum())
    whole, ups, downs = stats.rankdata(score), stats.rankdata(score[positive]), stats.rankdata(score[~positive])
    return (whole[positive] - ups) / n, 1.0 - (whole[~positive] - downs) / p


def _row_values(name: str, rows: TrialRows, side: Answers, settings: ModelSettings) -> Floats | None:
    """One number a row whose mean is the metric."""
    if name == "accuracy":
        return np.asarray(side.label == rows.actual, dtype=np.float64)
    if name in ("brier", "log_loss") and settings.task == "binary":
        up = rows.actual == settings.positive_label
        if name == "brier":
            return np.asarray((side.score - up) ** 2, dtype=np.float64)
        clipped = np.clip(side.score, CLIP, 1 - CLIP)
        return np.asarray(-np.where(up, np.log(clipped), np.log1p(-clipped)), dtype=np.float64)
    if name in ("mae", "bias"):
        error = side.value - rows.actual_value
        return np.asarray(np.abs(error) if name == "mae" else error, dtype=np.float64)
    return None


def _rmse_part(actual: Floats, value: Floats) -> Floats | None:
    """The linearised contribution of each row to the root of the mean square."""
    squares = (value - actual) ** 2
    root = math.sqrt(float(squares.mean())) if squares.size else 0.0
    return np.asarray(squares / (2 * root), dtype=np.float64) if root else None


def _mean_variance(values: Floats) -> float | None:
    values = values[np.isfinite(values)]
    return float(values.var(ddof=1)) / values.size if values.size > 1 else None


def _grouped(metric: PerformanceMetric, rows: TrialRows, settings: ModelSettings) -> float | None:
    """Delete-a-group jackknife over interleaved groups of rows."""
    count = min(GROUPS, rows.n)
    if count < 2:
        return None
    grouped = TrialRows(
        rows.ids,
        np.arange(rows.n, dtype=np.int64) % count,
        rows.actual,
        rows.actual_value,
        rows.champion,
        rows.candidate,
    )
    sides = [by_day(grouped, side, settings) for side in (rows.champion, rows.candidate)]
    return _clustered(metric, sides[0], sides[1])[0]


def _p_value(metric: PerformanceMetric, rows: TrialRows, z: float) -> float:
    """McNemar's exact one for accuracy, else of the normal distribution."""
    if metric.name != "accuracy":
        return 2 * float(special.ndtr(-abs(z)))
    first, second = (side.label == rows.actual for side in (rows.champion, rows.candidate))
    better, worse = int((second & ~first).sum()), int((first & ~second).sum())
    return float(stats.binomtest(better, better + worse).pvalue) if better + worse else 1.0
