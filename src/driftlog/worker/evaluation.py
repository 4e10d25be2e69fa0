"""One window of one model: from stored profiles to judged measurements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec
import numpy as np

from driftlog.contract.alert import Decomposition
from driftlog.contract.binning import Binning
from driftlog.contract.measurement import MARK_NO_REFERENCE, Measurement
from driftlog.contract.profile import (
    LATENCY_EDGES_NS,
    OutcomeProfile,
    PredictionProfile,
    ProfileKey,
    Reference,
    RowSample,
)
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.judge import judge
from driftlog.decide.past import PastValues
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.cost.window import cost_measurements
from driftlog.evaluate.drift.joint import joint_measurements
from driftlog.evaluate.drift.watched import purpose_of
from driftlog.evaluate.drift.window import drift_measurements
from driftlog.evaluate.estimation.difference import estimation_errors
from driftlog.evaluate.estimation.window import estimated_measurements
from driftlog.evaluate.fairness.window import fairness_measurements
from driftlog.evaluate.integrity.attendance import attendance_measurements
from driftlog.evaluate.integrity.suppression import with_integrity_mark
from driftlog.evaluate.integrity.window import integrity_measurements
from driftlog.evaluate.operational.window import operational_measurements, resource_measurements
from driftlog.evaluate.performance.window import performance_measurements
from driftlog.evaluate.quality.window import quality_measurements
from driftlog.evaluate.randomness import seed_of
from driftlog.evaluate.segments.explain import WHOLE, explain
from driftlog.profile.attendance import summarise_attendance
from driftlog.profile.distinct import distinct_values
from driftlog.profile.integrity import summarise_integrity
from driftlog.profile.resources import summarise_resources
from driftlog.profile.sample import sample_rows
from driftlog.profile.slices import slices_of
from driftlog.profile.stored import load_outcomes, load_segment_outcomes, load_segments, load_window
from driftlog.profile.usage import load_usage
from driftlog.store.client import Store
from driftlog.worker.concept import ConceptWatch
from driftlog.worker.experiments import experiment_measurements
from driftlog.worker.feedback import feedback_of_window
from driftlog.worker.memory import Memory
from driftlog.worker.user_metrics import UserMetrics, WindowData


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What one window says.

    Attributes
    ----------
    explained
        Field or metric in breach -> how much of its change is one of the mix of segments.
    """

    judged: list[Measurement]
    explained: Mapping[str, Decomposition]


@dataclass(frozen=True, slots=True)
class _Part:
    """The events of one slice of a window (everything, a version, a variant, a segment) and its reference."""

    context: SeriesContext
    current: PredictionProfile
    outcomes: Sequence[OutcomeProfile]
    reference: Reference | None


