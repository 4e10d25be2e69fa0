"""Segments counted by Elasticsearch, in the bucket's own searches, equal those of the same rows counted by NumPy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftlog.contract.binning import Binning
from driftlog.contract.profile import PredictionProfile, ProfileKey, total
from driftlog.contract.segment import Between, segment_name
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.binning import build_binning, make_binning
from driftlog.profile.columns import dotted
from driftlog.profile.count import count_frame
from driftlog.profile.query import bucket_queries, parse_segments
from driftlog.profile.raw import search_parts
from driftlog.profile.segments import rows_in, segment_masks, segments_of
from driftlog.store.client import Store

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 3, 10, tzinfo=UTC)
HOUR = Window(START, START + timedelta(hours=1))
SETTINGS = ModelSettings(
    name="churn",
    categorical=("zone",),
    segments=(("city",), ("zone",), ("age",), ("flag",), ("age", "city"), ("zone", "flag", "city")),
    max_segments=8,
)
Write = Callable[[Iterable[dict[str, Any]]], None]


def reference_rows(n: int = 1500, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 5, n)
    return pd.DataFrame(
        {
            "features.age": rng.normal(40, 10, n).round(1),
            "features.city": rng.choice(["Zürich", "東京", "a=b&c%", "[1,2)", ""], n, p=[0.4, 0.3, 0.2, 0.05, 0.05]),
            "features.flag": rng.random(n) < 0.3,
            "features.zone": rng.choice([0.0, 1.0, 2.5, 3.0], n),
            "prediction.score": score,
            "prediction.label": np.where(score >= 0.5, "yes", "no"),
        }
    )


def event(number: int, features: dict[str, Any], prediction: dict[str, Any]) -> dict[str, Any]:
    return {
        "@timestamp": (START + timedelta(seconds=number % 3600)).isoformat(),
        "event": {"id": f"e{number}", "dataset": "driftlog.prediction", "duration": 10**5 * number},
        "model": {"name": "churn", "version": "7"},
        "features": features,
        "prediction": prediction,
    }


def to_events(frame: pd.DataFrame) -> list[dict[str, Any]]:
    events = []
    for number, row in enumerate(frame.to_dict("records")):
        parts: dict[str, dict[str, Any]] = {"features": {}, "prediction": {}}
        for name, value in row.items():
            group, _, field = str(name).partition(".")
            if group in parts:
                parts[group][field] = value
        events.append(event(number, parts["features"], parts["prediction"]))
    return json.loads(json.dumps(events, default=lambda value: value.item()))


def key_of(binning: Binning, bucket: Window = HOUR) -> ProfileKey:
    return ProfileKey("churn", "production", "7", "", "", binning.id, bucket)


def counted(store: Store, binning: Binning, bucket: Window = HOUR) -> dict[str, PredictionProfile]:
    key = key_of(binning, bucket)
    [(_, answers)] = search_parts(store, [(key, bucket_queries(binning, key))])
    return parse_segments(answers, binning, key)


def assert_same(got: PredictionProfile, expected: PredictionProfile) -> None:
    assert (got.key, got.n, got.hours) == (expected.key, expected.n, expected.hours)
    assert got.latency.tolist() == expected.latency.tolist()
    for name, counts in expected.fields.items():
        found = got.fields[name]
        assert found.counts.tolist() == counts.counts.tolist(), name
        for part in ("missing", "unseen", "malformed", "nonfinite", "minimum", "maximum"):
            assert getattr(found, part) == getattr(counts, part), (name, part)
        assert found.total == pytest.approx(counts.total, rel=1e-6, abs=1e-4)
        assert found.squares == pytest.approx(counts.squares, rel=1e-6, abs=1e-4)
    assert {k: v.tolist() for k, v in got.score_by_label.items()} == {
        k: v.tolist() for k, v in expected.score_by_label.items()
    }


def assert_segments_equal(store: Store, binning: Binning, rows: pd.DataFrame, bucket: Window = HOUR) -> None:
    found = counted(store, binning, bucket)
    assert list(found) == ["", *binning.segments]
    for name, profile in found.items():
        key = replace(key_of(binning, bucket), segment=name)
        assert_same(profile, count_frame(rows_in(rows, name, binning), binning, key))


def test_segments_count_as_their_rows(store: Store, write: Write) -> None:
    """Values, quartile ranges, numbers declared categorical, crossings of two and three; drifted rows, old bins."""
    binning = build_binning(reference_rows(), SETTINGS, created=START)
    assert len(binning.segments) == 5 + 4 + 4 + 2 + 8 + 8
    rows = reference_rows(800, seed=2)
    rows["features.age"] += 3
    rows["@timestamp"] = [START + timedelta(seconds=i) for i in range(800)]
    rows["event.duration"] = 10**5 * np.arange(800)
    write(to_events(rows))
    assert len(bucket_queries(binning, key_of(binning))) == 1
    assert_segments_equal(store, binning, rows)


def test_a_complete_segmentation_adds_up(store: Store, write: Write) -> None:
    """The sum over all values of a field that is never missing is the whole, whatever is counted."""
    only = msgspec.structs.replace(SETTINGS, segments=(("city",),))
    binning = build_binning(reference_rows(), only, created=START)
    write(to_events(reference_rows(500, seed=3)))
    found = counted(store, binning)
    whole = found.pop("")
    summed = total(found.values())
    assert summed is not None
    assert (summed.n, summed.failures, summed.errors) == (whole.n, whole.failures, whole.errors)
    assert summed.latency.tolist() == whole.latency.tolist()
    for name, counts in whole.fields.items():
        assert summed.fields[name].counts.tolist() == counts.counts.tolist()
        assert summed.fields[name].squares == pytest.approx(counts.squares)


@pytest.mark.parametrize("hours", [1, 24])
def test_a_wide_model_with_many_segments_is_counted_in_parts(store: Store, write: Write, hours: int) -> None:
    """3 segmentations x 20 features x 100 bins are more than one answer holds: searches are split, counts hold."""
    rng = np.random.default_rng(1)
    wide = pd.DataFrame({f"features.f{i:02}": rng.normal(size=3000) for i in range(20)})
    for name in "abc":
        wide[f"features.{name}"] = rng.choice([f"{name}{i}" for i in range(20)], 3000)
    settings = ModelSettings(name="churn", segments=(("a",), ("b",), ("c",)))
    binning = build_binning(wide, settings, created=START)
    bucket = Window(START, START + timedelta(hours=hours))
    bodies = bucket_queries(binning, key_of(binning, bucket))
    assert len(binning.segments) == 60
    assert len(bodies) > 2
    rows = wide.head(300).copy()
    write(to_events(rows))
    rows["@timestamp"] = [START + timedelta(seconds=i) for i in range(300)]
    rows["event.duration"] = 10**5 * np.arange(300)
    assert_segments_equal(store, binning, rows, bucket)


def test_one_item_too_wide_for_all_segments_is_counted_for_some_at_a_time(
    store: Store, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Searches that count segments without the whole."""
    monkeypatch.setattr("driftlog.profile.packing.MAX_BUCKETS", 1000)
    binning = build_binning(reference_rows(), SETTINGS, created=START)
    rows = reference_rows(100, seed=4)
    write(to_events(rows))
    rows["@timestamp"] = [START + timedelta(seconds=i) for i in range(100)]
    rows["event.duration"] = 10**5 * np.arange(100)
    assert len(bucket_queries(binning, key_of(binning))) > 10
    assert_segments_equal(store, binning, rows)


