"""Metrics of the user's own, on predictions in a real Elasticsearch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from driftlog.contract.errors import ConfigError, StoreUnavailable
from driftlog.contract.measurement import Measurement
from driftlog.contract.names import IndexNames
from driftlog.contract.profile import LATENCY_EDGES_NS, PredictionProfile, ProfileKey
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings, UserMetricSettings
from driftlog.contract.window import Window
from driftlog.evaluate.context import SeriesContext
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.templates import install
from driftlog.store.values import BulkAction
from driftlog.worker.functions import load_function
from driftlog.worker.user_metrics import UserMetrics, WindowData, read_path

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 3, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))
LATE = UserMetricSettings(
    name="late_share",
    over="aggregation",
    aggregation='{"late": {"filter": {"term": {"prediction.label": "late"}}}}',
    path="late.doc_count / n",
    unit="share",
)
CODE = """
def mean_amount(frame):
    return frame["features.amount"].mean()

def events(predictions, outcomes):
    return predictions.n, predictions.n - 1, predictions.n + 1

def broken(predictions, outcomes):
    raise KeyError("amount")

def nothing(predictions, outcomes):
    return float("nan")

def leaving(predictions, outcomes):
    raise SystemExit(3)

def talking(predictions, outcomes):
    print("halfway")
    return 1.0
"""


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        register(store, ModelRecord(name="credit", task="binary", registered=START))
        actions = []
        for i in range(40):
            at = START + i * timedelta(minutes=1)
            document = {
                "@timestamp": at.isoformat(),
                "event": {"id": f"p{i}"},
                "model": {"name": "credit", "version": "1"},
                "features": {"amount": float(i), "plan": "plus" if i < 10 else "basic"},
                "prediction": {"label": "late" if i % 4 == 0 else "on time"},
            }
            actions.append(BulkAction("create", store.names.predictions("credit", at), f"p{i}", document, None))
        assert not store.bulk(actions, refresh=True).failures
        yield store


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_metrics_of_the_test.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)


def measured(store: Store, *metrics: UserMetricSettings, segment: str = "") -> dict[str, Measurement]:
    settings = ModelSettings(name="credit", metrics=metrics)
    key = ProfileKey("credit", "production", "*", "*", segment, "b", DAY)
    profile = PredictionProfile(key, n=40, fields={}, latency=np.zeros(len(LATENCY_EDGES_NS) + 1, dtype=np.int64))
    found = UserMetrics(store, settings).measurements(
        WindowData(key, profile, ()), SeriesContext("credit", "production", DAY, segment=segment)
    )
    return {measurement.metric: measurement for measurement in found}


def metric(name: str, over: str = "profile") -> UserMetricSettings:
    return UserMetricSettings(name=name, over=over, function=f"own_metrics_of_the_test:{name}")  # type: ignore[arg-type]


def test_an_aggregation_gives_a_share_of_the_whole_and_of_a_segment(store: Store) -> None:
    assert measured(store, LATE)["late_share"].value == 0.25
    assert measured(store, LATE, segment="features.plan=plus")["late_share"].value == 0.3


def test_a_function_reads_rows_or_counts_and_may_return_an_interval(store: Store) -> None:
    found = measured(store, metric("mean_amount", "frame"), metric("events"))

    assert found["mean_amount"].value == pytest.approx(19.5)
    assert (found["events"].lower, found["events"].value, found["events"].upper) == (39, 40, 41)
    assert found["events"].purpose == "custom"


def test_a_broken_metric_says_what_broke_and_stops_no_other(store: Store) -> None:
    found = measured(store, metric("broken"), metric("nothing"), metric("absent"), metric("events"))

    assert found["broken"].value is None and "KeyError: 'amount'" in found["broken"].note
    assert found["nothing"].value is None and "nan" in found["nothing"].note
    assert "is no function" in found["absent"].note
    assert found["events"].value == 40


def test_a_metric_that_leaves_or_talks_disturbs_neither_worker_nor_output(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured(store, metric("leaving"), metric("talking"))

    assert found["leaving"].value is None and "SystemExit: 3" in found["leaving"].note
    assert found["talking"].value == 1.0
    assert capsys.readouterr().out == ""


def test_an_aggregation_that_elasticsearch_refuses_is_a_note(store: Store) -> None:
    refused = UserMetricSettings(
        name="wrong", over="aggregation", aggregation='{"a": {"no_such_aggregation": {}}}', path="a.value"
    )
    found = measured(store, refused, LATE)

    assert found["wrong"].value is None and found["wrong"].note
    assert found["late_share"].value == 0.25


def test_elasticsearch_being_away_is_raised_so_that_the_next_cycle_measures_the_window() -> None:
    """A measurement without value would be taken for the window's result for good."""
    nowhere = ElasticsearchSettings(urls=("http://127.0.0.1:9",), timeout_s=0.5)
    with Store.connect(nowhere, IndexNames("nowhere")) as away, pytest.raises(StoreUnavailable):
        measured(away, LATE)


def test_a_module_that_leaves_while_it_is_imported_is_refused(tmp_path: Path) -> None:
    (tmp_path / "leaves_at_import.py").write_text("import sys\nsys.exit(2)\n")
    with pytest.raises(ConfigError, match="SystemExit"):
        load_function("leaves_at_import:f", path="p")


@pytest.mark.parametrize("name", ["events", "os.system:", ":f", "a b:c", "no_such_module_here:f"])
def test_names_that_lead_to_no_function_are_refused_with_the_form_to_write(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_function(name, path="models.credit.metrics[0].function")
    assert "models.credit.metrics[0].function" in str(refused.value)


def test_a_path_to_nothing_names_what_is_there() -> None:
    answer = {"hits": {"total": {"value": 8}}, "aggregations": {"late": {"doc_count": 2}}}

    with pytest.raises(ConfigError) as refused:
        read_path(answer, "early.doc_count", path="p")
    assert "late" in refused.value.remedy
    assert read_path({"hits": {"total": {"value": 0}}}, "late.doc_count / n", path="p") is None
