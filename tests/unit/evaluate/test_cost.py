"""What a model costs and how much more it could carry, on processes and hours whose truth is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import CostSettings, ModelSettings
from driftlog.contract.usage import HourOfLoad, ProcessUse, ServedLoad, Usage
from driftlog.contract.window import Window
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.cost.capacity import from_cpu, from_latency
from driftlog.evaluate.cost.price import use_by_version
from driftlog.evaluate.cost.window import cost_measurements

DAY = Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
SETTINGS = ModelSettings(name="credit", cost=CostSettings(cpu_hour=0.05, memory_gb_hour=0.01, cores=4))
CONTEXT = SeriesContext("credit", "production", DAY)


def process(release: str = "r1", *, pid: int = 1, cores: float = 0.5, gpu: float | None = None) -> ProcessUse:
    return ProcessUse("host", pid, release, 2880, 86_400.0, cpu_cores=cores, memory_bytes=2e9, gpu_share=gpu)


def hours(n: int, *, mean_s: float | None = None, seed: int = 1, capacity: float = 10.0) -> tuple[HourOfLoad, ...]:
    """Hours of an M/M/1 queue that serves `capacity` a second, with its busy cores."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        load = rng.uniform(0.5, 6.0)
        latency = mean_s or (1 / capacity) / (1 - load / capacity) * rng.normal(1, 0.02)
        start = DAY.end - timedelta(hours=n - i)
        found.append(HourOfLoad(start, round(load * 3600), latency, cpu_cores=0.2 + 0.3 * load + rng.normal(0, 0.02)))
    return tuple(found)


def usage(*processes: ProcessUse, loads: tuple[ServedLoad, ...], hourly: tuple[HourOfLoad, ...] = ()) -> Usage:
    return Usage(DAY, processes, loads, hourly, last_prediction=DAY.end - timedelta(minutes=1))


def by_name(found: list[Measurement], version: str = "*") -> dict[str, Measurement]:
    return {m.metric: m for m in found if m.version == version}


def test_cost_per_1000_is_what_the_processes_used_over_what_they_predicted() -> None:
    found = by_name(
        cost_measurements(usage(process(), loads=(ServedLoad("r1", "7", 100_000, 900.0),)), SETTINGS, CONTEXT)
    )

    assert found["cpu_s_per_1000"].value == pytest.approx(0.5 * 86_400 / 100)
    assert found["memory_gb_s_per_1000"].value == pytest.approx(2 * 86_400 / 100)
    assert found["cost"].value == pytest.approx(12 * 0.05 + 48 * 0.01)
    assert found["cost_per_1000"].value == pytest.approx((12 * 0.05 + 48 * 0.01) / 100)
    assert found["cost"].unit == "EUR"


def test_versions_of_one_process_share_its_cost_by_the_time_they_took() -> None:
    loads = (ServedLoad("r1", "7", 100, 30.0), ServedLoad("r1", "8", 100, 10.0))
    shared = use_by_version(usage(process(), loads=loads))

    assert shared["7"][0].cpu_s == pytest.approx(3 * shared["8"][0].cpu_s)
    assert shared["7"][0].cpu_s + shared["8"][0].cpu_s == pytest.approx(0.5 * 86_400)


def test_a_release_that_served_nothing_is_paid_by_all_versions() -> None:
    loads = (ServedLoad("r1", "7", 100, 30.0),)
    alone = use_by_version(usage(process(), loads=loads))
    with_standby = use_by_version(usage(process(), process("standby", pid=2), loads=loads))

    assert with_standby["7"][0].cpu_s == pytest.approx(2 * alone["7"][0].cpu_s)


def test_without_durations_the_share_goes_by_predictions() -> None:
    loads = (ServedLoad("r1", "7", 300, 0.0), ServedLoad("r1", "8", 100, 0.0))

    assert use_by_version(usage(process(), loads=loads))["7"][0].cpu_s == pytest.approx(0.75 * 0.5 * 86_400)


def test_gpu_is_reported_only_where_one_was_sampled_and_money_only_where_prices_are_set() -> None:
    loads = (ServedLoad("r1", "7", 1000, 9.0),)
    free = msgspec.structs.replace(SETTINGS, cost=CostSettings())

    assert "gpu_s_per_1000" not in by_name(cost_measurements(usage(process(), loads=loads), SETTINGS, CONTEXT))
    found = by_name(cost_measurements(usage(process(gpu=0.25), loads=loads), free, CONTEXT))
    assert found["gpu_s_per_1000"].value == pytest.approx(0.25 * 86_400)
    assert "cost" not in found and "cost_per_1000" not in found


def test_few_predictions_give_no_figure_but_a_note() -> None:
    found = by_name(cost_measurements(usage(process(), loads=(ServedLoad("r1", "7", 3, 0.1),)), SETTINGS, CONTEXT))

    assert found["cost_per_1000"].value is None
    assert "fewer than 30" in found["cost_per_1000"].note


def test_the_capacity_of_a_known_queue_is_found_from_its_latency() -> None:
    found = from_latency(hours(24 * 14))

    assert found is not None
    assert found.lower <= 10.0 <= found.upper
    assert found.per_s == pytest.approx(10.0, rel=0.03)


def test_the_load_that_fills_all_cores_is_found_from_cpu() -> None:
    found = from_cpu(hours(24 * 14), 4.0)

    assert found is not None
    assert found.per_s == pytest.approx((4 - 0.2) / 0.3, rel=0.02)
    assert found.lower <= (4 - 0.2) / 0.3 <= found.upper


@pytest.mark.parametrize(
    "hourly",
    [
        (),
        hours(5),
        tuple(HourOfLoad(DAY.start, 3600, 0.01) for _ in range(100)),
        hours(24 * 14, mean_s=0.01),
        tuple(HourOfLoad(DAY.start, n, None) for n in range(1, 50)),
    ],
    ids=["no hours", "too few", "one load", "flat latency", "no latency"],
)
def test_where_no_line_can_be_drawn_there_is_no_capacity(hourly: tuple[HourOfLoad, ...]) -> None:
    assert from_latency(hourly) is None


def test_headroom_is_the_lower_of_both_ways_and_says_which() -> None:
    used = usage(process(), loads=(ServedLoad("r1", "7", 1000, 9.0),), hourly=hours(24 * 14))
    found = by_name(cost_measurements(used, SETTINGS, CONTEXT))

    assert found["capacity_per_s"].value == pytest.approx(10.0, rel=0.03)
    assert "latency" in found["headroom_share"].method
    assert found["headroom_share"].value == pytest.approx(1 - 6.0 / 10.0, abs=0.03)


def test_processes_without_predictions_are_idle_and_said_so() -> None:
    busy = usage(process(), loads=())
    idle = Usage(DAY, (process(),), (), last_prediction=DAY.end - timedelta(days=30))

    assert "idle_s" not in by_name(cost_measurements(busy, SETTINGS, CONTEXT))
    found = by_name(cost_measurements(idle, SETTINGS, CONTEXT))["idle_s"]
    assert found.value == 30 * 86_400
    assert "without predictions" in found.note
