"""Erasing a subject on a real Elasticsearch: everywhere, whatever interrupts it, and again when it comes back."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftlog.audit.chain import Chain
from driftlog.audit.findings import Findings
from driftlog.audit.forget import SealKeeper
from driftlog.audit.records import record_of
from driftlog.audit.verify import verify
from driftlog.contract.audit import AuditEntry
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.errors import UsageError
from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.binning import bare_binning
from driftlog.profile.reference_store import active, list_references, load_reference, save
from driftlog.profile.reference_window import reference_from_window
from driftlog.profile.stored import load_predictions
from driftlog.shipping.erasing import LocalSpools
from driftlog.shipping.spool_file import SpoolFile
from driftlog.store import erasures
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.ownership import kind_of
from driftlog.store.templates import install, uninstall
from driftlog.store.values import BulkAction
from driftlog.worker.audit import seal
from driftlog.worker.cycle import run_cycle
from driftlog.worker.erasure import STEPS, Eraser, count_subject, request_erasure, resume, returned, sweep
from driftlog.worker.janitor import drop_periods

pytestmark = pytest.mark.elasticsearch

SETTINGS = ModelSettings(name="churn", positive_label="1", min_rows=5)
START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
SUBJECT, OTHER = "5d1f0a77c2e94b0b8a61", "90c1b2aa61ff4e7d9b02"
SPENT = 31337.125
"""A feature value that nobody but the subject has."""


TERMS = itertools.count(10, 10)
"""A lease of its own for each world: what an earlier one deleted keeps its version for a while."""


class Killed(Exception):
    """The process dies here."""


class World:
    """One model with two subjects, in every place where they can be."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.chain = Chain(store)
        self.spools = LocalSpools(folder)
        self.term = next(TERMS)

    def eraser(self, reached: Callable[[str], None] = lambda step: None) -> Eraser:
        return Eraser(
            store=self.store,
            recorder=self.chain,
            seals=SealKeeper(self.store, self.chain, "tester"),
            spools=self.spools,
            actor="tester",
            now=lambda: datetime.now(UTC),
            reached=reached,
        )

    def erase(
        self, subject: str = SUBJECT, *, model: str = "", reached: Callable[[str], None] = lambda step: None
    ) -> Any:
        job = request_erasure(self.store, subject, model=model, by="tester", now=datetime.now(UTC))
        return self.eraser(reached).carry_out(job.id)

    def fill(self) -> None:
        """Ten hours of two subjects and of strangers: truth, refused lines, waiting feedback, a reference, a spool."""
        register(self.store, ModelRecord(name="churn", task="binary", registered=START))
        self.write([event(i, SUBJECT, SPENT if i == 3 else 100.0 + i) for i in range(10)])
        self.write([event(100 + i, OTHER, 50.0 + i) for i in range(10)])
        self.write([event(1000 + i, f"{i:020x}", float(i)) for i in range(200)])
        self.write([truth(i) for i in (1, 2, 3, 101, 102, 1001, 1002)])
        self.quarantine("q-1", f'{{"event":{{"id":"p-bad"}},"subject":{{"id":"{SUBJECT}"}},"features":{{"x":NaN')
        self.quarantine("q-2", f'{{"event":{{"id":"p-bad"}},"subject":{{"id":"{OTHER}"}},"features":{{"x":NaN')
        self.quarantine("q-3", '{"feedback":{"prediction_id":"p-3","actual":{}}}')
        binning, reference = reference_from_window(
            self.store, SETTINGS, Window(START, START + 24 * HOUR), created=START
        )
        save(self.store, binning, reference)
        assert reference.rows is not None
        assert SPENT in reference.rows.columns["features.spent"]
        self.cycle()
        self.write([truth(9, id="late-truth", prediction="p-4")])
        opinion = {"@timestamp": START.isoformat(), "model": {"name": "churn"}, "opinion": {"prediction_id": "p-1"}}
        self.store.put(self.store.names.monthly("opinions", START), "o-1", opinion, refresh=True)
        waiting = {"kind": "waiting_feedback", "value": {"prediction_id": "p-5", "actual": "1"}}
        self.store.put(self.store.names.state, "waiting-1", waiting, refresh=True)
        self.spool(
            [
                event(500, SUBJECT, SPENT),
                event(501, OTHER, 1.0),
                truth(502, prediction="p-2"),
                truth(503, prediction="p-500"),
            ]
        )

    def write(self, events: list[dict[str, Any]]) -> None:
        actions = []
        for each in events:
            at = datetime.fromisoformat(each["@timestamp"])
            names = self.store.names
            index = names.monthly("feedback", at) if "feedback" in each else names.predictions("churn", at)
            actions.append(BulkAction("index", index, each["event"]["id"], each))
        report = self.store.bulk(actions, refresh=True)
        assert not report.failures

    def quarantine(self, id: str, raw: str) -> None:
        document = {"@timestamp": START.isoformat(), "quarantine": {"reason": "not_json", "raw": raw}}
        self.store.put(self.store.names.monthly("quarantine", START), id, document, refresh=True)

    def spool(self, events: list[dict[str, Any]]) -> None:
        folder = self.folder / "app"
        folder.mkdir(parents=True, exist_ok=True)
        file = SpoolFile.create(folder, pid=1, started_ms=1)
        for each in events:
            file.append(json.dumps(each).encode() + b"\n", 1)
        file.close()

    def cycle(self) -> None:
        record = run_cycle(
            self.store,
            SETTINGS,
            as_of=START + 48 * HOUR,
            worker_id="w",
            term=self.term,
            now=lambda: datetime.now(UTC),
        )
        assert record.status == "ok", record.error

    def everything(self) -> str:
        """All that is stored, and all bytes in the spools."""
        self.store.refresh(self.store.names.everything)
        texts = []
        for info in self.store.list_indices():
            texts += [json.dumps(hit) for hit in self.store.scan(info.name)]
        texts += [path.read_bytes().decode("latin-1") for path in self.folder.rglob("*") if path.is_file()]
        return "\n".join(texts)

    def ids(self, pattern: str) -> set[str]:
        self.store.refresh(pattern)
        return {hit["_id"] for hit in self.store.scan(pattern, source=False)}

    def records(self) -> list[AuditEntry]:
        self.store.refresh(self.store.names.audit)
        hits = self.store.scan(self.store.names.audit, sort=["sequence"])
        return [record_of(hit["_source"]["record"]).entry for hit in hits]

    def verified(self) -> Findings:
        self.store.refresh(self.store.names.everything)
        return verify(self.store, now=START + 48 * HOUR, deep=True)

    def spooled(self) -> list[str]:
        """Ids of the events that are still in the spool."""
        (path,) = self.folder.rglob("*.spool")
        file = SpoolFile.adopt(path)
        batch = file.read(100, 1 << 20)
        file.close()
        assert batch is not None
        assert (batch.first, batch.last) == (1, 4)
        return [json.loads(line)["event"]["id"] for line in batch.body.split(b"\n") if line.strip()]

    def counted(self) -> int:
        """Predictions of the first day by the stored profiles."""
        pair = active(self.store, "churn", "production")
        binning = pair[0] if pair else bare_binning(SETTINGS)
        window = Window(START, START + 24 * HOUR)
        profiles = load_predictions(self.store, "churn", "production", binning.id, window, version="1")
        return sum(profile.n for profile in profiles)


