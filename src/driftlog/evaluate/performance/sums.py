"""Outcome profiles as arrays, so that a metric is one formula for a window, its days and the days left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.binning import Binning, NumericBins
from driftlog.contract.events import Task
from driftlog.contract.profile import OutcomeProfile
from driftlog.contract.settings import CellValue, ModelSettings
from driftlog.evaluate.performance.grid import ScoreGrid, grid_of, padded, stacked

Floats = NDArray[np.float64]
SCORE = "prediction.score"
PROBABILITIES = "prediction.probabilities."
_FIXED = frozenset({"labels", "positive", "grid", "class_labels", "class_grid", "worth", "quantile"})


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeSums:
    """Sums over outcomes; every array has the same leading axes (days, say, or none).

    Attributes
    ----------
    labels
        Labels of the confusion matrix, sorted.
    positive
        Index of the positive label in `labels`, or None where it never occurred.
    grid
        Bins of the score; None without one.
    class_labels, class_grid
        Classes with probabilities of their own (multiclass), and their bins.
    worth
        Shape (actual, predicted): what one outcome of each cell is worth; None where nobody said.
    quantile
        The quantile a regression predicts; None for the mean.
    confusion
        Shape (..., actual, predicted), of outcomes with both labels.
    score_positive, score_negative
        Shape (..., bins): score histograms of actually positive and other outcomes; multiclass: of right and wrong
        ones, by the probability of the predicted label.
    class_positive, class_negative
        Shape (..., classes, bins): histograms of each class's probability, of outcomes of that class and of others.
    scored ... relative_error
        As in `driftlog.contract.profile.OutcomeProfile`.
    """

    labels: tuple[str, ...]
    positive: int | None
    grid: ScoreGrid | None
    class_labels: tuple[str, ...]
    class_grid: ScoreGrid | None
    worth: Floats | None
    quantile: float | None
    n: Floats
    confusion: Floats
    score_positive: Floats
    score_negative: Floats
    class_positive: Floats
    class_negative: Floats
    scored: Floats
    log_loss: Floats
    brier: Floats
    valued: Floats
    error: Floats
    absolute_error: Floats
    squared_error: Floats
    actual_total: Floats
    actual_squares: Floats
    covered: Floats
    relative: Floats
    relative_error: Floats

    def total(self) -> OutcomeSums:
        """Sums over the first axis."""
        with np.errstate(over="ignore", invalid="ignore"):
            return replace(self, **{name: getattr(self, name).sum(axis=0) for name in ARRAYS})

    def where(self, chosen: NDArray[np.bool_]) -> OutcomeSums:
        """Those entries of the first axis alone."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in ARRAYS})

    def without_each(self) -> OutcomeSums:
        """For each entry of the first axis, the sums of all others."""
        # Counts are whole numbers below 2**53, so that subtracting is exact for them.
        with np.errstate(over="ignore", invalid="ignore"):
            rest = {name: getattr(self, name).sum(axis=0) - getattr(self, name) for name in ARRAYS}
            return replace(
                self, **{name: np.maximum(rest[name], 0.0) if name in _NOT_NEGATIVE else rest[name] for name in rest}
            )

    def of_class(self, label: str) -> OutcomeSums:
        """One class against the rest: a binary confusion matrix, and the histograms of its probability as the score.

        Log loss and Brier score stay behind: their sums are over all classes.
        """
        confusion, positive = _one_against_rest(self.confusion, self.labels, label)
        lead = self.confusion.shape[:-2]
        score_positive = score_negative = np.zeros((*lead, 1))
        grid = None
        if label in self.class_labels and self.class_grid is not None:
            at = self.class_labels.index(label)
            score_positive, score_negative = self.class_positive[..., at, :], self.class_negative[..., at, :]
            whole = self.class_grid
            grid = ScoreGrid(whole.middle[at], whole.half[at], whole.several[at], whole.probability)
        none = np.zeros(lead)
        return replace(
            self,
            labels=(f"not {label}", label),
            positive=positive,
            grid=grid,
            class_labels=(),
            class_grid=None,
            class_positive=np.zeros((*lead, 0, 1)),
            class_negative=np.zeros((*lead, 0, 1)),
            worth=None,
            confusion=confusion,
            score_positive=score_positive,
            score_negative=score_negative,
            scored=none,
            log_loss=none,
            brier=none,
        )


ARRAYS = tuple(f.name for f in fields(OutcomeSums) if f.name not in _FIXED)
_NOT_NEGATIVE = frozenset(ARRAYS) - {"error", "actual_total"}
_HISTOGRAMS = frozenset({"confusion", "score_positive", "score_negative", "class_positive", "class_negative"})
_SCALARS = tuple(name for name in ARRAYS if name not in _HISTOGRAMS)


def with_arrays(sums: OutcomeSums, arrays: Mapping[str, Any]) -> OutcomeSums:
    """Other arrays under the same labels and bins."""
    return replace(sums, **arrays)


def _one_against_rest(confusion: Floats, labels: Sequence[str], label: str) -> tuple[Floats, int]:
    """Confusion matrix of (others, label), and the label's index in it."""
    whole = confusion.sum(axis=(-2, -1))
    if label in labels:
        i = labels.index(label)
        hits = confusion[..., i, i]
        predicted, actual = confusion[..., :, i].sum(axis=-1), confusion[..., i, :].sum(axis=-1)
    else:
        hits = predicted = actual = np.zeros_like(whole)
    cells = np.stack([whole - predicted - actual + hits, predicted - hits, actual - hits, hits], axis=-1)
    return cells.reshape(*whole.shape, 2, 2), 1


