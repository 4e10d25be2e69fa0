"""Columns as Elasticsearch reads them."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from driftlog.profile.columns import read_categorical, read_numeric


@pytest.mark.parametrize(
    "dtype", ["int64", "Int64", "float32", "Float64", "int64[pyarrow]", "double[pyarrow]", "uint8", "object"]
)
def test_every_numeric_type_is_read_alike(dtype: str) -> None:
    """Whatever pandas calls it."""
    assert read_numeric(pd.Series([1, 2, 3], dtype=dtype)).values.tolist() == [1.0, 2.0, 3.0]


def test_every_kind_of_nothing_is_missing() -> None:
    """None, NaN, NA, NaT and the empty string."""
    column = read_numeric(pd.Series([None, float("nan"), pd.NA, pd.NaT, "", 1], dtype=object))
    assert (column.missing, column.malformed, column.values.tolist()) == (5, 0, [1.0])
    assert read_numeric(pd.Series([1, None, 3], dtype="Int64")).missing == 1
    assert read_categorical(pd.Series(["x", None, float("nan"), pd.NA], dtype=object)).missing == 3


def test_infinities_are_missing_and_nonfinite() -> None:
    """Numbers too large for a double are malformed instead, as text and as integers."""
    column = read_numeric(pd.Series([float("inf"), -float("inf"), 10**400, "1e999", Decimal("2.5")], dtype=object))
    assert (column.missing, column.nonfinite, column.malformed) == (2, 2, 2)
    assert column.values.tolist() == [2.5]


def test_booleans_and_times_are_no_numbers() -> None:
    """They are malformed in a numeric feature."""
    assert read_numeric(pd.Series([True, False])).malformed == 2
    assert read_numeric(pd.Series(pd.to_datetime(["2026-03-03", None]))).malformed == 1


@pytest.mark.parametrize("dtype", ["object", "str", "category", "string[pyarrow]"])
def test_every_text_type_is_read_alike(dtype: str) -> None:
    """Also categories that do not occur."""
    column = read_categorical(pd.Series(["b", "a", "b", None], dtype=dtype))
    assert dict(zip(column.names, column.counts.tolist(), strict=True)) == {"b": 2, "a": 1}
    assert column.missing == 1


def test_numbers_and_booleans_have_one_name_each() -> None:
    """1, 1.0 and "1" are one category; True is another."""
    column = read_categorical(pd.Series([1, 1.0, "1", np.int8(1), True, "true"], dtype=object))
    assert dict(zip(column.names, column.counts.tolist(), strict=True)) == {"1": 4, "true": 2}