def test_segments_of_a_mistyped_feature(store: Store, write: Write, caplog: pytest.LogCaptureFixture) -> None:
    """The period began with numbers where words are expected: the feature is read from the events, one warning a call.

    Events without the feature are missing, not malformed, although the stored type refused other values.
    """
    rows = pd.DataFrame({"features.city": ["x", "y", "y"], "features.age": [1.0, 2.0, 3.0]})
    binning = build_binning(rows, ModelSettings(name="churn", segments=(("city",),)), created=START)
    write([event(0, {"city": 5, "age": 1}, {})])
    write([event(1, {"city": "x", "age": 1}, {}), event(2, {"age": 2}, {}), event(3, {"city": "y", "age": 3}, {})])
    minutes = [replace(key_of(binning), bucket=Window(START, START + timedelta(minutes=m))) for m in (1, 2, 3)]
    answers = list(search_parts(store, [(key, bucket_queries(binning, key)) for key in minutes]))
    assert len([record for record in caplog.records if "another type" in record.message]) == 1
    for key, bodies in answers:
        profiles = parse_segments(bodies, binning, key)
        city = profiles[""].fields["features.city"]
        assert (city.missing, city.malformed, city.unseen, city.counts.tolist()) == (1, 0, 1, [1, 1, 0])
        assert profiles["features.city=y"].n == profiles["features.city=x"].n == 1


