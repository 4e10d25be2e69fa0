"""Scenarios: a model's predictions, performance and alerts if the world changed in a stated way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
import pandas as pd

from driftlog.contract.binning import Binning
from driftlog.contract.comparison import Side
from driftlog.contract.errors import UsageError
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import PredictionProfile, Reference
from driftlog.contract.scenario import Reproduction, Scenario, ScenarioLine
from driftlog.contract.settings import ModelSettings
from driftlog.decide.judge import judge
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.chunks import ChunkCache
from driftlog.evaluate.drift.window import drift_measurements
from driftlog.evaluate.estimation.window import estimated_measurements
from driftlog.evaluate.performance.window import performance_measurements
from driftlog.evaluate.quality.window import quality_measurements
from driftlog.profile.count import count_frame
from driftlog.profile.sample import encode_rows
from driftlog.store.client import Store
from driftlog.worker.changes import Change, apply_changes, mix_only
from driftlog.worker.compare import active_reference
from driftlog.worker.nearest import require_data
from driftlog.worker.replay import Model, Predicted, call_model, reproduction
from driftlog.worker.rows import SampledRows, outcomes_by_day, read_rows
from driftlog.worker.sides import days_of, key_of

ROWS: Final = 10_000
MAX_ROWS: Final = 100_000
MAX_DIFFERING: Final = 0.01
"""Share of unchanged rows on which the function may give another prediction than was stored."""
LEFT_OUT: Final = ("row_count_ratio",)


def run_scenario(
    store: Store,
    settings: ModelSettings,
    side: Side,
    changes: Sequence[Change],
    model: Model,
    *,
    function: str,
    now: Callable[[], datetime],
    rows: int = ROWS,
    seed: int = 0,
    force: bool = False,
) -> Scenario:
    """Replay stored predictions through their model under `changes`, next to what they were.

    A random sample of the window's predictions is read with features and, where it is known, truth. The model is called
    on the unchanged rows first: where it gives other predictions than were stored, it is another version of the model
    and its answers would mislead. Then it is called on the changed rows. Both sides are counted in the model's bins,
    measured against its active reference and judged by its thresholds, on as many rows.

    Expected performance: where the mix alone changes, rows keep their truth and are reweighted with it. Where features
    change, nobody knows what the truth would have been; performance is estimated without labels (purpose
    ``estimated_performance``, on both sides), which assumes that the score stays as well calibrated as it was.

    Parameters
    ----------
    side
        The window to replay, and which version, variant or segment of it.
    changes
        From `driftlog.worker.changes.parse_changes`; at least one.
    function
        What the model is called, for people.
    force
        Go on although the function gives other predictions than were stored.

    Raises
    ------
    UsageError
        No changes, no data, a change that cannot be made, a model that fails or is not the one that predicted.
    ReferenceUnusable
        The model has no reference.
    """
    if not changes:
        raise UsageError(
            "a scenario needs a change", remedy="--shift distance=+20%, --set humid=missing, --mix a=b:0.8"
        )
    if not 1 <= rows <= MAX_ROWS:
        raise UsageError(f"rows: {rows} is not between 1 and {MAX_ROWS}", remedy=f"the default is {ROWS}")
    binning, reference = active_reference(store, settings)
    key = key_of(settings, binning, side)
    sample = read_rows(store, settings, key, rows=rows, seed=seed, failures=False)
    require_data(store, settings, binning, side, len(sample.frame))
    check = reproduction(sample.frame, call_model(model, sample.frame, settings))
    if check.share > MAX_DIFFERING and not force:
        raise _other_model(check, function, side)
    changed, effective = apply_changes(sample.frame, changes, seed=seed)
    replayed = _with_predictions(changed, call_model(model, changed, settings), keep_truth=mix_only(changes))
    bench = _Bench(settings, binning, reference, side, now())
    actual, scenario = bench.measure(sample.frame), bench.measure(replayed)
    return Scenario(
        model=settings.name,
        environment=settings.environment,
        window=side.window,
        changes=tuple(change.text for change in changes),
        function=function,
        rows=len(sample.frame),
        population=sample.population,
        effective_rows=effective,
        seed=seed,
        reproduction=check,
        reference_id=reference.id,
        lines=tuple(_lines(actual.measurements, scenario.measurements)),
        moved=tuple(bench.moved(actual.profile, scenario.profile)),
        binning=binning,
        actual=actual.profile,
        scenario=scenario.profile,
        computed=bench.computed,
        notes=(*_notes(check, sample, effective, changes, forced=force), *bench.notes),
    )


def _other_model(check: Reproduction, function: str, side: Side) -> UsageError:
    what = "" if check.what == "label" else f", by up to {check.largest:.3g}"
    version = "" if side.version != "*" else "; --version names the one that the function is"
    return UsageError(
        f"{function} is not the model that predicted here: on {check.differing:,} of {check.compared:,} unchanged rows "
        f"its {check.what} is not the stored one{what}",
        remedy=f"check the version of the model and what it does to its input{version}; --force goes on all the same",
    )


def _with_predictions(frame: pd.DataFrame, predicted: Predicted, *, keep_truth: bool) -> pd.DataFrame:
    """Rows with new predictions; their truth is dropped where the change may have changed it."""
    dropped = [
        str(name)
        for name in frame
        if str(name).startswith("prediction.") or (str(name).startswith("outcome.") and not keep_truth)
    ]
    return pd.concat([frame.drop(columns=dropped).reset_index(drop=True), predicted.frame], axis=1)


@dataclass(frozen=True, slots=True)
class _Measured:
    profile: PredictionProfile
    measurements: list[Measurement]


class _Bench:
    """Measures frames of rows against the reference, all alike."""

    def __init__(
        self, settings: ModelSettings, binning: Binning, reference: Reference, side: Side, computed: datetime
    ) -> None:
        self.computed = computed
        self._settings, self._binning, self._side = settings, binning, side
        self._reference = reference.segments.get(side.segment, reference) if side.segment else reference
        self.notes: tuple[str, ...] = ()
        if side.segment and side.segment not in reference.segments:
            self.notes = ("The reference does not keep this segment apart: both sides are compared with all of it.",)
        self._chunks = ChunkCache()
        self._context = SeriesContext(
            model=settings.name,
            environment=settings.environment,
            version=side.version,
            variant=side.variant,
            segment=side.segment,
            window=side.window,
            reference_id=reference.id,
            computed=computed,
        )

    def measure(self, frame: pd.DataFrame) -> _Measured:
        """Drift, quality, performance by known truth, and estimated performance."""
        settings, binning, reference, context = self._settings, self._binning, self._reference, self._context
        key = key_of(settings, binning, self._side)
        profile = count_frame(frame, binning, key)
        days = outcomes_by_day(frame, settings, binning, key, days_of(self._side.window, settings.timezone))
        found = drift_measurements(reference, profile, binning, settings, context, cache=self._chunks)
        found += performance_measurements(reference, days, profile.n, binning, settings, context) if days else []
        encoded = encode_rows(frame, binning, n=len(frame))
        found += estimated_measurements(reference, profile, encoded, binning, settings, context)
        found += quality_measurements(reference, profile, binning, settings, context)
        kept = [m for m in found if m.metric not in LEFT_OUT and m.purpose != "concept_drift"]
        return _Measured(profile, [self._judged(m) for m in kept])

    def _judged(self, m: Measurement) -> Measurement:
        judged = judge(msgspec.structs.replace(m, segment=""), self._settings)
        return msgspec.structs.replace(m, limit=judged.limit, verdict=judged.verdict)

    def moved(self, actual: PredictionProfile, scenario: PredictionProfile) -> list[Measurement]:
        """The scenario against the actual rows; without p-values, since they are the same rows."""
        before = Reference(
            id=self._reference.id,
            model=self._settings.name,
            environment=self._settings.environment,
            binning_id=self._binning.id,
            n=actual.n,
            predictions=actual,
        )
        found = drift_measurements(before, scenario, self._binning, self._settings, self._context)
        return [
            msgspec.structs.replace(m, p_value=None, p_adjusted=None, marks=(), chunks=None, details={}) for m in found
        ]


def _lines(actual: Sequence[Measurement], scenario: Sequence[Measurement]) -> list[ScenarioLine]:
    """The two sides' measurements by purpose, metric and field."""
    ours, theirs = _by_name(actual), _by_name(scenario)
    return [ScenarioLine(ours.get(name), theirs.get(name)) for name in dict.fromkeys([*ours, *theirs])]


