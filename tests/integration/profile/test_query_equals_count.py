"""What Elasticsearch counts is what NumPy counts, on the same documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftlog.contract.binning import Binning, NumericBins
from driftlog.contract.profile import FieldCounts, PredictionProfile, ProfileKey
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.binning import build_binning
from driftlog.profile.count import count_frame
from driftlog.profile.query import bucket_queries, bucket_query, parse_bucket
from driftlog.profile.raw import search_parts
from driftlog.store.client import Store

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 3, 10, tzinfo=UTC)
HOUR = Window(START, START + timedelta(hours=1))
SETTINGS = ModelSettings(name="churn", categorical=("zone",))
Write = Callable[[Iterable[dict[str, Any]]], None]


def key_of(binning: Binning, bucket: Window = HOUR, **changes: str) -> ProfileKey:
    named = {"environment": "production", "version": "7", "variant": "", "segment": ""} | changes
    return ProfileKey(model="churn", binning_id=binning.id, bucket=bucket, **named)


def reference_rows(n: int = 2000, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 5, n)
    return pd.DataFrame(
        {
            "features.normal": rng.normal(size=n),
            "features.zeros": np.where(rng.random(n) < 0.6, 0.0, rng.exponential(size=n)),
            "features.epoch": 1.7e9 + rng.normal(size=n),
            "features.whole": rng.integers(0, 24, n),
            "features.huge": rng.normal(size=n) * 1e300,
            "features.city": rng.choice(["Zürich", "東京", "New York", "a b", ""], n),
            "features.many": [f"v{i}" for i in rng.zipf(1.3, n) % 400],
            "features.flag": rng.random(n) < 0.3,
            "features.zone": rng.choice([0.0, 1.0, 2.5, 3.0], n),
            "prediction.score": score,
            "prediction.label": np.where(score >= 0.5, "yes", "no"),
        }
    )


def event(number: int, features: dict[str, Any], **rest: Any) -> dict[str, Any]:
    at = START + timedelta(seconds=number % 3600)
    document = {
        "@timestamp": at.isoformat(),
        "event": {
            "id": f"e{number}",
            "dataset": "driftlog.prediction",
            "outcome": "success",
            "duration": 10**5 * number,
        },
        "service": {"environment": "production"},
        "model": {"name": "churn", "version": "7"},
        "features": features,
    }
    return document | rest


def to_events(frame: pd.DataFrame, first: int = 0) -> list[dict[str, Any]]:
    events = []
    for number, row in enumerate(frame.to_dict("records"), start=first):
        features = {name.removeprefix("features."): v for name, v in row.items() if name.startswith("features.")}
        prediction = {name.removeprefix("prediction."): v for name, v in row.items() if name.startswith("prediction.")}
        events.append(event(number, features, prediction=prediction))
    return json.loads(json.dumps(events, default=_plain))


def _plain(value: Any) -> Any:
    return value.item()


def counted(store: Store, binning: Binning, key: ProfileKey) -> PredictionProfile:
    [(_, answers)] = search_parts(store, [(key, bucket_queries(binning, key))])
    return parse_bucket(answers, binning, key)


def assert_same_field(got: FieldCounts, expected: FieldCounts, *, squares: float = 1e-6) -> None:
    assert got.counts.tolist() == expected.counts.tolist()
    for name in ("missing", "unseen", "malformed", "nonfinite", "minimum", "maximum"):
        assert getattr(got, name) == getattr(expected, name), name
    assert got.total == pytest.approx(expected.total, rel=1e-6, abs=1e-4)
    assert got.squares == pytest.approx(expected.squares, rel=squares)


def test_ordinary_rows_count_alike(store: Store, write: Write) -> None:
    """Counts, moments, latency, scores by label: from a drifted sample, in bins of a reference."""
    binning = build_binning(reference_rows(), SETTINGS, created=START)
    rows = reference_rows(1500, seed=2)
    rows["features.normal"] += 0.5
    write(to_events(rows))
    key = key_of(binning)
    expected = count_frame(rows.assign(**{"event.duration": 10**5 * np.arange(1500)}), binning, key)
    got = counted(store, binning, key)
    assert (got.n, got.failures, got.hours) == (1500, 0, 1)
    for name in binning.fields:
        assert_same_field(got.fields[name], expected.fields[name], squares=0.01 if "epoch" in name else 1e-6)
    assert got.latency.tolist() == expected.latency.tolist()
    assert got.latency_total_ns == expected.latency_total_ns
    assert {k: v.tolist() for k, v in got.score_by_label.items()} == {
        k: v.tolist() for k, v in expected.score_by_label.items()
    }


def test_counts_can_be_had_without_moments(store: Store, write: Write) -> None:
    """For drift on bins: the same counts, no sums."""
    binning = build_binning(reference_rows()[["features.normal", "features.epoch"]], SETTINGS, created=START)
    rows = reference_rows(100, seed=2)
    write(to_events(rows))
    key = key_of(binning)
    body = bucket_query(binning, key, shared=False, moments=False)
    got = parse_bucket(store.search(store.names.all_predictions("churn"), body), binning, key)
    expected = count_frame(rows, binning, key)
    for name, counts in expected.fields.items():
        assert got.fields[name].counts.tolist() == counts.counts.tolist()
        assert got.fields[name].squares == 0.0


def test_variance_survives_a_mean_of_1_7e9(store: Store, write: Write) -> None:
    """Epoch seconds with a deviation of 1: the raw sum of squares would have lost it."""
    binning = build_binning(reference_rows(), SETTINGS, created=START)
    rows = reference_rows(1500, seed=2)[["features.epoch"]]
    write(to_events(rows))
    counts = counted(store, binning, key_of(binning)).fields["features.epoch"]
    mean = counts.total / counts.present
    variance = counts.squares / counts.present - mean**2
    assert variance == pytest.approx(rows["features.epoch"].var(ddof=0), rel=0.01)


STRANGE: list[Any] = [
    1.0, 0.0, -0.0, None, "N/A", "", "12.5", " 3 ", "1e3", True, 9007199254740993, 2**70, 1e308, -1e300, 5e-324, "0x10",
    "Infinity", "NaN", {"a": 1}, "7d", "1_000",
]  # fmt: skip


def test_strange_numbers_count_alike(store: Store, write: Write) -> None:
    """Null, text, numbers as text, booleans, objects, minus zero, the largest and smallest doubles, ties at edges."""
    bins = NumericBins(edges=(0.0, 5e-324, 1.0, 12.5, 9007199254740992.0, 1e300), coarse=(0,) * 7, scale=1.0)
    binning = Binning("b", "churn", "production", {"features.x": bins}, START)
    write([event(0, {"x": 1.5})])
    write([event(number, {"x": value}) for number, value in enumerate(STRANGE, start=1)])
    rows = pd.DataFrame({"features.x": pd.Series([1.5, *STRANGE], dtype=object)})
    key = key_of(binning)
    got, expected = counted(store, binning, key).fields["features.x"], count_frame(rows, binning, key)
    assert_same_field(got, expected.fields["features.x"])


WORDS: list[Any] = [
    "a",
    "b",
    None,
    "",
    "ü",
    "unseen",
    {"a": "b"},
    True,
    3,
    2.5,
    "x" * 1024,
    "y" * 1025,
    "😀",
    "other1",
    "A",
]


def test_strange_words_count_alike(store: Store, write: Write) -> None:
    """Null, the empty string, unicode, numbers and booleans among words, words too long to index, unseen ones."""
    reference = pd.DataFrame({"features.w": ["a", "b", "ü", "", "true", "3", "😀", "x" * 1024]})
    binning = build_binning(reference, SETTINGS, created=START)
    write([event(0, {"w": "a"})])
    write([event(number, {"w": value}) for number, value in enumerate(WORDS, start=1)])
    rows = pd.DataFrame({"features.w": pd.Series(["a", *WORDS], dtype=object)})
    key = key_of(binning)
    got, expected = counted(store, binning, key).fields["features.w"], count_frame(rows, binning, key)
    assert_same_field(got, expected.fields["features.w"])
    assert got.unseen == 4


def test_nonfinite_values_are_missing_and_counted(store: Store, write: Write) -> None:
    """The shipper sends null and names the field."""
    binning = build_binning(pd.DataFrame({"features.x": [1.0, 2.0]}), SETTINGS, created=START)
    write([event(0, {"x": None}, driftlog={"nonfinite": ["features.x"]}), event(1, {"x": None}), event(2, {"x": 1})])
    counts = counted(store, binning, key_of(binning)).fields["features.x"]
    assert (counts.missing, counts.nonfinite, counts.malformed, counts.present) == (2, 1, 0, 1)


def test_a_period_that_began_with_text_counts_its_numbers(store: Store, write: Write) -> None:
    """The first event made the feature a keyword, or a double; it is read from the events then."""
    rows = pd.DataFrame({"features.x": [1.0, 2.0, 3.0], "features.zip": ["02139", "10001", "10001"]})
    binning = build_binning(rows, SETTINGS, created=START)
    write([event(0, {"x": "N/A", "zip": 10001})])
    write([event(1, {"x": 2.0, "zip": "02139"}), event(2, {"x": 3.0, "zip": "10001"})])
    profile = counted(store, binning, key_of(binning))
    x, zip_code = profile.fields["features.x"], profile.fields["features.zip"]
    assert (x.present, x.minimum, x.maximum, x.missing + x.malformed) == (2, 2.0, 3.0, 1)
    assert zip_code.counts.tolist() == [2, 1, 0]


def test_missing_dimensions_have_keys_of_their_own(store: Store, write: Write) -> None:
    """Without environment an event is of production; without version or variant it is of the empty one."""
    binning = build_binning(pd.DataFrame({"features.x": [1.0, 2.0]}), SETTINGS, created=START)
    write(
        [
            event(0, {"x": 1}, service={}),
            event(1, {"x": 1}, service={"environment": "staging"}),
            event(2, {"x": 1}, model={"name": "churn"}),
            event(3, {"x": 1}, model={"name": "churn", "version": "7", "variant": "b"}),
        ]
    )
    assert counted(store, binning, key_of(binning)).n == 1
    assert counted(store, binning, key_of(binning, version="")).n == 1
    assert counted(store, binning, key_of(binning, environment="staging")).n == 1
    assert counted(store, binning, key_of(binning, variant="b")).n == 1
    assert counted(store, binning, key_of(binning, version="*", variant="*")).n == 3


def test_failures_and_their_types(store: Store, write: Write) -> None:
    """Failures are counted with their types; the bucket's end belongs to the next bucket."""
    binning = build_binning(pd.DataFrame({"features.x": [1.0, 2.0]}), SETTINGS, created=START)
    failed = [event(i, {}, error={"type": "ValueError" if i else "KeyError"}) for i in range(3)]
    for document in failed:
        document["event"]["outcome"] = "failure"
    late = event(9, {"x": 1}) | {"@timestamp": HOUR.end.isoformat()}
    write([*failed, late])
    profile = counted(store, binning, key_of(binning))
    assert (profile.n, profile.failures, dict(profile.errors)) == (3, 3, {"ValueError": 2, "KeyError": 1})


def test_a_wide_model_is_counted_in_parts(store: Store, write: Write) -> None:
    """More bins than Elasticsearch answers at once: several searches over one point in time."""
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({f"features.f{i:03}": rng.normal(size=400) for i in range(700)})
    binning = build_binning(rows, SETTINGS, created=START)
    write(to_events(rows.head(20)))
    key = key_of(binning)
    assert len(bucket_queries(binning, key)) == 2
    got, expected = counted(store, binning, key), count_frame(rows.head(20), binning, key)
    for name in binning.fields:
        assert_same_field(got.fields[name], expected.fields[name])


def test_no_index_at_all_is_an_empty_profile(store: Store) -> None:
    """A model without any event."""
    binning = build_binning(reference_rows(50), SETTINGS, created=START)
    profile = counted(store, binning, key_of(binning))
    assert profile.n == 0
    assert all(not counts.present and not counts.missing for counts in profile.fields.values())


def test_the_body_names_aggregations_by_position() -> None:
    """Feature names may hold brackets, which aggregation names may not."""
    binning = build_binning(pd.DataFrame({"features.x[0]>y": [1.0, 2.0]}), SETTINGS, created=START)
    assert {"f0", "s0"} <= set(bucket_query(binning, key_of(binning))["aggs"])
