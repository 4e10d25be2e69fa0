"""The logger's events: what the contract says, nothing more, and never an exception."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime

import msgspec
import numpy as np
import pandas as pd
import pytest

from driftlog import __version__
from driftlog.contract.errors import ConfigError, DriftlogError, NameRefused
from driftlog.contract.events import FeedbackEvent, PredictionEvent, ResourceEvent
from driftlog.shipping import PredictionLogger, Shipping, monitor
from driftlog.shipping.resources import Probe, ResourceSampler
from driftlog.shipping.tracing import trace_id_of

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


class Kept:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def send(self, events, use_logging=False) -> None:
        self.lines += events

    @property
    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.lines]

    @property
    def last(self) -> dict:
        return self.events[-1]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def log(kept) -> PredictionLogger:
    return PredictionLogger("churn", version="3", variant="champion", service="api", shipping=kept, clock=lambda: NOON)


def test_a_prediction_event_is_what_the_contract_says(log, kept):
    """Every group, field by field, and it decodes as the contract's struct."""
    identifier = log.log_prediction(
        {"age": 42.0, "plan": "gold", "new": True, "n": 3},
        1,
        score=0.25,
        duration_ns=1200,
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        labels={"region": "eu", "beta": True},
        message="hello",
    )
    event = kept.last
    digest = event["event"].pop("hash")
    assert event == {
        "@timestamp": "2026-03-03T12:00:00Z",
        "event": {"id": identifier, "dataset": "driftlog.prediction", "duration": 1200, "outcome": "success"},
        "service": {"name": "api", "version": "3", "environment": "production"},
        "host": {"name": os.uname().nodename},
        "process": {"pid": os.getpid(), "name": event["process"]["name"]},
        "trace": {"id": "4bf92f3577b34da6a3ce929d0e0e4736"},
        "labels": {"region": "eu", "beta": "true"},
        "model": {"name": "churn", "version": "3", "variant": "champion"},
        "driftlog": {"shipper": __version__},
        "features": {"age": 42.0, "plan": "gold", "new": True, "n": 3},
        "prediction": {"task": "binary", "label": "1", "score": 0.25},
        "message": "hello",
    }
    assert len(digest) == 32
    assert msgspec.json.decode(kept.lines[-1], type=PredictionEvent).event.hash == digest
    assert kept.lines[-1].endswith(b"\n")
    assert kept.lines[-1].count(b"\n") == 1


def test_the_hash_covers_everything_but_itself(log, kept):
    """BLAKE2b of the line without hash and newline."""
    import hashlib

    log.log_prediction({"a": 1.0}, 1)
    line = kept.lines[-1]
    digest = kept.last["event"]["hash"]
    without = line.rstrip(b"\n").replace(b'"hash":"%b",' % digest.encode(), b"")
    assert hashlib.blake2b(without, digest_size=16).hexdigest() == digest


