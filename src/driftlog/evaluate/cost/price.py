"""CPU and GPU seconds, memory and money per 1,000 predictions, by model version."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import CostSettings, ModelSettings
from driftlog.contract.usage import ProcessUse, ServedLoad, Usage
from driftlog.evaluate.context import SeriesContext

HOUR_S = 3600.0
GB = 1e9
_METHOD = "mean of the samples x time alive; shared by time spent predicting"


@dataclass(frozen=True, slots=True)
class Use:
    """Sums over processes.

    Attributes
    ----------
    memory_gb_s
        Gigabytes (10**9 bytes) of resident memory times seconds.
    """

    cpu_s: float = 0.0
    gpu_s: float = 0.0
    memory_gb_s: float = 0.0

    def __add__(self, other: Use) -> Use:
        return Use(self.cpu_s + other.cpu_s, self.gpu_s + other.gpu_s, self.memory_gb_s + other.memory_gb_s)

    def times(self, share: float) -> Use:
        return Use(self.cpu_s * share, self.gpu_s * share, self.memory_gb_s * share)

    def money(self, prices: CostSettings) -> float:
        """In `CostSettings.currency`.

        >>> Use(cpu_s=7200.0).money(CostSettings(cpu_hour=0.05))
        0.1
        """
        return (
            self.cpu_s * prices.cpu_hour + self.gpu_s * prices.gpu_hour + self.memory_gb_s * prices.memory_gb_hour
        ) / HOUR_S


def use_of(process: ProcessUse) -> Use:
    """What one process used."""
    return Use(
        cpu_s=(process.cpu_cores or 0.0) * process.alive_s,
        gpu_s=(process.gpu_share or 0.0) * process.alive_s,
        memory_gb_s=(process.memory_bytes or 0.0) / GB * process.alive_s,
    )


def use_by_version(usage: Usage) -> dict[str, tuple[Use, int]]:
    """Model version -> (what it used, its predictions).

    Processes of a release are shared among the model versions it served by the time spent predicting (by predictions
    where no durations are known). What releases without a prediction of their own used is shared among all versions in
    the same way: somebody pays for it.
    """
    by_release: dict[str, list[ServedLoad]] = defaultdict(list)
    for load in usage.loads:
        by_release[load.release].append(load)
    found: dict[str, tuple[Use, int]] = {}
    for load in usage.loads:
        use, n = found.get(load.version, (Use(), 0))
        found[load.version] = (use, n + load.n)
    for process in usage.processes:
        loads = by_release.get(process.release) or list(usage.loads)
        for load, share in zip(loads, _shares(loads), strict=True):
            use, n = found[load.version]
            found[load.version] = (use + use_of(process).times(share), n)
    return found


def _shares(loads: list[ServedLoad]) -> list[float]:
    busy = [load.busy_s for load in loads]
    if sum(busy) <= 0:
        busy = [float(load.n) for load in loads]
    whole = sum(busy)
    return [part / whole for part in busy]


def price_measurements(usage: Usage, settings: ModelSettings, context: SeriesContext) -> list[Measurement]:
    """For each version and all together: CPU and GPU seconds, memory and money, for 1,000 predictions and in all.

    ``cpu_s_per_1000``, ``gpu_s_per_1000`` (where a GPU was sampled), ``memory_gb_s_per_1000``, ``cost_per_1000`` and
    ``cost`` (where prices are set). Value None below `min_rows` predictions.
    """
    by_version = use_by_version(usage)
    whole = sum((use for use, _ in by_version.values()), Use())
    parts = {"*": (whole, sum(n for _, n in by_version.values()))} | (by_version if len(by_version) > 1 else {})
    samples = sum(process.samples for process in usage.processes)
    has_gpu = any(process.gpu_share is not None for process in usage.processes)
    found: list[Measurement] = []
    for version, (use, n) in sorted(parts.items()):
        series = replace(context, version=version)
        figures = [("cpu_s_per_1000", use.cpu_s, "s"), ("memory_gb_s_per_1000", use.memory_gb_s, "GB s")]
        if has_gpu:
            figures.append(("gpu_s_per_1000", use.gpu_s, "s"))
        money = use.money(settings.cost)
        if money > 0:
            figures.append(("cost_per_1000", money, settings.cost.currency))
            found.append(_measured(series, "cost", money, n, settings.cost.currency, samples))
        enough = n >= settings.min_rows
        note = "" if enough else f"fewer than {settings.min_rows} predictions ({n})"
        found += [
            _measured(series, name, value / n * 1000 if enough else None, n, unit, samples, note)
            for name, value, unit in figures
        ]
    return found


def _measured(
    context: SeriesContext, metric: str, value: float | None, n: int, unit: str, samples: int, note: str = ""
) -> Measurement:
    return context.measurement(
        metric, "cost", value, n_current=n, unit=unit, method=_METHOD, details={"samples": float(samples)}, note=note
    )
