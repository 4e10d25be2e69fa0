"""Prediction profiles of a bucket and its segments: the search bodies, and the parser of their answers.

A bucket is one search; a model too wide for Elasticsearch's 65,536 buckets an answer is counted by several, each
with its own fields, its own segments and its own ``n``, over one point in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftlog.contract.binning import Binning, CategoricalBins, FieldBins, NumericBins
from driftlog.contract.profile import LATENCY_EDGES_NS, FieldCounts, PredictionProfile, ProfileKey
from driftlog.profile.binning import LABEL, SCORE
from driftlog.profile.columns import category_name
from driftlog.profile.count import DURATION, ERROR_TYPE, EVENT_OUTCOME, OTHER_ERRORS, TOP_ERRORS
from driftlog.profile.layout import split_labels
from driftlog.profile.packing import Part, answered, pack
from driftlog.profile.scope import in_segment, of_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

RAW_MOMENTS: Final = 1e4
"""Up to this ratio of mean to deviation raw sums of squares keep 8 digits of the variance: 1e4**2 * 1e-16."""

SHARED: Final = ""
"""Stands for what is counted beside the fields: latency, errors, hours, scores by label."""

Body = dict[str, Any]


def bucket_queries(binning: Binning, key: ProfileKey) -> list[Body]:
    """The search bodies that count one bucket and its segments: one, unless the model is too wide."""
    return [
        bucket_query(
            binning,
            key,
            fields=[name for name in part.items if name != SHARED],
            shared=SHARED in part.items,
            whole=part.whole,
            segments=part.segments,
        )
        for part in split(binning, key)
    ]


def split(binning: Binning, key: ProfileKey) -> list[Part]:
    """The searches of one bucket, in parts of at most 50,000 buckets."""
    costs = {SHARED: _shared_buckets(binning, key)}
    costs |= {name: bins.size + 8 for name, bins in binning.fields.items()}
    return pack(costs, binning.segments if not key.segment else ())


def _shared_buckets(binning: Binning, key: ProfileKey) -> int:
    bins = binning.fields.get(SCORE)
    hours = key.bucket.length // timedelta(hours=1)
    return 300 + hours + len(split_labels(binning)) * (bins.size + 1 if bins else 0)


def bucket_query(
    binning: Binning,
    key: ProfileKey,
    *,
    fields: Sequence[str] | None = None,
    shared: bool = True,
    moments: bool = True,
    whole: bool = True,
    segments: Sequence[str] = (),
) -> Body:
    """One search body that counts a bucket's prediction events.

    Parameters
    ----------
    fields
        Which of the binning's fields it counts; all by default.
    shared
        Whether it counts latency, errors, hours and scores by label as well.
    moments
        Whether it asks for sums, least and greatest values; drift on bins needs counts only, in two thirds of the time.
    whole
        Whether it counts all events of the bucket.
    segments
        Segments it counts apart; they are named by their position.

    ::

        {"size": 0, "track_total_hits": true,
         "query": {"bool": {"filter": [
            {"range": {"@timestamp": {"gte": "2026-03-03T10:00:00.000000Z", "lt": "2026-03-03T11:00:00.000000Z"}}},
            {"bool": {"should": [{"term": {"service.environment": "production"}},
                                 {"bool": {"must_not": [{"exists": {"field": "service.environment"}}]}}],
                      "minimum_should_match": 1}},
            {"term": {"model.version": "7"}},
            {"bool": {"should": [{...no model.variant...}, {"term": {"model.variant": ""}}], ...}}]}},
         "aggs": {
            "f0": {"range": {"field": "features.distance", "ranges": [{"to": 94.0}, {"from": 94.0, "to": 187.0},
                                                                      {"from": 187.0}]}},
            "s0": {"extended_stats": {"field": "features.distance"}},
            "f1": {"terms": {"field": "features.carrier", "include": ["UA", "B6"], "size": 2}},
            "o1": {"filter": {"terms": {"features.carrier": ["HA"]}}},
            "p1": {"filter": {"exists": {"field": "features.carrier"}}},
            "ignored": {"terms": {"field": "_ignored", "include": ["features.distance", ...]}},
            "nonfinite": {"terms": {"field": "driftlog.nonfinite", "include": [...], "size": 2}},
            "latency": {"range": {"field": "event.duration", "ranges": [...]}},
            "latency_total": {"sum": {"field": "event.duration"}},
            "failures": {"filter": {"term": {"event.outcome": "failure"}},
                         "aggs": {"types": {"terms": {"field": "error.type", "size": 50, "shard_size": 1000}}}},
            "labels": {"terms": {"field": "prediction.label", "include": ["late", "on time"], "size": 2},
                       "aggs": {"score": {"range": {"field": "prediction.score", "ranges": [...]}}}},
            "hours": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h", "min_doc_count": 1}},
            "segments": {"filters": {"filters": {"0": {"bool": {"filter": [{"term": {"features.carrier": "UA"}}]}}}},
                         "aggs": {"f0": {...}, ...}}}}

    Aggregations are named by the position of their field, because field names may hold what names of aggregations may
    not. Where the reference's mean is more than 1e4 deviations from zero (epoch seconds, identifiers) raw sums of
    squares lose the variance, and each range carries ``stats`` instead of one ``extended_stats``.
    """
    names = list(binning.fields) if fields is None else list(fields)
    aggs: Body = {}
    for position, name in enumerate(names):
        aggs |= _field_aggs(position, name, binning.fields[name], moments=moments)
    if names:
        for part, field in (("ignored", "_ignored"), ("nonfinite", "driftlog.nonfinite")):
            aggs[part] = {"terms": {"field": field, "include": names, "size": len(names)}}
    if shared:
        aggs |= _shared_aggs(binning, key)
    wanted = aggs if whole else {}
    if segments:
        filters = {str(at): {"bool": {"filter": in_segment(name)}} for at, name in enumerate(segments)}
        wanted = wanted | {"segments": {"filters": {"filters": filters}, "aggs": aggs}}
    return {"size": 0, "track_total_hits": True, "query": of_key(key), "aggs": wanted}


def _field_aggs(position: int, name: str, bins: FieldBins, *, moments: bool) -> Body:
    if isinstance(bins, CategoricalBins):
        return _category_aggs(position, name, bins)
    counts: Body = {"range": {"field": name, "ranges": ranges(bins.edges)}}
    if not moments:
        return {f"f{position}": counts}
    if precise(bins):
        return {f"f{position}": counts, f"s{position}": {"extended_stats": {"field": name}}}
    return {f"f{position}": counts | {"aggs": {"x": {"stats": {"field": name}}}}}


def _category_aggs(position: int, name: str, bins: CategoricalBins) -> Body:
    aggs: Body = {f"p{position}": {"filter": {"exists": {"field": name}}}}
    if bins.values:
        wanted = _stored(bins.values, bins)
        aggs[f"f{position}"] = {"terms": {"field": name, "include": wanted, "size": len(wanted)}}
    if bins.other_values:
        aggs[f"o{position}"] = {"filter": {"terms": {name: _stored(bins.other_values, bins)}}}
    return aggs


def _stored(values: Iterable[str], bins: CategoricalBins) -> list[Any]:
    """Category names as the events hold them; zero has two signs."""
    if not bins.numeric:
        return list(values)
    numbers = [float(value) for value in values]
    return [*numbers, -0.0] if 0.0 in numbers else numbers


def precise(bins: NumericBins) -> bool:
    """Whether raw sums of squares are exact enough for this field."""
    return abs(bins.shift) <= RAW_MOMENTS * bins.scale


def ranges(edges: Sequence[float]) -> list[dict[str, float]]:
    """Half-open ranges with open ends.

    >>> ranges((1.0, 2.0))
    [{'to': 1.0}, {'from': 1.0, 'to': 2.0}, {'from': 2.0}]
    """
    inner = [{"from": low, "to": high} for low, high in pairwise(edges)]
    return [{"to": edges[0]}, *inner, {"from": edges[-1]}]


def _shared_aggs(binning: Binning, key: ProfileKey) -> Body:
    types = {"terms": {"field": ERROR_TYPE, "size": TOP_ERRORS, "shard_size": 1000}}
    aggs: Body = {
        "latency": {"range": {"field": DURATION, "ranges": ranges(LATENCY_EDGES_NS)}},
        "latency_total": {"sum": {"field": DURATION}},
        "failures": {"filter": {"term": {EVENT_OUTCOME: "failure"}}, "aggs": {"types": types}},
    }
    if key.bucket.length > timedelta(hours=1):
        aggs["hours"] = {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h", "min_doc_count": 1}}
    labels, bins = split_labels(binning), binning.fields.get(SCORE)
    if labels and isinstance(bins, NumericBins):
        aggs["labels"] = {
            "terms": {"field": LABEL, "include": list(labels), "size": len(labels)},
            "aggs": {"score": {"range": {"field": SCORE, "ranges": ranges(bins.edges)}}},
        }
    return aggs


def parse_bucket(answers: Body | Sequence[Body], binning: Binning, key: ProfileKey) -> PredictionProfile:
    """The profile of all of a bucket's events; see `parse_segments`."""
    return parse_segments(answers, binning, key, only=("",))[""]


