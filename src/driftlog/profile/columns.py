"""Columns of a table read as Elasticsearch reads the same values: usable, missing, malformed or not finite."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftlog.contract.events import MAX_KEYWORD_CHARS

if TYPE_CHECKING:
    import pandas as pd
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

    >>> import pandas as pd

    >>> read_numeric(pd.Series([1, "2.5", "N/A", None, float("inf")], dtype=object))
    NumericColumn(values=array([1. , 2.5]), missing=2, malformed=1, nonfinite=1)
    """
    import pandas as pd

    if pd.api.types.is_bool_dtype(series.dtype) or pd.api.types.is_datetime64_any_dtype(series.dtype):
        missing = int(series.isna().sum())
        return NumericColumn(np.empty(0), missing=missing, malformed=len(series) - missing)
    floats, malformed = _floats(series)
    column = _from_floats(floats)
    return NumericColumn(column.values, column.missing - malformed, malformed, column.nonfinite)


def _floats(series: pd.Series[Any]) -> tuple[NDArray[np.float64], int]:
    """(one number a row, NaN where there is none; how many are malformed)."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(series.dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan), 0
    malformed = 0
    floats = np.full(len(series), np.nan)
    for position, value in enumerate(series.to_numpy(dtype=object)):
        number = as_number(value)
        if number is None:
            malformed += 1
        else:
            floats[position] = number
    return floats, malformed


def numeric_rows(series: pd.Series[Any]) -> NDArray[np.float64]:
    """A column's finite numbers, one a row; NaN where there is none.

    >>> import pandas as pd

    >>> numeric_rows(pd.Series([1, "2.5", "N/A", float("inf")], dtype=object))
    array([1. , 2.5, nan, nan])
    """
    import pandas as pd

    if pd.api.types.is_bool_dtype(series.dtype) or pd.api.types.is_datetime64_any_dtype(series.dtype):
        return np.full(len(series), np.nan)
    floats, _ = _floats(series)
    return np.where(np.isfinite(floats), floats, np.nan)


def _from_floats(floats: NDArray[np.float64]) -> NumericColumn:
    finite = np.isfinite(floats)
    values = floats if finite.all() else floats[finite]
    return NumericColumn(values, missing=len(floats) - len(values), nonfinite=int(np.isinf(floats).sum()))


def as_number(value: object) -> float | None:
    """What Elasticsearch makes of a value where it expects a number: NaN for missing, None for malformed."""
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

    >>> import pandas as pd

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
            if _too_long(name):
                malformed += count
            else:
                found[name] = found.get(name, 0) + count
    return CategoricalColumn(
        tuple(found), np.fromiter(found.values(), dtype=np.int64, count=len(found)), missing, malformed, nonfinite
    )


def category_rows(series: pd.Series[Any], *, numeric: bool = False) -> NDArray[Any]:
    """The category of each row as an object array; None where there is none.

    >>> import pandas as pd

    >>> category_rows(pd.Series(["JFK", None, True, 2.0], dtype=object)).tolist()
    ['JFK', None, 'true', '2']
    """
    import pandas as pd

    if numeric:
        uniques, positions = np.unique(numeric_rows(series) + 0.0, return_inverse=True)
        return _objects([as_category(value) for value in uniques.tolist()])[positions]
    if series.dtype != object:
        codes, values = pd.factorize(series, use_na_sentinel=True)
        return _objects([*(as_category(value) for value in list(values)), None])[codes]
    known: dict[Hashable, str | None] = {}
    rows: list[str | None] = []
    for value in series.to_numpy(dtype=object):
        key = (type(value), value) if isinstance(value, Hashable) else (type(value), id(value))
        if key not in known:
            known[key] = as_category(value)
        rows.append(known[key])
    return _objects(rows)


def _objects(values: list[str | None]) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def as_category(value: object) -> str | None:
    """The category of one value; None for nulls, NaN, infinities, lists, objects and text too long to index."""
    if _is_null(value) or isinstance(value, (list, tuple, set, np.ndarray)):
        return None
    if isinstance(value, (float, np.floating)) and not math.isfinite(value):
        return None
    name = category_name(value)
    return None if _too_long(name) else name


def _too_long(name: str) -> bool:
    return len(name.encode("utf-16-le", "surrogatepass")) > 2 * MAX_KEYWORD_CHARS


def is_numeric(series: pd.Series[Any]) -> bool:
    """Whether a column holds numbers: by its type, or because most of an object column's values are numbers.

    Text is text, even where it looks like a number (``"02139"``): Elasticsearch maps it likewise.

    >>> import pandas as pd

    >>> is_numeric(pd.Series([1, 2, "N/A"], dtype=object)), is_numeric(pd.Series(["1", "2"]))
    (True, False)
    """
    import pandas as pd

    if pd.api.types.is_bool_dtype(series.dtype):
        return False
    if pd.api.types.is_numeric_dtype(series.dtype):
        return True
    if series.dtype != object:
        return False
    kinds = Counter(type(value) for value in series.dropna().to_numpy(dtype=object))
    numbers = sum(count for kind, count in kinds.items() if _is_number(kind))
    return numbers * 2 > sum(kinds.values())


def _is_number(kind: type) -> bool:
    return issubclass(kind, (int, float, np.integer, np.floating)) and not issubclass(kind, bool)


def _is_null(value: object) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or value is pd.NaT or isinstance(value, dict)


def _value_counts(series: pd.Series[Any]) -> list[tuple[Any, int]]:
    """Distinct values and their counts; unlike pandas, 1, 1.0 and True in one object column stay apart."""
    import pandas as pd

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


def dotted(source: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values of a nested document by dotted name, as Elasticsearch sees them.

    >>> dotted({"features": {"a": 1, "user.age": 2, "b": {"c": 3}}})
    {'features.a': 1, 'features.user.age': 2, 'features.b.c': 3}
    """
    flat: dict[str, Any] = {}
    for name, value in source.items():
        if isinstance(value, Mapping):
            flat |= dotted(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
