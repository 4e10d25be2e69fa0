"""Operational measurements of one window: traffic, latency, errors, resources."""

from __future__ import annotations

from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import PredictionProfile, Reference, ResourceSummary
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.operational.errors import error_measurements
from driftlog.evaluate.operational.latency import latency_measurements
from driftlog.evaluate.operational.traffic import traffic_measurements

_RESOURCES = {
    "cpu_percent_mean": "percent",
    "cpu_percent_max": "percent",
    "memory_bytes_mean": "bytes",
    "memory_bytes_max": "bytes",
    "gpu_percent_mean": "percent",
    "gpu_memory_bytes_max": "bytes",
    "storage_used_percent_max": "percent",
    "host_cpu_percent_mean": "percent",
    "host_memory_percent_max": "percent",
}
"""Attributes of `ResourceSummary` that become measurements, with their units."""


def operational_measurements(
    current: PredictionProfile,
    settings: ModelSettings,
    context: SeriesContext,
    *,
    reference: Reference | None = None,
) -> list[Measurement]:
    """Traffic, latency and errors; with the reference's values beside them where one is passed and has them."""
    before = reference.predictions if reference is not None else None
    return [
        *traffic_measurements(current, context),
        *latency_measurements(current, before, settings, context),
        *error_measurements(current, before, context),
    ]


def resource_measurements(
    summary: ResourceSummary | None,
    settings: ModelSettings,  # noqa: ARG001
    context: SeriesContext,
) -> list[Measurement]:
    """One measurement for each resource that was sampled; none without samples."""
    if summary is None or summary.samples == 0:
        return []
    return [
        context.measurement(
            name, "resource", value, n_current=summary.samples, unit=unit, method="samples of the service"
        )
        for name, unit in _RESOURCES.items()
        if (value := getattr(summary, name)) is not None
    ]