AGES: list[Any] = [None, "N/A", "12", "", True, 0, -0.0, 11.5, 12, 40, 1e300, {"a": 1}]
CITIES: list[Any] = [None, "x", "y", "ü", "", "0", 3, True, "&=%", "[1,2)", {"b": "x"}, "z" * 1025]
ZONES: list[Any] = [None, 0, -0.0, 1, 2.5, "3", "N/A", 1e16]
CONDITIONS: dict[str, list[Any]] = {
    "features.age": [Between(None, 12.0), Between(12.0, 40.0), Between(40.0, None), Between(0.0, 0.0), "12", "0"],
    "features.city": ["x", "0", "3", "true", "&=%", "[1,2)", "ü", "nowhere"],
    "features.zone": ["0", "1", "2.5", "3", "10000000000000000", Between(1.0, 3.0)],
}
ROWS = st.lists(st.tuples(*(st.sampled_from(values) for values in (AGES, CITIES, ZONES))), min_size=1, max_size=30)
SEGMENTS = st.lists(
    st.fixed_dictionaries({}, optional={name: st.sampled_from(each) for name, each in CONDITIONS.items()}),
    min_size=1,
    max_size=12,
)


def test_segments_of_strange_values_count_as_their_rows(store: Store, write: Write) -> None:
    """Rows of a table, single documents and Elasticsearch agree on who is in a segment, and on its counts."""
    plain = pd.DataFrame(
        {"features.age": [1.0, 12.0, 40.0], "features.city": ["x", "y", "0"], "features.zone": [0.0, 1.0, 2.5]}
    )
    fields = build_binning(plain, ModelSettings(name="churn", categorical=("zone",)), created=START).fields
    write([event(0, {"age": 1.5, "city": "x", "zone": 1.5}, {})])
    numbers = count(1)

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(rows=ROWS, wanted=SEGMENTS)
    def law(rows: list[tuple[Any, ...]], wanted: list[dict[str, Any]]) -> None:
        names = tuple(dict.fromkeys(segment_name(conditions) for conditions in wanted if conditions))
        binning = make_binning(SETTINGS, fields, START, names)
        number = next(numbers)
        events = [event(at, dict(zip(("age", "city", "zone"), row, strict=True)), {}) for at, row in enumerate(rows)]
        for each in events:
            each["event"] = {"id": f"{number}-{each['event']['id']}"}
            each["model"] = {"name": "churn", "version": str(number)}
        write(events)
        frame = pd.DataFrame(
            {
                name: pd.Series(list(column), dtype=object)
                for name, column in zip(CONDITIONS, zip(*rows, strict=True), strict=True)
            }
        )
        key = replace(key_of(binning), version=str(number))
        [(_, answers)] = search_parts(store, [(key, bucket_queries(binning, key))])
        found = parse_segments(answers, binning, key)
        tagged = [segments_of(dotted(each), binning) for each in events]
        for name, mask in segment_masks(frame, binning):
            assert [name in each for each in tagged] == mask.tolist(), name
            expected = count_frame(frame[mask], binning, replace(key, segment=name))
            assert found[name].n == expected.n, name
            for field, counts in expected.fields.items():
                assert found[name].fields[field].counts.tolist() == counts.counts.tolist()
                assert found[name].fields[field].missing == counts.missing
                assert found[name].fields[field].malformed == counts.malformed

    law()
