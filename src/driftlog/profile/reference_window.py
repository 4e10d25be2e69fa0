"""References from a past window: rows are sampled for the bins, everything is counted by queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from driftlog.contract.binning import Binning, CategoricalBins, FieldBins, NumericBins
from driftlog.contract.errors import ReferenceUnusable
from driftlog.contract.profile import OutcomeProfile, PredictionProfile, ProfileKey, Reference, ReferenceChunk
from driftlog.contract.segment import Between, Condition, fields_of
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import DAY, Schedule, Window
from driftlog.profile.binning import OTHER_VALUES, TOP_VALUES, build_binning, category_bins, make_binning
from driftlog.profile.buckets import search_outcomes
from driftlog.profile.columns import category_name, dotted, numeric_rows
from driftlog.profile.count import count_outcomes
from driftlog.profile.outcome_query import parse_outcomes
from driftlog.profile.outcomes import join_feedback
from driftlog.profile.query import bucket_queries, parse_segments
from driftlog.profile.raw import search_parts
from driftlog.profile.reference_frame import reference_key, sample_of, seed_of, whole_windows, with_id
from driftlog.profile.sample import ROW_FIELDS, ROWS, add_outcomes, chance, draw, encode_rows, outcome_frame, to_frame
from driftlog.profile.scope import of_key
from driftlog.profile.segmentation import Crossing, choose_segments, declared_numeric, quartile_ranges, segment_field
from driftlog.profile.segments import segment_masks
from driftlog.store.client import Store

__all__ = ["dotted", "reference_from_window", "sample_frame"]

SAMPLE_ROWS: Final = 200_000
PAGE: Final = 5_000
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)

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
    join_as_of: datetime | None = None,
) -> tuple[Binning, Reference]:
    """A binning and a reference from the predictions stored in `window`.

    Edges and exact samples come from a random sample of at most about `sample_rows` rows; categories, extremes and all
    counts from the whole window, by aggregations. So memory and time do not grow with the number of predictions beyond
    one pass of Elasticsearch. Outcomes are those joined already, unless `join_as_of` is given.

    Parameters
    ----------
    binning
        Count in these bins instead of new ones.
    version
        Only predictions of this model version.
    join_as_of
        Join all feedback there is at this time first, in the segments of the new bins: where no worker has done so
        yet, the reference would have no truth. For references that become the active one.

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
    fields = [segment_field(name) for part in settings.segments for name in part]
    frame = sample_frame(store, everything, share=min(1.0, sample_rows / n), fields=fields)
    bins = binning or _whole_binning(store, everything, frame, settings, created)
    key = replace(reference_key(settings, bins, window), version=version)
    windows = whole_windows(window, settings)
    profiles = _count(store, bins, [key, *(replace(key, bucket=chunk) for chunk in windows)])
    if binning is None:
        bins, profiles = _with_extremes(bins, profiles, settings)
    if join_as_of is not None:
        join_feedback(store, settings, since=BEGINNING, as_of=join_as_of, binning=bins)
    days = [_days(window, settings), *(_days(chunk, settings) for chunk in windows)]
    outcomes = _count_outcomes(store, bins, replace(key, binning_id=bins.id), [day for part in days for day in part])
    origin = f"window {window.label()}" + ("" if version == "*" else f", version {version}")
    parts = {
        segment: _reference(
            [profile[segment] for profile in profiles], [window, *windows], days, outcomes.get(segment, {}), origin
        )
        for segment in ("", *bins.segments)
    }
    drawn = draw(frame, ROWS, seed=seed_of(bins))
    reference = replace(
        parts.pop(""),
        sample=sample_of(frame, bins),
        rows=encode_rows(add_outcomes(store, settings.name, drawn), bins, n=n),
        segments={segment: part for segment, part in parts.items() if part.n},
    )
    return bins, with_id(reference, bins)


