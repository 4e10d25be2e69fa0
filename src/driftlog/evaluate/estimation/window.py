"""Estimated performance of one window, before its truths arrive."""

from __future__ import annotations

from dataclasses import replace

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import PredictionProfile, Reference, RowSample
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.estimation.classification import classifier_estimates, unestimated
from driftlog.evaluate.estimation.fitted import EstimationCache, FittedClassifier, fit_classifier
from driftlog.evaluate.estimation.regression import regression_estimates


def estimated_measurements(
    reference: Reference | None,
    current: PredictionProfile,
    rows: RowSample | None,
    binning: Binning,
    settings: ModelSettings,
    context: SeriesContext,
    *,
    cache: EstimationCache | None = None,
) -> list[Measurement]:
    """The metrics of performance as they will be once every truth has arrived, if the concept has not drifted.

    Classifiers: CBPE from `current` (score histograms by predicted label) and the reference's outcomes. Regressors: DLE
    from `rows`, a random sample of the window's rows, and `Reference.rows`. A metric is named and bounded as the
    realised one; `reference_value` is the reference's realised value, ``details`` hold the ends of its interval, the
    calibration error out of fold and the parts of the uncertainty. An estimate whose calibration failed its check is
    marked ``uncalibrated``. What cannot be estimated has value None and a note.

    Parameters
    ----------
    cache
        Holds what was fitted on the reference; give every window of a model the same one.

    Nothing is returned where the settings switch estimates off, without a reference, where the reference has no
    outcomes, and for a window without predictions.
    """
    if not settings.estimate or reference is None or not reference.outcomes or current.n <= 0:
        return []
    if not context.reference_id:
        context = replace(context, reference_id=reference.id)
    cache = cache if cache is not None else EstimationCache()
    if settings.task == "regression":
        return regression_estimates(reference, rows, current.n, binning, settings, context, cache=cache)
    key = ("classifier", reference.id, context.segment)
    fitted = cache.get(key)
    if fitted is None:
        fitted = fit_classifier(reference, binning, settings, context.segment)
        cache.put(key, fitted)
    if not isinstance(fitted, FittedClassifier):
        return unestimated(settings, context, fitted)
    return classifier_estimates(fitted, current, binning, settings, context)
