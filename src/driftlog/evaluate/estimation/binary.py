"""CBPE of two classes: expected outcomes of a window from calibrated score bins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from driftlog.contract.binning import NumericBins
from driftlog.contract.profile import PredictionProfile
from driftlog.evaluate.estimation.calibration import Calibration, CalibrationCheck, calibrate, check_calibration
from driftlog.evaluate.estimation.isotonic import bin_positions
from driftlog.evaluate.estimation.resampling import HalfSamples
from driftlog.evaluate.performance.sums import SCORE, Floats, OutcomeSums


@dataclass(frozen=True, slots=True)
class BinaryEstimator:
    """The expected outcomes of windows, as sums that every metric of the registry can be computed of.

    With f the calibrated rate of score bin b and ``w_pb`` the window's rows there that were predicted as p:
    ``E[positive, predicted p] = sum_b f_b w_pb``, and ``E[positives in b] = f_b sum_p w_pb``.

    Attributes
    ----------
    template
        Sums of the whole reference: labels, grid and worth are those of the estimates.
    calibration
        ``P(actual positive | score bin)``.

    Source: confidence-based performance estimation, Kivimaki, Bialek, Nurminen, Kuberski 2024 (arXiv 2407.08649).
    """

    template: OutcomeSums
    calibration: Calibration
    check: CalibrationCheck
    samples: HalfSamples

    @classmethod
    def fit(cls, days: OutcomeSums, bins: NumericBins, samples: HalfSamples) -> BinaryEstimator:
        """Calibrate on the reference's outcomes, shape (days,), whose labels are (negative, positive) in any order."""
        position, total = bin_positions(bins), days.score_positive + days.score_negative
        calibration = calibrate(days.score_positive, total, position, samples)
        check = check_calibration(days.score_positive, total, position, bins.coarse)
        return cls(days.total(), calibration, check, samples)

    def expected(self, window: Floats) -> OutcomeSums:
        """Expected outcomes of `window`, shape (2, bins): rows predicted negative, predicted positive."""
        return self._sums(window, window * self.calibration.rates)

    def halves(self, window: Floats) -> OutcomeSums:
        """The same with each half-sample's calibration, shape (replicates,)."""
        return self._sums(window, window * self.calibration.halves[:, None, :])

    def labelled(self, window: Floats, seed: int) -> OutcomeSums:
        """Outcomes with labels drawn from the calibrated rates, shape (replicates,)."""
        generator = np.random.default_rng(seed)
        drawn = np.zeros((self.samples.replicates, *window.shape))
        there = window > 0
        rates = np.broadcast_to(self.calibration.rates, window.shape)[there]
        drawn[:, there] = generator.binomial(window[there].astype(np.int64), rates, (len(drawn), rates.size))
        return self._sums(window, drawn)

    def _sums(self, window: Floats, positive: Floats) -> OutcomeSums:
        """Sums of `positive`, shape (..., 2, bins), expected positives by predicted label."""
        negative = window - positive
        by_actual = np.stack([negative.sum(axis=-1), positive.sum(axis=-1)], axis=-2)
        flip = [1, 0] if self.template.positive == 0 else [0, 1]
        return expected_sums(
            self.template,
            confusion=by_actual[..., flip, :][..., :, flip],
            score_positive=positive.sum(axis=-2),
            score_negative=negative.sum(axis=-2),
        )


def expected_sums(
    template: OutcomeSums,
    confusion: Floats,
    *,
    score_positive: Floats | None = None,
    score_negative: Floats | None = None,
    class_positive: Floats | None = None,
    class_negative: Floats | None = None,
) -> OutcomeSums:
    """Sums with `template`'s labels and bins and the given counts; what is not given is zero."""
    lead = confusion.shape[:-2]

    def held(given: Floats | None, like: Floats, axes: int) -> Floats:
        return np.zeros((*lead, *like.shape[-axes:])) if given is None else given

    return replace(
        template,
        n=confusion.sum(axis=(-2, -1)),
        confusion=confusion,
        score_positive=held(score_positive, template.score_positive, 1),
        score_negative=held(score_negative, template.score_negative, 1),
        class_positive=held(class_positive, template.class_positive, 2),
        class_negative=held(class_negative, template.class_negative, 2),
    )


def window_counts(current: PredictionProfile, bins: NumericBins, positive_label: str, threshold: float) -> Floats:
    """Rows of a window over the bins of the score, shape (2, bins): predicted negative, predicted positive.

    Where predicted labels were not counted, `threshold` makes them: a bin is positive where its middle is at least it.
    """
    counts = np.zeros((2, bins.size))
    if current.score_by_label:
        for label, histogram in current.score_by_label.items():
            counts[int(label == positive_label)] += histogram
    elif SCORE in current.fields:
        above = (bin_positions(bins) >= threshold).astype(np.intp)
        counts[above, np.arange(bins.size)] = current.fields[SCORE].counts
    return counts
