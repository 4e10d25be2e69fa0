"""Both paths of normalising, and what the conformance cases do not reach."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.contract.errors import EventRefused
from driftlog.contract.names import IndexNames
from driftlog.intake.arrival import Arrival, Rules
from driftlog.intake.normalise import normalise

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAME = st.text("abcxyz.é", min_size=1, max_size=6).filter(lambda name: all(name.split(".")))
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUE = SCALAR | st.lists(SCALAR, max_size=2) | st.dictionaries(NAME, SCALAR, max_size=2)


def arrival(**rules: Any) -> Arrival:
    return Arrival(Rules(IndexNames("driftlog"), **rules), now=NOW, source="http", batch=lambda: "batch")


def line(**fields: Any) -> bytes:
    event = {
        "@timestamp": "2026-03-03T11:00:00.000000Z",
        "event": {"id": "e1", "dataset": "driftlog.prediction", "outcome": "success"},
        "model": {"name": "churn"},
        "features": {"x": 1},
    }
    return json.dumps(event | fields, ensure_ascii=False, separators=(",", ":")).encode()


def shipped() -> st.SearchStrategy[dict[str, Any]]:
    """Events in the shape of the shipper, with surprises."""
    return st.fixed_dictionaries(
        {
            "features": st.dictionaries(NAME, VALUE, min_size=1, max_size=4),
            "event": st.fixed_dictionaries(
                {
                    "id": TEXT | st.integers(),
                    "dataset": st.just("driftlog.prediction"),
                    "outcome": st.sampled_from(["success", "failure", None]),
                },
                optional={"duration": st.integers() | TEXT, "hash": TEXT, "ingested": TEXT},
            ),
            "@timestamp": st.sampled_from(
                [
                    "2026-03-03T11:00:00.123456Z",
                    "2026-03-03T12:05:00.000001Z",
                    "2026-02-30T11:00:00.123456Z",
                    "2026-03-03T11:00:60.123456Z",
                    "1999-03-03T11:00:00.123456Z",
                    "2026-03-03T11:00:00Z",
                ]
            ),
        },
        optional={
            "prediction": st.none() | st.dictionaries(st.sampled_from(["score", "label", "value", "task"]), SCALAR),
            "driftlog": st.none() | st.dictionaries(st.sampled_from(["shipper", "nonfinite", "source"]), SCALAR),
            "labels": st.dictionaries(NAME, VALUE, max_size=2),
            "host": st.just("web") | st.fixed_dictionaries({"name": TEXT}),
            "message": TEXT,
            "extra": st.dictionaries(NAME, SCALAR, max_size=1),
        },
    )


@given(shipped())
def test_the_fast_path_stores_what_the_general_path_stores(event: dict[str, Any]) -> None:
    """Splicing bytes and building the document anew give the same document, or the same refusal."""
    assert outcome(line(**event), may_splice=False) == outcome(line(**event), may_splice=True)


def outcome(raw: bytes, *, may_splice: bool) -> Any:
    came = arrival()
    for name in ("x", "a", "b", "c"):
        came.rules.remember_feature(name)
    try:
        accepted = normalise(raw, came, may_splice=may_splice)
    except EventRefused as error:
        return error.reason
    return accepted.index, accepted.id, accepted.hash, json.loads(accepted.document)


def test_a_shipper_event_takes_the_fast_path() -> None:
    """The first event teaches the names of its features, the second is passed on as it is."""
    came = arrival()

    assert [normalise(line(), came).spliced for _ in range(2)] == [False, True]


@given(st.binary(max_size=40) | st.from_regex(rb'\{"[a-z@]{0,5}":[0-9a-z"{}\[\],:]{0,20}\}', fullmatch=True))
def test_any_bytes_are_stored_or_refused(raw: bytes) -> None:
    """Nothing raises anything but a refusal with a reason."""
    try:
        normalise(raw, arrival())
    except EventRefused as error:
        assert error.reason


@pytest.mark.parametrize(
    ("timestamp", "reason"),
    [
        ("2024-03-03T11:59:59.999999Z", "too_old"),
        ("2026-03-03T12:05:00.000001Z", "in_the_future"),
    ],
)
@pytest.mark.parametrize("may_splice", [True, False])
def test_the_limits_of_time_are_exact(timestamp: str, reason: str, may_splice: bool) -> None:
    """One microsecond beyond a limit is refused, on both paths."""
    with pytest.raises(EventRefused) as refused:
        normalise(line(**{"@timestamp": timestamp}), arrival(), may_splice=may_splice)

    assert reason == refused.value.reason


@pytest.mark.parametrize("timestamp", ["2024-03-03T12:00:00.000000Z", "2026-03-03T12:05:00.000000Z"])
def test_the_limits_themselves_are_accepted(timestamp: str) -> None:
    """Exactly max_age old and exactly max_ahead ahead are fine."""
    assert timestamp in normalise(line(**{"@timestamp": timestamp}), arrival()).document.decode()


def test_any_age_is_accepted_where_the_settings_say_so() -> None:
    """Imports and the demo set their own clock."""
    accepted = normalise(line(**{"@timestamp": "1969-07-20T20:17:40Z"}), arrival(max_age=None))

    assert accepted.index == "driftlog-predictions.churn.1969-07"


def test_an_event_beyond_the_limit_is_too_large() -> None:
    """One byte more than max_event_bytes."""
    raw = line()
    with pytest.raises(EventRefused, match="max_event_bytes"):
        normalise(raw, arrival(max_event_bytes=len(raw) - 1))


def test_the_refusal_names_field_and_value() -> None:
    """A person reading the quarantine sees what was wrong."""
    with pytest.raises(EventRefused, match=r"prediction\.score must be a number \(got \[1\]\)"):
        normalise(line(prediction={"score": [1]}), arrival())


def test_a_late_change_of_the_clock_keeps_the_index_by_the_event_time() -> None:
    """The period comes from the event's own time, so a re-send after the turn of a month hits the same document."""
    late = Arrival(Rules(IndexNames("driftlog")), now=NOW + timedelta(days=40), source="http", batch=lambda: "b")

    assert normalise(line(), arrival()).index == normalise(line(), late).index
