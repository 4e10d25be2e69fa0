"""Profiles of segments are stored with their buckets, rolled up, healed, and loaded in one search."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftlog.contract.binning import Binning
from driftlog.contract.profile import PredictionProfile
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.binning import build_binning
from driftlog.profile.buckets import load_segments, load_window, recompute
from driftlog.profile.count import count_frame
from driftlog.profile.dirty import dirty_buckets, verify_counts
from driftlog.profile.segments import rows_in
from driftlog.store.client import Store

pytestmark = pytest.mark.elasticsearch

DAY0 = datetime(2026, 3, 3, tzinfo=UTC)
NOW = datetime(2026, 3, 6, tzinfo=UTC)
SETTINGS = ModelSettings(name="churn", segments=(("city",), ("city", "age")))
Write = Callable[[Iterable[dict[str, Any]]], None]


def rows(n: int = 300, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "@timestamp": [DAY0 + timedelta(minutes=12 * i) for i in range(n)],
            "features.age": rng.normal(size=n),
            "features.city": rng.choice(["x", "y", "z"], n, p=[0.6, 0.38, 0.02]),
        }
    )


def events(frame: pd.DataFrame, *, ingested: datetime = DAY0, first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "@timestamp": row["@timestamp"].isoformat(),
            "event": {"id": f"e{first + i}", "ingested": ingested.isoformat()},
            "model": {"name": "churn", "version": "1"},
            "features": {"age": row["features.age"], "city": row["features.city"]},
        }
        for i, row in enumerate(frame.to_dict("records"))
    ]


def cycle(store: Store, binning: Binning, since: datetime) -> None:
    dirty = dirty_buckets(store, SETTINGS, binning, since=since, as_of=NOW)
    recompute(store, SETTINGS, binning, dirty.prediction_keys, dirty.outcome_keys, term=1)


def loaded(store: Store, binning: Binning, window: Window) -> dict[str, PredictionProfile]:
    return load_segments(store, "churn", "production", binning.id, window)


def inside(frame: pd.DataFrame, window: Window) -> pd.DataFrame:
    times = frame["@timestamp"]
    return frame[(times >= pd.Timestamp(window.start)) & (times < pd.Timestamp(window.end))]


def assert_equal(store: Store, binning: Binning, frame: pd.DataFrame, window: Window) -> None:
    """Every segment with rows is loaded as those rows count, one by one and all in one search; others are absent."""
    found = loaded(store, binning, window)
    for name in binning.segments:
        part = rows_in(inside(frame, window), name, binning)
        if not len(part):
            assert name not in found
            continue
        expected = count_frame(part, binning, found[name].key)
        alone = load_window(store, "churn", "production", binning.id, window, segment=name)
        assert alone is not None
        for profile in (found[name], alone):
            assert (profile.key.segment, profile.n, profile.hours) == (name, expected.n, expected.hours)
            for field, counts in expected.fields.items():
                assert profile.fields[field].counts.tolist() == counts.counts.tolist()


WINDOWS = (
    Window(DAY0, DAY0 + timedelta(days=1)),
    Window(DAY0 + timedelta(hours=20), DAY0 + timedelta(hours=55)),
    Window(DAY0 + timedelta(hours=3), DAY0 + timedelta(hours=4)),
)


def test_segments_of_a_window_are_the_sums_of_their_buckets(store: Store, write: Write) -> None:
    """Whole days from roll-ups, edges from hours; segments that did not occur are not there."""
    frame = rows()
    binning = build_binning(frame, SETTINGS, created=DAY0)
    write(events(frame))
    cycle(store, binning, DAY0)
    for window in WINDOWS:
        assert_equal(store, binning, frame, window)
    stored = store.count(store.names.every("profiles"), {"range": {"n": {"lte": 0}}})
    assert stored == 0
    assert verify_counts(store, SETTINGS, binning, as_of=NOW) == []


def test_late_events_open_a_segment(store: Store, write: Write) -> None:
    """A segment that had no events in an hour gets some later; the hour's and the day's profiles follow."""
    frame = rows()
    binning = build_binning(frame, SETTINGS, created=DAY0)
    write(events(frame))
    cycle(store, binning, DAY0)
    late = pd.DataFrame(
        {"@timestamp": [DAY0 + timedelta(hours=3, minutes=5)], "features.age": [0.1], "features.city": ["z"]}
    )
    write(events(late, ingested=NOW, first=10_000))
    cycle(store, binning, NOW - timedelta(minutes=2))
    both = pd.concat([frame, late], ignore_index=True)
    for window in WINDOWS:
        assert_equal(store, binning, both, window)


def test_an_erased_segment_is_empty_after_a_recount(store: Store, write: Write) -> None:
    """All events of one segment are deleted; others of the same hours stay. Its stored profiles become empty."""
    frame = rows()
    binning = build_binning(frame, SETTINGS, created=DAY0)
    write(events(frame))
    cycle(store, binning, DAY0)
    gone = frame["features.city"] == "y"
    for number in np.flatnonzero(gone):
        store.delete(store.names.predictions("churn", DAY0), f"e{number}")
    store.refresh(store.names.all_predictions("churn"))
    dirty = verify_counts(store, SETTINGS, binning, as_of=NOW)
    recompute(store, SETTINGS, binning, dirty, term=1)
    rest = frame[~gone]
    assert "features.city=y" not in loaded(store, binning, WINDOWS[1])
    for window in WINDOWS:
        assert_equal(store, binning, rest, window)
    write(events(frame[gone], ingested=NOW, first=20_000))
    cycle(store, binning, NOW)
    for window in WINDOWS:
        assert_equal(store, binning, frame, window)
