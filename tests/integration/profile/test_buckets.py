"""Dirty buckets are found and counted whole; windows load from roll-ups; references live in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftlog.contract.binning import Binning
from driftlog.contract.errors import LeaseLost, ReferenceUnusable
from driftlog.contract.profile import PredictionProfile, total
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.binning import build_binning
from driftlog.profile.buckets import load_predictions, load_window, recompute
from driftlog.profile.count import count_frame
from driftlog.profile.dirty import DirtyReport, dirty_buckets, verify_counts
from driftlog.profile.reference import (
    active,
    list_references,
    load_reference,
    reference_from_frame,
    reference_from_window,
    save,
)
from driftlog.profile.resources import summarise_resources
from driftlog.store.client import Store

pytestmark = pytest.mark.elasticsearch

DAY0 = datetime(2026, 3, 3, tzinfo=UTC)
NOW = datetime(2026, 3, 6, tzinfo=UTC)
SETTINGS = ModelSettings(name="churn")
Write = Callable[[Iterable[dict[str, Any]]], None]


def rows(n: int = 600, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "@timestamp": [DAY0 + timedelta(minutes=6 * i) for i in range(n)],
            "features.a": rng.normal(size=n),
            "features.b": rng.choice(["x", "y"], n),
            "prediction.score": rng.random(n),
        }
    )


def events(
    frame: pd.DataFrame, *, ingested: datetime = DAY0, version: str = "1", first: int = 0
) -> list[dict[str, Any]]:
    return [
        {
            "@timestamp": row["@timestamp"].isoformat(),
            "event": {
                "id": f"{version}-{first + i}",
                "dataset": "driftlog.prediction",
                "ingested": ingested.isoformat(),
            },
            "service": {"environment": "production"},
            "model": {"name": "churn", "version": version},
            "features": {"a": row["features.a"], "b": row["features.b"]},
            "prediction": {"score": row["prediction.score"]},
        }
        for i, row in enumerate(frame.to_dict("records"))
    ]


def binning_of(frame: pd.DataFrame) -> Binning:
    return build_binning(frame, SETTINGS, created=DAY0)


def cycle(
    store: Store, binning: Binning, since: datetime, term: int = 1, settings: ModelSettings = SETTINGS
) -> DirtyReport:
    dirty = dirty_buckets(store, settings, binning, since=since, as_of=NOW)
    recompute(store, settings, binning, dirty.prediction_keys, dirty.outcome_keys, term=term)
    return dirty


def loaded(store: Store, binning: Binning, window: Window, **which: Any) -> list[PredictionProfile]:
    return load_predictions(store, "churn", "production", binning.id, window, **which)


def whole(store: Store, binning: Binning, window: Window, **which: Any) -> PredictionProfile:
    profile = load_window(store, "churn", "production", binning.id, window, **which)
    assert profile is not None
    return profile


def test_a_window_is_the_sum_of_its_buckets(store: Store, write: Write) -> None:
    """60 hours of events: whole days come from roll-ups, the rest from hours, and all equal a direct count."""
    frame = rows()
    binning = binning_of(frame)
    write(events(frame))
    dirty = cycle(store, binning, DAY0)
    assert len(dirty.prediction_keys) == 60
    assert dirty.newest_ingested == DAY0
    window = Window(DAY0 + timedelta(hours=22), DAY0 + timedelta(hours=60))
    profiles = loaded(store, binning, window)
    assert [p.key.bucket.length // timedelta(hours=1) for p in profiles] == [1, 1, 24, *[1] * 12]
    inside = frame[frame["@timestamp"] >= pd.Timestamp(window.start)]
    expected = count_frame(inside, binning, profiles[0].key)
    for got in (total(profiles), whole(store, binning, window)):
        assert got is not None
        assert (got.n, got.hours) == (expected.n, 38)
        for name, counts in expected.fields.items():
            assert got.fields[name].counts.tolist() == counts.counts.tolist()
            assert got.fields[name].squares == pytest.approx(counts.squares)
    assert load_window(store, "churn", "production", "another", window) is None


def test_late_events_reopen_their_bucket_and_its_day(store: Store, write: Write) -> None:
    """Only what changed is counted again; the roll-up follows."""
    frame = rows()
    binning = binning_of(frame)
    write(events(frame))
    cycle(store, binning, DAY0)
    late = rows(3, seed=9).assign(**{"@timestamp": DAY0 + timedelta(hours=5, minutes=1)})
    write(events(late, ingested=NOW, first=10_000))
    dirty = cycle(store, binning, NOW - timedelta(minutes=2))
    assert [key.bucket.start for key in dirty.prediction_keys] == [DAY0 + timedelta(hours=5)]
    day = whole(store, binning, Window(DAY0, DAY0 + timedelta(days=1)))
    assert (day.n, day.hours) == (243, 24)
    [rollup] = loaded(store, binning, Window(DAY0, DAY0 + timedelta(days=1)))
    assert rollup.n == 243


def test_an_event_of_1970_costs_one_bucket(store: Store, write: Write) -> None:
    """It is beyond the look-back, so it is frozen; beside it today's are found."""
    frame = rows(2).assign(**{"@timestamp": [datetime(1970, 1, 1, tzinfo=UTC), DAY0]})
    write(events(frame))
    binning = binning_of(frame)
    dirty = dirty_buckets(store, SETTINGS, binning, since=DAY0, as_of=NOW)
    assert [key.bucket.start for key in dirty.prediction_keys] == [DAY0]
    forever = ModelSettings(name="churn", look_back=timedelta(days=36500))
    assert len(dirty_buckets(store, forever, binning, since=DAY0, as_of=NOW).prediction_keys) == 2