@dataclass(slots=True)
class Evaluator:
    """What stays the same over all windows of one cycle; windows are evaluated in order of time."""

    store: Store
    settings: ModelSettings
    binning: Binning
    reference: Reference | None
    run_id: str
    memory: Memory = field(default_factory=Memory)
    _concept: ConceptWatch = field(init=False)
    _metrics: UserMetrics = field(init=False)
    _predictions_only: Binning = field(init=False)

    def __post_init__(self) -> None:
        self._concept = ConceptWatch(self.store, self.settings, self.reference, memory=self.memory.concept)
        self._metrics = UserMetrics(self.store, self.settings)
        predicted = {name: bins for name, bins in self.binning.fields.items() if purpose_of(name) == "prediction_drift"}
        self._predictions_only = msgspec.structs.replace(self.binning, fields=predicted)

    @property
    def concept(self) -> ConceptWatch:
        return self._concept

    def window(self, window: Window, *, computed: datetime, past: PastValues | None = None) -> WindowResult:
        """All measurements of `window`, judged. An empty window gives its traffic, which is zero, and no more.

        The whole model has every measurement; versions and variants, where there are several, their operation,
        performance and predictions; segments their drift and performance. Drift and performance of a window whose
        pipeline was at fault are marked, and not judged.
        """
        context = self._context(window, computed)
        where = (self.store, self.settings.name, self.settings.environment, self.binning.id, window)
        pipeline = summarise_integrity(self.store, self.settings, window)
        whole = _Part(context, load_window(*where) or self._nothing(window), load_outcomes(*where), self.reference)
        segments = list(self._segments(where, context)) if self.binning.segments else []
        found = [*self._whole(whole, pipeline.types)]
        for part in segments:
            found += self._segment(part)
        if self.settings.protected and segments:
            found += self._fairness(whole, segments)
        for part in self._slices(where, context):
            found += self._slice(part)
        integrity = integrity_measurements(pipeline, self.settings, context)
        found = [*integrity, *self._attendance(whole), *with_integrity_mark(found, integrity)]
        if self.reference is None:
            found = [_without_reference(measurement) for measurement in found]
        judged = [self._judge(measurement, past) for measurement in found]
        return WindowResult(judged, self._explained(judged, whole, segments))

    def after_late_truth(self, window: Window, *, computed: datetime) -> list[Measurement]:
        """What the detectors say of a window in which nothing changed, after an earlier one did."""
        context = self._context(window, computed)
        current = load_window(self.store, self.settings.name, self.settings.environment, self.binning.id, window)
        found = self._concept.measurements(window, context, predictions=current.n if current is not None else 0)
        integrity = integrity_measurements(
            summarise_integrity(self.store, self.settings, window), self.settings, context
        )
        return [self._judge(one, None) for one in with_integrity_mark(found, integrity)]

    def _context(self, window: Window, computed: datetime) -> SeriesContext:
        return SeriesContext(
            model=self.settings.name,
            environment=self.settings.environment,
            window=window,
            reference_id=self.reference.id if self.reference else "",
            computed=computed,
            run_id=self.run_id,
        )

    def _judge(self, measurement: Measurement, past: PastValues | None) -> Measurement:
        if measurement.purpose != "custom" and (measurement.version, measurement.variant) != ("*", "*"):
            return measurement  # the whole model's is judged: one fault, one alert
        return judge(measurement, self.settings, past)

    def _nothing(self, window: Window) -> PredictionProfile:
        key = ProfileKey(self.settings.name, self.settings.environment, "*", "*", "", self.binning.id, window)
        return PredictionProfile(key, n=0, fields={}, latency=np.zeros(len(LATENCY_EDGES_NS) + 1, dtype=np.int64))

    # -- the whole model -------------------------------------------------------------------------------------------

    def _whole(self, part: _Part, types: Mapping[str, Mapping[str, int]]) -> Iterator[Measurement]:
        settings, context, current = self.settings, part.context, part.current
        window = context.window
        yield from operational_measurements(current, settings, context, reference=self.reference)
        if current.n:
            distinct = distinct_values(self.store, settings, self.binning, window)
            yield from quality_measurements(
                self.reference, current, self.binning, settings, context, types=types, distinct=distinct
            )
            yield from self._drift(part, settings)
            rows = self._rows(window, current)
            if settings.joint_measures and self.reference is not None:
                yield from joint_measurements(self.reference, rows, self.binning, settings, context)
            yield from self._performance(part, rows)
            yield from self._concept.measurements(window, context, predictions=current.n)
            yield from self._user_metrics(part)
        yield from resource_measurements(summarise_resources(self.store, settings, window), settings, context)
        yield from cost_measurements(load_usage(self.store, settings, window), settings, context)
        yield from experiment_measurements(self.store, settings, window.end, context)
        yield from feedback_of_window(self.store, settings, context, predictions=current.n)

    def _attendance(self, whole: _Part) -> list[Measurement]:
        """Whether predictions and truths come at all."""
        attendance = summarise_attendance(self.store, self.settings, whole.context.window)
        return attendance_measurements(attendance, whole.current.n, self.settings, whole.context)

    def _rows(self, window: Window, current: PredictionProfile) -> RowSample | None:
        """A sample of whole rows, where something of the settings reads rows."""
        reference = self.reference
        estimates = self.settings.estimate and self.settings.task == "regression"
        if reference is None or reference.rows is None or not (self.settings.joint_measures or estimates):
            return None
        seed = seed_of(reference.id, window.label()) % 2**31
        return sample_rows(self.store, current.key, self.binning, self.settings.joint_rows, seed=seed)

    # -- parts -----------------------------------------------------------------------------------------------------

    def _drift(self, part: _Part, settings: ModelSettings, binning: Binning | None = None) -> list[Measurement]:
        """Of all fields of `binning`; by default of the model's."""
        if part.reference is None:
            return []
        return drift_measurements(
            part.reference,
            part.current,
            binning or self.binning,
            settings,
            part.context,
            cache=self.memory.chunks,
        )

    def _performance(self, part: _Part, rows: RowSample | None) -> list[Measurement]:
        """Realised, estimated, and the difference of the two."""
        settings, binning, context = self.settings, self.binning, part.context
        realised = performance_measurements(
            part.reference,
            part.outcomes,
            part.current.n,
            binning,
            settings,
            context,
            cache=self.memory.performance,
        )
        estimated = estimated_measurements(
            part.reference, part.current, rows, binning, settings, context, cache=self.memory.estimates
        )
        return [*realised, *estimated, *estimation_errors(estimated, realised)]

    def _user_metrics(self, part: _Part) -> list[Measurement]:
        if not self.settings.metrics:
            return []
        context = part.context
        key = replace(
            part.current.key,
            version=context.version,
            variant=context.variant,
            segment=context.segment,
            bucket=context.window,
        )
        return self._metrics.measurements(WindowData(key, part.current, part.outcomes), context)

    def _segments(self, where: tuple[Store, str, str, str, Window], context: SeriesContext) -> Iterator[_Part]:
        outcomes = load_segment_outcomes(*where)
        for name, current in load_segments(*where).items():
            reference = self.reference.segments.get(name) if self.reference is not None else None
            yield _Part(replace(context, segment=name), current, outcomes.get(name, ()), reference)

    def _segment(self, part: _Part) -> list[Measurement]:
        if part.current.n < self.settings.min_segment_rows:
            return []
        plain = msgspec.structs.replace(self.settings, report_measures=())
        found = operational_measurements(part.current, plain, part.context, reference=part.reference)
        return [
            *found,
            *self._drift(part, plain),
            *self._performance(part, None),
            *self._user_metrics(part),
        ]

    def _fairness(self, whole: _Part, segments: Sequence[_Part]) -> list[Measurement]:
        outcomes = {part.context.segment: part.outcomes for part in segments}
        predictions = {part.context.segment: part.current for part in segments}
        return fairness_measurements(outcomes, predictions, self.settings, whole.context, binning=self.binning)

    def _slices(self, where: tuple[Store, str, str, str, Window], context: SeriesContext) -> Iterator[_Part]:
        """Versions and variants, where the window has several of them."""
        versions, variants = slices_of(*where)
        for names, field_ in ((versions, "version"), (variants, "variant")):
            if len(names) < 2:
                continue
            for name, n in names.items():
                if n < self.settings.min_rows or name in ("", "*"):
                    continue  # an event that calls its version "*" is none apart: that name is the whole model's
                current = load_window(*where, **{field_: name})  # type: ignore[arg-type]
                if current is not None:
                    outcomes = load_outcomes(*where, **{field_: name})  # type: ignore[arg-type]
                    series = replace(context, **{field_: name})  # type: ignore[arg-type]
                    yield _Part(series, current, outcomes, self.reference)

    def _slice(self, part: _Part) -> list[Measurement]:
        plain = msgspec.structs.replace(self.settings, report_measures=())
        found = operational_measurements(part.current, plain, part.context, reference=self.reference)
        found += feedback_of_window(self.store, self.settings, part.context, predictions=part.current.n)
        drift = self._drift(part, plain, self._predictions_only)
        return [*found, *(_of_all_versions(one) for one in (*drift, *self._performance(part, None)))]

    def _explained(
        self, judged: Sequence[Measurement], whole: _Part, segments: Sequence[_Part]
    ) -> Mapping[str, Decomposition]:
        if self.reference is None or not segments:
            return {}
        predictions = {WHOLE: whole.current} | {part.context.segment: part.current for part in segments}
        outcomes = {WHOLE: whole.outcomes} | {part.context.segment: part.outcomes for part in segments}
        return explain(judged, self.reference, predictions, outcomes, self.binning)


def _of_all_versions(measurement: Measurement) -> Measurement:
    """Says that a version or variant has no reference of its own; an estimate rests on the calibration of all."""
    if not measurement.reference_id or measurement.value is None:
        return measurement
    rests = "calibrated on" if measurement.purpose == "estimated_performance" else "compared with"
    note = f"{rests} the reference of all versions and variants"
    return msgspec.structs.replace(measurement, note=f"{measurement.note}; {note}" if measurement.note else note)


def _without_reference(measurement: Measurement) -> Measurement:
    if MARK_NO_REFERENCE in measurement.marks:
        return measurement
    return msgspec.structs.replace(measurement, marks=(*measurement.marks, MARK_NO_REFERENCE))
