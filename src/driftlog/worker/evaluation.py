"""One window of one model: from stored profiles to judged measurements."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import numpy as np

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import MARK_NO_REFERENCE, Measurement
from driftlog.contract.profile import LATENCY_EDGES_NS, PredictionProfile, ProfileKey, Reference
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.judge import judge
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.chunks import ChunkCache
from driftlog.evaluate.drift.window import drift_measurements
from driftlog.evaluate.operational.window import operational_measurements, resource_measurements
from driftlog.evaluate.performance.window import performance_measurements
from driftlog.evaluate.quality.window import quality_measurements
from driftlog.profile.buckets import load_outcomes, load_window
from driftlog.profile.resources import summarise_resources
from driftlog.store.client import Store


@dataclass(frozen=True, slots=True)
class Evaluator:
    """What stays the same over all windows of one cycle."""

    store: Store
    settings: ModelSettings
    binning: Binning
    reference: Reference | None
    run_id: str
    cache: ChunkCache = field(default_factory=ChunkCache)

    def window(self, window: Window, *, computed: datetime) -> list[Measurement]:
        """All measurements of `window`, judged. An empty window gives its traffic, which is zero, and no more."""
        settings, reference, binning = self.settings, self.reference, self.binning
        context = SeriesContext(
            model=settings.name,
            environment=settings.environment,
            version="*",
            variant="*",
            segment="",
            window=window,
            reference_id=reference.id if reference else "",
            computed=computed,
            run_id=self.run_id,
        )
        where = (self.store, settings.name, settings.environment, binning.id, window)
        current = load_window(*where) or self._nothing(window)
        found = operational_measurements(current, settings, context, reference=reference)
        if current.n:
            if reference is not None:
                found += drift_measurements(reference, current, binning, settings, context, cache=self.cache)
            found += quality_measurements(reference, current, binning, settings, context)
            found += performance_measurements(reference, load_outcomes(*where), current.n, binning, settings, context)
        found += resource_measurements(summarise_resources(self.store, settings, window), settings, context)
        if reference is None:
            found = [_without_reference(measurement) for measurement in found]
        return [judge(measurement, settings) for measurement in found]

    def _nothing(self, window: Window) -> PredictionProfile:
        key = ProfileKey(self.settings.name, self.settings.environment, "*", "*", "", self.binning.id, window)
        return PredictionProfile(key, n=0, fields={}, latency=np.zeros(len(LATENCY_EDGES_NS) + 1, dtype=np.int64))


def _without_reference(measurement: Measurement) -> Measurement:
    if MARK_NO_REFERENCE in measurement.marks:
        return measurement
    return msgspec.structs.replace(measurement, marks=(*measurement.marks, MARK_NO_REFERENCE))
