"""Running experiments, measured once a window: their difference as it stands, so that it can be drawn over time."""

from __future__ import annotations

import logging
from datetime import datetime

import msgspec

from driftlog.contract.errors import UsageError
from driftlog.contract.experiment import Comparison, ExperimentResult, parse_instant
from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ExperimentSettings, ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.experiments.analysis import analyse
from driftlog.profile.subjects import collect
from driftlog.store.client import Store
from driftlog.store.experiments import stopped_experiment

log = logging.getLogger("driftlog.worker")


def experiment_measurements(
    store: Store, settings: ModelSettings, window_end: datetime, context: SeriesContext
) -> list[Measurement]:
    """One measurement for each treatment of each experiment that ran in ``context.window``.

    ``experiment_<name>_difference``: treatment minus control over all units until `window_end`, `lower` and `upper` of
    the confidence sequence, the always-valid p-value, and further numbers in `details`. An experiment that has not
    started, has ended before the window, or is stopped gives none; one that cannot be read gives a value of None with
    the reason as its note.
    """
    found = []
    for experiment in settings.experiments:
        if _runs(store, settings, experiment, context, window_end):
            found += _measure(store, settings, experiment, window_end, context)
    return found


def _runs(
    store: Store,
    settings: ModelSettings,
    experiment: ExperimentSettings,
    context: SeriesContext,
    window_end: datetime,
) -> bool:
    start, end = parse_instant(experiment.start), parse_instant(experiment.end)
    if (start is not None and start >= window_end) or (end is not None and end <= context.window.start):
        return False
    stopped = stopped_experiment(store, settings.name, settings.environment, experiment.name)
    return stopped is None or window_end <= stopped.result.until


def _measure(
    store: Store,
    settings: ModelSettings,
    experiment: ExperimentSettings,
    window_end: datetime,
    context: SeriesContext,
) -> list[Measurement]:
    try:
        data = collect(store, settings, experiment, until=window_end)
    except UsageError as error:
        log.info("%s: experiment %s is not measured: %s", settings.name, experiment.name, error.message)
        return [_absent(experiment, treatment, context, error.message) for treatment in experiment.treatments]
    result = analyse(data, experiment, model=settings.name, environment=settings.environment)
    return [_measurement(result, comparison, experiment, context) for comparison in result.comparisons]


def _of(context: SeriesContext, treatment: str) -> SeriesContext:
    return SeriesContext(
        model=context.model,
        environment=context.environment,
        window=context.window,
        version=context.version,
        variant=treatment,
        segment=context.segment,
        reference_id="",
        computed=context.computed,
        run_id=context.run_id,
    )


def metric_name(experiment: str) -> str:
    """Name of the measurement.

    >>> metric_name("ranking-v2")
    'experiment_ranking-v2_difference'
    """
    return f"experiment_{experiment}_difference"


def _absent(experiment: ExperimentSettings, treatment: str, context: SeriesContext, why: str) -> Measurement:
    return _of(context, treatment).measurement(metric_name(experiment.name), "custom", None, note=why[:500])


def _measurement(
    result: ExperimentResult, comparison: Comparison, experiment: ExperimentSettings, context: SeriesContext
) -> Measurement:
    treated = next(arm for arm in result.arms if arm.variant == comparison.treatment)
    numbers = {
        "subjects_control": result.control.units,
        "subjects_treatment": treated.units,
        "mean_control": result.control.mean,
        "mean_treatment": treated.mean,
        "level": comparison.level,
        "sample_ratio_p_value": result.sample_ratio_p_value,
        "sample_ratio_always_valid": result.sample_ratio_always_valid,
        "contaminated": result.contaminated,
        "predictions_without_subject": result.rows_without_subject,
        "planned_subjects": result.planned_units,
        "fixed_p_value": comparison.fixed_p_value,
        "fixed_lower": comparison.fixed_lower,
        "fixed_upper": comparison.fixed_upper,
        "expected": comparison.expected,
        "minimum_effect": result.minimum_effect,
    }
    measurement = _of(context, comparison.treatment).measurement(
        metric_name(experiment.name),
        "custom",
        comparison.difference,
        field=experiment.target,
        lower=comparison.lower,
        upper=comparison.upper,
        p_value=comparison.p_value,
        p_adjusted=comparison.p_adjusted,
        n_reference=result.control.units,
        n_current=treated.units,
        reference_value=result.control.mean,
        method="confidence sequence (normal mixture)",
        details={name: float(value) for name, value in numbers.items() if value is not None},
        note=result.sentence if result.verdict == "sample_ratio_mismatch" else comparison.sentence,
    )
    return msgspec.structs.replace(measurement, verdict="not_judged")
