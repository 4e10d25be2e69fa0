"""Whole rows of a table or a window, drawn at random: what joint measures and row models read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from driftlog.contract.binning import Binning, FieldBins, NumericBins
from driftlog.contract.profile import RowSample
from driftlog.profile.columns import category_name, category_rows, numeric_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ROWS: Final = 10_000
"""Rows of a reference that are kept whole, and the most that `sample_rows` reads."""
MISSING, UNSEEN = -1.0, -2.0


def draw(frame: pd.DataFrame, size: int, *, seed: int) -> pd.DataFrame:
    """At most `size` rows at random, in their order."""
    if len(frame) <= size:
        return frame
    chosen = np.random.default_rng(seed).choice(len(frame), size, replace=False)
    return frame.iloc[np.sort(chosen)]


def encode_rows(frame: pd.DataFrame, binning: Binning, *, n: int) -> RowSample:
    """Rows as `RowSample` says, with outcomes where the frame has truth; `n` rows are what they stand for.

    >>> from datetime import UTC, datetime
    >>> from driftlog.contract.binning import CategoricalBins
    >>> bins = Binning("b", "m", "production", {"features.c": CategoricalBins(("x", "y"), ("z",))}, datetime.now(UTC))
    >>> encode_rows(pd.DataFrame({"features.c": ["y", "z", None, "new"]}), bins, n=4).columns["features.c"]
    array([ 1.,  2., -1., -2.])
    """
    columns = {name: _encoded(frame, name, bins) for name, bins in binning.fields.items()}
    return RowSample(columns | _outcomes(frame), n)


def _encoded(frame: pd.DataFrame, name: str, bins: FieldBins) -> Floats:
    numeric = isinstance(bins, NumericBins)
    if name not in frame:
        return np.full(len(frame), np.nan if numeric else MISSING)
    if isinstance(bins, NumericBins):
        return numeric_rows(frame[name])
    places: dict[str | None, float] = dict.fromkeys(bins.other_values, float(len(bins.values)))
    places |= {value: float(at) for at, value in enumerate(bins.values)}
    places[None] = MISSING
    rows = category_rows(frame[name], numeric=bins.numeric)
    return np.array([places.get(value, UNSEEN) for value in rows.tolist()], dtype=np.float64)


def _outcomes(frame: pd.DataFrame) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    if "outcome.actual_value" in frame:
        found["outcome.actual_value"] = numeric_rows(frame["outcome.actual_value"])
        if "outcome.predicted_value" in frame:
            found["outcome.error"] = numeric_rows(frame["outcome.predicted_value"]) - found["outcome.actual_value"]
    if "outcome.actual" in frame and "outcome.predicted" in frame:
        actual, predicted = (_labels(frame[f"outcome.{name}"]) for name in ("actual", "predicted"))
        pairs = zip(actual, predicted, strict=True)
        found["outcome.correct"] = np.array([np.nan if None in pair else float(pair[0] == pair[1]) for pair in pairs])
    return found


def _labels(series: pd.Series[Any]) -> list[str | None]:
    named = series.astype(object).map(category_name, na_action="ignore")
    return [value if isinstance(value, str) else None for value in named]
