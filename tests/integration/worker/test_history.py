"""Earlier values and verdicts, from the results of a real Elasticsearch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings, ThresholdSettings
from driftlog.contract.window import Window
from driftlog.decide.judge import judge
from driftlog.store.client import Store
from driftlog.store.results import write_measurements
from driftlog.store.templates import install
from driftlog.worker.history import History, ValueHistory

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        yield store


def window(day: int) -> Window:
    return Window(START + day * DAY, START + (day + 1) * DAY)


def measured(day: int, metric: str, value: float | None, **rest) -> Measurement:
    values = {"purpose": "operational", "n_current": 100, "environment": "test"} | rest
    return Measurement(model="m", metric=metric, window=window(day), value=value, **values)


def settings(*thresholds: dict) -> ModelSettings:
    return ModelSettings(
        name="m", environment="test", thresholds=tuple(ThresholdSettings(**threshold) for threshold in thresholds)
    )


def test_values_are_read_of_the_series_that_a_threshold_matches_first(store: Store) -> None:
    """By metric (a set in a pattern, too), segment and the order of thresholds; of the model and environment."""
    limit = Limit("quantile", "above", warning=3.0)
    stored = [
        *(measured(day, "latency_p99_ms", float(day)) for day in range(30)),
        measured(30, "latency_p99_ms", 50.0, verdict="warning", limit=limit),
        measured(31, "latency_p99_ms", None),
        measured(32, "latency_p99_ms", 1.0, marks=("immature",)),
        measured(3, "latency_p95_ms", 1.0),
        measured(3, "latency_p50_ms", 1.0),
        measured(3, "predictions", 1.0),
        measured(3, "latency_p99_ms", 1.0, segment="features.plan=a"),
        measured(3, "latency_p99_ms", 1.0, environment="elsewhere"),
        measured(-2000, "latency_p99_ms", 1.0),
    ]
    write_measurements(store, stored, term=1)
    wanted = settings(
        {"metric": "latency_p95_ms", "warning": 100.0},
        {"metric": "latency_p9[59]_ms", "kind": "quantile", "warning": 0.9},
    )
    history = ValueHistory(store, wanted, window(40))
    by_series = history.values().by_series
    assert list(by_series) == [stored[0].series]
    assert [past.value for past in by_series[stored[0].series]] == [*map(float, range(30)), 50.0]
    assert (by_series[stored[0].series][-1].breach, by_series[stored[0].series][-1].crossed) == (True, 3.0)
    history.add(window(40), [measured(40, "latency_p99_ms", 7.0), measured(40, "predictions", 7.0)])
    now = judge(measured(41, "latency_p99_ms", 100.0), wanted, history.values())
    assert (now.verdict, "32 earlier values" in now.limit.reason) == ("warning", True)


def test_segments_are_read_where_a_threshold_names_them(store: Store) -> None:
    """Values and verdicts alike."""
    part = [measured(day, "predictions", 5.0, segment="features.plan=a", verdict="ok") for day in range(10, 20)]
    write_measurements(store, [*part, measured(19, "predictions", 50.0, verdict="warning")], term=1)
    whole = settings({"metric": "predictions", "kind": "seasonal", "warning": 3.0})
    both = settings({"metric": "predictions", "kind": "seasonal", "warning": 3.0, "segment": "*"})
    assert len(ValueHistory(store, whole, window(20)).values().by_series) == 1
    assert len(ValueHistory(store, both, window(20)).values().by_series) == 2
    assert [*History(store, whole, window(20)).before(window(20)).values()] == [["warning"]]
    found = History(store, both, window(20)).before(window(20))
    assert found[part[0].series] == ["ok"] * 6


def test_without_such_thresholds_nothing_is_read(elasticsearch_url: str) -> None:
    """Not even an index that is not there."""
    with Store.connect(ElasticsearchSettings(urls=("http://127.0.0.1:9",)), IndexNames("nowhere")) as away:
        assert ValueHistory(away, settings({"metric": "x", "warning": 1.0}), window(0)).values().by_series == {}
