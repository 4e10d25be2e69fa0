"""Rows: a bounded random sample of stored predictions with their features, and their truth where it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from driftlog.contract.binning import Binning
from driftlog.contract.profile import OutcomeProfile, ProfileKey
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.columns import dotted
from driftlog.profile.count import count_outcomes
from driftlog.profile.outcomes import outcome_id
from driftlog.profile.scope import of_key
from driftlog.store.client import Store

PAGE: Final = 5_000
MARGIN: Final = 1.1
"""The chance of each row is that much larger than needed, so that enough are drawn."""
FIELDS: Final = ("@timestamp", "event.id", "event.outcome", "features", "prediction")
NOT_TRUTH: Final = ("outcome.prediction_id", "outcome.segments")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SampledRows:
    """Rows in order of time.

    Attributes
    ----------
    frame
        Dotted fields: ``@timestamp`` (aware), ``event.id``, ``features.*``, ``prediction.*``, and ``outcome.*`` where
        the truth is known. Numbers are float64, everything else objects.
    population
        How many events the sample was drawn from.
    """

    frame: pd.DataFrame
    population: int


def read_rows(
    store: Store, settings: ModelSettings, key: ProfileKey, *, rows: int, seed: int, failures: bool = True
) -> SampledRows:
    """At most `rows` predictions of `key`, drawn at random; the same for the same `seed` and the same events.

    Parameters
    ----------
    failures
        Whether failed calls belong to it.

    ::

        {"function_score": {"query": {...}, "random_score": {"seed": 1, "field": "_seq_no"},
                            "boost_mode": "replace", "min_score": 0.78}}
    """
    query = of_key(key)
    if not failures:
        query["bool"]["must_not"] = [{"term": {"event.outcome": "failure"}}]
    pattern = store.names.all_predictions(settings.name)
    population = store.count(pattern, query)
    share = MARGIN * rows / population + 50 / population if population else 1.0
    if share < 1.0:
        chance = {"random_score": {"seed": seed + 1, "field": "_seq_no"}, "boost_mode": "replace"}
        query = {"function_score": {"query": query, **chance, "min_score": 1.0 - share}}
    found = store.scan(pattern, query, source=list(FIELDS), size=PAGE)
    sources = [{**dotted(hit["_source"]), "event.id": hit["_id"]} for hit in found]
    sources.sort(key=lambda row: (str(row.get("@timestamp")), row["event.id"]))
    if len(sources) > rows:
        kept = np.sort(np.random.default_rng(seed).choice(len(sources), rows, replace=False))
        sources = [sources[index] for index in kept]
    truth = _truth(store, settings, [row["event.id"] for row in sources])
    for row in sources:
        row |= truth.get(row["event.id"], {})
    return SampledRows(frame_of(sources), population)


def _truth(store: Store, settings: ModelSettings, ids: Sequence[str]) -> dict[str, Document]:
    """``outcome.*`` of each prediction whose truth is known, by event id."""
    pattern = store.names.every("outcomes")
    by_outcome = {outcome_id(settings.name, id): id for id in ids}
    found: dict[str, Document] = {}
    for hit in store.find_by_ids(pattern, by_outcome):
        flat = dotted({"outcome": hit.source.get("outcome", {})})
        found[by_outcome[hit.id]] = {
            name: value for name, value in flat.items() if value is not None and name not in NOT_TRUTH
        }
    return found


def outcomes_by_day(
    frame: pd.DataFrame, settings: ModelSettings, binning: Binning, key: ProfileKey, days: Sequence[Window]
) -> tuple[OutcomeProfile, ...]:
    """The known outcomes of rows, one profile a day that has any."""
    positive = settings.positive_label if settings.task == "binary" else None
    found = []
    for day in days:
        inside = (frame["@timestamp"] >= day.start) & (frame["@timestamp"] < day.end)
        found.append(count_outcomes(frame[inside], binning, replace(key, bucket=day), positive_label=positive))
    return tuple(profile for profile in found if profile.n)


def frame_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a frame; numbers as float64 where a column has nothing else.

    >>> frame = frame_of([{"@timestamp": "2026-03-03T10:00:00Z", "features.a": 1}, {"features.b": "x"}])
    >>> frame["features.a"].tolist(), frame["features.b"].tolist(), str(frame["@timestamp"][0])
    ([1.0, nan], [None, 'x'], '2026-03-03 10:00:00+00:00')
    """
    names = list(dict.fromkeys(["@timestamp", *(name for row in rows for name in row)]))
    columns = {name: _column([row.get(name) for row in rows]) for name in names}
    columns["@timestamp"] = pd.Series(pd.to_datetime(columns["@timestamp"], utc=True, format="ISO8601"))
    return pd.DataFrame(columns)


def _column(values: Sequence[Any]) -> pd.Series[Any]:
    known = [value for value in values if value is not None]
    if known and all(type(value) in (int, float) and abs(value) < 2**1000 for value in known):
        return pd.Series(np.array([np.nan if value is None else float(value) for value in values]))
    return pd.Series(list(values), dtype=object)
