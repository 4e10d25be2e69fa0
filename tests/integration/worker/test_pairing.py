"""Halves in a real Elasticsearch become predictions, whichever comes first or never, and whoever dies meanwhile."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from driftlog.contract.names import IndexNames
from driftlog.contract.payloads import PayloadSettings
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings, Settings
from driftlog.intake.arrival import Arrival, Rules
from driftlog.intake.cloud_events import read_half, split_events
from driftlog.store.client import Store
from driftlog.store.templates import install, uninstall
from driftlog.worker.pairing import MAX_HALVES, Paired, Pairing

pytestmark = pytest.mark.elasticsearch

NOW = datetime(2026, 3, 31, 23, 58, tzinfo=UTC)
"""Two minutes before another month begins."""
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
TYPES = {
    "request": "org.kubeflow.serving.inference.request",
    "response": "org.kubeflow.serving.inference.response",
    "feedback": "io.seldon.serving.feedback",
}
REQUEST = {"instances": [[41, "DE"]]}
RESPONSE = {"predictions": [[0.25, 0.75]]}


@pytest.fixture(scope="module")
def templates(elasticsearch_url: str) -> Iterator[Store]:
    """Installing them takes longer than a test does."""
    names = IndexNames(f"test-{secrets.token_hex(4)}")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), names) as store:
        install(store)
        yield store
        uninstall(store)


@pytest.fixture
def world(templates: Store, elasticsearch_url: str) -> Iterator[World]:
    yield World(templates, elasticsearch_url)
    for index in templates.list_indices():
        templates.drop_index(index.name)


class World:
    """An installation with one model, a clock, and a worker's pairing."""

    def __init__(self, store: Store, url: str) -> None:
        self.store, self.url = store, url
        self.now = NOW
        self.model = ModelSettings(
            name="churn", environment="test", payloads=PayloadSettings(feature_names=("age", "country"))
        )
        self.pairing = self.another()

    def another(self) -> Pairing:
        """The pairing of another process: it looks for itself each time."""
        ticks = iter(range(0, 10**6, 60))
        settings = Settings(prefix=self.store.names.prefix, models=(self.model,))
        return Pairing(self.store, settings, now=lambda: self.now, monotonic=lambda: float(next(ticks)))

    def log(self, kind: str, body: dict[str, Any], *, id: str = "r1", at: datetime | None = None, **named: str) -> None:
        """As the intake stores it at the present time."""
        headers = {"ce-type": TYPES[kind], "ce-id": id, "ce-inferenceservicename": "churn", "ce-namespace": "shop"}
        headers["ce-time"] = (at or self.now).isoformat()
        headers |= {f"ce-{name}": value for name, value in named.items()}
        arrival = Arrival(Rules(self.store.names), now=self.now, source="http", batch=lambda: "")
        (line,) = split_events("/cloudevents", headers, msgspec.json.encode(body))
        half = read_half(line, arrival)
        self.store.create(half.index, half.id, msgspec.json.decode(half.document))

    def put(self, kind: str, body: bytes, *, id: str, ingested: str = "", size_bytes: Any = None) -> None:
        """As any program can write it, whatever the intake refuses."""
        head = {"create": {"_index": self.store.names.monthly("payloads", NOW), "_id": f"churn|{kind}|{id}"}}
        source = {
            "@timestamp": self.now.isoformat(),
            "event": {"ingested": ingested or self.now.isoformat()},
            "model": {"name": "churn"},
            "payload": {"kind": kind, "state": "waiting", "request_id": id, "size_bytes": size_bytes or len(body)},
        }
        source["payload"]["body"] = msgspec.Raw(body)  # type: ignore[index]
        lines = msgspec.json.encode(head) + b"\n" + msgspec.json.encode(source) + b"\n"
        assert self.store.request("POST", "/_bulk", params={"refresh": "true"}, body=lines)["errors"] is False

    def run(self, model: ModelSettings | None = None, term: int = 1) -> Paired:
        return self.pairing.run(model or self.model, term)

    def hits(self, pattern: str) -> dict[str, Any]:
        self.store.refresh(pattern)
        return {hit["_id"]: hit["_source"] for hit in self.store.scan(pattern)}

    def predictions(self) -> dict[str, Any]:
        return self.hits(self.store.names.all_predictions("churn"))

    def quarantined(self) -> dict[str, str]:
        """Message by reason."""
        found = self.hits(self.store.names.every("quarantine")).values()
        return {source["quarantine"]["reason"]: source["quarantine"]["message"] for source in found}

    def states(self) -> dict[str, str]:
        pattern = self.store.names.every("payloads")
        self.store.refresh(pattern)
        found = {hit["_id"]: hit["_source"] for hit in self.store.scan(pattern, source=["payload.state"])}
        return {id.removeprefix("churn|"): source["payload"]["state"] for id, source in found.items()}


