"""The serving app answers, logs each flight as an event of its own, and goes when it is asked to."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from driftlog.demo.app import Served, create_app
from driftlog.demo.data import FEATURES, training_part
from driftlog.demo.model import FlightModel
from driftlog.demo.processes import Children, free_ports
from driftlog.demo.training import write_version
from driftlog.shipping import PredictionLogger

FLIGHTS = [
    {"id": "0401-UA1-EWR", "at": "2013-04-01T10:15:00+00:00", "features": {"hour": 6.25, "carrier": "UA"}},
    {"id": "0401-B62-JFK", "at": "2013-04-01T10:20:00+00:00", "features": {"hour": 6.33, "carrier": "B6"}},
]


class Lines:
    """A transport, as python-logstash-async has them, that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def send(self, events: Any, use_logging: bool = False) -> None:
        self.events.extend(json.loads(event) for event in events)


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def log(lines: Lines) -> PredictionLogger:
    return PredictionLogger("flights", version="winter-2013", environment="demo", task="binary", shipping=lines)


def test_each_flight_of_a_request_is_an_event(lines: Lines, log: PredictionLogger, model: FlightModel) -> None:
    """With its own id, the simulated time, and the score that was answered."""
    answer = create_app(Served(model, "winter-2013"), log).test_client().post("/predict", json=FLIGHTS)
    assert answer.get_json() == {"scores": [event["prediction"]["score"] for event in lines.events]}
    assert [(event["event"]["id"], event["@timestamp"]) for event in lines.events] == [
        ("0401-UA1-EWR", "2013-04-01T10:15:00Z"),
        ("0401-B62-JFK", "2013-04-01T10:20:00Z"),
    ]
    first = lines.events[0]
    assert first["features"] == FLIGHTS[0]["features"]
    assert first["prediction"]["label"] == "on_time" and first["prediction"]["task"] == "binary"
    assert first["event"]["duration"] > 0


def test_truth_names_its_prediction(lines: Lines, log: PredictionLogger, model: FlightModel) -> None:
    """The same id for the same truth in every run, another one for another model."""
    arrivals = [{"id": "0401-UA1-EWR", "at": "2013-04-01T14:00:00+00:00", "late": True}]
    create_app(Served(model, "winter-2013"), log).test_client().post("/feedback", json=arrivals)
    (event,) = lines.events
    assert event["feedback"] == {"prediction_id": "0401-UA1-EWR", "actual": "late"}
    assert (event["event"]["id"], event["@timestamp"]) == ("flights-0401-UA1-EWR", "2013-04-01T14:00:00Z")


def test_all_features_survive_the_way_through_the_app(lines: Lines, log: PredictionLogger, model: FlightModel) -> None:
    """Null where there was none."""
    features = dict.fromkeys(FEATURES) | {"distance": 1400.0, "dest": "IAH"}
    create_app(Served(model, "winter-2013"), log).test_client().post(
        "/predict", json=[{**FLIGHTS[0], "features": features}]
    )
    assert lines.events[0]["features"] == features


def test_a_deployed_version_answers_the_next_request(
    lines: Lines, log: PredictionLogger, model: FlightModel, tmp_path: Path, flights: pd.DataFrame
) -> None:
    """Its scores, and its name on the events; the deploy hook may be called twice."""
    other = training_part(flights).iloc[::7]
    write_version(other, tmp_path)
    client = create_app(Served(model, "winter-2013"), log).test_client()
    client.post("/predict", json=FLIGHTS)
    for _ in range(2):
        answer = client.post("/model", json={"version": "20130715-1", "uri": str(tmp_path), "step": "full"})
        assert answer.get_json() == {"version": "20130715-1"}
    scores = client.post("/predict", json=FLIGHTS).get_json()["scores"]
    assert scores == FlightModel().fit(other).score([flight["features"] for flight in FLIGHTS])
    assert [event["model"]["version"] for event in lines.events] == 2 * ["winter-2013"] + 2 * ["20130715-1"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[int, Children]]:
    """The app as a process, its events going nowhere (and so into its spool)."""
    port, nowhere = free_ports(2)
    with Children(tmp_path) as children:
        arguments = ["--port", str(port), "--spool", str(tmp_path / "spool"), "--intake", f"http://127.0.0.1:{nowhere}"]
        children.start("app", "driftlog.demo.app", arguments, {"OMP_NUM_THREADS": "1"})
        children.wait_ready("app", f"http://127.0.0.1:{port}/health")
        yield port, children


def test_the_process_serves_quickly(served: tuple[int, Children]) -> None:
    """200 requests with a flight each, in less than 30 ms at the median (a stalled answer takes 40)."""
    port, _ = served
    connection = http.client.HTTPConnection("127.0.0.1", port)
    durations = []
    for _ in range(200):
        started = time.perf_counter()
        connection.request("POST", "/predict", json.dumps(FLIGHTS[:1]), {"Content-Type": "application/json"})
        assert connection.getresponse().read()
        durations.append(time.perf_counter() - started)
    connection.request("GET", "/health")
    health = json.loads(connection.getresponse().read())
    connection.close()
    assert health["shipping"]["logged"] == 200
    assert sorted(durations)[100] < 0.030


def test_it_says_what_it_wants() -> None:
    """Help without a traceback."""
    command = [sys.executable, "-m", "driftlog.demo.app", "--help"]
    assert b"--spool" in subprocess.run(command, check=True, capture_output=True).stdout
