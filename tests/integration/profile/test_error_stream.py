"""Errors of outcomes in the order of events, read from a real Elasticsearch, against pandas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.error_stream import Fingerprint, fingerprints, read_errors
from driftlog.store.client import Store
from driftlog.store.values import BulkAction

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 2, 27, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = [Window(START + n * DAY, START + (n + 1) * DAY) for n in range(4)]
SETTINGS = ModelSettings(name="churn")


def outcomes(n: int = 600, seed: int = 1) -> pd.DataFrame:
    """Over two months, several at the same time, stored in no order."""
    rng = np.random.default_rng(seed)
    minutes = rng.integers(0, 4 * 24 * 6, n) * 10
    return pd.DataFrame(
        {
            "id": [f"churn:p{number}" for number in rng.permutation(n)],
            "at": [START + timedelta(minutes=int(minute)) for minute in minutes],
            "correct": rng.random(n) < 0.8,
            "absolute_error": rng.exponential(3.0, n),
        }
    )


def put(store: Store, frame: pd.DataFrame, *, model: str = "churn", environment: str = "production") -> None:
    def action(row: dict[str, Any]) -> BulkAction:
        outcome = {name: row[name] for name in ("correct", "absolute_error") if row.get(name) is not None}
        document = {
            "@timestamp": row["at"].isoformat(),
            "model": {"name": model},
            "service": {"environment": environment},
            "outcome": outcome,
        }
        return BulkAction("index", store.names.monthly("outcomes", row["at"]), row["id"], document)

    report = store.bulk([action(row) for row in frame.to_dict("records")], refresh=True)
    assert not report.failures


def test_errors_come_in_order_of_time_and_id(store: Store) -> None:
    """Wrong is 1; each window gets its own; equal times are ordered by id; months do not matter."""
    frame = outcomes()
    put(store, frame)
    streams = read_errors(store, SETTINGS, DAYS)
    for window, stream in zip(DAYS, streams, strict=True):
        expected = frame[(frame["at"] >= window.start) & (frame["at"] < window.end)].sort_values(["at", "id"])
        assert stream.errors.tolist() == (~expected["correct"]).astype(float).tolist()
        assert stream.times.tolist() == [at.timestamp() for at in expected["at"]]
    assert sum(len(stream.errors) for stream in streams) == len(frame)


def test_regression_has_absolute_errors(store: Store) -> None:
    """As stored."""
    frame = outcomes()
    put(store, frame)
    (stream,) = read_errors(store, ModelSettings(name="churn", task="regression"), [Window(START, START + 4 * DAY)])
    assert stream.errors.tolist() == frame.sort_values(["at", "id"])["absolute_error"].tolist()


def test_others_outcomes_and_those_without_error_are_left_out(store: Store) -> None:
    """Another model, another environment, a rating without truth."""
    frame = outcomes(20)
    put(store, frame)
    put(store, outcomes(20, seed=2).assign(id=lambda rows: "o" + rows["id"]), model="other")
    put(store, outcomes(20, seed=3).assign(id=lambda rows: "s" + rows["id"]), environment="staging")
    put(store, pd.DataFrame({"id": ["none"], "at": [START]}))
    assert sum(len(stream.errors) for stream in read_errors(store, SETTINGS, DAYS)) == 20
    assert sum(found.n for found in fingerprints(store, SETTINGS, DAYS)) == 20


def test_nothing_stored_is_nothing_read(store: Store) -> None:
    """No index at all, and windows without outcomes."""
    assert fingerprints(store, SETTINGS, DAYS) == [Fingerprint(0)] * 4
    put(store, outcomes(5).assign(at=START))
    assert [len(stream.errors) for stream in read_errors(store, SETTINGS, DAYS)] == [5, 0, 0, 0]
    assert [found.n for found in fingerprints(store, SETTINGS, DAYS)] == [5, 0, 0, 0]


def test_a_fingerprint_tells_any_change(store: Store) -> None:
    """The same documents give the same; another label or a new outcome changes its window's and no other."""
    frame = outcomes()
    put(store, frame)
    before = fingerprints(store, SETTINGS, DAYS)
    assert fingerprints(store, SETTINGS, DAYS) == before
    row = frame[frame["at"] < DAYS[0].end].head(1)
    put(store, row.assign(correct=~row["correct"]))
    after = fingerprints(store, SETTINGS, DAYS)
    assert after[0].n == before[0].n
    assert [a == b for a, b in zip(after, before, strict=True)] == [False, True, True, True]


def test_a_draw_is_the_same_every_time_and_part_of_the_larger_one(store: Store) -> None:
    """One in two, one in four: about that many, in order, and nested."""
    frame = outcomes(4000).assign(at=lambda rows: [START + timedelta(seconds=i * 7) for i in range(len(rows))])
    put(store, frame)
    whole = [Window(START, START + 4 * DAY)]
    (half,), (again,) = read_errors(store, SETTINGS, whole, halvings=1), read_errors(store, SETTINGS, whole, halvings=1)
    (quarter,) = read_errors(store, SETTINGS, whole, halvings=2)
    assert half.times.tolist() == again.times.tolist() == sorted(half.times.tolist())
    assert len(half.times) == pytest.approx(2000, abs=150)
    assert len(quarter.times) == pytest.approx(1000, abs=130)
    assert set(quarter.times.tolist()) <= set(half.times.tolist())
    assert half.errors.mean() == pytest.approx(0.2, abs=0.04)