def test_ids_are_unique_and_grow_with_time(log):
    """UUID version 7: sorting by id sorts by millisecond."""
    ids = [log.log_prediction({}, 1) for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert [identifier[:12] for identifier in ids] == sorted(identifier[:12] for identifier in ids)


@pytest.mark.parametrize(
    ("task", "given", "expected"),
    [
        (None, {"prediction": True}, {"task": "binary", "label": "true"}),
        (None, {"prediction": np.int64(1), "score": np.float32(0.5)}, {"task": "binary", "label": "1", "score": 0.5}),
        (None, {"prediction": np.array(["late"])}, {"label": "late"}),
        (None, {"prediction": 12.5}, {"task": "regression", "value": 12.5}),
        (None, {"prediction": np.float64(12.0)}, {"task": "regression", "value": 12.0}),
        ("binary", {"prediction": np.float64(1.0)}, {"task": "binary", "label": "1"}),
        ("regression", {"prediction": 12}, {"task": "regression", "value": 12.0}),
        (
            None,
            {"prediction": 1, "probabilities": np.array([[0.25, 0.75]])},
            {"task": "binary", "label": "1", "score": 0.75, "probabilities": {"0": 0.25, "1": 0.75}},
        ),
        (
            None,
            {"prediction": "b", "probabilities": {"a": 0.2, "b": 0.5, "c": 0.3}},
            {"task": "multiclass", "label": "b", "score": 0.5, "probabilities": {"a": 0.2, "b": 0.5, "c": 0.3}},
        ),
        (None, {"label": "x", "value": 2, "score": 0.1}, {"label": "x", "value": 2.0, "score": 0.1}),
        (
            None,
            {"prediction": 1, "attributions": {"age": np.float64(0.5)}},
            {"task": "binary", "label": "1", "attributions": {"age": 0.5}},
        ),
    ],
)  # fmt: skip
def test_answers_of_any_model_are_understood(kept, task, given, expected):
    """Label or value by type, by task where it is known; the score from the probabilities where it is not given."""
    PredictionLogger("m", task=task, shipping=kept).log_prediction({}, **given)
    assert kept.last["prediction"] == expected


def test_what_is_not_finite_is_null_and_named(log, kept):
    """Features, score and probabilities alike."""
    log.log_prediction({"a": float("nan"), "b": {"c": np.inf}, "d": 1.0}, 1, score=float("nan"))
    assert kept.last["features"] == {"a": None, "b.c": None, "d": 1.0}
    assert kept.last["driftlog"]["nonfinite"] == ["prediction.score", "features.a", "features.b.c"]


@pytest.mark.parametrize(
    ("task", "actual", "expected"),
    [
        (None, True, {"actual": "true"}),
        (None, 1, {"actual": "1", "actual_value": 1.0}),
        (None, 12.5, {"actual_value": 12.5}),
        (None, "late", {"actual": "late"}),
        ("binary", np.int64(1), {"actual": "1"}),
        ("binary", 1.0, {"actual": "1"}),
        ("regression", 12, {"actual_value": 12.0}),
    ],
)
def test_truth_is_written_as_predictions_are(kept, task, actual, expected):
    """So that they join."""
    PredictionLogger("m", task=task, shipping=kept).log_feedback("p", actual)
    assert kept.last["feedback"] == {"prediction_id": "p", **expected}
    assert msgspec.json.decode(kept.lines[-1], type=FeedbackEvent).event.dataset == "driftlog.feedback"


def test_an_error_is_a_prediction_that_failed(log, kept):
    """Type with module, message, stack."""
    try:
        json.loads("{")
    except ValueError as error:
        log.log_error({"a": 1.0}, error)
    event = kept.last
    assert event["event"]["outcome"] == "failure"
    assert event["error"]["type"] == "json.decoder.JSONDecodeError"
    assert "Expecting property name" in event["error"]["message"]
    assert "Traceback" in event["error"]["stack_trace"]
    assert event["features"] == {"a": 1.0}


def test_a_table_is_logged_row_by_row(log, kept):
    """One event a row, each with its own answer."""
    ids = log.log_predictions(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}), np.array([0, 1]), scores=[0.1, 0.9])
    assert [event["event"]["id"] for event in kept.events] == ids
    assert [(e["features"]["b"], e["prediction"]["label"], e["prediction"]["score"]) for e in kept.events] == [
        ("x", "0", 0.1),
        ("y", "1", 0.9),
    ]


def test_lone_surrogates_do_not_cost_the_event(log, kept):
    """In any field."""
    log.log_prediction(
        {"a\udc80": "b\udc80"}, "c\udc80", labels={"d": "e\udc80"}, message="f\udc80", trace_id="g\udc80"
    )
    assert kept.last["features"] == {"a\ufffd": "b\ufffd"}
    assert kept.last["prediction"]["label"] == "c\ufffd"
    assert kept.last["message"] == "f\ufffd"


