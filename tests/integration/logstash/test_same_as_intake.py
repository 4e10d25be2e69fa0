"""Logstash's filter and the intake make the same of any event, not only of the cases."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.logstash.conftest import Scripts

from driftlog.contract.errors import EventRefused
from driftlog.contract.names import IndexNames
from driftlog.intake.arrival import Arrival, Rules
from driftlog.intake.normalise import normalise

NOW = datetime.now(UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAME = st.text("abcxyz.é ", min_size=1, max_size=6)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUE = SCALAR | st.lists(SCALAR, max_size=2) | st.dictionaries(NAME, SCALAR, max_size=2)
GROUP = st.dictionaries(
    st.sampled_from(["name", "id", "score", "label", "value", "task", "probabilities", "prediction_id", "actual"]),
    VALUE,
)
TIMES = [
    (NOW - timedelta(hours=1)).isoformat(),
    (NOW - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M"),
    (NOW + timedelta(hours=2)).isoformat(),
    (NOW - timedelta(days=800)).isoformat(),
    NOW.strftime("%Y-%m-30T25:00:00Z"),
    "0000-01-01",
    "word",
    17,
    None,
]
EVENTS = st.fixed_dictionaries(
    {"@timestamp": st.sampled_from(TIMES)},
    optional={
        "model": st.just({"name": "churn", "version": 3}) | st.just("churn") | st.just({"name": "No"}),
        "model.name": st.sampled_from(["churn", "a/b"]),
        "event": st.dictionaries(st.sampled_from(["id", "dataset", "outcome", "duration", "hash"]), SCALAR) | SCALAR,
        "features": st.dictionaries(NAME, VALUE, max_size=4) | SCALAR,
        "prediction": GROUP | SCALAR,
        "prediction.score": SCALAR,
        "prediction.probabilities.a.b": SCALAR,
        "feedback": GROUP,
        "resource": st.dictionaries(st.sampled_from(["cpu_percent", "threads"]), VALUE) | st.none(),
        "labels": st.dictionaries(NAME, VALUE, max_size=2),
        "host": TEXT | GROUP,
        "service": TEXT,
        "error": TEXT | st.dictionaries(st.sampled_from(["type", "message"]), SCALAR),
        "error_type": TEXT,
        "message": VALUE,
        "extra": st.dictionaries(st.sampled_from(["features", "model", "host", "a.b", "labels"]), VALUE),
        "other": VALUE,
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS)
def test_the_filter_stores_what_the_intake_stores(scripts: Scripts, event: dict[str, Any]) -> None:
    """The same index, id and document, or the same refusal."""
    raw = json.dumps(event, ensure_ascii=False).encode()
    assert by_filter(scripts, raw) == by_intake(raw)


def by_filter(scripts: Scripts, raw: bytes) -> Any:
    metadata = {"driftlog_source": "http", "headers": {"content_type": "application/x-ndjson"}}
    (found,) = scripts.run("normalise.rb", {"message": raw.decode(), "@metadata": metadata})
    if "quarantine" in found["source"]:
        return found["source"]["quarantine"]["reason"], found["source"]["quarantine"].get("field")
    found["source"]["event"].pop("ingested")
    return found["index"], found["id"], comparable(found["source"])


def by_intake(raw: bytes) -> Any:
    came = Arrival(Rules(IndexNames("driftlog")), now=datetime.now(UTC), source="http", batch=lambda: "batch")
    try:
        accepted = normalise(raw, came)
    except EventRefused as error:
        return error.reason, error.field or None
    document = json.loads(accepted.document)
    document["event"].pop("ingested")
    return accepted.index, accepted.id, comparable(document)


def comparable(value: Any) -> Any:
    """`value` with numbers of one kind, and JSON texts of lists as lists."""
    if isinstance(value, dict):
        return {key: comparable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [comparable(each) for each in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        try:
            return ("text of", comparable(json.loads(value)))
        except ValueError:
            return value
    return value
