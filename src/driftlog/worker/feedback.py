"""Feedback: what people say of a window, from stored opinions to measurements."""

from __future__ import annotations

from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.feedback import feedback_measurements
from driftlog.profile.feedback_query import summarise_feedback
from driftlog.store.client import Store


def feedback_of_window(
    store: Store, settings: ModelSettings, context: SeriesContext, *, predictions: int
) -> list[Measurement]:
    """Measurements of the feedback on the `predictions` of a context's window, version and variant."""
    summary = summarise_feedback(store, settings, context.window, version=context.version, variant=context.variant)
    return feedback_measurements(summary, settings, context, predictions=predictions)
