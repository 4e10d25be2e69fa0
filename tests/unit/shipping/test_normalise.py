"""Values of any library become JSON, and nothing is lost silently."""

from __future__ import annotations

import enum
import json
import math
import uuid
from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils import Bunch

from driftlog.shipping.normalise import (
    as_mapping,
    clean_text,
    normalise_features,
    plain_features,
    to_json,
    to_label,
    to_timestamp,
)


class Plan(enum.Enum):
    GOLD = "gold"


@dataclass
class Row:
    a: float
    b: str


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(1.5), 1.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.uint8(3), 3),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.array(2.5), 2.5),
        (np.array([1, 2]), [1, 2]),
        (np.datetime64("2026-01-01T00:00:00.123456789"), "2026-01-01T00:00:00.123456Z"),
        (np.datetime64("2026-01-01"), "2026-01-01T00:00:00.000000Z"),
        (np.datetime64("NaT"), None),
        (np.timedelta64(1500, "ms"), 1.5),
        (np.ma.masked, None),
        (pd.NA, None),
        (pd.NaT, None),
        (pd.Timestamp("2026-01-01 12:00:00.123456789", tz="Europe/Berlin"), "2026-01-01T11:00:00.123456Z"),
        (pd.Series([1.0, 2.0]), [1.0, 2.0]),
        (Decimal("1.25"), 1.25),
        (datetime(2026, 1, 1), "2026-01-01T00:00:00.000000Z"),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2025-12-31T22:00:00.000000Z"),
        (date(2026, 1, 1), "2026-01-01"),
        (timedelta(minutes=1), 60.0),
        (Plan.GOLD, "gold"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"JFK", "JFK"),
        (b"\xff\x00", "/wA="),
        ({3, 1, 2}, [1, 2, 3]),
        ((1, "a"), [1, "a"]),
        (Path("/x"), "/x"),
        (None, None),
        (2**63 - 1, 2**63 - 1),
        (2**70, float(2**70)),
        ("x" * 1_000_000, "x" * 1_000_000),
        ("a\ud800b", "a\ufffdb"),
    ],
)
def test_values_become_json(value, expected):
    """Each kind of value has one JSON form, with its type."""
    got = to_json(value, "v", [])
    assert got == expected
    assert type(got) is type(expected)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, np.float64("nan"), np.float32("inf"), Decimal("NaN"), Decimal("Infinity"), 10**400],
)
def test_what_is_not_finite_becomes_null_and_is_named(value):
    """Null, and the dotted name is kept."""
    named: list[str] = []
    assert to_json(value, "features.x", named) is None
    assert named == ["features.x"]


@pytest.mark.parametrize(
    "row",
    [
        {"a": 1.0, "b": "x"},
        Bunch(a=1.0, b="x"),
        Row(1.0, "x"),
        Pair(1.0, "x"),
        pd.Series({"a": 1.0, "b": "x"}),
        pd.DataFrame({"a": [1.0], "b": ["x"]}),
        msgspec.defstruct("Given", [("a", float), ("b", str)])(1.0, "x"),
    ],
)
def test_rows_of_any_kind_become_features(row):
    """Mapping, Bunch, dataclass, named tuple, Series, one-row frame, struct: the same features."""
    assert normalise_features(row, []) == {"a": 1.0, "b": "x"}


def test_bare_values_take_the_given_names():
    """An array row is named by `feature_names`, else by position."""
    assert normalise_features(np.array([[1.0, 2.0]]), [], ("a", "b")) == {"a": 1.0, "b": 2.0}
    assert normalise_features([1.0, 2.0], []) == {"f0": 1.0, "f1": 2.0}


def test_nested_features_become_dotted_names():
    """To any depth, also below keys that are no strings."""
    assert normalise_features({"user": {"age": 3, 7: {"x": None}}}, []) == {"user.age": 3, "user.7.x": None}


def test_a_table_of_several_rows_is_no_row():
    """It is refused rather than guessed at."""
    with pytest.raises(TypeError, match="2 rows"):
        as_mapping(pd.DataFrame({"a": [1, 2]}))


def test_values_that_refuse_themselves_do_not_raise():
    """An object whose text raises, and one that contains itself."""

    class Bad:
        def __str__(self) -> str:
            raise RuntimeError

    assert to_json(Bad(), "v", []) == "<Bad>"
    endless: list[object] = []
    endless.append(endless)
    assert json.dumps(to_json(endless, "v", []))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"), (np.bool_(False), "false"), (1, "1"), (np.int64(2), "2"), (np.float64(1.0), "1"), (1.5, "1.5"),
        ("late", "late"), (np.str_("x"), "x"), (np.array([1]), "1"), ([True], "true"), (Plan.GOLD, "gold"),
    ],
)  # fmt: skip
def test_labels_are_strings(value, expected):
    """Booleans true and false, integers and integral floats as integers."""
    assert to_label(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T01:00:00+01:00", datetime(2026, 1, 1, tzinfo=UTC)),
        (date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)),
        (pd.Timestamp("2026-01-01"), datetime(2026, 1, 1, tzinfo=UTC)),
        (np.datetime64("2026-01-01"), datetime(2026, 1, 1, tzinfo=UTC)),
        (1767225600, datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_of_any_kind_are_utc(value, expected):
    """Naive times are UTC; the result is a plain datetime."""
    assert to_timestamp(value) == expected
    assert type(to_timestamp(value)) is datetime


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(st.characters()), JSON_VALUES))
def test_anything_can_be_encoded_once_normalised(features):
    """Whatever comes, strict JSON goes out."""
    flat = normalise_features(features, [])
    json.dumps(flat, allow_nan=False)
    msgspec.json.encode(flat)


@given(st.dictionaries(st.text(), st.floats() | st.integers() | st.text() | st.booleans() | st.none()))
def test_the_fast_path_takes_only_what_needs_no_normalising(features):
    """Where `plain_features` says so, normalising changes nothing."""
    if plain_features(features):
        named: list[str] = []
        assert normalise_features(features, named) == {clean_text(k): v for k, v in features.items()}
        assert named == []
