"""The maintenance loop on a real Elasticsearch, with real models: it trains, tries, promotes, watches and goes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.decisions import find_decisions, find_runs, find_trials, read_state
from driftlog.store.models import register
from driftlog.store.templates import install
from tests.integration.worker.maintain_world import START, SklearnExecutor, World

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
def world(elasticsearch_url: str, prefix: str, tmp_path: Path) -> Iterator[World]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        register(store, ModelRecord(name="credit", task="binary", registered=START))
        yield World(store, tmp_path)


def test_a_better_model_is_trained_tried_promoted_watched_and_kept(world: World) -> None:
    """From the first look to the end of the watch, in the days it takes."""
    assert world.look(0).outcome == "no_data"
    world.serve(0, 5)
    waiting = world.look(5)
    assert waiting.outcome == "waiting_for_data"  # no window has ended yet: its performance cannot be told

    world.serve(5, 30)
    watching = world.look(30)

    assert watching.outcome == "watching", watching.reason
    trial = find_trials(world.store, "credit")[0]
    assert trial.passed
    assert trial.main.metric == "roc_auc"
    assert trial.rows == 600
    assert (trial.main.candidate or 0) > 0.75 > 0.65 > (trial.main.champion or 1)
    version = trial.candidate
    assert world.deployer.told == [(version, "full", 1.0)]
    assert world.registry.versions[version].previous == "1"
    assert world.registry.versions["1"].status == "retired"

    world.serve(30, 41, version=version)
    kept = world.look(41)

    assert kept.outcome == "keep", kept.reason
    outcomes = [each.outcome for each in find_decisions(world.store, "credit")]
    assert outcomes == ["keep", "watching", "promote", "retrain", "waiting_for_data", "no_data"]


def test_a_model_trained_on_broken_labels_is_refused(world: World) -> None:
    """Its label column means the opposite: it stays a refused version, and nothing is deployed."""
    world.executor = SklearnExecutor(spoil=True)
    world.serve(0, 30)
    world.look(5)

    refused = world.look(30)

    assert refused.outcome == "refuse", refused.reason
    assert not world.deployer.told
    assert [each.status for each in world.registry.list("credit")] == ["champion", "refused"]
    assert read_state(world.store, "credit", "test").stage == "idle"
    assert world.look(31).outcome == "go_on"
    assert len(find_runs(world.store, "credit")) == 1


def test_a_new_champion_that_gets_worse_is_rolled_back(world: World) -> None:
    """The world turns round: what was learned is wrong now, and the version before comes back."""
    world.serve(0, 30)
    world.look(5)
    world.look(30)
    version = find_trials(world.store, "credit")[0].candidate

    world.truth = (-1.5, 1.5)
    world.serve(30, 37, version=version)
    world.look(37)

    assert world.deployer.told == [(version, "full", 1.0), ("1", "full", 1.0)]
    assert world.registry.versions["1"].status == "champion"
    assert world.registry.versions[version].status == "retired"
    rolled = next(each for each in find_decisions(world.store, "credit") if each.outcome == "rollback")
    assert "roc_auc" in rolled.reason
    assert "version.rolled_back" in world.recorder.actions()
