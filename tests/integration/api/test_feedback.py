"""Feedback from Python."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import driftlog
from driftlog.api.client import Driftlog
from driftlog.contract.errors import UsageError
from driftlog.contract.records import ModelRecord
from driftlog.store.models import register
from driftlog.store.templates import install

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
def client(elasticsearch_url: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driftlog]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    with driftlog.connect(elasticsearch_url, prefix=prefix) as found:
        install(found.store)
        register(found.store, ModelRecord(name="churn", task="binary", registered=datetime.now(UTC)))
        register(found.store, ModelRecord(name="price", task="regression", registered=datetime.now(UTC)))
        yield found


def stored(client: Driftlog) -> dict[str, dict[str, Any]]:
    client.store.refresh(client.store.names.every("feedback"))
    return {hit["_id"]: hit["_source"] for hit in client.store.scan(client.store.names.every("feedback"))}


def test_truth_ratings_and_comments_are_stored_once(client: Driftlog) -> None:
    """A label of a classifier, a number of a regression; said again at the same time it is the same."""
    at = "2026-03-03T12:00:00Z"
    first = client.feedback("p-1", True, rating=4, comment="gut", model="churn", at=at)
    assert client.feedback("p-1", True, rating=4, comment="gut", model="churn", at=at) == first
    second = client.feedback("p-2", "12.5", model="price", at=datetime(2026, 3, 3))
    found = stored(client)
    assert found[first]["feedback"] == {
        "prediction_id": "p-1", "actual": "true", "rating": 4, "comment": "gut", "source": "api",
    }  # fmt: skip
    assert found[second]["feedback"]["actual_value"] == 12.5
    assert len(found) == 2


def test_what_says_nothing_is_refused(client: Driftlog) -> None:
    """With what to give."""
    for arguments in ({}, {"rating": float("nan")}, {"actual": [1]}):
        with pytest.raises(UsageError, match="give actual, rating or comment"):
            client.feedback("p-1", model="churn", **arguments)
    with pytest.raises(UsageError, match="prediction_id is empty"):
        client.feedback("", 1, model="churn")
    with pytest.raises(UsageError, match="no time"):
        client.feedback("p-1", 1, model="churn", at="7d")
    assert stored(client) == {}
