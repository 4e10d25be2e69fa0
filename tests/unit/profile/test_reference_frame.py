"""References from tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from driftlog.contract.errors import ReferenceUnusable
from driftlog.contract.profile import total
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import WEEK, Window
from driftlog.profile.reference_frame import reference_from_frame, whole_windows
from driftlog.profile.reference_store import pack_reference, unpack_reference

CREATED = datetime(2026, 5, 1, tzinfo=UTC)
WEEKLY = ModelSettings(name="m", window=WEEK, timezone="America/New_York")


def table(days: int = 84, first: datetime = datetime(2013, 1, 7, 5, tzinfo=UTC), a_day: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = days * a_day
    score = rng.random(n)
    return pd.DataFrame(
        {
            "@timestamp": [first + timedelta(days=i // a_day, hours=i % a_day) for i in range(n)],
            "features.a": rng.normal(size=n),
            "features.b": rng.choice(["x", "y"], n),
            "prediction.score": score,
            "prediction.label": np.where(score >= 0.5, "1", "0"),
            "outcome.actual": rng.choice(["1", "0"], n),
        }
    )


def build(frame: pd.DataFrame, settings: ModelSettings = WEEKLY):  # type: ignore[no-untyped-def]
    return reference_from_frame(frame, settings, origin="a test", created=CREATED)


def test_twelve_weeks_make_twelve_chunks() -> None:
    """Weeks start on Monday; their sum is the reference; each has its days' outcomes."""
    monday = datetime(2013, 1, 7, tzinfo=UTC)
    _, reference = build(table(first=monday), ModelSettings(name="m", window=WEEK))
    assert len(reference.chunks) == 12
    assert reference.chunks[0].window.start == monday
    assert reference.n == reference.predictions.n == 84 * 24
    summed = total(chunk.predictions for chunk in reference.chunks)
    assert summed is not None
    assert summed.fields["features.a"].counts.tolist() == reference.predictions.fields["features.a"].counts.tolist()
    assert [outcome.n for outcome in reference.chunks[3].outcomes] == [24] * 7
    assert sum(outcome.n for outcome in reference.outcomes) == reference.n
    assert sum(reference.outcomes[0].confusion.values()) == 24
    assert reference.outcomes[0].scored == 24


@pytest.mark.parametrize("per_second", [1, 1000])
def test_times_may_be_numbers_since_1970(per_second: int) -> None:
    """Seconds or milliseconds, as other tools export them; not nanoseconds, which would end in January 1970."""
    frame = table()
    numbers = [when.timestamp() * per_second for when in frame["@timestamp"]]
    _, reference = build(frame.assign(**{"@timestamp": numbers}))
    _, expected = build(frame)
    assert [chunk.window for chunk in reference.chunks] == [chunk.window for chunk in expected.chunks]


def test_chunks_do_not_depend_on_the_order_of_rows() -> None:
    """Shuffled rows give the same chunks."""
    frame = table()
    _, one = build(frame)
    _, other = build(frame.sample(frac=1.0, random_state=1))
    assert [c.predictions.n for c in one.chunks] == [c.predictions.n for c in other.chunks]
    assert one.id == other.id


def test_a_missing_edge_day_keeps_the_week() -> None:
    """Every other day of twelve weeks: the last Sunday may be one that is left out. Half a week is no chunk."""
    frame = table(83)
    assert len(build(frame)[1].chunks) == 12
    assert len(build(table(80))[1].chunks) == 11


def test_days_of_23_and_25_hours_are_whole() -> None:
    """The clock changes on 8 March and 1 November 2026 in New York."""
    daily = ModelSettings(name="m", timezone="America/New_York")
    for day in (datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC)):
        [window] = whole_windows(Window(day, day + timedelta(hours=24)), daily)[:1]
        assert window.length in (timedelta(hours=23), timedelta(hours=25))


def test_rows_without_times_have_no_chunks() -> None:
    """And no window; outcomes are one profile."""
    _, reference = build(table().drop(columns="@timestamp"))
    assert (reference.chunks, reference.window) == ((), None)
    assert [outcome.n for outcome in reference.outcomes] == [84 * 24]


def test_naive_and_textual_times_are_read() -> None:
    """Naive ones are UTC."""
    frame = table()
    frame["@timestamp"] = [time.replace(tzinfo=None).isoformat() for time in frame["@timestamp"]]
    assert len(build(frame)[1].chunks) == 12


@pytest.mark.parametrize(("value", "message"), [("yesterday", "no time"), (None, "empty in 1 of")])
def test_unreadable_times_are_refused(value: object, message: str) -> None:
    """With the column and the reason."""
    frame = table()
    frame["@timestamp"] = frame["@timestamp"].astype(object)
    frame.loc[3, "@timestamp"] = value
    with pytest.raises(ReferenceUnusable, match=message):
        build(frame)


def test_a_named_time_column_must_be_there() -> None:
    """Without it there would silently be no chunks."""
    with pytest.raises(ReferenceUnusable, match="departed"):
        reference_from_frame(table(), WEEKLY, timestamp="departed", origin="a test", created=CREATED)


def test_a_score_without_label_is_labelled_by_the_threshold() -> None:
    """The other label is the truth's other label."""
    frame = table().drop(columns="prediction.label").replace({"outcome.actual": {"0": "none"}})
    _, reference = build(frame)
    assert {predicted for day in reference.outcomes for _, predicted in day.confusion} == {"1", "none"}


def test_regression_keeps_errors() -> None:
    """Values instead of labels."""
    frame = table()[["@timestamp", "features.a"]]
    frame["prediction.value"] = frame["features.a"] * 2
    frame["outcome.actual_value"] = frame["prediction.value"] + 1
    _, reference = build(frame, ModelSettings(name="m", task="regression", window=WEEK))
    summed = total(reference.outcomes)
    assert summed is not None
    assert summed.valued == reference.n
    assert summed.error == pytest.approx(-reference.n)
    assert summed.squared_error == pytest.approx(reference.n)


def test_a_reference_comes_back() -> None:
    """Packed and unpacked it is the same, samples exact."""
    binning, reference = build(table())
    again = unpack_reference(
        pack_reference(reference, binning),
        id=reference.id,
        n=reference.n,
        origin=reference.origin,
        window=reference.window,
    )
    assert again.predictions.key == reference.predictions.key
    assert [chunk.window for chunk in again.chunks] == [chunk.window for chunk in reference.chunks]
    assert again.chunks[2].outcomes[1].confusion == reference.chunks[2].outcomes[1].confusion
    assert again.chunks[2].outcomes[1].key == reference.chunks[2].outcomes[1].key
    for name, sample in reference.sample.items():
        assert np.array_equal(again.sample[name], sample)


def test_the_sample_is_bounded() -> None:
    """At most 10,000 values a numeric field."""
    frame = pd.DataFrame({"features.a": np.arange(25_000.0), "features.b": ["x"] * 25_000})
    _, reference = build(frame)
    assert {name: len(values) for name, values in reference.sample.items()} == {"features.a": 10_000}
