"""Who is in a segment: rows of a table, and single documents, as Elasticsearch would say it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from driftlog.contract.binning import Binning, CategoricalBins
from driftlog.contract.segment import Between, Condition, parse_segment
from driftlog.profile.columns import as_category, as_number, category_name, category_rows, is_numeric, numeric_rows

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


def segment_masks(
    frame: pd.DataFrame, binning: Binning, names: Iterable[str] | None = None
) -> Iterator[tuple[str, Mask]]:
    """(segment, which rows are in it) for `names`, by default the binning's segments.

    A row without a value of a segment's field is not in it; nor is a column that holds lists.

    >>> from datetime import UTC, datetime
    >>> binning = Binning("b", "m", "production", {}, datetime(2026, 3, 3, tzinfo=UTC), ("features.a=[1,)",))
    >>> import pandas as pd
    >>> [(name, mask.tolist()) for name, mask in segment_masks(pd.DataFrame({"features.a": [0.5, 1, None]}), binning)]
    [('features.a=[1,)', [False, True, False])]
    """
    columns: dict[tuple[str, type], NDArray[Any]] = {}
    for name in binning.segments if names is None else names:
        mask = np.ones(len(frame), dtype=np.bool_)
        for field, condition in parse_segment(name).items():
            if field not in frame:
                mask[:] = False
                break
            key = (field, type(condition))
            if key not in columns:
                columns[key] = _values(frame[field], condition, _as_numbers(field, binning))
            mask &= _satisfied(columns[key], condition)
        yield name, mask


def rows_in(frame: pd.DataFrame, segment: str, binning: Binning) -> pd.DataFrame:
    """The rows of one segment; ``""`` is all."""
    if not segment:
        return frame
    [(_, mask)] = segment_masks(frame, binning, [segment])
    return frame[mask]


def _values(series: pd.Series[Any], condition: Condition, numbers: bool | None) -> NDArray[Any]:
    if isinstance(condition, Between):
        return numeric_rows(series)
    return category_rows(series, numeric=is_numeric(series) if numbers is None else numbers)


def _satisfied(values: NDArray[Any], condition: Condition) -> Mask:
    if not isinstance(condition, Between):
        return np.asarray(values == condition, dtype=np.bool_)
    inside: Mask = ~np.isnan(values)
    if condition.low is not None:
        inside &= values >= condition.low
    if condition.high is not None:
        inside &= values < condition.high
    return inside


def _as_numbers(field: str, binning: Binning) -> bool | None:
    """Whether the events hold numbers in `field`; None where the binning does not know it."""
    bins = binning.fields.get(field)
    if bins is None:
        return None
    return not isinstance(bins, CategoricalBins) or bins.numeric


def segments_of(fields: Mapping[str, Any], binning: Binning) -> list[str]:
    """The segments of `binning` that an event is in, by its dotted `fields`; a list is in every one of its values'.

    >>> from datetime import UTC, datetime
    >>> names = ("features.a=[,2)", "features.a=[,2)&features.b=x", "features.b=y")
    >>> segments_of({"features.a": 1, "features.b": ["x", "z"]},
    ...             Binning("b", "m", "production", {}, datetime(2026, 3, 3, tzinfo=UTC), names))
    ['features.a=[,2)', 'features.a=[,2)&features.b=x']
    """
    known: dict[tuple[str, Condition], bool] = {}  # a condition is in several segments
    found = []
    for name in binning.segments:
        inside = True
        for pair in _conditions(name):
            holds = known.get(pair)
            if holds is None:
                field, condition = pair
                holds = known[pair] = _holds(fields.get(field), condition, _as_numbers(field, binning))
            if not holds:
                inside = False
                break
        if inside:
            found.append(name)
    return found


@lru_cache(maxsize=4096)
def _conditions(name: str) -> tuple[tuple[str, Condition], ...]:
    return tuple(parse_segment(name).items())


def _holds(value: object, condition: Condition, numbers: bool | None) -> bool:
    if isinstance(value, list):
        return any(_holds(each, condition, numbers) for each in value)
    if isinstance(condition, Between) or numbers:
        number = as_number(value)
        if number is None or not math.isfinite(number):
            return False
        return number in condition if isinstance(condition, Between) else category_name(number) == condition
    return as_category(value) == condition
