"""CBPE of several classes, from P(right | predicted label, score bin) and the reference's confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.binning import Binning, CategoricalBins, NumericBins
from driftlog.contract.profile import OutcomeProfile, PredictionProfile
from driftlog.evaluate.estimation.binary import expected_sums
from driftlog.evaluate.estimation.calibration import Calibration, CalibrationCheck, calibrate, check_calibration
from driftlog.evaluate.estimation.isotonic import bin_positions, isotonic_rates
from driftlog.evaluate.estimation.resampling import HalfSamples
from driftlog.evaluate.performance.classification import ratio
from driftlog.evaluate.performance.sums import PROBABILITIES, Floats, OutcomeSums

LABEL = "prediction.label"


@dataclass(frozen=True, slots=True)
class MulticlassWindow:
    """Rows of a window.

    Attributes
    ----------
    by_label
        Shape (labels, bins + 1): by predicted label over the bins of the score; the last column has no score.
    by_class
        Shape (classes, bins): over the bins of each class's probability.
    left_out
        Rows with a label the reference never had.
    """

    by_label: Floats
    by_class: Floats
    left_out: int


@dataclass(frozen=True, slots=True)
class MulticlassEstimator:
    """The expected outcomes of windows.

    With q the calibrated rate of right predictions and r the reference's share of actual label a among wrong
    predictions of l: ``E[l, l] = sum_b q_lb w_lb`` and ``E[a, l] = r_al sum_b (1 - q_lb) w_lb``. A label the reference
    never predicted has the rate of all labels together, and the reference's mix of actual labels. The histograms of
    each class's probability are split into class and rest by a calibration of their own, for the AUC.

    Attributes
    ----------
    right
        Shape (labels, bins + 1): rates of right predictions; the last column for rows without a score.
    wrong, wrong_halves
        Shape (..., actual, predicted): shares of actual labels among wrong predictions, 0 on the diagonal.
    of_class
        Shape (classes, bins): ``P(class | bin of its probability)``.
    """

    template: OutcomeSums
    right: Calibration
    wrong: Floats
    wrong_halves: Floats
    of_class: Calibration
    check: CalibrationCheck
    samples: HalfSamples

    @classmethod
    def fit(
        cls, days: OutcomeSums, profiles: Sequence[OutcomeProfile], binning: Binning, samples: HalfSamples
    ) -> MulticlassEstimator:
        """Calibrate on the reference's outcomes: `profiles` one a day, `days` their sums."""
        bins = binning.fields.get("prediction.score")
        score = bins if isinstance(bins, NumericBins) else None
        hits, total = _right_and_all(profiles, days.labels, score.size if score is not None else 0)
        right, check = _calibrate_right(hits, total, score, samples)
        return cls(
            template=days.total(),
            right=right,
            wrong=_shares(days.confusion.sum(axis=0)),
            wrong_halves=_shares(samples.draw(days.confusion)),
            of_class=_calibrate_classes(days, binning, samples),
            check=check,
            samples=samples,
        )

    def expected(self, window: MulticlassWindow) -> OutcomeSums:
        """Expected outcomes of `window`."""
        return self._sums(window, self.right.rates, self.wrong, self.of_class.rates)

    def halves(self, window: MulticlassWindow) -> OutcomeSums:
        """The same with each half-sample's rates and shares, shape (replicates,)."""
        return self._sums(window, self.right.halves, self.wrong_halves, self.of_class.halves)

    def labelled(self, window: MulticlassWindow, seed: int) -> OutcomeSums:
        """Outcomes with labels drawn from the calibrated rates, shape (replicates,)."""
        generator = np.random.default_rng(seed)
        rows = self.samples.replicates
        hits = _drawn(window.by_label, self.right.rates, rows, generator).sum(axis=-1)
        missed = window.by_label.sum(axis=-1) - hits
        confusion = np.zeros((rows, *self.wrong.shape))
        for label in range(self.wrong.shape[1]):
            share = self.wrong[:, label]
            if share.sum() > 0:
                confusion[:, :, label] = generator.multinomial(missed[:, label].astype(np.int64), share / share.sum())
            confusion[:, label, label] += hits[:, label]
        positive = _drawn(window.by_class, self.of_class.rates, rows, generator)
        return expected_sums(
            self.template, confusion, class_positive=positive, class_negative=window.by_class - positive
        )

    def _sums(self, window: MulticlassWindow, right: Floats, wrong: Floats, of_class: Floats) -> OutcomeSums:
        hits = (window.by_label * right).sum(axis=-1)
        missed = window.by_label.sum(axis=-1) - hits
        confusion = wrong * missed[..., None, :] + np.eye(wrong.shape[-1]) * hits[..., None, :]
        positive = window.by_class * np.nan_to_num(of_class)
        return expected_sums(
            self.template, confusion, class_positive=positive, class_negative=window.by_class - positive
        )


def _drawn(counts: Floats, rates: Floats, rows: int, generator: np.random.Generator) -> Floats:
    drawn = np.zeros((rows, *counts.shape))
    there = (counts > 0) & np.isfinite(rates)
    drawn[:, there] = generator.binomial(counts[there].astype(np.int64), rates[there], (rows, int(there.sum())))
    return drawn


