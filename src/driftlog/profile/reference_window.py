"""References from a past window: rows are sampled for the bins, everything is counted by queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import msgspec
import pandas as pd

from driftlog.contract.binning import Binning, CategoricalBins, FieldBins, NumericBins
from driftlog.contract.errors import ReferenceUnusable
from driftlog.contract.profile import OutcomeProfile, PredictionProfile, ProfileKey, Reference, ReferenceChunk
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import DAY, Schedule, Window
from driftlog.profile.binning import OTHER_VALUES, TOP_VALUES, build_binning, category_bins, make_binning
from driftlog.profile.columns import category_name, dotted
from driftlog.profile.outcome_query import outcome_query, parse_outcomes
from driftlog.profile.query import bucket_queries, parse_bucket
from driftlog.profile.raw import search_parts
from driftlog.profile.reference_frame import reference_key, sample_of, whole_windows, with_id
from driftlog.profile.scope import of_key
from driftlog.store.client import Store

SAMPLE_ROWS: Final = 200_000
PAGE: Final = 5_000

Document = dict[str, Any]


def reference_from_window(
    store: Store,
    settings: ModelSettings,
    window: Window,
    *,
    created: datetime,
    binning: Binning | None = None,
    version: str = "*",
    sample_rows: int = SAMPLE_ROWS,
) -> tuple[Binning, Reference]:
    """A binning and a reference from the predictions stored in `window`.

    Edges and exact samples come from a random sample of at most about `sample_rows` rows; categories, extremes and all
    counts from the whole window, by aggregations. So memory and time do not grow with the number of predictions beyond
    one pass of Elasticsearch. Outcomes are those joined already.

    Parameters
    ----------
    binning
        Count in these bins instead of new ones.
    version
        Only predictions of this model version.

    Raises
    ------
    ReferenceUnusable
        No predictions in the window.
    """
    everything = ProfileKey(settings.name, settings.environment, version, "*", "", "", window)
    pattern = store.names.all_predictions(settings.name)
    n = store.count(pattern, of_key(everything))
    if not n:
        raise ReferenceUnusable(
            f"no predictions of {settings.name} ({settings.environment}) in {window.label()}",
            remedy="`driftlog predictions MODEL` shows what is stored; import history with `driftlog import`",
        )
    frame = sample_frame(store, everything, share=min(1.0, sample_rows / n))
    bins = binning or _whole_binning(store, everything, build_binning(frame, settings, created=created), settings)
    key = replace(reference_key(settings, bins, window), version=version)
    windows = whole_windows(window, settings)
    profiles = _count(store, bins, [key, *(replace(key, bucket=chunk) for chunk in windows)])
    if binning is None:
        bins, profiles = _with_extremes(bins, profiles, settings)
    days = [_days(window, settings), *(_days(chunk, settings) for chunk in windows)]
    outcomes = _count_outcomes(store, bins, replace(key, binning_id=bins.id), [day for part in days for day in part])
    reference = Reference(
        id="",
        model=settings.name,
        environment=settings.environment,
        binning_id=bins.id,
        n=profiles[0].n,
        predictions=profiles[0],
        outcomes=_known(outcomes, days[0]),
        chunks=tuple(
            ReferenceChunk(chunk, profile, _known(outcomes, part))
            for chunk, profile, part in zip(windows, profiles[1:], days[1:], strict=True)
            if profile.n
        ),
        window=window,
        sample=sample_of(frame, bins),
        origin=f"window {window.label()}" + ("" if version == "*" else f", version {version}"),
    )
    return bins, with_id(reference, bins)


def sample_frame(store: Store, key: ProfileKey, *, share: float, seed: int = 20130101) -> pd.DataFrame:
    """A random sample of a window's predictions as a frame of dotted fields; the same on every call.

    ``random_score`` gives each document a number in [0, 1) that depends on its sequence number and the seed; those
    from ``1 - share`` up are read::

        {"function_score": {"query": {...}, "random_score": {"seed": 1, "field": "_seq_no"},
                            "boost_mode": "replace", "min_score": 0.8}}
    """
    query = of_key(key)
    if share < 1.0:
        chance = {"random_score": {"seed": seed, "field": "_seq_no"}, "boost_mode": "replace"}
        query = {"function_score": {"query": query, **chance, "min_score": 1.0 - share}}
    source = ["features", "prediction.score", "prediction.label", "prediction.value"]
    found = store.scan(store.names.all_predictions(key.model), query, source=source, size=PAGE)
    rows = [dotted(hit["_source"]) for hit in found]
    columns = {name: None for row in rows for name in row}
    return pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in columns})


def _column(values: Sequence[object]) -> pd.Series[Any]:
    """Numbers as floats where all of them fit, else objects as they are."""
    numbers = [value for value in values if value is not None]
    if numbers and all(type(value) in (int, float) and abs(value) < 2**1000 for value in numbers):  # type: ignore[arg-type]
        return pd.Series(pd.array(list(values), dtype="Float64")).astype("float64")  # type: ignore[call-overload]
    return pd.Series(list(values), dtype=object)


def _whole_binning(store: Store, key: ProfileKey, sampled: Binning, settings: ModelSettings) -> Binning:
    """`sampled` with the categories of the whole window: a sample misses the rare ones."""
    fields: dict[str, FieldBins] = dict(sampled.fields)
    for name, bins in sampled.fields.items():
        if isinstance(bins, CategoricalBins):
            fields[name] = category_bins(_categories(store, key, name), numeric=bins.numeric) or bins
    return make_binning(settings, fields, sampled.created)


def _categories(store: Store, key: ProfileKey, name: str) -> dict[str, int]:
    size = TOP_VALUES + OTHER_VALUES
    terms = {"terms": {"field": name, "size": size, "shard_size": 2 * size}}
    answer = store.search(
        store.names.all_predictions(key.model), {"size": 0, "query": of_key(key), "aggs": {"values": terms}}
    )
    counts: dict[str, int] = {}
    for bucket in answer.get("aggregations", {}).get("values", {}).get("buckets", ()):
        category = category_name(bucket["key"])
        counts[category] = counts.get(category, 0) + bucket["doc_count"]
    return counts


def _count(store: Store, binning: Binning, keys: Sequence[ProfileKey]) -> list[PredictionProfile]:
    wanted = [(key, bucket_queries(binning, key)) for key in keys]
    return [parse_bucket(answers, binning, key) for key, answers in search_parts(store, wanted)]


def _with_extremes(
    binning: Binning, profiles: Sequence[PredictionProfile], settings: ModelSettings
) -> tuple[Binning, list[PredictionProfile]]:
    """Bins that know the least and greatest value of the whole window, and the profiles under their new id."""
    fields: dict[str, FieldBins] = dict(binning.fields)
    for name, bins in binning.fields.items():
        counted = profiles[0].fields[name]
        if isinstance(bins, NumericBins) and counted.minimum is not None:
            fields[name] = msgspec.structs.replace(bins, minimum=counted.minimum, maximum=counted.maximum)
    better = make_binning(settings, fields, binning.created)
    return better, [replace(profile, key=replace(profile.key, binning_id=better.id)) for profile in profiles]


def _days(window: Window, settings: ModelSettings) -> list[Window]:
    """The days of a window in the settings' time zone, cut to it."""
    days = Schedule(DAY, settings.timezone).windows(window.start, window.end)
    return [Window(max(day.start, window.start), min(day.end, window.end)) for day in days]


def _count_outcomes(
    store: Store, binning: Binning, key: ProfileKey, days: Sequence[Window]
) -> dict[Window, OutcomeProfile]:
    pattern = store.names.every("outcomes")
    keys = [replace(key, bucket=day) for day in dict.fromkeys(days)]
    answers = store.msearch([(pattern, outcome_query(binning, day)) for day in keys])
    return {day.bucket: parse_outcomes(answer, binning, day) for day, answer in zip(keys, answers, strict=True)}


def _known(outcomes: Mapping[Window, OutcomeProfile], days: Sequence[Window]) -> tuple[OutcomeProfile, ...]:
    return tuple(outcomes[day] for day in days if outcomes[day].n)
