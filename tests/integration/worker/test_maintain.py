"""The maintenance loop on a real Elasticsearch, with real models: it trains, tries, promotes, watches and goes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.worker.maintain_world import DAY, START, SklearnExecutor, World, score, settings

from driftlog.contract.errors import StoreConflict, StoreUnavailable
from driftlog.contract.maintaining import PromotionSettings, TriggerSettings
from driftlog.contract.maintenance import MaintainRequest, ModelVersion, TrainingRun
from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.decisions import (
    answer_id,
    ask,
    find_decisions,
    find_requests,
    find_runs,
    find_trials,
    read_state,
)
from driftlog.store.models import register
from driftlog.store.templates import install
from driftlog.store.values import Hit

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
    assert (trial.main.candidate or 0) > 0.8 > 0.75 > (trial.main.champion or 1)
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
    world.serve(0, 30, judged=False)
    world.look(5)

    refused = world.look(30)

    assert refused.outcome == "refuse", refused.reason
    assert not world.deployer.told
    assert [each.status for each in world.registry.list("credit")] == ["champion", "refused"]
    assert read_state(world.store, "credit", "test").stage == "idle"
    assert world.look(31).outcome == "cooling_down"
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


def test_in_a_hard_month_the_version_before_answers_the_same_rows_and_nothing_is_taken_back(world: World) -> None:
    """Everybody is worse; the version before would be, too: it is asked once a day, and the new one stays."""
    world.serve(0, 30)
    world.look(5)
    world.look(30)
    version = find_trials(world.store, "credit")[0].candidate
    asked: list[str] = []

    def score_both(each: ModelVersion, rows: str, answers: str) -> None:
        asked.append(each.version)
        score(each if each.version != "1" else world.registry.versions[version], rows, answers)

    world.scorer = score_both
    world.truth = (0.1, -0.1)
    world.serve(30, 39, version=version, judged=False)
    first, second = world.look(39.2), world.look(39.8)

    assert (first.outcome, second.outcome) == ("watching", "watching")
    assert "on the same 540 rows" in second.reason
    assert asked == ["1"]


class Killed(BaseException):
    """kill -9, as far as Python can play it: nothing below catches it."""


class Dying(Store):
    """A store whose process dies just after each write that it has not made before.

    The announcement of a training is apart: whoever dies there has lost it, as the next test shows.
    """

    def __init__(self, real: Store, seen: set[str]) -> None:
        self.__dict__.update(real.__dict__)
        self.seen = seen

    def _die_once(self, id: str, document: Any) -> None:
        text = re.sub(r'"looks": \d+', "", json.dumps(document, default=str, sort_keys=True))
        if "|train|" not in id and f"{id} {text}" not in self.seen:
            self.seen.add(f"{id} {text}")
            raise Killed

    def create(self, index: str, id: str, document: Any, **options: Any) -> bool:
        made = super().create(index, id, document, **options)
        self._die_once(id, document)
        return made

    def put(self, index: str, id: str, document: Any, **options: Any) -> Hit:
        stored = super().put(index, id, document, **options)
        self._die_once(id, document)
        return stored


def test_a_worker_killed_after_any_write_is_gone_on_from(world: World) -> None:
    """From the decision to the promotion, dying after every single write: one training, one version, one promotion."""
    world.serve(0, 30, judged=False)
    world.look(5)
    real, seen = world.store, set[str]()
    world.store = Dying(real, seen)
    for _ in range(60):
        try:
            decision = world.look(30)
        except Killed:
            continue
        break
    world.store = real

    assert decision.outcome == "watching", decision.reason
    assert len(seen) >= 12
    assert world.executor.started == ["credit-test-1"]
    versions = [each.version for each in world.registry.list("credit")]
    assert len(versions) == 2
    assert set(world.deployer.told) == {(versions[1], "full", 1.0)}
    assert world.registry.champion("credit").version == versions[1]  # type: ignore[union-attr]
    found = find_decisions(world.store, "credit")
    assert [each.outcome for each in found] == ["watching", "promote", "retrain", "waiting_for_data"]
    assert [each.number for each in found] == [4, 3, 2, 1]
    assert len(find_runs(world.store, "credit")) == len(find_trials(world.store, "credit")) == 1


def test_a_training_whose_worker_died_before_it_began_is_lost_and_said(world: World) -> None:
    """The action document is there, the run is not: the executor knows nothing of it."""
    world.serve(0, 30, judged=False)
    world.look(5)

    class Dead:
        """Dies when it is told to start; afterwards it knows nothing."""

        def start(self, run: TrainingRun, data: str, output: str) -> TrainingRun:
            raise Killed

        def poll(self, run: TrainingRun) -> TrainingRun:
            return msgspec.structs.replace(run, status="lost", error="nothing was ever started for it")

    world.executor = Dead()
    with pytest.raises(Killed):
        world.look(30)
    found = world.look(30)

    assert (found.outcome, read_state(world.store, "credit", "test").stage) == ("training_failed", "idle")
    assert "lost" in found.reason
    assert find_runs(world.store, "credit")[0].status == "lost"
    assert world.look(30.5).outcome == "cooling_down"


def test_of_two_workers_only_the_one_with_the_newer_term_moves_the_loop(world: World) -> None:
    """The older one is refused at its first write of where the loop stands, before it starts anything."""
    world.serve(0, 30, judged=False)
    world.look(5)
    world.term = 2
    world.look(6)
    world.term = 1

    with pytest.raises(StoreConflict):
        world.look(30)
    assert world.executor.started == []


def test_approval_is_asked_and_given_or_refused(world: World) -> None:
    """The decision waits until a person answers; the answer is in the audit trail under the person's name."""
    conditions = msgspec.structs.replace(world.settings.maintain.conditions, approval=("retrain", "promote"))
    world.settings = settings(conditions=conditions)
    world.serve(0, 30, judged=False)
    world.look(5)

    assert world.look(30).outcome == "waiting_for_approval"
    answer(world, "approve")
    assert world.look(30.1).outcome == "waiting_for_approval"
    assert world.executor.started == ["credit-test-1"]
    answer(world, "reject")
    rejected = world.look(30.2)

    assert (rejected.outcome, rejected.by) == ("rejected", "ann")
    assert [each.status for each in world.registry.list("credit")] == ["champion", "refused"]
    assert not world.deployer.told
    said = [entry for entry in world.recorder.entries.values() if entry.action == "maintenance.approved"]
    assert [(entry.actor, entry.details["answer"]) for entry in said] == [("ann", "yes"), ("ann", "no")]


