"""One window of one model: from stored profiles to judged measurements."""

from __future__ import annotations

from datetime import datetime

import msgspec

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import MARK_NO_REFERENCE, Measurement
from driftlog.contract.profile import Reference, total
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.judge import judge
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.window import drift_measurements
from driftlog.evaluate.operational.window import operational_measurements, resource_measurements
from driftlog.evaluate.performance.window import performance_measurements
from driftlog.evaluate.quality.window import quality_measurements
from driftlog.profile.buckets import load_outcomes, load_predictions
from driftlog.profile.resources import summarise_resources
from driftlog.store.client import Store


def evaluate_window(
    store: Store,
    settings: ModelSettings,
    binning: Binning,
    reference: Reference | None,
    window: Window,
    *,
    computed: datetime,
    run_id: str,
) -> list[Measurement]:
    """All measurements of `window`, judged. An empty window gives ``predictions`` = 0 and nothing else."""
    context = SeriesContext(
        model=settings.name,
        environment=settings.environment,
        version="*",
        variant="*",
        segment="",
        window=window,
        reference_id=reference.id if reference else "",
        computed=computed,
        run_id=run_id,
    )
    key = (store, settings.name, settings.environment, binning.id, window)
    current = total(load_predictions(*key))
    outcomes = load_outcomes(*key)
    found = operational_measurements(current, settings, context)
    if current is not None and current.n:
        if reference is not None:
            found += drift_measurements(reference, current, binning, settings, context)
        found += quality_measurements(reference, current, binning, settings, context)
        found += performance_measurements(reference, outcomes, current.n, binning, settings, context)
    resources = summarise_resources(store, settings, window)
    if resources is not None:
        found += resource_measurements(resources, settings, context)
    if reference is None:
        found = [_marked(measurement) for measurement in found]
    return [judge(measurement, settings) for measurement in found]


def _marked(measurement: Measurement) -> Measurement:
    return msgspec.structs.replace(measurement, marks=(*measurement.marks, MARK_NO_REFERENCE))