@pytest.mark.parametrize("first", ["request", "response"])
def test_two_halves_are_one_prediction(world: World, first: str) -> None:
    """Whichever comes first, in another pass, with another clock's lag, and over the turn of a month."""
    halves = {"request": (REQUEST, NOW + 119 * SECOND), "response": (RESPONSE, NOW + 121.5 * SECOND)}
    second = "response" if first == "request" else "request"
    world.log(first, halves[first][0], at=halves[first][1])
    assert world.run().predictions == 0
    world.now += 4 * MINUTE
    world.log(second, halves[second][0], at=halves[second][1])
    assert world.run() == Paired(predictions=1, pairs=1)

    (prediction,) = world.predictions().values()
    assert prediction["@timestamp"] == "2026-03-31T23:59:59.000000Z"
    assert prediction["event"] == {
        "id": "r1",
        "dataset": "driftlog.prediction",
        "duration": 2_500_000_000,
        "outcome": "success",
        "ingested": "2026-04-01T00:02:00.000000Z",
    }
    assert prediction["service"] == {"name": "churn", "environment": "test"}
    assert prediction["features"] == {"age": 41, "country": "DE"}
    assert prediction["prediction"] == {
        "task": "binary",
        "label": "1",
        "score": 0.75,
        "probabilities": {"0": 0.25, "1": 0.75},
    }
    assert prediction["labels"] == {"namespace": "shop"}
    assert prediction["driftlog"] == {"source": "payloads"}
    assert world.states() == {"request|r1": "paired", "response|r1": "paired"}
    assert {
        index.name.rpartition(".")[2] for index in world.store.list_indices(world.store.names.every("payloads"))
    } == {
        "2026-03",
        "2026-04",
    }


def test_every_instance_of_a_request_is_a_prediction(world: World) -> None:
    """With ids that a second reading gives again; a Seldon predictor is a variant, V2's version the model's."""
    body = {"data": {"names": ["age"], "ndarray": [[1], [2], [3]]}}
    answer = {"outputs": [{"name": "p", "shape": [3], "datatype": "INT64", "data": [0, 1, 0]}], "model_version": "7"}
    world.log("request", body, id="x", requestid="p1", endpoint="canary", modelid="clf")
    world.log("response", answer, id="y", requestid="p1", endpoint="canary", modelid="clf")
    assert world.run().predictions == 3

    found = world.predictions()
    assert sorted(found) == ["p1-0", "p1-1", "p1-2"]
    assert [found[id]["features"]["age"] for id in sorted(found)] == [1, 2, 3]
    assert [found[id]["prediction"]["label"] for id in sorted(found)] == ["0", "1", "0"]
    assert found["p1-1"]["model"] == {"name": "churn", "variant": "canary", "version": "7"}
    assert found["p1-1"]["labels"] == {"namespace": "shop", "node": "clf"}


def test_a_request_without_response_has_failed(world: World) -> None:
    """After the time set, and not before; a response that comes later changes nothing and is told."""
    world.log("request", REQUEST)
    world.now += world.model.payloads.pair_timeout - SECOND
    assert world.run() == Paired(waiting=1)
    world.now += 2 * SECOND
    assert world.run().expired == 1

    (failed,) = world.predictions().values()
    assert (failed["event"]["outcome"], failed["error"]["type"]) == ("failure", "no_response")
    assert failed["features"] == {"age": 41, "country": "DE"}
    assert "prediction" not in failed

    world.log("response", RESPONSE)
    assert world.run() == Paired(refused=1)
    assert list(world.predictions().values()) == [failed]
    assert set(world.quarantined()) == {"late_response"}
    assert world.states() == {"request|r1": "expired", "response|r1": "refused"}
    assert world.run() == Paired()