@pytest.mark.parametrize("name", ["", "Churn", "a b", "../x", "x" * 65, 3, None])
def test_a_wrong_model_name_is_refused_at_once(name, kept):
    """At construction, where it can be seen."""
    with pytest.raises(NameRefused, match="model"):
        PredictionLogger(name, shipping=kept)


@pytest.mark.parametrize(
    "settings",
    [
        {"transport": "carrier pigeon"}, {"url": "ftp://x"}, {"url": "http://h:notaport"}, {"url": []},
        {"api_key": "a", "username": "b"}, {"on_full": "explode"}, {"max_bytes": 1}, {"task": "guess"},
        {"url": "https://x", "ca_certs": "/does/not/exist"},
    ],
)  # fmt: skip
def test_wrong_settings_are_refused_at_once(settings, tmp_path):
    """With the name of the setting."""
    with pytest.raises(DriftlogError, match=next(iter(settings)) if "ca_certs" not in settings else "ca_certs"):
        PredictionLogger("m", spool=tmp_path, **settings)


def test_a_password_in_the_url_is_not_shown(tmp_path):
    """Not even in the error about the address."""
    with pytest.raises(ConfigError) as caught:
        Shipping(url="ftp://me:s3cret@host", spool=tmp_path)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("call", ["log_prediction", "log_error", "log_feedback", "log_predictions"])
@pytest.mark.parametrize("bad", [None, object(), 3, "x", [1], {"a": object()}, float("nan"), b"\xff", ...])
def test_no_call_raises_whatever_it_is_given(log, call, bad):
    """The caller's request goes on."""
    getattr(log, call)(bad, bad)
    if call != "log_predictions":
        getattr(log, call)(bad, bad, timestamp=bad, labels=bad, subject=bad, event_id=bad)


def test_a_transport_that_raises_is_not_noticed():
    """A foreign transport may fail; the call returns its id."""

    class Broken:
        def send(self, events, use_logging=False) -> None:
            raise OSError("gone")

    assert PredictionLogger("m", shipping=Broken()).log_prediction({}, 1)


def test_monitored_functions_behave_as_before(log, kept):
    """Same result, same error, same name; one event each."""

    @monitor(log, labels={"from": "decorator"})
    def predict(features, fail=False):
        """Docs."""
        if fail:
            raise KeyError("plan")
        return {"label": "stays", "score": 0.2, "other": object()}

    assert predict({"age": 1.0})["label"] == "stays"
    with pytest.raises(KeyError, match="plan"):
        predict(features={"age": 2.0}, fail=True)
    good, bad = kept.events
    assert predict.__name__ == "predict"
    assert good["prediction"] == {"label": "stays", "score": 0.2}
    assert good["labels"] == {"from": "decorator"}
    assert good["event"]["duration"] > 0
    assert (bad["event"]["outcome"], bad["features"], bad["error"]["type"]) == ("failure", {"age": 2.0}, "KeyError")


def test_monitored_methods_and_coroutines(log, kept):
    """`self` is not a feature; a coroutine is timed until it returns."""

    class Model:
        @monitor(log)
        async def predict(self, row):
            await asyncio.sleep(0.02)
            return 1

        @monitor(log, features=lambda self, a, b: {"a": a, "b": b}, answer=lambda r: {"value": r})
        def add(self, a, b):
            return a + b

    assert asyncio.run(Model().predict({"a": 1.0})) == 1
    assert Model().add(1, 2) == 3
    first, second = kept.events
    assert first["event"]["duration"] >= 20_000_000
    assert second["features"] == {"a": 1, "b": 2}
    assert second["prediction"]["value"] == 3.0


def test_monitor_refuses_a_function_without_the_named_argument(log):
    """When decorating, not when serving."""
    with pytest.raises(TypeError, match="no argument 'rows'"):
        monitor(log, features="rows")(lambda x: x)


@pytest.mark.parametrize("header", [None, "", "junk", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "00-xyz-1-01"])
def test_headers_that_are_no_trace_are_ignored(header):
    """None, not an exception."""
    assert trace_id_of(header) is None