def answer(world: World, kind: str) -> None:
    state = read_state(world.store, "credit", "test")
    request = MaintainRequest(
        id=answer_id(state.pending),
        model="credit",
        environment="test",
        kind=kind,  # type: ignore[arg-type]
        by="ann",
        at=datetime.now(UTC),
        decision_id=state.pending,
    )
    assert ask(world.store, request)


def test_a_persons_request_starts_one_training(world: World) -> None:
    """It is taken up once, whatever clock the person's computer has."""
    world.settings = settings(triggers=TriggerSettings())
    world.serve(0, 30, judged=False)
    world.look(5)
    request = MaintainRequest(
        id="r1", model="credit", environment="test", kind="retrain", by="ann", at=datetime.now(UTC), why="new tariff"
    )
    assert ask(world.store, request)
    assert not ask(world.store, request)

    world.look(30)

    retrain = next(each for each in find_decisions(world.store, "credit") if each.outcome == "retrain")
    assert retrain.triggers == ("request",)
    assert find_requests(world.store, "credit", "test") == []
    asked = next(entry for entry in world.recorder.entries.values() if entry.action == "retrain.requested")
    assert (asked.actor, asked.summary) == ("ann", "new tariff")
    assert world.executor.started == ["credit-test-1"]


def test_looks_that_decide_the_same_on_one_day_are_one_document(world: World) -> None:
    """With the first and the last look and their number; the audit trail has the change only."""
    world.settings = settings(triggers=TriggerSettings(new_labels=10**6))
    world.serve(0, 30)
    for hour in range(0, 30, 6):
        assert world.look(30 + hour / 24).outcome == "go_on"

    found = find_decisions(world.store, "credit")
    assert [(each.number, each.looks) for each in found] == [(2, 1), (1, 4)]
    assert found[1].until == START + 30.75 * DAY
    assert world.recorder.actions() == ["maintenance.decided"]


def test_a_mode_of_advise_says_what_it_would_do_and_does_nothing(world: World) -> None:
    """Off is silent altogether."""
    world.serve(0, 30, judged=False)
    world.settings = settings(mode="advise")
    world.look(5)
    found = world.look(30)
    assert found.outcome == "advise"
    assert found.reason.startswith("would retrain")
    assert world.executor.started == []


def test_a_candidate_goes_through_its_share_to_full(world: World) -> None:
    """Ten percent first: measured beside the champion in the same days, then all of it."""
    promotion = PromotionSettings(
        steps=("share", "full"), share=0.3, step_time=8 * DAY, watch=5 * DAY, watch_window=10 * DAY
    )
    world.settings = settings(promotion=promotion)
    world.serve(0, 30)
    world.look(5)
    first = world.look(30)
    version = find_trials(world.store, "credit")[0].candidate

    assert first.outcome == "watching"
    assert world.deployer.told == [(version, "share", 0.3)]
    assert world.registry.versions[version].status == "share"
    assert world.registry.champion("credit").version == "1"  # type: ignore[union-attr]

    world.serve(30, 38, version=version, share=0.3, a_day=120)
    world.look(38)

    assert world.deployer.told[1:] == [(version, "full", 1.0)]
    promoted = [each for each in find_decisions(world.store, "credit") if each.outcome == "promote"]
    assert "beside it" in promoted[0].reason


def test_elasticsearch_down_in_the_middle_is_waited_out(world: World, elasticsearch_url: str) -> None:
    """The look raises, and the next one goes on."""
    world.serve(0, 30, judged=False)
    world.look(5)
    real = world.store

    class Away(Store):
        def __init__(self, real: Store) -> None:
            self.__dict__.update(real.__dict__)

        def scan(self, *arguments: Any, **options: Any) -> Any:
            raise StoreUnavailable("no answer")

    world.store = Away(real)
    with pytest.raises(StoreUnavailable):
        world.look(30)
    world.store = real

    assert world.look(30).outcome == "watching"
    assert world.executor.started == ["credit-test-1"]