def event(number: int, subject: str, spent: float) -> dict[str, Any]:
    at = START + (number % 10) * HOUR + timedelta(minutes=number % 60)
    return {
        "@timestamp": at.isoformat(),
        "event": {"id": f"p-{number}", "dataset": "driftlog.prediction", "ingested": at.isoformat()},
        "model": {"name": "churn", "version": "1"},
        "features": {"spent": spent, "plan": ["basic", "plus"][number % 2]},
        "prediction": {"task": "binary", "score": 0.5, "label": "1"},
        "subject": {"id": subject},
    }


def truth(number: int, *, id: str = "", prediction: str = "") -> dict[str, Any]:
    at = (START + 11 * HOUR).isoformat()
    return {
        "@timestamp": at,
        "event": {"id": id or f"f-{number}", "dataset": "driftlog.feedback", "ingested": at},
        "model": {"name": "churn"},
        "feedback": {"prediction_id": prediction or f"p-{number}", "actual": "1"},
    }


@pytest.fixture(scope="module")
def installed(elasticsearch_url: str) -> Iterator[Store]:
    names = IndexNames(f"test-{secrets.token_hex(4)}")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), names) as store:
        install(store)
        yield store
        uninstall(store)


@pytest.fixture
def world(installed: Store, tmp_path: Path) -> Iterator[World]:
    world = World(installed, tmp_path)
    world.fill()
    yield world
    empty(installed)