def test_a_response_without_request_is_told_and_kept(world: World) -> None:
    """Should the request come after all, they are paired."""
    world.log("response", RESPONSE)
    world.now += world.model.payloads.pair_timeout + SECOND
    assert world.run() == Paired(refused=1)
    assert set(world.quarantined()) == {"no_request"}
    assert world.predictions() == {}

    world.log("request", REQUEST)
    assert world.run() == Paired(predictions=1, pairs=1)
    assert world.states() == {"request|r1": "paired", "response|r1": "paired"}


def test_halves_that_an_outage_held_back_are_found(world: World) -> None:
    """Logstash writes what it took long ago: older than the last pass by more than the overlap."""
    world.log("request", REQUEST, id="now")
    world.log("response", RESPONSE, id="now")
    world.run()
    world.now -= 30 * MINUTE
    world.log("request", REQUEST, id="held back")
    world.log("response", RESPONSE, id="held back")
    world.now += 31 * MINUTE
    assert world.run() == Paired(predictions=1, pairs=1)
    assert set(world.predictions()) == {"now", "held back"}


def test_what_cannot_be_read_is_told_and_read_again_with_other_settings(world: World) -> None:
    """Columns without names: the reason says which setting lacks; once it is there the predictions are made."""
    unnamed = msgspec.structs.replace(world.model, payloads=PayloadSettings())
    for id in ("a", "b"):
        world.log("request", REQUEST, id=id)
        world.log("response", RESPONSE, id=id)
    world.log("request", {"nothing": 1}, id="c")
    world.log("response", RESPONSE, id="c")
    assert world.run(unnamed).refused == 3
    assert "models.<name>.payloads.feature_names" in world.quarantined()["missing_feature_names"]
    assert "instances" in world.quarantined()["illegal_payload"]
    assert world.run(unnamed) == Paired()

    again = world.run(world.model)
    assert (again.predictions, again.refused) == (2, 1)
    assert set(world.predictions()) == {"a", "b"}
    assert world.run(world.model) == Paired()


def test_events_are_held_to_the_rules_of_every_other_event(world: World) -> None:
    """Too many features, a name that no field can have: quarantine with the reason of the intake."""
    many = {"instances": [{f"f{n}": n for n in range(1001)}]}
    world.log("request", many, id="many")
    world.log("request", {"instances": [{"a*": 1}]}, id="star")
    for id in ("many", "star"):
        world.log("response", {"predictions": [1]}, id=id)
    world.run()
    assert set(world.quarantined()) == {"too_many_fields", "illegal_field"}
    assert set(world.states().values()) == {"refused"}


DEEP = b'{"instances":' + b"[" * 950 + b"]" * 950 + b"}"
"""As deep as Elasticsearch takes it, and deeper than its answer can be read."""


def test_a_payload_that_cannot_be_read_stops_no_other(world: World) -> None:
    """It is told and marked without its body; what came with it, and behind it, is paired; once."""
    for number in range(20):
        world.log("request", REQUEST, id=f"r{number}")
        world.log("response", RESPONSE, id=f"r{number}")
        if number in (3, 11):
            world.put("request", DEEP, id=f"deep{number}")
            world.log("response", RESPONSE, id=f"deep{number}")
    assert world.run() == Paired(predictions=20, pairs=20, refused=2)
    assert set(world.predictions()) == {f"r{number}" for number in range(20)}
    assert "RecursionError" in world.quarantined()["illegal_payload"]
    states = world.states()
    assert {id for id, state in states.items() if state == "refused"} == {
        f"{kind}|deep{number}" for kind in ("request", "response") for number in (3, 11)
    }
    assert sorted(set(states.values())) == ["paired", "refused"]

    world.log("request", REQUEST, id="behind")
    world.log("response", RESPONSE, id="behind")
    assert world.run() == Paired(predictions=1, pairs=1)


def test_a_half_with_other_fields_stops_no_other(world: World) -> None:
    """A time of arrival without a zone, a size that is no whole number: told, marked, passed over."""
    world.put("request", b"{}", id="zoneless", ingested="2026-03-31T23:57:00")
    world.put("response", b"{}", id="size", size_bytes="1.5")
    world.log("request", REQUEST)
    world.log("response", RESPONSE)
    world.put("request", msgspec.json.encode(REQUEST), id="mate")
    world.put("response", b"{}", id="mate", ingested="2026-03-31T23:57:00")
    assert world.run() == Paired(predictions=1, pairs=1, refused=3, waiting=1)
    assert set(world.quarantined()) == {"illegal_payload"}
    states = world.states()
    assert {id for id, state in states.items() if state == "refused"} == {
        "request|zoneless",
        "response|size",
        "response|mate",
    }
    assert states["request|mate"] == "waiting"
    assert world.run() == Paired(waiting=1)


