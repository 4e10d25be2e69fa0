"""Cost, capacity and idleness of one window."""

from __future__ import annotations

from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.contract.usage import Usage
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.cost.capacity import capacity_measurements
from driftlog.evaluate.cost.price import price_measurements


def cost_measurements(usage: Usage | None, settings: ModelSettings, context: SeriesContext) -> list[Measurement]:
    """None without samples of the model's service."""
    if usage is None:
        return []
    prices = price_measurements(usage, settings, context) if usage.loads else []
    return [*prices, *capacity_measurements(usage, settings, context), *_idle(usage, settings, context)]


def _idle(usage: Usage, settings: ModelSettings, context: SeriesContext) -> list[Measurement]:
    """``idle_s``: time since the last prediction, where processes were up all the same and it exceeds `idle_after`."""
    last = usage.last_prediction
    if last is not None and usage.window.end - last < settings.cost.idle_after:
        return []
    idle = (usage.window.end - last).total_seconds() if last is not None else None
    note = f"{len(usage.processes)} processes are up without predictions: stop them, or send them traffic"
    return [
        context.measurement(
            "idle_s",
            "cost",
            idle,
            unit="s",
            n_current=len(usage.processes),
            method="end of the window - last prediction",
            note=note if last is not None else f"{note}; there never was one",
        )
    ]
