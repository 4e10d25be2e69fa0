"""What the loop looks at is read from results, alerts and outcomes on a real Elasticsearch, by bounded searches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.worker.maintain_world import DAY, START, World, settings

from driftlog.contract.alert import Alert
from driftlog.contract.maintaining import MaintainSettings, TriggerSettings
from driftlog.contract.maintenance import LoopState, ModelVersion
from driftlog.contract.measurement import MARK_IMMATURE, Measurement
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import CellValue, ElasticsearchSettings, ModelSettings
from driftlog.contract.window import Window
from driftlog.store.alerts import write_alerts
from driftlog.store.client import Store
from driftlog.store.results import write_measurements
from driftlog.store.templates import install
from driftlog.worker.maintain_facts import drift_windows, idle_facts, newest_performance, training_window
from driftlog.worker.maintain_trial import labelled_rows

pytestmark = pytest.mark.elasticsearch

NOW = START + 10 * DAY
MODEL = ModelSettings(
    name="credit",
    environment="test",
    business_value=(CellValue(actual="*", predicted="*", value=1.0),),
    maintain=MaintainSettings(mode="act", triggers=TriggerSettings(drifted=(2, 3), estimated_loss=10.0)),
)


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        yield store


def measured(day: int, metric: str, purpose: str, value: float | None, verdict: str = "ok", **more: Any) -> Measurement:
    window = Window(START + day * DAY, START + (day + 1) * DAY)
    return Measurement(
        model="credit", environment="test", metric=metric, purpose=purpose, window=window, value=value,
        verdict=verdict, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_drift_is_counted_by_window_and_field(store: Store) -> None:
    """The last windows, newest first; segments, versions, other purposes and unjudged measures do not count."""
    drift = ("kolmogorov_smirnov", "data_drift")
    found = [
        measured(1, *drift, 0.4, "critical", field="features.income"),
        measured(2, *drift, 0.01, field="features.income"),
        measured(3, *drift, 0.2, "warning", field="features.income"),
        measured(3, *drift, 0.5, "critical", field="features.debt"),
        measured(4, *drift, 0.02, field="features.income"),
        measured(4, *drift, 0.9, "critical", field="features.income", segment="plan=basic"),
        measured(4, *drift, 0.9, "critical", field="features.income", version="2"),
        measured(5, *drift, 0.9, "not_judged", field="features.income"),
        measured(4, "total_variation", "prediction_drift", 0.9, "critical", field="prediction.label"),
        measured(11, *drift, 0.9, "critical", field="features.income"),  # after now
    ]
    write_measurements(store, found, term=1)

    windows = drift_windows(store, MODEL, 3, NOW)

    assert [(each.end, each.fields) for each in windows] == [
        (START + 5 * DAY, 0),
        (START + 4 * DAY, 2),
        (START + 3 * DAY, 0),
    ]
    assert windows[1].worst == "debt kolmogorov_smirnov 0.5"
    assert windows[1].object == found[3].id


def test_the_newest_mature_performance_is_taken_and_a_newer_immature_one_is_told(store: Store) -> None:
    """Of the whole model; accuracy where there is no AUC."""
    write_measurements(store, [measured(1, "accuracy", "performance", 0.8)], term=1)
    assert newest_performance(store, MODEL, NOW)[0] == "accuracy"
    found = [
        measured(1, "roc_auc", "performance", 0.7),
        measured(2, "roc_auc", "performance", 0.6, version="2"),
        measured(3, "roc_auc", "performance", 0.9, marks=(MARK_IMMATURE,), note="9 % of the truths"),
    ]
    write_measurements(store, found, term=1)

    metric, known, newer = newest_performance(store, MODEL, NOW)

    assert (metric, known and known.value, newer and newer.note) == ("roc_auc", 0.7, "9 % of the truths")


def test_losses_are_added_up_since_the_champion_went_live(store: Store) -> None:
    """Reference - value of each window; an estimate only where truth is missing; windows before do not count."""
    loss = "business_value"
    found = [
        measured(0, loss, "performance", 0.0, reference_value=1000.0),
        measured(3, loss, "performance", 90.0, reference_value=100.0),
        measured(3, loss, "estimated_performance", 10.0, reference_value=100.0),
        measured(4, loss, "estimated_performance", 70.0, reference_value=100.0),
        measured(5, loss, "performance", 105.0, reference_value=100.0),
        measured(6, loss, "performance", None),
    ]
    write_measurements(store, found, term=1)
    champion = ModelVersion(
        model="credit", version="1", status="champion", created=START, promoted=START + 2 * DAY, data=Window(START, NOW)
    )

    facts = idle_facts(store, MODEL, LoopState(first=START), champion, NOW)

    assert (facts.loss, facts.loss_windows) == (10.0 + 30.0 - 5.0, 3)
    assert (facts.new_since, facts.champion) == (NOW, "1")


def test_open_alerts_count_and_muted_ones_do_not(store: Store) -> None:
    """An alert that another one explains must not start a training."""
    evidence = measured(3, "roc_auc", "performance", 0.5, "critical")
    alert = Alert(
        key="k", episode=1, model="credit", environment="test", purpose="performance", metric="roc_auc", status="open",
        severity="critical", title="AUC fell", message="", opened=NOW, updated=NOW, evidence=evidence, latest=evidence,
        first_window=evidence.window, last_window=evidence.window,
    )  # fmt: skip
    muted = msgspec.structs.replace(alert, key="m", muted_by="pipeline#1")
    over = msgspec.structs.replace(alert, key="o", status="resolved", resolved=NOW)
    write_alerts(store, [alert, muted, over], term=1)

    facts = idle_facts(store, MODEL, LoopState(first=START), None, NOW)

    assert [(each.id, each.severity) for each in facts.alerts] == [("k#1", "critical")]


def test_labels_traffic_and_bounded_rows_of_what_was_served(store: Store, tmp_path: Path) -> None:
    """Counts are exact; a trial draws at most so many rows, the same ones each time; a shadow's rows are left out."""
    world = World(store, tmp_path, settings=settings())
    world.serve(0, 30, judged=False)
    now = START + 30 * DAY
    facts = idle_facts(store, world.settings, LoopState(first=START + 5 * DAY), None, now)

    assert facts.labels_window == training_window(world.settings, now) == Window(START, START + 20 * DAY)
    assert (facts.labels, facts.new_labels) == (1200, 1500)
    assert facts.newest is not None
    assert now - facts.newest < timedelta(hours=1)
    assert facts.predictions >= 60

    everything = Window(START, now)
    some = labelled_rows(store, world.settings, everything, champion="1", seed=3, most=500)
    assert some.n == 500
    assert some.ids == labelled_rows(store, world.settings, everything, champion="1", seed=3, most=500).ids
    assert len(set(some.day.tolist())) == 30
    assert labelled_rows(store, world.settings, everything, champion="2", seed=3).n == 0
    for when in (datetime(1999, 1, 1, tzinfo=UTC), START - DAY):
        assert idle_facts(store, world.settings, LoopState(first=when), None, when).newest is None
