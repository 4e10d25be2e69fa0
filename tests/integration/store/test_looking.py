"""Looking at single predictions on a real Elasticsearch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftlog.store.client import Store
from driftlog.store.predictions import find_predictions

pytestmark = pytest.mark.elasticsearch

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def predictions(module_store: Store) -> Store:
    """Four predictions in two months; in April the feature ``code`` comes as a number, in March as text."""
    store = module_store
    failed = {"error": {"type": "TimeoutError", "message": "no such host: db-7", "stack_trace": "File app.py"}}
    events: list[tuple[int, dict[str, Any]]] = [
        (0, {"features": {"age": 41, "code": "x1", "vip": True}, "prediction": {"score": 0.9, "label": "1"}}),
        (1, {"features": {"age": 41.5, "code": "x 2"}, "prediction": {"score": 0.2}, "trace": {"id": "t-1"}}),
        (30, {"features": {"age": 41, "code": 7}, "prediction": {"score": 0.5}, "message": "served from cache"}),
        (31, {"features": {"age": 18, "code": 8}, **failed, "event": {"outcome": "failure"}}),
    ]
    for position, (hours, event) in enumerate(events):
        when = NOON + timedelta(hours=hours)
        document = {
            "@timestamp": when,
            "model": {"name": "churn", "version": "2" if position % 2 else "1", "variant": "a"},
            "service": {"environment": "production"},
        }
        store.create(store.names.predictions("churn", when), f"e{position}", document | event)
    store.create(store.names.predictions("churn-v2", NOON), "other", {"@timestamp": NOON})
    store.refresh(store.names.all_predictions())
    return store


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, ["e3", "e2", "e1", "e0"]),
        ({"size": 2}, ["e3", "e2"]),
        ({"id": "e1"}, ["e1"]),
        ({"id": "nobody"}, []),
        ({"since": NOON + timedelta(hours=1)}, ["e3", "e2", "e1"]),
        ({"until": NOON + timedelta(hours=1)}, ["e0"]),
        ({"version": "2"}, ["e3", "e1"]),
        ({"variant": "b"}, []),
        ({"environment": "production", "version": "1"}, ["e2", "e0"]),
        ({"score_min": 0.5}, ["e2", "e0"]),
        ({"score_max": 0.5}, ["e2", "e1"]),
        ({"score_min": 0.3, "score_max": 0.6}, ["e2"]),
        ({"feature": {"age": "41"}}, ["e2", "e0"]),
        ({"feature": {"age": "41.0", "code": "x1"}}, ["e0"]),
        ({"feature": {"age": "forty"}}, []),
        ({"feature": {"code": "7"}}, ["e2"]),
        ({"feature": {"code": "x 2"}}, ["e1"]),
        ({"feature": {"vip": "true"}}, ["e0"]),
        ({"feature": {"no_such_feature": "1"}}, []),
        ({"trace_id": "t-1"}, ["e1"]),
        ({"error_type": "TimeoutError"}, ["e3"]),
        ({"error_type": "*"}, ["e3"]),
        ({"outcome": "failure"}, ["e3"]),
        ({"text": "host db"}, ["e3"]),
        ({"text": '"from cache"'}, ["e2"]),
        ({"text": "cac*"}, ["e2"]),
        ({"text": "host cache"}, []),
        ({"text": "app.py"}, ["e3"]),
        ({"text": 'unbalanced " ( [ \\'}, []),
    ],
    ids=str,
)
def test_predictions_are_found_by_each_condition(
    predictions: Store, conditions: dict[str, Any], expected: list[str]
) -> None:
    """Newest first, with the document id as the event's where it has none; never those of another model."""
    found = find_predictions(predictions, "churn", **conditions)

    assert [event["event"]["id"] for event in found] == expected