def empty(store: Store) -> None:
    """Without documents. Indices stay, for making one is slow, but those whose documents have versions of their own."""
    for info in store.list_indices():
        if kind_of(info.name, store.names.prefix) in ("outcomes", "profiles", "results", "seals", "state"):
            store.drop_index(info.name)
            continue
        store.refresh(info.name)
        hits = store.scan(info.name, source=False)
        store.bulk((BulkAction("delete", info.name, hit["_id"]) for hit in hits), refresh=True)


def test_an_erased_subject_is_nowhere(world: World) -> None:
    """Not its id, its events' ids or its one telling value; everybody else's data are as they were."""
    before = world.everything()
    assert SUBJECT in before
    assert str(SPENT) in before

    job = world.erase()
    world.cycle()

    after = world.everything()
    assert SUBJECT not in after
    assert str(SPENT) not in after
    assert [f'"p-{i}"' for i in range(10) if f'"p-{i}"' in after] == []
    assert job.status == "done"
    others = {f"p-{n}" for n in (*range(100, 110), *range(1000, 1200))}
    assert world.ids(world.store.names.all_predictions()) == others
    assert world.ids(world.store.names.every("feedback")) == {"f-101", "f-102", "f-1001", "f-1002"}
    assert world.ids(world.store.names.every("outcomes")) == {f"churn:p-{n}" for n in (101, 102, 1001, 1002)}
    assert world.ids(world.store.names.every("opinions")) == set()
    assert world.ids(world.store.names.every("quarantine")) == {"q-2"}
    assert world.spooled() == ["p-501"]


def test_a_trial_counts_and_erases_nothing(world: World) -> None:
    """The same numbers as the erasure itself, without references and spools."""
    before = world.everything()
    counted = count_subject(world.eraser(), SUBJECT)

    assert world.everything() == before
    assert sum(counted.found.values()) == 10 + 4 + 3 + 1 + 2
    erased = world.erase().found
    assert {name: n for name, n in erased.items() if "-" in name.split(" ")[0]} == counted.found


def test_the_proof_names_nobody_and_counts_everything(world: World) -> None:
    """An intent before, a confirmation after; both under a salted hash."""
    job = world.erase()

    intended, done = (entry for entry in world.records() if entry.action == "subject.erased")
    assert (intended.details["stage"], done.details["stage"]) == ("intended", "done")
    assert intended.object == done.object == f"subject {job.hash}"
    assert done.details["found"][world.store.names.predictions("churn", START)] == 10
    assert len(done.details["digest"]) == 64
    assert SUBJECT not in json.dumps([intended.details, done.details])


def test_counts_follow_in_the_next_cycle(world: World) -> None:
    """The worker, which deletes nothing, counts the touched buckets anew and forgets that it had to."""
    assert world.counted() == 220
    world.erase()
    assert world.counted() == 220
    assert erasures.read_marks(world.store, "churn", ("production", ""))

    world.cycle()

    assert world.counted() == 210
    world.store.refresh(world.store.names.state)
    assert erasures.read_marks(world.store, "churn", ("production", "")) == []


def test_a_cycle_in_the_middle_does_not_count_too_early(world: World) -> None:
    """Marks are released when the events are gone; a cycle at any step leaves the last word to the one after."""

    def cycle(step: str) -> None:
        if step in ("predictions", "counts"):
            world.cycle()

    world.erase(reached=cycle)
    world.cycle()

    assert world.counted() == 210


