"""Use of resources and load, read from a real Elasticsearch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.usage import load_usage
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.templates import install
from driftlog.store.values import BulkAction

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 3, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))
SETTINGS = ModelSettings(name="credit", environment="test", service="scoring")


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        register(store, ModelRecord(name="credit", task="binary", registered=START))
        yield store


def sample(store: Store, i: int, pid: int, release: str, **resource: float) -> BulkAction:
    at = START + i * timedelta(seconds=30)
    service = {"name": "scoring", "version": release, "environment": "test"}
    document: dict[str, Any] = {
        "@timestamp": at.isoformat(),
        "service": service,
        "host": {"name": "h"},
        "process": {"pid": pid},
        "resource": resource,
    }
    return BulkAction("create", store.names.monthly("resources", at), f"{pid}-{i}", document, None)


def prediction(store: Store, i: int, release: str, version: str, duration_ms: int) -> BulkAction:
    at = START + i * timedelta(minutes=10)
    document: dict[str, Any] = {
        "@timestamp": at.isoformat(),
        "event": {"id": f"p{i}", "duration": duration_ms * 10**6},
        "service": {"environment": "test", "version": release},
        "model": {"name": "credit", "version": version},
    }
    return BulkAction("create", store.names.predictions("credit", at), f"p{i}", document, None)


def test_processes_loads_and_hours_are_what_was_sent(store: Store) -> None:
    """Two processes of two releases; the second one sampled a GPU."""
    samples = [sample(store, i, 1, "r1", cpu_percent=50.0, memory_bytes=10**9) for i in range(120)]
    samples += [sample(store, i, 2, "r2", cpu_percent=150.0, gpu_percent=20.0) for i in range(120)]
    predictions = [prediction(store, i, "r1" if i % 2 else "r2", "7", 20) for i in range(12)]
    report = store.bulk([*samples, *predictions], refresh=True)
    assert not report.failures

    found = load_usage(store, SETTINGS, DAY)

    assert found is not None
    first, second = sorted(found.processes, key=lambda process: process.pid)
    assert (first.release, first.samples, first.alive_s) == ("r1", 120, 3600.0)
    assert (first.cpu_cores, first.memory_bytes, first.gpu_share) == (0.5, 1e9, None)
    assert (second.cpu_cores, second.gpu_share) == (1.5, 0.2)
    assert {(load.release, load.version, load.n, round(load.busy_s, 6)) for load in found.loads} == {
        ("r1", "7", 6, 0.12),
        ("r2", "7", 6, 0.12),
    }
    assert [(hour.n, hour.cpu_cores) for hour in found.hours] == [(6, 2.0), (6, None)]
    assert found.hours[0].mean_s == pytest.approx(0.02)
    assert found.last_prediction == START + timedelta(minutes=110)


def test_without_samples_or_without_a_service_there_is_nothing_to_say(store: Store) -> None:
    assert load_usage(store, SETTINGS, DAY) is None
    assert load_usage(store, ModelSettings(name="credit", environment="test"), DAY) is None
