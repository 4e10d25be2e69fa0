"""Whole rows of a table or a window, drawn at random, with their outcomes: what joint measures and row models read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftlog.contract.binning import Binning, FieldBins, NumericBins
from driftlog.contract.profile import ProfileKey, RowSample
from driftlog.profile.columns import category_name, category_rows, dotted, numeric_rows
from driftlog.profile.outcomes import outcome_id
from driftlog.profile.scope import of_key
from driftlog.store.client import Store

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ROWS: Final = 10_000
"""Rows of a reference that are kept whole, and the most that `sample_rows` reads."""
IDS: Final = 1000
ROW_FIELDS: Final = (
    "@timestamp",
    "event.id",
    "features",
    "prediction.score",
    "prediction.label",
    "prediction.value",
    "prediction.probabilities",
    "prediction.attributions",
)
"""What is read of a prediction to make a row of it."""
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
    >>> import pandas as pd
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


def chance(seed: int) -> dict[str, Any]:
    """The part of a ``function_score`` query that gives each document a random number in [0, 1), by the seed."""
    return {"random_score": {"seed": seed, "field": "_seq_no"}, "boost_mode": "replace"}


def sample_rows(
    store: Store, key: ProfileKey, binning: Binning, size: int, *, seed: int, with_outcomes: bool = False
) -> RowSample:
    """A random sample of whole rows of a window: at most `size`, and 10,000; `n` counts all of them.

    ::

        {"query": {"function_score": {"query": {...}, "random_score": {"seed": 1, "field": "_seq_no"},
                                      "boost_mode": "replace"}}, "size": 5000, "_source": ["features", ...]}

    The same rows on every call with the same seed as long as the documents stay in their shards.

    Parameters
    ----------
    key
        Whose predictions; ``*`` as version or variant is any, `segment` any segment, `bucket` the window.
    with_outcomes
        Join the outcomes that are known: ``outcome.actual_value``, ``outcome.error``, ``outcome.correct``, NaN where
        the truth is not known.
    """
    body = {
        "query": {"function_score": {"query": of_key(key), **chance(seed)}},
        "size": min(size, ROWS),
        "track_total_hits": True,
        "_source": list(ROW_FIELDS),
    }
    found = store.search(store.names.all_predictions(key.model), body)["hits"]
    frame = to_frame(hit["_source"] for hit in found["hits"])
    if with_outcomes:
        frame = add_outcomes(store, key.model, frame)
    return encode_rows(frame, binning, n=int(found["total"]["value"]))


def to_frame(sources: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Documents as rows of dotted fields."""
    import pandas as pd

    rows = [dotted(source) for source in sources]
    columns = {name: None for row in rows for name in row}
    return pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in columns}, index=range(len(rows)))


def _column(values: Sequence[object]) -> pd.Series[Any]:
    """Numbers as floats where all of them fit, else objects as they are."""
    import pandas as pd

    numbers = [value for value in values if value is not None]
    if numbers and all(type(value) in (int, float) and abs(value) < 2**1000 for value in numbers):  # type: ignore[arg-type]
        return pd.Series(pd.array(list(values), dtype="Float64")).astype("float64")  # type: ignore[call-overload]
    return pd.Series(list(values), dtype=object)


def add_outcomes(store: Store, model: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the ``outcome.*`` columns of its predictions, found by ``event.id``."""
    import pandas as pd

    if "event.id" not in frame:
        return frame
    ids = [outcome_id(model, str(id)) for id in frame["event.id"]]
    joined = _by_ids(store, store.names.every("outcomes"), ids, ["outcome"])
    if not joined:
        return frame
    outcomes = to_frame(joined.get(id, {}) for id in ids)
    return pd.concat([frame.reset_index(drop=True), outcomes], axis=1)


def outcome_frame(store: Store, key: ProfileKey, fields: Sequence[str]) -> pd.DataFrame:
    """All outcomes of a window with these fields of their predictions, read page by page."""
    query = of_key(key)
    query["bool"]["filter"].insert(0, {"term": {"model.name": key.model}})
    hits = store.scan(store.names.every("outcomes"), query, source=["outcome"], size=5 * IDS)
    rows = [dotted(hit["_source"]) for hit in hits]
    ids = [str(row.get("outcome.prediction_id", "")) for row in rows]
    predictions = _by_ids(store, store.names.all_predictions(key.model), ids, list(fields))
    wanted = set(fields)
    for row, id in zip(rows, ids, strict=True):
        row.update((name, value) for name, value in dotted(predictions.get(id, {})).items() if name in wanted)
    return to_frame(rows)


def _by_ids(store: Store, pattern: str, ids: Sequence[str], source: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Sources by id, in whichever index of `pattern` they are."""
    found: dict[str, dict[str, Any]] = {}
    requests = []
    for at in range(0, len(ids), IDS):
        query = {"constant_score": {"filter": {"ids": {"values": list(ids[at : at + IDS])}}}}
        body = {"query": query, "size": 10 * IDS, "_source": list(source), "track_total_hits": False, "sort": ["_doc"]}
        requests.append((pattern, body))
    for answer in store.msearch(requests) if requests else ():
        found |= {hit["_id"]: hit["_source"] for hit in answer["hits"]["hits"]}
    return found