def parse_segments(
    answers: Body | Sequence[Body], binning: Binning, key: ProfileKey, *, only: Sequence[str] | None = None
) -> dict[str, PredictionProfile]:
    """Profiles of a bucket, ``""``, and of each of its segments, from the answers to `bucket_queries`, in their order.

    What is not asked for follows by subtraction from the answer's own total: missing numbers are those in no range and
    not malformed, unseen categories those present and neither listed nor "other".

    Parameters
    ----------
    answers
        Also the one answer to one `bucket_query`.
    only
        Parse these segments only.
    """
    parts = split(binning, key)
    responses = [answers] if isinstance(answers, Mapping) else list(answers)
    if len(responses) != len(parts):
        raise ValueError(f"{len(responses)} answers to {len(parts)} searches")
    names = only if only is not None else ("", *(binning.segments if not key.segment else ()))
    return {
        name: _profile(
            [
                (part, found)
                for part, response in zip(parts, responses, strict=True)
                for found in answered(part, response, name)
            ],
            binning,
            replace(key, segment=name or key.segment),
        )
        for name in names
    }


def _profile(found: Sequence[tuple[Part, tuple[int, Body]]], binning: Binning, key: ProfileKey) -> PredictionProfile:
    fields: dict[str, FieldCounts] = {}
    n, shared = 0, dict[str, Any]()
    for part, (events, aggs) in found:
        fields |= _parse_fields([name for name in part.items if name != SHARED], events, aggs, binning)
        if SHARED in part.items:
            n, shared = events, aggs
    failures = shared.get("failures", {"doc_count": 0})
    hours = shared.get("hours", {}).get("buckets")
    return PredictionProfile(
        key=key,
        n=n,
        fields={name: fields[name] for name in binning.fields},
        latency=counts_of(shared.get("latency"), len(LATENCY_EDGES_NS) + 1),
        latency_total_ns=_number(shared.get("latency_total", {}).get("value", 0.0)),
        failures=failures["doc_count"],
        errors=_errors(failures.get("types", {})),
        score_by_label=_labels(shared.get("labels"), binning),
        hours=(1 if n else 0) if hours is None else len(hours),
    )