def test_importing_is_quick_and_light(tmp_path):
    """None of the heavy libraries, and less than 300 ms of CPU (the figure is 150 on an idle machine)."""
    program = (
        "import sys, time; before = time.process_time(); import driftlog.shipping; "
        "print((time.process_time() - before) * 1000, *sorted(name.split('.')[0] for name in sys.modules))"
    )
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    outputs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
        for _ in range(6)
    ]
    loaded = set(outputs[0].stdout.split()[1:])
    heavy = {
        "pandas",
        "scipy",
        "elasticsearch",
        "numpy",
        "requests",
        "logstash_async",
        "flask",
        "starlette",
        "psutil",
        "ssl",
    }
    assert loaded & heavy == set()
    assert min(float(output.stdout.split()[0]) for output in outputs[1:]) <= 300


def test_a_sample_measures_this_process_and_host(tmp_path):
    """Plausible numbers; a thread ships one at every interval."""
    sample = Probe(str(tmp_path)).sample()
    assert sample.memory_bytes is not None
    assert sample.memory_bytes > 10_000_000
    assert sample.threads is not None
    assert sample.threads >= 1
    assert sample.storage_used_percent is not None
    assert 0 < sample.storage_used_percent <= 100
    shipped = threading.Event()
    sampler = ResourceSampler(lambda _: shipped.set(), interval_s=0.05, storage_path=str(tmp_path))
    sampler.start()
    assert shipped.wait(5)
    sampler.stop()


def test_without_psutil_there_are_no_samples_and_one_line_says_so(tmp_path, monkeypatch, caplog):
    """No error, no thread left."""
    monkeypatch.setitem(sys.modules, "psutil", None)
    with caplog.at_level("INFO", "driftlog.shipping"):
        sampler = ResourceSampler(lambda _: None, interval_s=0.01, storage_path=str(tmp_path))
        sampler.start()
        sampler._thread.join(5)
    assert not sampler._thread.is_alive()
    assert [record.getMessage() for record in caplog.records] == [
        "psutil is not installed: no resource samples (pip install 'driftlog[resources]')"
    ]


def test_resource_events_carry_the_state_of_the_spool(tmp_path):
    """Backlog, bytes and losses beside CPU and memory."""
    shipping = Shipping(service="api", url="http://127.0.0.1:1", spool=tmp_path, resources_s=0.05, linger_s=0.01)
    shipping.send([b'{"n":1}\n'])
    deadline = threading.Event()
    while shipping.spool.pending < 2:
        assert not deadline.wait(0.02)
    found = shipping.spool.read(10, 10_000)
    assert found is not None
    event = msgspec.json.decode(found[1].body.split(b"\n")[1], type=ResourceEvent)
    shipping.close(timeout_s=0)
    assert event.service is not None
    assert event.service.name == "api"
    assert event.event.dataset == "driftlog.resource"
    assert event.resource is not None
    assert event.resource.spool_events == 1
    assert event.resource.events_dropped == 0
    assert event.resource.spool_bytes is not None
    assert event.resource.spool_bytes > 0
    assert event.resource.memory_bytes is not None


def test_a_text_feature_is_logged_with_the_numbers_that_are_watched(kept, tmp_path):
    """Also where masking takes the text itself away; the caller's own mapping is left alone."""
    (tmp_path / "comment.tokens").write_text("late\n", encoding="utf-8")
    given = {"comment": "late again", "age": 4.0}
    log = PredictionLogger(
        "churn", shipping=kept, text={"comment": tmp_path / "comment.tokens"}, masking={"features.comment": "drop"}
    )

    log.log_prediction(given, 1)

    assert kept.last["features"] == {
        "age": 4.0,
        "comment.length": 10.0,
        "comment.words": 2.0,
        "comment.unseen_tokens": 0.5,
    }
    assert given == {"comment": "late again", "age": 4.0}
