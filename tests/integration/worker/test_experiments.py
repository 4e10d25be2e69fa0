"""Experiments measured window by window on a real Elasticsearch, and frozen when they are stopped."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftlog.contract.experiment import StoppedExperiment
from driftlog.contract.measurement import Measurement
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, ExperimentSettings, ModelSettings
from driftlog.contract.window import Window
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.experiments.analysis import analyse
from driftlog.profile.subjects import collect
from driftlog.store.client import Store
from driftlog.store.experiments import stop_experiment, stopped_experiment
from driftlog.store.results import find_measurements, write_measurements
from driftlog.store.templates import install, uninstall
from driftlog.store.values import BulkAction
from driftlog.worker.experiments import experiment_measurements

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = 5
AB = ExperimentSettings(
    name="ab",
    control="old",
    treatments=("new",),
    target="features.bought",
    start="2026-03-02",
    end="2026-03-06",
    minimum_effect=0.1,
)
SETTINGS = ModelSettings(name="shop", environment="test", experiments=(AB,))


@pytest.fixture(scope="module")
def filled(elasticsearch_url: str) -> Iterator[Store]:
    names = IndexNames(f"test-{secrets.token_hex(4)}")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), names) as store:
        install(store)
        send(store)
        yield store
        for info in store.list_indices():
            store.drop_index(info.name)
        uninstall(store)


@pytest.fixture
def store(filled: Store) -> Iterator[Store]:
    """Predictions that stay; results and decisions are forgotten after each test."""
    yield filled
    for info in filled.list_indices():
        if "predictions" not in info.name:
            filled.drop_index(info.name)


def send(store: Store) -> None:
    """Two hundred subjects a day and arm; half of the new ones buy, a fifth of the old ones."""
    rng = np.random.default_rng(3)
    actions = []
    for index in range(DAYS * 400):
        at = START + DAY * index / 400
        variant = "new" if index % 2 else "old"
        document = {
            "@timestamp": at.isoformat(),
            "event": {"id": f"p{index}", "dataset": "driftlog.prediction", "ingested": at.isoformat()},
            "service": {"environment": "test"},
            "model": {"name": "shop", "variant": variant},
            "subject": {"id": f"s{index}"},
            "features": {"bought": bool(rng.random() < (0.5 if variant == "new" else 0.2))},
        }
        actions.append(BulkAction("index", store.names.predictions("shop", at), f"p{index}", document))
    assert not store.bulk(actions, refresh=True).failures


def measure(store: Store, day: int, settings: ModelSettings = SETTINGS) -> list[Measurement]:
    window = Window(START + (day - 1) * DAY, START + day * DAY)
    context = SeriesContext("shop", "test", window, computed=START, run_id="r", reference_id="some")
    return experiment_measurements(store, settings, window.end, context)


def test_each_window_has_the_difference_of_all_units_so_far(store: Store) -> None:
    """Cumulative, with the confidence sequence; the same numbers as `analyse` gives."""
    found = [measure(store, day)[0] for day in (1, 2, 3)]
    assert [(m.n_reference, m.n_current) for m in found] == [(200, 200), (400, 400), (600, 600)]
    for day, m in enumerate(found, start=1):
        result = analyse(collect(store, SETTINGS, AB, until=START + day * DAY), AB)
        assert (m.value, m.lower, m.upper) == (
            result.comparisons[0].difference,
            result.comparisons[0].lower,
            result.comparisons[0].upper,
        )
    last = found[-1]
    assert (last.metric, last.variant, last.purpose, last.verdict) == (
        "experiment_ab_difference",
        "new",
        "custom",
        "not_judged",
    )
    assert last.lower is not None and last.lower > 0
    assert last.details["sample_ratio_p_value"] == 1.0 and last.details["planned_subjects"] > 0
    assert len({m.series for m in found}) == 1 and len({m.id for m in found}) == 3


def test_measurements_can_be_stored_and_found(store: Store) -> None:
    """A chart reads them."""
    (before,) = measure(store, 2)
    write_measurements(store, [before], term=1)
    store.refresh(store.names.every("results"))
    (after,) = find_measurements(store, "shop", metric="experiment_ab_difference")
    assert (after.value, after.p_value, after.details) == (before.value, before.p_value, before.details)


def test_experiments_outside_the_window_give_nothing(store: Store) -> None:
    """Not started, or ended before; the window that holds the end is the last."""
    assert measure(store, 0) == []
    assert len(measure(store, 4)) == 1
    assert measure(store, 5) == []


def test_one_that_cannot_be_read_says_why_and_the_others_go_on(store: Store) -> None:
    """A value of None with the reason; never an exception."""
    absent = ExperimentSettings(name="cd", control="old", treatments=("x", "y"), start="2026-03-02")
    settings = ModelSettings(name="shop", environment="test", experiments=(absent, AB))
    found = measure(store, 1, settings)
    assert [(m.metric, m.variant, m.value is None) for m in found] == [
        ("experiment_cd_difference", "x", True),
        ("experiment_cd_difference", "y", True),
        ("experiment_ab_difference", "new", False),
    ]
    assert "x, y was never seen" in found[0].note


def test_a_stopped_experiment_is_measured_no_more(store: Store) -> None:
    """And the first decision stands."""
    until = START + 2 * DAY
    result = analyse(collect(store, SETTINGS, AB, until=until), AB, model="shop", environment="test")
    record = StoppedExperiment(
        name="ab",
        model="shop",
        environment="test",
        decision="treatment",
        reason="grün ✓",
        by="ada",
        at=until,
        result=result,
    )
    assert stopped_experiment(store, "shop", "test", "ab") is None
    assert stop_experiment(store, record)
    assert stopped_experiment(store, "shop", "test", "ab") == record
    assert not stop_experiment(store, record)
    assert len(measure(store, 2)) == 1
    assert measure(store, 3) == []
