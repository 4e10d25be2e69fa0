"""Logstash's filter and the intake make the same of any CloudEvent, not only of the cases."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.logstash.conftest import Scripts
from tests.integration.logstash.test_conformance import cloud_event

from driftlog.contract.errors import EventRefused
from driftlog.contract.names import IndexNames
from driftlog.contract.payloads import EVENT_TYPES
from driftlog.intake.arrival import Arrival, Rules
from driftlog.intake.cloud_events import identity, read_half, split_events

NOW = datetime.now(UTC)
WORD = st.text("abc xyz-é/%2", max_size=6)
SCALAR = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e6, 1e6) | WORD
BODY = st.dictionaries(WORD, SCALAR | st.lists(SCALAR, max_size=3), max_size=3).map(json.dumps) | st.sampled_from(
    ["", "[]", "{", '{"a": NaN}', '"x"', '{"a": {"b": [1e400]}}', ' {"a":1} ', '{"a":1}{"b":2}', '{"é":"\\ud800"}']
)
NAMED = {
    "id": st.sampled_from(["r-1", "", "é", "x" * 300]),
    "requestid": st.sampled_from(["p-1", "", "a|b"]),
    "time": st.sampled_from([NOW.isoformat(), (NOW + timedelta(hours=2)).isoformat(), "word", "", "2001-01-01"]),
    "inferenceservicename": st.sampled_from(["churn", "Churn", "", "a/b"]),
    "namespace": WORD,
    "endpoint": WORD,
    "modelid": WORD,
    "source": WORD,
}
ATTRIBUTES = st.fixed_dictionaries({"type": st.sampled_from([*EVENT_TYPES, "other"])}, optional=NAMED)
PATHS = st.sampled_from(
    ["/cloudevents", "/", "/cloudevents/fraud", "/cloudevents/", "/cloudevents/No", "/cloudevents/a/b"]
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ATTRIBUTES, BODY, PATHS)
def test_a_binary_event_is_the_same_on_both(scripts: Scripts, named: dict[str, str], body: str, path: str) -> None:
    """Attributes in headers: the same document, or the same refusal under the same names."""
    headers = {"content-type": "application/json"} | {f"ce-{name}": escaped(value) for name, value in named.items()}
    assert by_filter(scripts, headers, body, path) == by_intake(headers, body, path)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ATTRIBUTES, BODY, st.sampled_from(["data", "text", "data_base64", "none"])), max_size=3))
def test_a_structured_event_is_the_same_on_both(
    scripts: Scripts, events: list[tuple[dict[str, str], str, str]]
) -> None:
    """Attributes and payload in an object, or several in an array."""
    objects = [named | payload(body, how) for named, body, how in events]
    texts = [(json.dumps(each), "application/cloudevents+json") for each in objects]
    texts.append((json.dumps(objects), "application/cloudevents-batch+json; charset=utf-8"))
    for text, kind in texts:
        headers = {"content-type": kind}
        assert by_filter(scripts, headers, text, "/") == by_intake(headers, text, "/")


@pytest.mark.parametrize("levels", [99, 100, 101, 400, 900])
@pytest.mark.parametrize("inner", ["1", '"[[[{{{"', "[]", '{"b": {}}'])
@pytest.mark.parametrize("kind", ["application/json", "application/cloudevents+json"])
def test_both_take_payloads_of_the_same_depth(scripts: Scripts, levels: int, inner: str, kind: str) -> None:
    """Lists and objects count alike, texts do not, and neither do the attributes around a payload."""
    named = {"type": "org.kubeflow.serving.inference.request", "id": "r-1", "inferenceservicename": "churn"}
    body = '{"a": ' + "[" * (levels - 1) + inner + "]" * (levels - 1) + "}"
    headers = {"content-type": kind}
    if kind == "application/json":
        headers |= {f"ce-{name}": value for name, value in named.items()}
    else:
        body = json.dumps(named)[:-1] + f', "data": {body}}}'
    (found,) = by_filter(scripts, headers, body, "/cloudevents")
    assert [found] == by_intake(headers, body, "/cloudevents")
    depth = levels + {"[]": 1, '{"b": {}}': 2}.get(inner, 0)
    assert (found[0] == "illegal_payload") == (depth > 100)


def escaped(value: str) -> str:
    """As a header carries it."""
    return "".join(f"%{byte:02X}" if byte > 126 or byte in b'% "' else chr(byte) for byte in value.encode())


def payload(body: str, how: str) -> dict[str, Any]:
    if how == "none":
        return {}
    if how == "data":
        try:
            return {"data": json.loads(body, parse_constant=str)}
        except ValueError:
            how = "text"
    return {"data": body} if how == "text" else {"data_base64": base64.b64encode(body.encode()).decode()}


def by_filter(scripts: Scripts, headers: dict[str, str], body: str, path: str) -> list[Any]:
    event = cloud_event(body.encode(), headers, path)
    return [told(found["index"], found["id"], found["source"]) for found in scripts.run("cloud_events.rb", event)]


def by_intake(headers: dict[str, str], body: str, path: str) -> list[Any]:
    arrival = Arrival(Rules(IndexNames("driftlog")), now=datetime.now(UTC), source="http", batch=lambda: "batch")
    found = []
    for line in split_events(path, headers, body.encode()):
        try:
            accepted = read_half(line, arrival)
        except EventRefused as error:
            found.append((error.reason, error.field or None, *(identity(line) or ("", ""))))
        else:
            found.append(told(accepted.index, accepted.id, json.loads(accepted.document)))
    return found


def told(index: str, id: str, source: dict[str, Any]) -> Any:
    """What must be equal: all but the time of arrival, and times by what they say."""
    if "quarantine" in source:
        quarantine = source["quarantine"]
        names = source["event"].get("id", ""), source.get("model", {}).get("name", "")
        return (quarantine["reason"], quarantine.get("field"), *names)
    source["event"].pop("ingested")
    at = source.pop("@timestamp")
    time = source["payload"].pop("time", None)
    if time is not None:
        source["payload"]["time"] = datetime.fromisoformat(time)
        assert datetime.fromisoformat(at) == datetime.fromisoformat(time)
    return index, id, source