def test_a_payload_of_too_many_instances_is_refused(world: World) -> None:
    """Also one that is never answered; one more instance may be a setting away."""
    payloads = PayloadSettings(feature_names=("age",), max_instances=3)
    model = msgspec.structs.replace(world.model, payloads=payloads)
    world.log("request", {"instances": [1, 2, 3, 4]}, id="four")
    world.log("request", {"instances": [1, 2, 3]}, id="three")
    world.now += model.payloads.pair_timeout + SECOND
    assert world.run(model) == Paired(predictions=3, expired=1, refused=1)
    assert "max_instances (3)" in world.quarantined()["illegal_payload"]
    assert world.states() == {"request|four": "refused", "request|three": "expired"}

    more = msgspec.structs.replace(model, payloads=msgspec.structs.replace(payloads, max_instances=4))
    assert world.run(more) == Paired(predictions=4, expired=1)


def test_what_is_made_of_many_payloads_is_written_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more is held in memory than a part, which no test of the result can tell; so the requests are counted."""
    monkeypatch.setattr("driftlog.worker.pairing.MAX_WORK_BYTES", 1)
    written: list[int] = []
    write = Store.bulk

    def counting(self: Store, actions: Any, **more: Any) -> Any:
        listed = list(actions)
        written.append(sum(action.op == "create" for action in listed))
        return write(self, listed, **more)

    monkeypatch.setattr(Store, "bulk", counting)
    for number in range(4):
        world.log("request", {"instances": [[41, "DE"]] * 5}, id=f"r{number}")
        world.log("response", {"predictions": [1] * 5}, id=f"r{number}")
    assert world.run() == Paired(predictions=20, pairs=4)
    assert max(written) == 5
    assert set(world.states().values()) == {"paired"}


def test_a_failed_answer_is_a_failed_prediction(world: World) -> None:
    """Seldon logs its status; the features are kept."""
    status = {"status": {"status": "FAILURE", "reason": "MICROSERVICE_BAD_DATA", "info": "no such column"}}
    world.log("request", REQUEST)
    world.log("response", status)
    world.run()
    (failed,) = world.predictions().values()
    assert failed["error"] == {"type": "MICROSERVICE_BAD_DATA", "message": "no such column"}
    assert failed["event"]["outcome"] == "failure"


def test_seldon_s_feedback_finds_its_prediction(world: World) -> None:
    """By the puid of the answer it is about; truth and reward, once."""
    said = {"reward": 0.5, "truth": {"data": {"ndarray": [1]}}, "response": {"meta": {"puid": "p1"}}}
    world.log("feedback", said, id="f1", requestid="other")
    assert world.run().feedback == 1
    world.pairing = world.another()
    assert world.run() == Paired()
    (feedback,) = world.hits(world.store.names.every("feedback")).values()
    assert feedback["feedback"] == {"prediction_id": "p1", "actual": "1", "rating": 0.5, "source": "seldon"}


def test_nothing_is_asked_of_a_model_without_payloads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of models share one search a pass."""
    world.log("request", REQUEST)
    pairing = Pairing(world.store, Settings(prefix=world.store.names.prefix), now=lambda: NOW, monotonic=lambda: 0.0)
    requests: list[str] = []
    send = Store.request
    monkeypatch.setattr(
        Store, "request", lambda self, *args, **more: requests.append(args[1]) or send(self, *args, **more)
    )
    for number in range(50):
        assert pairing.run(ModelSettings(name=f"m{number}"), 1) == Paired()
    assert len(requests) == 2


