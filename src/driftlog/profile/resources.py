"""Resource use of a service over a window."""

from __future__ import annotations

from typing import Any, Final

from driftlog.contract.profile import ResourceSummary
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.scope import during, in_environment
from driftlog.store.client import Store

FIGURES: Final[dict[str, tuple[str, str]]] = {
    "cpu_percent_mean": ("avg", "resource.cpu_percent"),
    "cpu_percent_max": ("max", "resource.cpu_percent"),
    "memory_bytes_mean": ("avg", "resource.memory_bytes"),
    "memory_bytes_max": ("max", "resource.memory_bytes"),
    "gpu_percent_mean": ("avg", "resource.gpu_percent"),
    "gpu_memory_bytes_max": ("max", "resource.gpu_memory_bytes"),
    "storage_used_percent_max": ("max", "resource.storage_used_percent"),
    "host_cpu_percent_mean": ("avg", "resource.host_cpu_percent"),
    "host_memory_percent_max": ("max", "resource.host_memory_percent"),
}
"""Attribute of `ResourceSummary` -> (aggregation, field)."""


def resource_query(settings: ModelSettings, window: Window) -> dict[str, Any]:
    """Means and maxima over the samples of a model's service.

    ::

        {"size": 0, "track_total_hits": true,
         "query": {"bool": {"filter": [{"range": {"@timestamp": {...}}}, {...environment...},
                                       {"term": {"service.name": "scoring"}}]}},
         "aggs": {"cpu_percent_mean": {"avg": {"field": "resource.cpu_percent"}}, ...}}

    Without `ModelSettings.service` the samples of every service of the environment count.
    """
    filters = [during(window), *in_environment(settings.environment)]
    if settings.service:
        filters.append({"term": {"service.name": settings.service}})
    aggs = {name: {kind: {"field": field}} for name, (kind, field) in FIGURES.items()}
    return {"size": 0, "track_total_hits": True, "query": {"bool": {"filter": filters}}, "aggs": aggs}


def summarise_resources(store: Store, settings: ModelSettings, window: Window) -> ResourceSummary | None:
    """Resource use over `window`; None without samples."""
    answer = store.search(store.names.every("resources"), resource_query(settings, window))
    samples = answer["hits"]["total"]["value"]
    if not samples:
        return None
    return ResourceSummary(
        window=window, samples=samples, **{name: answer["aggregations"][name]["value"] for name in FIGURES}
    )
