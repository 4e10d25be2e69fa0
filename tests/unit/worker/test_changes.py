"""Stated changes: how they are read, and what they do to rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.contract.errors import UsageError
from driftlog.worker.changes import (
    apply_changes,
    mix_only,
    mix_weights,
    parse_changes,
    parse_mix,
    parse_shift,
    segment_rows,
)


def frame(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "@timestamp": pd.date_range("2026-03-02", periods=n, freq="h", tz="UTC"),
            "features.x": np.where(np.arange(n) % 10 == 0, np.nan, rng.normal(100, 10, n)),
            "features.c": pd.Series(rng.choice(["A", "B", "C"], n), dtype=object),
            "features.flag": pd.Series(rng.choice([True, False], n), dtype=object),
            "features.code": rng.integers(1, 4, n).astype(float),
        }
    )


def changed(*, shifts: tuple[str, ...] = (), sets: tuple[str, ...] = (), mixes: tuple[str, ...] = ()) -> pd.DataFrame:
    return apply_changes(frame(), parse_changes(shifts, sets, mixes), seed=0)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("x=+20%", 120.0), ("x=-20%", 80.0), ("x=+3", 103.0), ("x=-3.5", 96.5), ("x=*1.5", 150.0), ("x=+1e2", 200.0)],
)
def test_a_shift_is_what_it_says(text: str, expected: float) -> None:
    """Of the value 100."""
    shift = parse_shift(text)
    assert 100.0 * shift.factor + shift.offset == pytest.approx(expected)


@pytest.mark.parametrize("text", ["x", "x=", "=+3", "x=3", "x=+", "x=++3", "x=+3%%", "x=+nan", "x=+1e999"])
def test_what_is_no_shift_is_refused(text: str) -> None:
    """A bare number would be ambiguous: set or shift?"""
    with pytest.raises(UsageError):
        parse_shift(text)


@pytest.mark.parametrize("text", ["c=A", "c=A:", "c=A:1.2", "c=A:-0.1", ":0.5", "c:0.5", "c=A:nan", "x=[1:0.5"])
def test_what_is_no_mix_is_refused(text: str) -> None:
    """A share is between 0 and 1, of a segment."""
    with pytest.raises(UsageError):
        parse_mix(text)


def test_missing_stays_missing_under_a_shift() -> None:
    """And everything else moves."""
    before, after = frame()["features.x"], changed(shifts=("x=+20%",))["features.x"]
    assert after.isna().tolist() == before.isna().tolist()
    assert np.allclose(after.dropna(), before.dropna() * 1.2)


def test_values_are_set_in_the_type_of_their_column() -> None:
    """Numbers as numbers, booleans as booleans, words as words."""
    after = changed(sets=("x=5", "c=Z", "flag=true", "code=missing"))
    assert after["features.x"].unique().tolist() == [5.0]
    assert after["features.c"].unique().tolist() == ["Z"]
    assert after["features.flag"].unique().tolist() == [True]
    assert after["features.code"].isna().all()
    with pytest.raises(UsageError, match="true or false"):
        changed(sets=("flag=maybe",))


def test_the_rows_given_are_not_changed() -> None:
    """The actual side is measured on them afterwards."""
    rows = frame()
    apply_changes(rows, parse_changes(["x=+20%"], ["c=Z"], ["c=A:0.9"]), seed=0)
    pd.testing.assert_frame_equal(rows, frame())


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 1.0), st.integers(0, 5))
def test_a_mix_is_met_to_within_a_row(share: float, seed: int) -> None:
    """As many rows as before, in order of time."""
    after, effective = apply_changes(frame(), parse_changes(mixes=[f"c=A:{share:.6f}"]), seed=seed)
    inside = int((after["features.c"] == "A").sum())
    assert len(after) == 200 and after["@timestamp"].is_monotonic_increasing
    assert abs(inside - share * 200) <= 1 + 1e-6
    assert 0 < effective <= 200 + 1e-9


def test_weights_meet_every_mix_at_once() -> None:
    """Two margins, fitted in turn; combinations inside keep their odds."""
    rows = frame(2000)
    weights = mix_weights(rows, [parse_mix("c=A:0.6"), parse_mix("flag=true:0.3")])
    assert weights[segment_rows(rows, "c=A")].sum() == pytest.approx(0.6, abs=1e-6)
    assert weights[segment_rows(rows, "flag=true")].sum() == pytest.approx(0.3, abs=1e-6)
    assert weights.sum() == pytest.approx(1.0)


def test_segments_of_numbers_and_of_numeric_codes() -> None:
    """Ranges are half open; a code is written without a decimal point; missing is in no segment."""
    rows = frame()
    x = rows["features.x"]
    assert segment_rows(rows, "x=[95,105)").tolist() == ((x >= 95) & (x < 105)).tolist()
    assert segment_rows(rows, "code=2").tolist() == (rows["features.code"] == 2).tolist()
    assert not segment_rows(rows, "x=[-1e9,)")[x.isna().to_numpy()].any()


def test_only_a_mix_leaves_the_truth_known() -> None:
    """Rows that stay as they are keep their outcome."""
    assert mix_only(parse_changes(mixes=["c=A:0.5"]))
    assert not mix_only(parse_changes(["x=+1"], mixes=["c=A:0.5"]))