def counts_of(aggregation: Body | None, size: int) -> Counts:
    """Counts of a range aggregation's buckets; zeros where it is not there (no index)."""
    if aggregation is None:
        return np.zeros(size, dtype=np.int64)
    buckets = aggregation["buckets"]
    return np.fromiter((bucket["doc_count"] for bucket in buckets), dtype=np.int64, count=size)


def _parse_fields(names: Sequence[str], n: int, aggs: Body, binning: Binning) -> dict[str, FieldCounts]:
    ignored, nonfinite = _by_key(aggs.get("ignored")), _by_key(aggs.get("nonfinite"))
    fields: dict[str, FieldCounts] = {}
    for position, name in enumerate(names):
        bins = binning.fields[name]
        parse = _parse_numeric if isinstance(bins, NumericBins) else _parse_categories
        fields[name] = parse(position, aggs, bins, n, ignored.get(name, 0), nonfinite.get(name, 0))  # type: ignore[arg-type]
    return fields


def _by_key(aggregation: Body | None) -> dict[str, int]:
    return {bucket["key"]: bucket["doc_count"] for bucket in (aggregation or {}).get("buckets", ())}


def _parse_numeric(position: int, aggs: Body, bins: NumericBins, n: int, ignored: int, nonfinite: int) -> FieldCounts:
    answer = aggs.get(f"f{position}")
    counts = counts_of(answer, bins.size)
    present = int(counts.sum())
    malformed = min(ignored, max(0, n - present))
    total, squares, least, greatest = 0.0, 0.0, None, None
    if answer is not None and present:
        if f"s{position}" in aggs:
            total, squares, least, greatest = _raw_moments(aggs[f"s{position}"], bins.shift)
        elif "x" in answer["buckets"][0]:
            total, squares, least, greatest = _binned_moments([b["x"] for b in answer["buckets"]], bins.shift)
    return FieldCounts(
        counts,
        missing=max(0, n - present - malformed),
        malformed=malformed,
        nonfinite=nonfinite,
        total=total,
        squares=squares,
        minimum=least,
        maximum=greatest,
    )