def _by_name(measurements: Sequence[Measurement]) -> Mapping[tuple[Any, ...], Measurement]:
    return {(m.purpose, m.metric, m.field): m for m in measurements}


def _notes(
    check: Reproduction, sample: SampledRows, effective: float, changes: Sequence[Change], *, forced: bool
) -> list[str]:
    notes = []
    if len(sample.frame) < sample.population:
        notes.append(f"A random sample of {len(sample.frame):,} of {sample.population:,} predictions was replayed.")
    if not check.compared:
        notes.append("No stored prediction could be compared with the function's: its version is not checked.")
    elif forced and check.share > MAX_DIFFERING:
        notes.append(
            f"The function gives another {check.what} than was stored on {check.share:.1%} of the unchanged rows: it "
            "is another version of the model, and what follows is about that one."
        )
    if effective < 0.5 * len(sample.frame):
        notes.append(
            f"The new mix rests on few rows: as much is known as from {effective:,.0f} of {len(sample.frame):,}. "
            "Intervals do not say so."
        )
    if mix_only(changes):
        notes.append(
            "Performance is that of the known outcomes, reweighted to the new mix: within a segment nothing changes."
        )
    else:
        notes.append(
            "What the truth would have been is not known. Performance is estimated from the scores, on both sides, "
            "which assumes that they stay as well calibrated as on the reference."
        )
    return notes
