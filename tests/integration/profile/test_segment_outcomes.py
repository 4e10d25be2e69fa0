"""Outcomes by segment: joined, counted by Elasticsearch, equal to the same rows counted by NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from driftlog.contract.binning import Binning, CategoricalBins
from driftlog.contract.profile import OutcomeProfile, ProfileKey, total
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.binning import build_binning
from driftlog.profile.buckets import load_outcomes, load_segment_outcomes, recompute, search_outcomes
from driftlog.profile.count import count_outcomes
from driftlog.profile.dirty import dirty_buckets
from driftlog.profile.outcome_query import outcome_queries, parse_outcome_segments
from driftlog.profile.outcomes import join_feedback
from driftlog.profile.reference import reference_from_frame, reference_from_window
from driftlog.profile.reference_frame import with_outcomes
from driftlog.profile.sample import sample_rows
from driftlog.profile.segments import rows_in
from driftlog.store.client import Store

pytestmark = pytest.mark.elasticsearch

DAY0 = datetime(2026, 3, 3, tzinfo=UTC)
NOW = datetime(2026, 3, 6, tzinfo=UTC)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
DAY = Window(DAY0, DAY0 + timedelta(days=1))
BINARY = ModelSettings(name="churn", positive_label="yes", segments=(("city",), ("age",), ("city", "age")))
MULTI = ModelSettings(name="churn", task="multiclass", segments=(("city",), ("prediction.label",)))
VALUES = ModelSettings(name="churn", task="regression", segments=(("city",), ("age",)))
CLASSES = ("cat", "dog", "eel", "fox")
SUMS = (
    "n",
    "scored",
    "log_loss",
    "brier",
    "valued",
    "error",
    "absolute_error",
    "squared_error",
    "actual_total",
    "actual_squares",
    "delay_s",
    "covered",
    "relative",
    "relative_error",
)
Write = Callable[[Iterable[dict[str, Any]]], None]


def features(n: int, rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame({"features.city": rng.choice(["x", "y", "z"], n), "features.age": rng.normal(40, 10, n)})


def binary_rows(n: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    label = np.where(score >= 0.5, "yes", "no")
    more = {"prediction.score": score, "prediction.label": label, "outcome.actual": rng.choice(["yes", "no"], n)}
    return features(n, rng).assign(**more)


def multi_rows(n: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(len(CLASSES)), n)
    shares[: n // 10, 0] = np.nan  # a class is absent: the others do not add up to 1
    label = np.array(CLASSES)[np.nanargmax(shares, axis=1)]
    more = {f"prediction.probabilities.{name}": shares[:, at] for at, name in enumerate(CLASSES)}
    more |= {"prediction.score": np.nanmax(shares, axis=1), "prediction.label": label}
    actual = np.where(rng.random(n) < 0.6, label, rng.choice([*CLASSES, "gnu"], n))
    return features(n, rng).assign(**more, **{"outcome.actual": actual})


def value_rows(n: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    value = rng.normal(size=n).round(1)
    actual = np.where(rng.random(n) < 0.2, value, rng.integers(-2, 3, n))
    return features(n, rng).assign(**{"prediction.value": value, "outcome.actual_value": actual})


CASES = [(BINARY, binary_rows), (MULTI, multi_rows), (VALUES, value_rows)]
Rows = Callable[..., pd.DataFrame]


def documents(frame: pd.DataFrame, version: str = "1", first: int = 0) -> list[dict[str, Any]]:
    """A prediction and its feedback for each row."""
    events: list[dict[str, Any]] = []
    for number, row in enumerate(frame.to_dict("records"), start=first):
        at = DAY0 + timedelta(seconds=number)
        groups: dict[str, dict[str, Any]] = {"features": {}, "prediction": {}, "outcome": {}}
        for name, value in row.items():
            group, _, field = str(name).partition(".")
            if value is not None and value == value:
                inner, _, rest = field.partition(".")
                target = groups[group].setdefault(inner, {}) if rest else groups[group]
                target[rest or inner] = value
        about = {"model": {"name": "churn", "version": version}}
        events.append(
            {
                "@timestamp": at.isoformat(),
                "event": {"id": f"p{version}-{number}", "ingested": NOW.isoformat()},
                "features": groups["features"],
                "prediction": groups["prediction"],
            }
            | about
        )
        events.append(
            {
                "@timestamp": (at + timedelta(hours=1)).isoformat(),
                "event": {
                    "id": f"f{version}-{number}",
                    "dataset": "driftlog.feedback",
                    "ingested": NOW.isoformat(),
                },
                "feedback": {"prediction_id": f"p{version}-{number}", **groups["outcome"]},
            }
            | about
        )
    return events


def join(store: Store, settings: ModelSettings, binning: Binning | None, since: datetime = LONG_AGO) -> int:
    store.refresh(store.names.everything)
    return join_feedback(store, settings, since=since, as_of=NOW, binning=binning).joined


def recount(store: Store, settings: ModelSettings, binning: Binning) -> None:
    store.refresh(store.names.everything)
    dirty = dirty_buckets(store, settings, binning, since=LONG_AGO, as_of=NOW)
    recompute(store, settings, binning, dirty.prediction_keys, dirty.outcome_keys, term=1)


def table(frame: pd.DataFrame, settings: ModelSettings) -> pd.DataFrame:
    return with_outcomes(frame, settings).assign(**{"outcome.delay_s": 3600.0})


def assert_same(got: OutcomeProfile, expected: OutcomeProfile) -> None:
    assert got.confusion == expected.confusion
    for name in SUMS:
        assert getattr(got, name) == pytest.approx(getattr(expected, name), rel=1e-6, abs=1e-6), name
    for name in ("score", "class_positive", "class_negative"):
        found, wanted = getattr(got, name), getattr(expected, name)
        assert {key: counts.tolist() for key, counts in found.items()} == {
            key: counts.tolist() for key, counts in wanted.items()
        }, name


def positive(settings: ModelSettings) -> str | None:
    return settings.positive_label if settings.task == "binary" else None


@pytest.mark.parametrize(("settings", "rows"), CASES)
def test_outcomes_of_segments_count_as_their_rows(
    store: Store, write: Write, settings: ModelSettings, rows: Rows
) -> None:
    """From feedback to loaded profiles: every sum, confusion matrix and histogram of every segment."""
    binning = build_binning(rows(2000), settings, created=DAY0)
    frame = rows(300, seed=2)
    write(documents(frame))
    assert join(store, settings, binning) == 300
    recount(store, settings, binning)
    where = (store, "churn", "production", binning.id, DAY)
    whole = total(load_outcomes(*where))
    assert whole is not None
    assert_same(whole, count_outcomes(table(frame, settings), binning, whole.key, positive_label=positive(settings)))
    loaded = load_segment_outcomes(*where)
    assert sorted(loaded) == sorted(binning.segments)
    for name, profiles in loaded.items():
        found = total(profiles)
        part = rows_in(frame, name, binning)
        assert found is not None
        assert found.key.segment == name
        assert_same(found, count_outcomes(table(part, settings), binning, found.key, positive_label=positive(settings)))


@pytest.mark.parametrize(("settings", "rows"), CASES)
def test_any_outcomes_count_as_their_rows(store: Store, write: Write, settings: ModelSettings, rows: Rows) -> None:
    """Whatever part of a table is joined, also one row, one class, one segment."""
    binning = build_binning(rows(2000), settings, created=DAY0)
    frame = rows(200, seed=3)
    numbers = count(1)
    write(documents(frame.head(1), "0"))

    @hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.integers(0, 199), min_size=1, max_size=40, unique=True))
    def law(chosen: list[int]) -> None:
        part = frame.iloc[chosen]
        version = str(next(numbers))
        write(documents(part, version))
        assert join(store, settings, binning) >= len(chosen)
        key = ProfileKey("churn", "production", version, "", "", binning.id, DAY)
        [(_, answers)] = search_outcomes(store, binning, [key])
        for name, found in parse_outcome_segments(answers, binning, key).items():
            rows = table(rows_in(part, name, binning), settings)
            assert_same(found, count_outcomes(rows, binning, key, positive_label=positive(settings)))

    law()


def test_wide_outcomes_are_counted_in_parts(store: Store, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """More classes and segments than one answer holds."""
    monkeypatch.setattr("driftlog.profile.packing.MAX_BUCKETS", 2500)
    binning = build_binning(multi_rows(2000), MULTI, created=DAY0)
    frame = multi_rows(100, seed=4)
    write(documents(frame))
    join(store, MULTI, binning)
    key = ProfileKey("churn", "production", "1", "", "", binning.id, DAY)
    assert len(outcome_queries(binning, key)) > 3
    [(_, answers)] = search_outcomes(store, binning, [key])
    for name, found in parse_outcome_segments(answers, binning, key).items():
        assert_same(found, count_outcomes(table(rows_in(frame, name, binning), MULTI), binning, key))


def test_another_segmentation_rewrites_outcomes(store: Store, write: Write) -> None:
    """Looking twice changes nothing; other segments are written and counted, and those of before are not any more."""
    rows = binary_rows(100)
    first = build_binning(rows, replace_segments(("city",)), created=DAY0)
    second = build_binning(rows, replace_segments(("age",)), created=DAY0)
    assert first.id != second.id
    write(documents(rows))
    assert join(store, BINARY, first) == 100
    assert join(store, BINARY, first) == 0
    assert join(store, BINARY, second) == 100
    recount(store, BINARY, second)
    loaded = load_segment_outcomes(store, "churn", "production", second.id, DAY)
    assert sorted(loaded) == sorted(second.segments)
    assert sum(profile.n for profiles in loaded.values() for profile in profiles) == 100


def replace_segments(*segments: tuple[str, ...]) -> ModelSettings:
    return msgspec.structs.replace(BINARY, segments=segments)


@pytest.mark.parametrize(("settings", "rows"), CASES)
def test_a_past_window_has_the_segments_of_its_rows(
    store: Store, write: Write, settings: ModelSettings, rows: Rows
) -> None:
    """A reference from a window equals the one from the same rows: bins, segments, outcomes, whole rows."""
    frame = rows(400).dropna(axis=1, how="all")
    write(documents(frame))
    join(store, settings, None)
    binning, reference = reference_from_window(store, settings, DAY, created=NOW)
    timed = table(frame, settings).assign(**{"@timestamp": [DAY0 + timedelta(seconds=i) for i in range(400)]})
    expected_binning, expected = reference_from_frame(timed, settings, origin="rows", created=NOW)
    assert binning.segments == expected_binning.segments
    assert binning.id == expected_binning.id
    assert sorted(reference.segments) == sorted(expected.segments)
    for name, part in expected.segments.items():
        got = reference.segments[name]
        assert (got.id, got.n, got.predictions.key.segment) == (reference.id, part.n, name)
        for field, counts in part.predictions.fields.items():
            assert got.predictions.fields[field].counts.tolist() == counts.counts.tolist()
        for mine, theirs in zip(got.outcomes, part.outcomes, strict=True):
            assert_same(mine, theirs)
    assert reference.rows is not None
    assert expected.rows is not None
    assert (reference.rows.n, reference.rows.rows) == (400, 400)
    for field, column in expected.rows.columns.items():
        assert np.array_equal(np.sort(reference.rows.columns[field]), np.sort(column), equal_nan=True), field


def test_rows_are_sampled_whole(store: Store, write: Write) -> None:
    """A random sample by the seed, of all or of a segment, with the outcomes that are known."""
    frame = binary_rows(300)
    binning = build_binning(frame, BINARY, created=DAY0)
    write(documents(frame))
    key = ProfileKey("churn", "production", "*", "*", "", binning.id, DAY)
    bare = sample_rows(store, key, binning, 50, seed=1, with_outcomes=True)
    assert "outcome.correct" not in bare.columns
    join(store, BINARY, binning)
    one, same, other = (sample_rows(store, key, binning, 50, seed=s, with_outcomes=True) for s in (1, 1, 2))
    assert (one.n, one.rows) == (300, 50)
    assert one.columns["features.age"].tolist() == same.columns["features.age"].tolist()
    assert sorted(one.columns["features.age"]) != sorted(other.columns["features.age"])
    known = dict(zip(frame["features.age"], frame["prediction.label"] == frame["outcome.actual"], strict=True))
    assert [known[age] for age in one.columns["features.age"]] == one.columns["outcome.correct"].astype(bool).tolist()
    part = sample_rows(store, replace(key, segment="features.city=x"), binning, 1000, seed=1)
    assert part.n == part.rows == (frame["features.city"] == "x").sum()
    cities = binning.fields["features.city"]
    assert isinstance(cities, CategoricalBins)
    assert set(part.columns["features.city"]) == {float(cities.values.index("x"))}
    assert sample_rows(store, replace(key, version="9"), binning, 10, seed=1).n == 0