def _right_and_all(profiles: Sequence[OutcomeProfile], labels: Sequence[str], size: int) -> tuple[Floats, Floats]:
    """Right predictions and all, shape (days, labels, bins + 1); the last column counts with and without score."""
    hits, total = np.zeros((len(profiles), len(labels), size + 1)), np.zeros((len(profiles), len(labels), size + 1))
    index = {label: i for i, label in enumerate(labels)}
    for day, profile in enumerate(profiles):
        for (actual, predicted), count in profile.confusion.items():
            if predicted in index:
                total[day, index[predicted], size] += count
                hits[day, index[predicted], size] += count * (actual == predicted)
        for (actual, predicted), counts in profile.score.items() if size else ():
            if predicted in index:
                total[day, index[predicted], :size] += counts
                hits[day, index[predicted], :size] += counts * (actual == predicted)
    return hits, total


def _calibrate_right(
    hits: Floats, total: Floats, bins: NumericBins | None, samples: HalfSamples
) -> tuple[Calibration, CalibrationCheck]:
    position = bin_positions(bins) if bins is not None else np.zeros(0)
    size = position.size
    drawn, missed = samples.draw(hits), samples.draw(total - hits)
    whole = _rates(hits.sum(axis=0), total.sum(axis=0), position)
    calibration = Calibration(whole, _rates(drawn, drawn + missed, position))
    used, groups = (slice(0, size), bins.coarse) if bins is not None else (slice(0, 1), (0,))
    place = position if bins is not None else np.zeros(1)
    check = check_calibration(hits[..., used], total[..., used], place, groups)
    return calibration, check


def _rates(hits: Floats, total: Floats, position: Floats) -> Floats:
    """Isotonic over bins, plain in the last column, shape (..., labels, bins + 1); unseen labels as all together."""
    size = position.size
    rates = np.full(total.shape, np.nan)
    rates[..., size] = ratio(hits[..., size], total[..., size])
    together = np.full((*total.shape[:-2], 1, size + 1), np.nan)
    together[..., 0, size] = ratio(hits[..., size].sum(axis=-1), total[..., size].sum(axis=-1))
    if size:
        rates[..., :size] = isotonic_rates(hits[..., :size], total[..., :size], position)
        together[..., 0, :size] = isotonic_rates(
            hits[..., :size].sum(axis=-2), total[..., :size].sum(axis=-2), position
        )
    filled: Floats = np.where(np.isfinite(rates), rates, np.broadcast_to(together, rates.shape))
    return filled


def _shares(confusion: Floats) -> Floats:
    """Shares of actual labels among the wrong predictions of each label; by actual labels where there is none."""
    away = 1.0 - np.eye(confusion.shape[-1])
    wrong = confusion * away
    mix = np.broadcast_to(confusion.sum(axis=-1)[..., :, None], confusion.shape) * away
    none = wrong.sum(axis=-2, keepdims=True) == 0
    held = np.where(none, mix, wrong)
    return np.nan_to_num(ratio(held, np.broadcast_to(held.sum(axis=-2, keepdims=True), held.shape)))


def _calibrate_classes(days: OutcomeSums, binning: Binning, samples: HalfSamples) -> Calibration:
    """Each class's calibration, padded to the longest, shape (classes, bins)."""
    shape = days.class_positive.shape[1:]
    rates, halves = np.zeros(shape), np.zeros((samples.replicates, *shape))
    for at, label in enumerate(days.class_labels):
        bins = binning.fields[PROBABILITIES + label]
        if not isinstance(bins, NumericBins):
            continue
        positive = days.class_positive[:, at, : bins.size]
        total = positive + days.class_negative[:, at, : bins.size]
        found = calibrate(positive, total, bin_positions(bins), samples)
        rates[at, : bins.size], halves[:, at, : bins.size] = found.rates, found.halves
    return Calibration(rates, halves)


def multiclass_window(
    current: PredictionProfile, binning: Binning, labels: Sequence[str], classes: Sequence[str], template: OutcomeSums
) -> MulticlassWindow:
    """A window's rows as the estimator wants them."""
    bins = binning.fields.get("prediction.score")
    size = bins.size if isinstance(bins, NumericBins) else 0
    index = {label: i for i, label in enumerate(labels)}
    by_label, left_out = np.zeros((len(labels), size + 1)), 0
    shares = _label_counts(current, binning)
    for label in {*shares, *current.score_by_label}:
        histogram = current.score_by_label.get(label) if size else None
        scored = 0 if histogram is None else int(histogram.sum())
        rest = max(0, shares.get(label, 0) - scored)
        if label not in index:
            left_out += scored + rest
            continue
        by_label[index[label], size] = rest
        if histogram is not None:
            by_label[index[label], :size] = histogram
    by_class = np.zeros(template.class_positive.shape[-2:])
    for at, label in enumerate(classes):
        counts = _class_counts(current, label)
        if counts is not None:
            by_class[at, : counts.size] = counts
    return MulticlassWindow(by_label, by_class, left_out)


def _label_counts(current: PredictionProfile, binning: Binning) -> Mapping[str, int]:
    bins, counts = binning.fields.get(LABEL), current.fields.get(LABEL)
    if not isinstance(bins, CategoricalBins) or counts is None:
        return {}
    named = dict(zip(bins.values, counts.counts.tolist(), strict=False))
    return {label: int(count) for label, count in named.items() if count}


def _class_counts(current: PredictionProfile, label: str) -> NDArray[np.int64] | None:
    field = current.fields.get(PROBABILITIES + label)
    return None if field is None else field.counts