def test_a_page_after_page_of_halves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a pass takes: passes go on where the last one stopped, and each pair is made once."""
    monkeypatch.setattr("driftlog.worker.pairing.PAGE", 20)
    monkeypatch.setattr("driftlog.worker.pairing.MAX_HALVES", 40)
    assert MAX_HALVES > 40
    for number in range(75):
        world.now = NOW + number * SECOND / 10
        world.log("request", REQUEST, id=f"r{number}")
        if number % 3:
            world.log("response", RESPONSE, id=f"r{number}")
    made = [world.run().predictions for _ in range(5)]
    assert sum(made) == 50
    assert made[0] < 50
    assert len(world.predictions()) == 50


CHILD = """
import os, signal, sys
from datetime import datetime
from driftlog.contract.names import IndexNames
from driftlog.contract.payloads import PayloadSettings
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings, Settings
from driftlog.store.client import Store
from driftlog.worker.pairing import Pairing
url, prefix, now = sys.argv[1:]
model = ModelSettings(name="churn", environment="test", payloads=PayloadSettings(feature_names=("age", "country")))
write = Store.bulk
def dying(self, actions, **more):
    write(self, actions, **more)
    os.kill(os.getpid(), signal.SIGKILL)
Store.bulk = dying
with Store.connect(ElasticsearchSettings(urls=(url,)), IndexNames(prefix)) as store:
    Pairing(store, Settings(prefix=prefix, models=(model,)), now=lambda: datetime.fromisoformat(now)).run(model, 1)
"""


def test_a_worker_killed_between_writing_and_marking_makes_nothing_twice(world: World) -> None:
    """SIGKILL right after the predictions were stored; the next worker marks their halves."""
    world.log("request", REQUEST)
    world.log("response", RESPONSE)
    arguments = [world.url, world.store.names.prefix, world.now.isoformat()]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], env=os.environ, capture_output=True, timeout=150, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    before = world.predictions()
    assert list(before) == ["r1"]
    assert world.states() == {"request|r1": "waiting", "response|r1": "waiting"}

    assert world.run() == Paired(pairs=1)
    assert world.predictions() == before
    assert set(world.states().values()) == {"paired"}


class Died(BaseException):
    """What no code catches."""


def test_a_worker_that_dies_at_any_write_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after each write of a pass that pairs, expires and refuses; the next pass ends with the same."""
    world.log("request", REQUEST, id="alone")
    world.log("response", RESPONSE, id="alone too")
    world.now += world.model.payloads.pair_timeout + SECOND
    deaths = 0
    for number in range(1, 6):
        for when in ("before", "after"):
            world.log("request", REQUEST, id=f"r {number} {when}")
            world.log("response", RESPONSE, id=f"r {number} {when}")
            with monkeypatch.context() as patch:
                die_at(patch, number, when)
                try:
                    world.another().run(world.model, 1)
                except Died:
                    deaths += 1
    assert deaths >= 6  # predictions, marks and cursor at least
    world.run()

    expected = {f"r {number} {when}" for number in range(1, 6) for when in ("before", "after")}
    assert set(world.predictions()) == expected | {"alone"}
    assert set(world.quarantined()) == {"no_request"}
    states = world.states()
    assert states.pop("request|alone") == "expired"
    assert states.pop("response|alone too") == "refused"
    assert set(states.values()) == {"paired"}
    assert len(states) == 2 * len(expected)


def die_at(patch: pytest.MonkeyPatch, number: int, when: str) -> None:
    """Raise what nothing catches at the `number`-th write, ``before`` it or ``after`` it."""
    calls: list[str] = []

    def dying(name: str) -> None:
        write = getattr(Store, name)

        def call(self: Store, *args: Any, **more: Any) -> Any:
            calls.append(name)
            if len(calls) == number and when == "before":
                raise Died
            answer = write(self, *args, **more)
            if len(calls) == number:
                raise Died
            return answer

        patch.setattr(Store, name, call)

    for name in ("bulk", "put"):
        dying(name)


def test_two_workers_at_once_make_each_prediction_once(world: World) -> None:
    """One that was paused, and the one that took its model over."""
    for number in range(60):
        world.log("request", REQUEST, id=f"r{number}")
        world.log("response", RESPONSE, id=f"r{number}")
    found: list[Paired] = []
    workers = [world.another(), world.another()]
    both = [threading.Thread(target=lambda each=each: found.append(each.run(world.model, 2))) for each in workers]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert sum(each.predictions for each in found) == 60
    assert len(world.predictions()) == 60
    assert set(world.states().values()) == {"paired"}


def test_an_erased_or_dropped_half_is_passed_over(world: World) -> None:
    """A half that goes between being listed and being read."""
    world.log("request", REQUEST)
    world.log("response", RESPONSE)
    world.store.refresh(world.store.names.everything)
    world.store.delete(world.store.names.monthly("payloads", NOW), "churn|request|r1")
    world.run()
    assert world.predictions() == {}