def _reference(
    profiles: Sequence[PredictionProfile],
    windows: Sequence[Window],
    days: Sequence[Sequence[Window]],
    outcomes: Mapping[Window, OutcomeProfile],
    origin: str,
) -> Reference:
    """A reference from the profiles of its window and of its chunks."""
    whole = profiles[0]
    chunks = (
        ReferenceChunk(chunk, profile, _known(outcomes, part))
        for chunk, profile, part in zip(windows[1:], profiles[1:], days[1:], strict=True)
        if profile.n
    )
    return Reference(
        id="",
        model=whole.key.model,
        environment=whole.key.environment,
        binning_id=whole.key.binning_id,
        n=whole.n,
        predictions=whole,
        outcomes=_known(outcomes, days[0]),
        chunks=tuple(chunks),
        window=windows[0],
        origin=origin,
    )


def sample_frame(
    store: Store, key: ProfileKey, *, share: float, seed: int = 20130101, fields: Sequence[str] = ()
) -> pd.DataFrame:
    """A random sample of a window's predictions as a frame of dotted fields; the same on every call.

    Features and predictions, ``@timestamp``, ``event.id``, and further `fields`. ``random_score`` gives each document a
    number in [0, 1) that depends on its sequence number and the seed; those from ``1 - share`` up are read::

        {"function_score": {"query": {...}, "random_score": {"seed": 1, "field": "_seq_no"},
                            "boost_mode": "replace", "min_score": 0.8}}
    """
    query = of_key(key)
    if share < 1.0:
        query = {"function_score": {"query": query, **chance(seed), "min_score": 1.0 - share}}
    found = store.scan(store.names.all_predictions(key.model), query, source=[*ROW_FIELDS, *fields], size=PAGE)
    return to_frame(hit["_source"] for hit in found)


def _whole_binning(
    store: Store, key: ProfileKey, frame: pd.DataFrame, settings: ModelSettings, created: datetime
) -> Binning:
    """Bins of a sample, with the categories of the whole window: a sample misses the rare ones."""
    sampled = build_binning(frame, settings, created=created)
    fields: dict[str, FieldBins] = dict(sampled.fields)
    for name, bins in sampled.fields.items():
        if isinstance(bins, CategoricalBins):
            fields[name] = category_bins(_categories(store, key, name), numeric=bins.numeric) or bins
    return make_binning(settings, fields, created, window_segments(store, key, frame, settings, fields))


def window_segments(
    store: Store, key: ProfileKey, frame: pd.DataFrame, settings: ModelSettings, fields: Mapping[str, FieldBins]
) -> tuple[str, ...]:
    """The segments of a reference window: values and crossings counted over all of it, quartiles from its sample."""

    def conditions(field: str) -> Sequence[Condition] | None:
        if field not in frame:
            return None
        bins = fields.get(field)
        if isinstance(bins, CategoricalBins):
            return bins.values
        if declared_numeric(field, frame[field], settings):
            values = numeric_rows(frame[field])
            return quartile_ranges(values[~np.isnan(values)])
        counts = _categories(store, key, field)
        return sorted(counts, key=lambda name: (-counts[name], name))

    def cross(names: Sequence[str], choices: Sequence[Sequence[Condition]]) -> Crossing:
        answer = store.search(store.names.all_predictions(key.model), crossing_query(key, names, choices))
        return parse_crossing(answer, choices)

    return choose_segments(settings, conditions, cross)


def crossing_query(key: ProfileKey, names: Sequence[str], choices: Sequence[Sequence[Condition]]) -> Document:
    """The search that counts combinations of fields' values and ranges.

    ::

        {"size": 0, "query": {...},
         "aggs": {"x": {"terms": {"field": "features.origin", "include": ["EWR", "JFK"], "size": 2},
                        "aggs": {"x": {"range": {"field": "features.distance",
                                                 "ranges": [{"to": 500.0, "key": "0"}, {"from": 500.0, ...}]}}}}}}
    """
    aggs: Document = {}
    for field, choice in reversed(list(zip(names, choices, strict=True))):
        aggs = {"x": _choice_agg(field, choice) | ({"aggs": aggs} if aggs else {})}
    return {"size": 0, "track_total_hits": False, "query": of_key(key), "aggs": aggs}