def test_a_stale_worker_is_refused(store: Store, write: Write) -> None:
    """An older term cannot overwrite."""
    frame = rows(20)
    binning = binning_of(frame)
    write(events(frame))
    cycle(store, binning, DAY0, term=5)
    with pytest.raises(LeaseLost):
        cycle(store, binning, DAY0, term=4)
    cycle(store, binning, DAY0, term=5)


def test_versions_are_counted_apart_and_together(store: Store, write: Write) -> None:
    """By default a window holds all versions."""
    frame = rows(300)
    binning = binning_of(frame)
    write([*events(frame), *events(frame.head(100), version="2")])
    cycle(store, binning, DAY0)
    day = Window(DAY0, DAY0 + timedelta(days=1))
    assert whole(store, binning, day, version="2").n == 100
    both = whole(store, binning, day)
    assert (both.n, both.key.version, both.hours) == (340, "*", 24)
    [merged] = loaded(store, binning, day)
    assert (merged.n, merged.hours) == (340, 24)


def test_wrong_counts_are_found_and_healed(store: Store, write: Write) -> None:
    """Deleted events, lost profiles; a bucket whose raw data expired keeps what it has."""
    frame = rows()
    binning = binning_of(frame)
    write(events(frame))
    cycle(store, binning, DAY0)
    assert verify_counts(store, SETTINGS, binning, as_of=NOW) == []
    raw = store.names.predictions("churn", DAY0)
    for number in range(10, 20):
        store.delete(raw, f"1-{number}")
    store.refresh(raw)
    keys = verify_counts(store, SETTINGS, binning, as_of=NOW)
    assert [key.bucket.start for key in keys] == [DAY0 + timedelta(hours=1)]
    recompute(store, SETTINGS, binning, keys, term=1)
    assert whole(store, binning, Window(DAY0, DAY0 + timedelta(days=1))).n == 230
    assert verify_counts(store, SETTINGS, binning, as_of=NOW) == []
    other = build_binning(frame.head(50), SETTINGS, created=DAY0)
    assert len(verify_counts(store, SETTINGS, other, as_of=NOW)) == 59
    store.drop_index(raw)
    assert verify_counts(store, SETTINGS, binning, as_of=NOW) == []
    recompute(store, SETTINGS, binning, keys, term=1)
    assert whole(store, binning, Window(DAY0, DAY0 + timedelta(days=1))).n == 230


