"""Traffic, latency, errors and resources of a window."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.contract.profile import LATENCY_EDGES_NS, ResourceSummary
from driftlog.evaluate.operational.latency import percentile_ms
from driftlog.evaluate.operational.window import operational_measurements, resource_measurements


def _counted(durations_ns):
    places = np.searchsorted(LATENCY_EDGES_NS, durations_ns, side="right")
    return np.bincount(places, minlength=len(LATENCY_EDGES_NS) + 1).astype(np.int64)


@given(st.lists(st.integers(20_000, 90_000_000_000), min_size=1, max_size=300), st.sampled_from([50, 95, 99]))
def test_percentiles_are_within_a_bin_of_pandas(durations, percent):
    """10 %: the width of a bin."""
    exact = pd.Series(durations).quantile(percent / 100, interpolation="higher") / 1e6
    lower = pd.Series(durations).quantile(percent / 100, interpolation="lower") / 1e6
    found = percentile_ms(_counted(durations), percent)
    assert lower / 1.11 <= found <= exact * 1.11


def test_percentiles_in_the_open_bins_are_their_edges():
    """Faster than 10 microseconds, slower than 100 s; none without rows."""
    assert percentile_ms(_counted([5]), 50) == 0.01
    assert percentile_ms(_counted([10**12]), 50) == 100_000
    assert percentile_ms(_counted([]), 50) is None


@pytest.fixture(scope="module")
def window(build):
    durations = np.random.default_rng(1).lognormal(15, 0.5, 1000)
    return durations, build.profile(
        {},
        n=1040,
        latency=_counted(durations),
        latency_total_ns=float(durations.sum()),
        failures=40,
        errors={"TimeoutError": 30, "ValueError": 10},
    )


def test_a_window_in_figures(build, window):
    """Counts, rates, milliseconds and shares."""
    durations, profile = window
    found = {(m.metric, m.field): m for m in operational_measurements(profile, build.settings(), build.context())}
    assert found["predictions", ""].value == 1040
    assert found["throughput_per_s", ""].value == pytest.approx(1040 / 604_800)
    assert found["latency_mean_ms", ""].value == pytest.approx(durations.mean() / 1e6)
    assert found["latency_p99_ms", ""].value == pytest.approx(np.quantile(durations, 0.99) / 1e6, rel=0.1)
    assert found["latency_p99_ms", ""].marks == ("approximate",)
    assert found["error_rate", ""].value == pytest.approx(40 / 1040)
    assert found["availability", ""].value == pytest.approx(1000 / 1040)
    assert found["error_rate_by_type", "TimeoutError"].value == pytest.approx(30 / 1040)
    assert found["error_rate", ""].lower < 40 / 1040 < found["error_rate", ""].upper


def test_the_reference_stands_beside(build, window):
    """Latency and error rate of the reference, where it has them."""
    _, profile = window
    reference = build.reference([{}, {}])
    with_reference = operational_measurements(profile, build.settings(), build.context(), reference=reference)
    assert all(m.reference_value is None for m in with_reference)
    fast = build.profile({}, n=100, latency=_counted([1e6] * 100), latency_total_ns=1e8)
    object.__setattr__(reference, "predictions", fast)
    found = operational_measurements(profile, build.settings(), build.context(), reference=reference)
    values = {m.metric: m.reference_value for m in found if not m.field}
    assert values["latency_mean_ms"] == pytest.approx(1.0)
    assert values["error_rate"] == 0.0


def test_an_empty_window_has_traffic_of_zero_and_nothing_else(build):
    """No events: no rates, no latency, no NaN."""
    found = operational_measurements(build.profile({}, n=0), build.settings(), build.context())
    assert {m.metric: m.value for m in found} == {"predictions": 0, "throughput_per_s": 0}


def test_few_durations_are_no_latency(build):
    """Below min_rows: None with a note."""
    profile = build.profile({}, n=5, latency=_counted([1e6] * 5), latency_total_ns=5e6)
    found = [m for m in operational_measurements(profile, build.settings(), build.context()) if "latency" in m.metric]
    assert all(m.value is None and m.note for m in found)


def test_resources_that_were_sampled(build):
    """And no measurement for those that were not."""
    summary = ResourceSummary(build.window(), 12, cpu_percent_mean=40.0, memory_bytes_max=2e8)
    found = resource_measurements(summary, build.settings(), build.context())
    assert {m.metric: (m.value, m.unit, m.n_current) for m in found} == {
        "cpu_percent_mean": (40.0, "percent", 12),
        "memory_bytes_max": (2e8, "bytes", 12),
    }
    assert resource_measurements(None, build.settings(), build.context()) == []
    assert resource_measurements(ResourceSummary(build.window(), 0), build.settings(), build.context()) == []