@dataclass(frozen=True, slots=True, eq=False)
class ByDay:
    """Sums of one side of a comparison: each day with outcomes, all together, and all without each day."""

    days: OutcomeSums
    whole: OutcomeSums
    left_out: OutcomeSums | None
    """None for fewer than two days."""

    @classmethod
    def of(cls, days: OutcomeSums) -> ByDay:
        """Of sums along a first axis of days; days without outcomes are dropped."""
        used = days.where(days.n > 0)
        return cls(used, used.total(), used.without_each() if used.n.size > 1 else None)

    @property
    def count(self) -> int:
        """Days with outcomes."""
        return int(self.days.n.size)

    def of_class(self, label: str) -> ByDay:
        """As `OutcomeSums.of_class`."""
        left_out = self.left_out.of_class(label) if self.left_out is not None else None
        return ByDay(self.days.of_class(label), self.whole.of_class(label), left_out)


def outcome_sums(
    profiles: Sequence[OutcomeProfile],
    *,
    positive_label: str,
    labels: Sequence[str],
    score_bins: NumericBins | None,
    task: Task = "binary",
    class_bins: Mapping[str, NumericBins] | None = None,
    business_value: Sequence[CellValue] = (),
    quantile: float | None = None,
) -> OutcomeSums:
    """Profiles side by side along the first axis; there must be at least one.

    Parameters
    ----------
    labels
        All labels, actual or predicted, that occur in the profiles.
    score_bins
        Bins of ``prediction.score``; None where the model has no score.
    class_bins
        Bins of ``prediction.probabilities.<class>`` by class.

    Outcomes without a predicted label (a failed prediction, say) are in no cell of the confusion matrix.
    """
    index = {label: i for i, label in enumerate(labels)}
    grid = grid_of(score_bins) if score_bins is not None else None
    size = score_bins.size if score_bins is not None else 1
    confusion = np.zeros((len(profiles), len(labels), len(labels)))
    positive, negative = np.zeros((len(profiles), size)), np.zeros((len(profiles), size))
    for row, profile in enumerate(profiles):
        for (actual, predicted), count in profile.confusion.items():
            if predicted:
                confusion[row, index[actual], index[predicted]] += count
        for (actual, predicted), counts in profile.score.items() if grid is not None else ():
            up = actual == predicted if task == "multiclass" else actual == positive_label
            (positive if up else negative)[row] += counts
    classes = _classes(profiles, class_bins or {})

    def column(name: str) -> Floats:
        return np.array([getattr(profile, name) for profile in profiles], dtype=np.float64)

    return OutcomeSums(
        labels=tuple(labels),
        positive=index.get(positive_label),
        grid=grid,
        class_labels=tuple(classes),
        class_grid=stacked([grid_of(bins) for bins in classes.values()]),
        worth=worth_of(labels, business_value),
        quantile=quantile,
        confusion=confusion,
        score_positive=positive,
        score_negative=negative,
        class_positive=_class_histograms([profile.class_positive for profile in profiles], classes),
        class_negative=_class_histograms([profile.class_negative for profile in profiles], classes),
        **{name: column(name) for name in _SCALARS},
    )


def sums_of(
    profiles: Sequence[OutcomeProfile], binning: Binning, settings: ModelSettings, labels: Sequence[str]
) -> OutcomeSums:
    """As `outcome_sums`, with what the binning and the settings say; there must be at least one profile."""
    score = binning.fields.get(SCORE)
    class_bins = {
        name.removeprefix(PROBABILITIES): bins
        for name, bins in binning.fields.items()
        if name.startswith(PROBABILITIES) and isinstance(bins, NumericBins)
    }
    return outcome_sums(
        profiles,
        positive_label=settings.positive_label,
        labels=labels,
        score_bins=score if isinstance(score, NumericBins) else None,
        task=settings.task,
        class_bins=class_bins if settings.task == "multiclass" else {},
        business_value=settings.business_value,
        quantile=settings.quantile,
    )


def labels_of(profiles: Sequence[OutcomeProfile]) -> list[str]:
    """All labels, actual or predicted, in order; the empty one of missing predictions is none."""
    return sorted({label for profile in profiles for pair in profile.confusion for label in pair if pair[1]})


def _classes(profiles: Sequence[OutcomeProfile], class_bins: Mapping[str, NumericBins]) -> dict[str, NumericBins]:
    """Classes of the binning that one of the profiles counts; all of them, so that two sides have the same axes."""
    counted = any(profile.class_positive or profile.class_negative for profile in profiles)
    return {label: class_bins[label] for label in sorted(class_bins)} if counted else {}


def _class_histograms(held: Sequence[Mapping[str, NDArray[np.int64]]], classes: Mapping[str, NumericBins]) -> Floats:
    size = max((bins.size for bins in classes.values()), default=1)
    result = np.zeros((len(held), len(classes), size))
    for row, histograms in enumerate(held):
        for at, label in enumerate(classes):
            if label in histograms:
                result[row, at] = padded(np.asarray(histograms[label], dtype=np.float64), size)
    return result


def worth_of(labels: Sequence[str], lines: Sequence[CellValue]) -> Floats | None:
    """Value of each cell: of the first line that fits , else 0."""
    if not lines:
        return None

    def value(actual: str, predicted: str) -> float:
        return next((line.value for line in lines if _fits(line, actual, predicted)), 0.0)

    return np.array([[value(actual, predicted) for predicted in labels] for actual in labels], dtype=np.float64)


def _fits(line: CellValue, actual: str, predicted: str) -> bool:
    return line.actual in ("*", actual) and line.predicted in ("*", predicted)