@pytest.mark.parametrize("minutes", [15, 24 * 60])
def test_other_bucket_lengths(store: Store, write: Write, minutes: int) -> None:
    """A change of length is healed by a comparison of counts; hours stay hours."""
    frame = rows()
    binning = binning_of(frame)
    write(events(frame))
    cycle(store, binning, DAY0)
    changed = ModelSettings(name="churn", bucket=timedelta(minutes=minutes))
    recompute(store, changed, binning, verify_counts(store, changed, binning, as_of=NOW), term=1)
    assert verify_counts(store, changed, binning, as_of=NOW) == []
    both_days = Window(DAY0, DAY0 + timedelta(days=2))
    assert (whole(store, binning, both_days).n, whole(store, binning, both_days).hours) == (480, 48)
    if minutes == 15:
        half = Window(DAY0 + timedelta(hours=1), DAY0 + timedelta(hours=3, minutes=30))
        assert (whole(store, binning, half).n, whole(store, binning, half).hours) == (25, 3)


def test_references_are_kept_and_switched(store: Store) -> None:
    """Saved, listed, active; the newest activation counts."""
    assert active(store, "churn", "production") is None
    first = reference_from_frame(rows(), SETTINGS, origin="first", created=DAY0)
    second = reference_from_frame(rows(seed=2), SETTINGS, origin="second", created=NOW)
    save(store, *first)
    save(store, *second, activate=False)
    found = active(store, "churn", "production")
    assert found is not None
    assert found[0] == first[0]
    assert found[1].id == first[1].id
    assert len(found[1].chunks) == len(first[1].chunks) == 2
    infos = list_references(store, "churn")
    assert [(info.origin, info.active, info.n) for info in infos] == [("second", False, 600), ("first", True, 600)]
    save(store, *second)
    found = active(store, "churn", "production")
    assert found is not None
    assert found[1].id == second[1].id
    with pytest.raises(ReferenceUnusable, match="nowhere"):
        load_reference(store, "nowhere")


def test_a_large_reference_is_kept_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """No document exceeds what Elasticsearch takes."""
    monkeypatch.setattr("driftlog.profile.reference_store.PART_BYTES", 1000)
    binning, reference = reference_from_frame(rows(), SETTINGS, origin="big", created=DAY0)
    save(store, binning, reference)
    assert np.array_equal(load_reference(store, reference.id).sample["features.a"], reference.sample["features.a"])


def test_a_past_window_becomes_a_reference(store: Store, write: Write) -> None:
    """Counted by queries it equals the one built from the same rows."""
    frame = rows()
    write(events(frame))
    window = Window(DAY0, DAY0 + timedelta(days=2))
    binning, reference = reference_from_window(store, SETTINGS, window, created=NOW)
    inside = frame[frame["@timestamp"] < pd.Timestamp(window.end)]
    expected_binning, expected = reference_from_frame(inside, SETTINGS, origin="rows", created=NOW)
    assert binning.id == expected_binning.id
    assert (reference.n, len(reference.chunks)) == (480, 2)
    for name, counts in expected.predictions.fields.items():
        assert reference.predictions.fields[name].counts.tolist() == counts.counts.tolist()
        assert reference.chunks[1].predictions.fields[name].counts.tolist() == (
            expected.chunks[1].predictions.fields[name].counts.tolist()
        )
    save(store, binning, reference)
    sampled_binning, sampled = reference_from_window(store, SETTINGS, window, created=NOW, sample_rows=100)
    assert sampled.n == 480
    assert 50 < len(sampled.sample["features.a"]) < 160
    assert sampled_binning.fields["features.b"] == binning.fields["features.b"]
    with pytest.raises(ReferenceUnusable, match="no predictions"):
        reference_from_window(store, SETTINGS, Window(NOW, NOW + timedelta(days=1)), created=NOW)


def test_resources_are_summarised(store: Store, write: Write) -> None:
    """Means and maxima of the service's samples; None without any."""
    window = Window(DAY0, DAY0 + timedelta(days=1))
    assert summarise_resources(store, SETTINGS, window) is None
    write(
        {
            "@timestamp": (DAY0 + timedelta(minutes=i)).isoformat(),
            "event": {"id": f"r{i}", "dataset": "driftlog.resource"},
            "service": {"name": "scoring" if i < 2 else "other", "environment": "production"},
            "resource": {"cpu_percent": 10.0 * (i + 1), "memory_bytes": 100},
        }
        for i in range(3)
    )
    summary = summarise_resources(store, ModelSettings(name="churn", service="scoring"), window)
    assert summary is not None
    assert (summary.samples, summary.cpu_percent_mean, summary.cpu_percent_max) == (2, 15.0, 20.0)
    assert summary.gpu_percent_mean is None