def _choice_agg(field: str, choice: Sequence[Condition]) -> Document:
    """Counts of a field's values or ranges. Zero has two signs where numbers are values."""
    between = [each for each in choice if isinstance(each, Between)]
    if not between:
        words = [str(each) for each in choice]
        include = [*words, "-0"] if "0" in words else words
        return {"terms": {"field": field, "include": include, "size": len(include)}}
    ends = [{name: end for name, end in (("from", each.low), ("to", each.high)) if end is not None} for each in between]
    return {"range": {"field": field, "ranges": [each | {"key": str(at)} for at, each in enumerate(ends)]}}


def parse_crossing(response: Document, choices: Sequence[Sequence[Condition]]) -> dict[tuple[int, ...], int]:
    """Documents by the positions of their conditions, from the answer to `crossing_query`."""
    cells: list[tuple[tuple[int, ...], Document]] = [((), response.get("aggregations", {}))]
    for choice in choices:
        ranged = isinstance(choice[0], Between)
        places = {str(at) if ranged else str(each): at for at, each in enumerate(choice)}
        cells = [
            ((*cell, places[category_name(found["key"])]), found)
            for cell, aggs in cells
            for found in aggs.get("x", {}).get("buckets", ())
            if found["doc_count"] and category_name(found["key"]) in places
        ]
    counts: Counter[tuple[int, ...]] = Counter()
    for cell, found in cells:
        counts[cell] += found["doc_count"]
    return dict(counts)


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


Counted = Mapping[str, PredictionProfile]
"""Profiles by segment, ``""`` for the whole."""


def _count(store: Store, binning: Binning, keys: Sequence[ProfileKey]) -> list[Counted]:
    wanted = [(key, bucket_queries(binning, key)) for key in keys]
    return [parse_segments(answers, binning, key) for key, answers in search_parts(store, wanted)]


def _with_extremes(
    binning: Binning, profiles: Sequence[Counted], settings: ModelSettings
) -> tuple[Binning, list[Counted]]:
    """Bins that know the least and greatest value of the whole window, and the profiles under their new id."""
    fields: dict[str, FieldBins] = dict(binning.fields)
    for name, bins in binning.fields.items():
        counted = profiles[0][""].fields[name]
        if isinstance(bins, NumericBins) and counted.minimum is not None:
            fields[name] = msgspec.structs.replace(bins, minimum=counted.minimum, maximum=counted.maximum)
    better = make_binning(settings, fields, binning.created, binning.segments)
    return better, [
        {name: replace(each, key=replace(each.key, binning_id=better.id)) for name, each in counted.items()}
        for counted in profiles
    ]


def _days(window: Window, settings: ModelSettings) -> list[Window]:
    """The days of a window in the settings' time zone, cut to it."""
    days = Schedule(DAY, settings.timezone).windows(window.start, window.end)
    return [Window(max(day.start, window.start), min(day.end, window.end)) for day in days]


def _count_outcomes(
    store: Store, binning: Binning, key: ProfileKey, days: Sequence[Window]
) -> dict[str, dict[Window, OutcomeProfile]]:
    """Outcome profiles by segment and day.

    Those of the whole come from one search a day. Stored outcomes name the segments of the binning they were joined
    under, which need not be these; so where there are segments the outcomes of a day are read, and counted here.
    """
    keys = [replace(key, bucket=day) for day in dict.fromkeys(days)]
    whole = msgspec.structs.replace(binning, segments=())
    found: dict[str, dict[Window, OutcomeProfile]] = {"": {}}
    for day, answers in search_outcomes(store, whole, keys):
        found[""][day.bucket] = parse_outcomes(answers, whole, day)
        if not binning.segments or not found[""][day.bucket].n:
            continue
        frame = outcome_frame(store, day, fields_of(binning.segments))
        for name, mask in segment_masks(frame, binning):
            profile = count_outcomes(frame[mask], binning, replace(day, segment=name))
            found.setdefault(name, {})[day.bucket] = profile
    return found


def _known(outcomes: Mapping[Window, OutcomeProfile], days: Sequence[Window]) -> tuple[OutcomeProfile, ...]:
    return tuple(outcomes[day] for day in days if day in outcomes and outcomes[day].n)