def test_whatever_kills_it_the_next_run_finishes(world: World) -> None:
    """Cut before every step, one after the other; the job is found under way and the result is the same."""
    for round, step in enumerate([*STEPS, "done", "recorded"], 1):
        if round > 1:
            world.write([event(i, SUBJECT, SPENT if i == 3 else 100.0 + i) for i in range(10)])
            world.write([truth(i) for i in (1, 2, 3)])

        with pytest.raises(Killed):
            world.erase(reached=dying_at(step))
        (job,) = resume(world.eraser())

        assert (job.status, job.round) == ("done", round)
        assert resume(world.eraser()) == []
        after = world.everything()
        assert SUBJECT not in after, step
        assert str(SPENT) not in after, step
        stages = [e.details["stage"] for e in world.records() if e.action == "subject.erased"]
        assert stages == ["intended", "done"] * round, step
        assert job.found[world.store.names.predictions("churn", START)] == 10 * round
    world.cycle()
    assert world.counted() == 210


def dying_at(step: str) -> Callable[[str], None]:
    def die(reached: str) -> None:
        if reached == step:
            raise Killed

    return die


def test_a_bulk_that_dies_half_way_is_finished(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some predictions are gone, some are not, and nothing was written about it."""
    delete = erasures.delete_hits

    def half(store: Store, hits: Any) -> Any:
        found = list(hits)
        if found and "-predictions." in found[0]["_index"]:
            delete(store, found[::2])
            raise Killed
        return delete(store, found)

    monkeypatch.setattr(erasures, "delete_hits", half)
    with pytest.raises(Killed):
        world.erase()
    monkeypatch.undo()
    resume(world.eraser())
    world.cycle()

    assert SUBJECT not in world.everything()
    assert world.counted() == 210


def test_what_comes_in_meanwhile_makes_another_round(world: World) -> None:
    """An event that arrives between the search and the end is erased, and counted anew, too."""
    sent: list[int] = []

    def arrive(step: str) -> None:
        if step == "counts" and not sent:
            sent.append(1)
            world.write([event(7, SUBJECT, SPENT)])

    job = world.erase(reached=arrive)

    assert job.round == 2
    assert job.later == 1
    assert SUBJECT not in world.everything()


def test_a_subject_that_never_stops_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The serving app goes on and no intake is in between: after some rounds it is an error with a remedy."""
    monkeypatch.setattr("driftlog.worker.erasure.MAX_ROUNDS", 1)

    def arrive(step: str) -> None:
        if step == "counts":
            world.write([event(7, SUBJECT, SPENT)])

    with pytest.raises(UsageError, match="as soon as it is erased"):
        world.erase(reached=arrive)


def test_the_janitor_erases_again_what_came_by_another_way(world: World) -> None:
    """Through Logstash, say, past the list: the worker reports it, the sweep erases it, and the proof counts it."""
    world.erase()
    sweep(world.eraser())
    ingested = datetime.now(UTC).isoformat()
    again = event(7, SUBJECT, SPENT)
    again["event"]["ingested"] = ingested
    feedback = truth(3)
    feedback["event"]["ingested"] = ingested
    world.write([again, feedback])

    assert returned(world.store, SETTINGS, since=datetime.now(UTC) - HOUR) == 1
    swept = sweep(world.eraser())

    assert [job.round for job in swept.jobs] == [2]
    assert swept.feedback == 1
    assert SUBJECT not in world.everything()
    assert "p-3" not in world.ids(world.store.names.every("feedback"))
    assert returned(world.store, SETTINGS, since=START) == 0
    assert sweep(world.eraser()).jobs == ()


def test_a_thorough_sweep_finds_what_a_snapshot_brought_back(world: World) -> None:
    """Events of long ago: the sweep of what came in since the last one does not see them."""
    world.erase()
    sweep(world.eraser())
    world.write([event(7, SUBJECT, SPENT)])

    assert sweep(world.eraser()).jobs == ()
    assert [job.round for job in sweep(world.eraser(), thorough=True).jobs] == [2]
    assert SUBJECT not in world.everything()


def test_only_one_model_is_erased_where_one_is_named(world: World) -> None:
    """Another model's predictions of the same subject stay."""
    other = event(7, SUBJECT, 1.0) | {"model": {"name": "fraud", "version": "1"}}
    world.store.put(world.store.names.predictions("fraud", START), "x-7", other, refresh=True)

    world.erase(model="churn")

    assert world.ids(world.store.names.all_predictions("fraud")) == {"x-7"}
    assert not world.ids(world.store.names.all_predictions("churn")) & {f"p-{n}" for n in range(10)}
    assert sweep(world.eraser()).jobs == ()


def test_the_active_reference_loses_the_rows_and_stays_active(world: World) -> None:
    """It is another reference with another id; the old id leads to it, and its counts are those of before."""
    (before,) = list_references(world.store, "churn")
    old = load_reference(world.store, before.id)
    world.erase()

    (after,) = list_references(world.store, "churn")
    new = load_reference(world.store, before.id)
    assert after.id == new.id != before.id
    assert after.active
    assert (new.n, old.n) == (220, 220)
    assert old.rows is not None
    assert new.rows is not None
    assert old.rows.rows - new.rows.rows == 10
    assert len(old.sample["features.spent"]) - len(new.sample["features.spent"]) == 10
    assert not np.isin(SPENT, new.rows.columns["features.spent"])
    assert not np.isin(SPENT, new.sample["features.spent"])


def test_a_subject_without_data_is_on_the_list_all_the_same(world: World) -> None:
    """Its events may be on their way."""
    job = world.erase("unknown-subject")

    assert (job.status, job.found) == ("done", {})
    assert erasures.read_list(world.store).covers("churn", subject="unknown-subject")


def test_erasing_twice_is_two_rounds_of_one_job(world: World) -> None:
    """Each with its own proof."""
    world.erase()
    job = world.erase()

    assert job.round == 2
    assert len(erasures.list_jobs(world.store)) == 1
    assert len([e for e in world.records() if e.action == "subject.erased"]) == 4


def test_two_erasers_of_one_subject_do_not_undo_each_other(world: World) -> None:
    """The one that finds the job changed under its hands stops; the other one finishes."""
    request = request_erasure(world.store, SUBJECT, by="tester", now=datetime.now(UTC))

    def other(step: str) -> None:
        if step == "feedback":
            world.eraser().carry_out(request.id)

    with pytest.raises(UsageError, match="somebody else"):
        world.eraser(other).carry_out(request.id)

    (job,) = erasures.list_jobs(world.store)
    assert job.status == "done"
    assert SUBJECT not in world.everything()


def test_verification_stays_green_at_every_step(world: World) -> None:
    """Sealed predictions, a death before each step: what is gone is explained by the chain at any moment."""
    audit = AuditSettings(seal_after=timedelta(0))
    sealed = seal(world.store, SETTINGS, audit, world.chain, now=lambda: START + 48 * HOUR)
    assert sealed == 220
    assert world.verified().predictions == 220
    job = request_erasure(world.store, SUBJECT, by="tester", now=datetime.now(UTC))

    for step in (*STEPS[1:], "done", "recorded"):
        with pytest.raises(Killed):
            world.eraser(dying_at(step)).carry_out(job.id)
        found = world.verified()
        assert found.ok, (step, found.problems[:3])
    world.eraser().carry_out(job.id)
    seal(world.store, SETTINGS, audit, world.chain, now=lambda: START + 48 * HOUR)

    found = world.verified()
    assert found.ok, found.problems[:3]
    assert (found.predictions, found.erased) == (210, 10)
    assert SUBJECT not in world.everything()
    assert [f'"p-{i}"' for i in range(10) if f'"p-{i}"' in world.everything()] == []


def test_verification_names_a_prediction_that_somebody_else_deleted(world: World) -> None:
    """An erasure explains its own, and nothing besides."""
    seal(world.store, SETTINGS, AuditSettings(seal_after=timedelta(0)), world.chain, now=lambda: START + 48 * HOUR)
    world.erase()
    world.store.delete(world.store.names.predictions("churn", START), "p-105")

    found = world.verified()

    assert [problem.where for problem in found.problems] == ["prediction p-105 of churn"]


def test_verification_accepts_a_dropped_period(world: World) -> None:
    """Its seals stay; that its predictions are gone is in the chain."""
    seal(world.store, SETTINGS, AuditSettings(seal_after=timedelta(0)), world.chain, now=lambda: START + 48 * HOUR)
    later = START + 100 * 24 * HOUR
    drop_periods(world.store, world.chain, {"predictions": 24 * HOUR}, now=lambda: later, actor="janitor")

    found = world.verified()

    assert found.ok, found.problems[:3]
    assert found.dropped == 220
