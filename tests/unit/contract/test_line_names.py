"""Whom a line is about, whatever its shape and however broken it is."""

from __future__ import annotations

import json

import pytest

from driftlog.contract.line_names import LineNames, document_names, line_names

EVENT = {"event": {"id": "e-1"}, "model": {"name": "churn"}, "subject": {"id": "4f1a"}, "features": {"id": "x"}}
NAMES = LineNames("4f1a", "churn", ("e-1",))


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(EVENT),
        json.dumps(EVENT, separators=(",", ":")),
        json.dumps({"event.id": "e-1", "model.name": "churn", "subject.id": "4f1a"}),
        json.dumps(EVENT).replace('"x"', "NaN"),
        json.dumps(EVENT)[:-1],
        json.dumps(EVENT) + "}",
    ],
)
def test_it_is_found_in_objects_dotted_names_and_broken_lines(raw: str) -> None:
    """As text and as bytes."""
    assert line_names(raw) == line_names(raw.encode()) == NAMES


@pytest.mark.parametrize("raw", ["", "[]", "null", "42", "{", '{"subject": 5}', '{"subject": {"id": null}}', "\xff"])
def test_what_names_nobody_names_nobody(raw: str) -> None:
    """And raises nothing."""
    assert line_names(raw) == line_names(raw.encode("latin-1")) == LineNames()


def test_feedback_names_the_prediction_it_is_on() -> None:
    """Beside its own id."""
    raw = json.dumps({"event": {"id": "f-1"}, "feedback": {"prediction_id": "p-1", "actual": "1"}})

    assert line_names(raw).event_ids == document_names(raw.encode()).event_ids == ("f-1", "p-1")


def test_the_fast_way_says_the_same_of_documents() -> None:
    """Also where an id is a number, which is left to the general way."""
    for event in (EVENT, {}, EVENT | {"subject": {"id": 42}}, {"subject": {"id": 'Zo\u00eb "Z" \\'}}):
        raw = json.dumps(event).encode()
        assert document_names(raw) == line_names(raw)
