"""Scenarios as the command line and the Python interface ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from driftlog.api.comparing import latest_data
from driftlog.api.times import WindowLike, as_window
from driftlog.contract.comparison import ANY, Side
from driftlog.contract.scenario import Scenario
from driftlog.contract.settings import ModelSettings

if TYPE_CHECKING:
    from driftlog.store.client import Store


def replay(
    store: Store,
    settings: ModelSettings,
    window: WindowLike,
    model: Callable[..., Any],
    *,
    shift: str | Sequence[str] = (),
    set: str | Sequence[str] = (),
    mix: str | Sequence[str] = (),
    segment: str = "",
    version: str | None = None,
    variant: str | None = None,
    environment: str | None = None,
    rows: int = 10_000,
    seed: int = 0,
    force: bool = False,
    name: str = "",
    now: Callable[[], datetime],
    option: str = "window",
) -> Scenario:
    """`driftlog.worker.scenario.run_scenario` with windows and changes as people write them."""
    from driftlog.worker.changes import parse_changes
    from driftlog.worker.scenario import run_scenario

    if environment is not None:
        settings = msgspec.structs.replace(settings, environment=environment)
    changes = parse_changes(*([given] if isinstance(given, str) else list(given) for given in (shift, set, mix)))
    stretch = as_window(window, lambda: latest_data(store, settings), option=option)
    return run_scenario(
        store,
        settings,
        Side(stretch, segment, version or ANY, variant or ANY),
        changes,
        model,
        function=name or f"{model.__module__}:{getattr(model, '__qualname__', type(model).__qualname__)}",
        now=now,
        rows=rows,
        seed=seed,
        force=force,
    )


def json_objects(scenario: Scenario) -> Iterator[dict[str, Any]]:
    """What ``driftlog scenario --json`` prints: one object about the scenario, then one a measurement."""
    yield {
        "kind": "scenario",
        "model": scenario.model,
        "environment": scenario.environment,
        "window": scenario.window,
        "changes": scenario.changes,
        "function": scenario.function,
        "rows": scenario.rows,
        "population": scenario.population,
        "effective_rows": scenario.effective_rows,
        "seed": scenario.seed,
        "reproduction": scenario.reproduction,
        "reference_id": scenario.reference_id,
        "notes": scenario.notes,
    }
    for line in scenario.lines:
        m = line.either
        about = {"purpose": m.purpose, "metric": m.metric, "field": m.field}
        yield {"kind": "measurement", **about, "actual": line.actual, "scenario": line.scenario}
    for m in scenario.moved:
        about = {"purpose": m.purpose, "metric": m.metric, "field": m.field}
        yield {"kind": "moved", **about, "value": m.value}