def _number(value: object) -> float:
    """A JSON number; sums beyond a double come as text or null."""
    return float(value) if isinstance(value, (int, float, str)) else float("inf")


def _raw_moments(stats: Body, shift: float) -> tuple[float, float, float, float]:
    """``sum(x - s) = sum x - n s`` and ``sum (x - s)^2 = sum x^2 - 2 s sum x + n s^2``, not below its least value."""
    n, total, squares = int(stats["count"]), _number(stats["sum"]), _number(stats["sum_of_squares"])
    shifted = total - n * shift
    least = shifted / n * shifted
    centred = max(squares - 2 * shift * total + n * shift * shift, least)
    return shifted, centred, _number(stats["min"]), _number(stats["max"])


def _binned_moments(stats: Sequence[Body], shift: float) -> tuple[float, float, float, float]:
    """Moments from each bin's count, sum, least and greatest value.

    Between bins the sum of squares is exact: n (mean - shift)^2. Inside, values are taken as spread evenly between the
    bin's least and greatest one, (max - min)^2 / 12; in the two outer bins, whose values thin out with the distance
    from the edge, as exponential: (mean - edge)^2. On 100 quantile bins the variance is right to about 0.5 %.
    """
    total = squares = 0.0
    last = len(stats) - 1
    for position, bin_stats in enumerate(stats):
        n = int(bin_stats["count"])
        if not n:
            continue
        low, high, mean = bin_stats["min"], bin_stats["max"], bin_stats["sum"] / n
        mean = min(max(mean, low), high)
        inside = (high - low) ** 2 / 12
        if position in (0, last):
            inside = min((high - mean) * (mean - low), (high - mean if position == 0 else mean - low) ** 2)
        total += n * (mean - shift)
        squares += n * ((mean - shift) ** 2 + inside)
    filled = [bin_stats for bin_stats in stats if bin_stats["count"]]
    return total, squares, min(b["min"] for b in filled), max(b["max"] for b in filled)


def _parse_categories(
    position: int, aggs: Body, bins: CategoricalBins, n: int, ignored: int, nonfinite: int
) -> FieldCounts:
    found: dict[str, int] = {}
    for bucket in aggs.get(f"f{position}", {}).get("buckets", ()):
        name = category_name(bucket["key"])
        found[name] = found.get(name, 0) + bucket["doc_count"]
    others = aggs.get(f"o{position}", {}).get("doc_count", 0)
    counts = np.array([*(found.get(value, 0) for value in bins.values), others], dtype=np.int64)
    present = aggs.get(f"p{position}", {}).get("doc_count", 0)
    malformed = min(ignored, n - present)
    return FieldCounts(
        counts,
        missing=n - present - malformed,
        malformed=malformed,
        nonfinite=nonfinite,
        unseen=max(0, present - int(counts.sum())),
    )


def _errors(types: Body) -> dict[str, int]:
    errors = _by_key(types)
    rest = types.get("sum_other_doc_count", 0)
    return errors | ({OTHER_ERRORS: rest} if rest else {})


def _labels(aggregation: Body | None, binning: Binning) -> dict[str, Counts]:
    bins = binning.fields.get(SCORE)
    if aggregation is None or bins is None:
        return {}
    found = {bucket["key"]: counts_of(bucket["score"], bins.size) for bucket in aggregation["buckets"]}
    return {name: counts for name, counts in found.items() if counts.any()}
