"""Columns of a table read as Elasticsearch reads the same values: usable, missing, malformed or not finite."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from driftlog.contract.events import MAX_KEYWORD_CHARS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMBER: Final = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?\s*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """A column read as the mapped type ``double`` with ``ignore_malformed``.

    Attributes
    ----------
    values
        float64, finite.
    missing
        Null, NaN, the empty string, objects (their members are other fields), and everything in `nonfinite`.
    malformed
        Text that is no number, booleans, numbers beyond a double.
    nonfinite
        Infinities: a shipper sends them as null and counts them.
    """

    values: NDArray[np.float64]
    missing: int = 0
    malformed: int = 0
    nonfinite: int = 0


@dataclass(frozen=True, slots=True)
class CategoricalColumn:
    """A column read as categories: distinct `names` with their `counts`, in order of first appearance."""

    names: tuple[str, ...]
    counts: NDArray[np.int64]
    missing: int = 0
    malformed: int = 0
    nonfinite: int = 0


def category_name(value: object) -> str:
    """The category a value stands for: booleans in lower case, whole numbers without a decimal point.

    >>> category_name(True), category_name(3.0), category_name(2.5), category_name("JFK")
    ('true', '3', '2.5', 'JFK')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating, Decimal)):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 2**63 else repr(number)
    return str(value)


def read_numeric(series: pd.Series[Any]) -> NumericColumn:
    """Read a column as numbers.

    >>> read_numeric(pd.Series([1, "2.5", "N/A", None, float("inf")], dtype=object))
    NumericColumn(values=array([1. , 2.5]), missing=2, malformed=1, nonfinite=1)
    """
    if pd.api.types.is_bool_dtype(series.dtype) or pd.api.types.is_datetime64_any_dtype(series.dtype):
        missing = int(series.isna().sum())
        return NumericColumn(np.empty(0), missing=missing, malformed=len(series) - missing)
    if pd.api.types.is_numeric_dtype(series.dtype):
        return _from_floats(series.to_numpy(dtype=np.float64, na_value=np.nan))
    malformed = 0
    floats = np.full(len(series), np.nan)
    for position, value in enumerate(series.to_numpy(dtype=object)):
        number = _number(value)
        if number is None:
            malformed += 1
        else:
            floats[position] = number
    column = _from_floats(floats)
    return NumericColumn(column.values, column.missing - malformed, malformed, column.nonfinite)


def _from_floats(floats: NDArray[np.float64]) -> NumericColumn:
    finite = np.isfinite(floats)
    values = floats if finite.all() else floats[finite]
    return NumericColumn(values, missing=len(floats) - len(values), nonfinite=int(np.isinf(floats).sum()))


def _number(value: object) -> float | None:
    """NaN for missing, None for malformed."""
    if _is_null(value) or (isinstance(value, str) and value == ""):
        return math.nan
    if isinstance(value, (bool, np.bool_)):
        return None
    if isinstance(value, str):
        if not _NUMBER.match(value):
            return None
        number = float(value.strip().rstrip("dDfF"))
        return number if math.isfinite(number) else None
    if isinstance(value, (int, float, np.integer, np.floating, Decimal)):
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def read_categorical(series: pd.Series[Any], *, numeric: bool = False) -> CategoricalColumn:
    """Read a column as categories; `numeric` where Elasticsearch holds it as numbers.

    >>> read_categorical(pd.Series(["JFK", None, "EWR", "JFK"])).names
    ('JFK', 'EWR')
    """
    if numeric:
        column = read_numeric(series)
        values, counts = np.unique(column.values + 0.0, return_counts=True)
        names = tuple(category_name(value) for value in values.tolist())
        return CategoricalColumn(names, counts.astype(np.int64), column.missing, column.malformed, column.nonfinite)
    found: dict[str, int] = {}
    missing = malformed = nonfinite = 0
    for value, count in _value_counts(series):
        if isinstance(value, (float, np.floating)) and not math.isfinite(value):
            missing += count
            nonfinite += count if math.isinf(value) else 0
        elif _is_null(value):
            missing += count
        elif isinstance(value, (list, tuple, set, np.ndarray)):
            malformed += count
        else:
            name = category_name(value)
            if len(name.encode("utf-16-le", "surrogatepass")) > 2 * MAX_KEYWORD_CHARS:
                malformed += count
            else:
                found[name] = found.get(name, 0) + count
    return CategoricalColumn(
        tuple(found), np.fromiter(found.values(), dtype=np.int64, count=len(found)), missing, malformed, nonfinite
    )


def _is_null(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or isinstance(value, dict)


def _value_counts(series: pd.Series[Any]) -> list[tuple[Any, int]]:
    """Distinct values and their counts; unlike pandas, 1, 1.0 and True in one object column stay apart."""
    if series.dtype != object:
        codes, uniques = pd.factorize(series, use_na_sentinel=True)
        tally = np.bincount(codes[codes >= 0], minlength=len(uniques))
        pairs: list[tuple[Any, int]] = list(zip(list(uniques), tally.tolist(), strict=True))
        absent = int((codes < 0).sum())
        return [*pairs, (None, absent)] if absent else pairs
    counted: dict[Hashable, list[Any]] = {}
    for value in series.to_numpy(dtype=object):
        key = (type(value), value) if isinstance(value, Hashable) else (type(value), id(value))
        entry = counted.setdefault(key, [value, 0])
        entry[1] += 1
    return [(value, count) for value, count in counted.values()]
