"""Experiments by subject: one value for each randomised subject, streamed out of predictions, outcomes and ratings.

A ``composite`` aggregation walks the subjects in order, page by page, with the sums of the target inside; what is kept
is one set of sufficient statistics for each variant and day on which a subject was first seen, never the subjects. The
value of a subject is the mean of its rows. A subject seen in two variants is counted as contamination and left out:
which treatment made its value cannot be told, and leaving it in would hide that the assignment does not hold.

Ratings are read from the feedback itself and joined with their predictions by id; they wait, summed by subject, in a
temporary file, in the order of the aggregation.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from typing import Final

from driftlog.contract.errors import UsageError
from driftlog.contract.experiment import ExperimentData, Unit, UnitSums, parse_instant
from driftlog.contract.settings import ExperimentSettings, ModelSettings
from driftlog.profile.experiment_ratings import rated
from driftlog.profile.experiment_scope import SUBJECT, ExperimentScope
from driftlog.profile.experiment_target import Target, number_of, resolve_target, value_aggregations, values_of
from driftlog.profile.scope import VARIANT
from driftlog.store.client import Store
from driftlog.store.values import Document

PAGE: Final = 10_000
SAMPLE: Final = 5000
RECENT: Final = timedelta(days=28)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """One subject in one variant: `n` of its rows have a value, summing up to `total`."""

    subject: str
    variant: str
    first_seen: datetime
    n: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class RecentUnits:
    """Subjects of the last days before `until`: mean and standard deviation of their values, new ones a day.

    `proportions`: every subject's value is 0 or 1.
    """

    until: datetime
    days: float
    units: int
    mean: float | None
    sd: float | None
    per_day: float
    proportions: bool = False


def collect(
    store: Store,
    settings: ModelSettings,
    experiment: ExperimentSettings,
    *,
    until: datetime,
    unit: Unit = "subject",
) -> ExperimentData:
    """What `experiment` has collected from predictions before `until` (and before its end).

    Parameters
    ----------
    unit
        ``prediction``: each prediction is a unit of its own, for logs without subjects; intervals are too narrow then.

    Raises
    ------
    UsageError
        The experiment has not started, one of its variants was never seen, no prediction names a subject, or the target
        is no number.
    """
    where = f"models.{settings.name}.experiments.{experiment.name}"
    start, end = parse_instant(experiment.start), parse_instant(experiment.end)
    until = min(until, end) if end is not None else until
    if start is not None and until <= start:
        raise UsageError(
            f"{experiment.name} starts on {start:%Y-%m-%d %H:%M} UTC, and it is not later than that yet",
            remedy=f"wait, or correct {where}.start",
        )
    variants = (experiment.control, *experiment.treatments)
    scope = ExperimentScope(store, settings, start, until, variants)
    seen, rows, without = _seen(scope, unit)
    _require_variants(scope, variants, seen, where)
    if unit == "subject" and without == rows:
        raise UsageError(
            f"{experiment.name}: none of its {rows:,} predictions names a subject",
            remedy="log subject=... (user, account, device) with every prediction, or count each prediction by itself "
            "with --by prediction; its intervals are too narrow where subjects come back",
        )
    target = resolve_target(scope, experiment.target, where)
    if unit == "subject":
        arms, contaminated, unreadable = gather(_subject_rows(scope, target))
    else:
        (arms, unreadable), contaminated = _by_prediction(scope, target), 0
    _require_kind(arms, experiment, where)
    return ExperimentData(
        unit=unit,
        until=until,
        arms=arms,
        contaminated=contaminated,
        rows=rows,
        rows_without_subject=without if unit == "subject" else 0,
        unreadable=unreadable,
    )


def recent_units(store: Store, settings: ModelSettings, target: str) -> RecentUnits | None:
    """Baseline and traffic for a plan: the subjects of the newest 28 days; None without any."""
    everything = ExperimentScope(store, settings, None, None, ())
    body = {"size": 0, "query": everything.query(), "aggs": {"last": {"max": {"field": "@timestamp"}}}}
    last = store.search(everything.pattern("predictions"), body).get("aggregations", {}).get("last", {}).get("value")
    if last is None:
        return None
    until = _time(last) + timedelta(milliseconds=1)
    scope = ExperimentScope(store, settings, until - RECENT, until, ())
    resolved = resolve_target(scope, target, f"models.{settings.name}")
    arms, _, _ = gather(_subject_rows(scope, resolved))
    total = UnitSums()
    days = sorted(arms.get("", {}))
    for day in days:
        total.merge(arms[""][day])
    if not total.exposed:
        return None
    span = float((days[-1] - days[0]).days + 1)
    sd = math.sqrt(total.variance) if total.n > 1 else None
    return RecentUnits(
        until=until,
        days=span,
        units=total.n,
        mean=total.mean if total.n else None,
        sd=sd,
        per_day=total.exposed / span,
        proportions=total.whole == total.n,
    )


def gather(rows: Iterable[SubjectRow]) -> tuple[dict[str, dict[date, UnitSums]], int, int]:
    """(variant -> first-seen day -> sums, contaminated subjects, unreadable values) of rows in order of subject."""
    arms: dict[str, dict[date, UnitSums]] = {}
    contaminated = unreadable = 0
    for _, group in groupby(rows, key=lambda row: row.subject):
        row, *others = group
        unreadable += row.unreadable
        if others:
            contaminated += 1
            continue
        sums = arms.setdefault(row.variant, {}).setdefault(row.first_seen.date(), UnitSums())
        sums.exposed += 1
        if row.n and math.isfinite(row.total):
            sums.add(row.total / row.n, rows=row.n, low=row.low, high=row.high)
        elif row.n:
            unreadable += row.n
    return arms, contaminated, unreadable


def composite_page(query: Document, target: Target, *, by_variant: bool, after: Document | None) -> Document:
    """One page of subjects.

    ::

        {"size": 0, "query": {...}, "aggs": {"units": {
            "composite": {"size": 10000, "sources": [{"subject": {"terms": {"field": "subject.id"}}},
                                                     {"variant": {"terms": {"field": "model.variant"}}}]},
            "aggs": {"first": {"min": {"field": "@timestamp"}}, "value": {"stats": {"field": "outcome.correct"}}}}}}
    """
    sources: list[Document] = [{"subject": {"terms": {"field": SUBJECT}}}]
    if by_variant:
        sources.append({"variant": {"terms": {"field": VARIANT}}})
    composite: Document = {"size": PAGE, "sources": sources}
    if after is not None:
        composite["after"] = after
    inner = {"first": {"min": {"field": "@timestamp"}}} | value_aggregations(target, "stats")
    body = {"units": {"composite": composite, "aggs": inner}}
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": body}


def _pages(scope: ExperimentScope, target: Target) -> Iterator[Document]:
    """Buckets of subject and variant, in order of subject.

    Every page of a composite aggregation visits all documents of its query again, so that the query of each covers only
    a range of subjects of about one page.
    """
    for span in _ranges(scope):
        filters = scope.filters() + ([{"range": {SUBJECT: span}}] if span else [])
        after = None
        while True:
            query = {"bool": {"filter": filters}}
            body = composite_page(query, target, by_variant=bool(scope.variants), after=after)
            found = scope.store.search(scope.pattern(target.source), body).get("aggregations")
            if found is None:
                break
            yield from found["units"]["buckets"]
            after = found["units"].get("after_key")
            if after is None or len(found["units"]["buckets"]) < PAGE:
                break


def _ranges(scope: ExperimentScope) -> list[dict[str, str]]:
    """Adjoining ranges of subject ids with about `PAGE` subjects each, from a random sample; one where all fit."""
    pattern = scope.pattern("predictions")
    aggs = {"subjects": {"cardinality": {"field": SUBJECT, "precision_threshold": 40_000}}}
    counted = scope.store.search(pattern, {"size": 0, "query": scope.query(), "aggs": aggs})
    wanted = math.ceil(counted.get("aggregations", {}).get("subjects", {}).get("value", 0) / PAGE)
    if wanted <= 1:
        return [{}]
    named = {"bool": {"filter": [*scope.filters(), {"exists": {"field": SUBJECT}}]}}
    random = {"function_score": {"query": named, "random_score": {"seed": 1, "field": "_seq_no"}}}
    body = {"size": SAMPLE, "query": random, "_source": [SUBJECT], "track_total_hits": False}
    hits = scope.store.search(pattern, body)["hits"]["hits"]
    sampled = sorted(hit["_source"]["subject"]["id"] for hit in hits)
    cuts = sorted({sampled[len(sampled) * index // wanted] for index in range(1, wanted)})
    return [
        ({"gte": low} if low is not None else {}) | ({"lt": high} if high is not None else {})
        for low, high in pairwise([None, *cuts, None])
    ]


def _subject_rows(scope: ExperimentScope, target: Target) -> Iterator[SubjectRow]:
    if target.source != "ratings":
        yield from (_row(bucket) for bucket in _pages(scope, target))
        return
    with closing(sqlite3.connect("")) as file:  # a temporary file of SQLite's own, gone when it is closed
        ratings = iter(rated(scope, file))
        rating = next(ratings, None)
        for bucket in _pages(scope, target):
            row = _row(bucket)
            while rating is not None and rating[0] < row.subject:
                rating = next(ratings, None)
            if rating is not None and rating[0] == row.subject:
                row = SubjectRow(row.subject, row.variant, row.first_seen, *rating[1:])
            yield row


def _row(bucket: Document) -> SubjectRow:
    key = bucket["key"]
    n, total, low, high, unreadable = values_of(bucket)
    return SubjectRow(
        key["subject"], key.get("variant", ""), _time(bucket["first"]["value"]), n, total, low, high, unreadable
    )


def _by_prediction(scope: ExperimentScope, target: Target) -> tuple[dict[str, dict[date, UnitSums]], int]:
    """Sums by variant and day with every prediction as a unit.

    The sums of squares are plain ones: where the spread is below a millionth of the mean it is taken for unknown.
    """
    if target.source == "ratings":
        raise UsageError("ratings cannot be counted by prediction", remedy="log subject=... and leave --by away")
    sources: list[Document] = [
        {"variant": {"terms": {"field": VARIANT}}},
        {"day": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1d"}}},
    ]
    composite: Document = {"size": PAGE, "sources": sources}
    outcome = {"filter": {"exists": {"field": "outcome.prediction_id"}}}
    inner = {"outcomes": outcome} | value_aggregations(target, "extended_stats")
    body: Document = {"size": 0, "track_total_hits": False, "query": scope.query()}
    arms: dict[str, dict[date, UnitSums]] = {}
    unreadable = 0
    while True:
        aggs = {"units": {"composite": dict(composite), "aggs": inner}}
        found = scope.store.search(scope.pattern(target.source), body | {"aggs": aggs}).get("aggregations")
        if found is None:
            return arms, unreadable
        for bucket in found["units"]["buckets"]:
            sums, left_out = _sums(bucket)
            sums.exposed = bucket["doc_count"] - bucket["outcomes"]["doc_count"]
            unreadable += left_out
            arms.setdefault(bucket["key"]["variant"], {})[_time(bucket["key"]["day"]).date()] = sums
        composite["after"] = found["units"].get("after_key")
        if composite["after"] is None:
            return arms, unreadable


def _sums(bucket: Document) -> tuple[UnitSums, int]:
    n, total, low, high, unreadable = values_of(bucket)
    if not n or not math.isfinite(total):
        return UnitSums(), unreadable + n
    squares = number_of(bucket["value"]["sum_of_squares"]) if "value" in bucket else total
    mean = total / n
    spread = squares - n * mean * mean
    binary = low >= 0 and high <= 1 and abs(squares - total) <= 1e-9 * n
    kept = spread if spread > 1e-12 * squares else 0.0
    return UnitSums(0, n, n, mean, kept, n if binary else 0, low, high), unreadable


def _seen(scope: ExperimentScope, unit: Unit) -> tuple[dict[str, int], int, int]:
    """(predictions by variant, all of them, those without a subject)."""
    aggs: Document = {"variants": {"terms": {"field": VARIANT, "size": len(scope.variants)}}}
    if unit == "subject":
        aggs["without"] = {"missing": {"field": SUBJECT}}
    body = {"size": 0, "track_total_hits": True, "query": scope.query(), "aggs": aggs}
    answer = scope.store.search(scope.pattern("predictions"), body)
    found = answer.get("aggregations", {})
    seen = {bucket["key"]: bucket["doc_count"] for bucket in found.get("variants", {}).get("buckets", [])}
    return seen, answer["hits"]["total"]["value"], found.get("without", {}).get("doc_count", 0)


def _require_variants(scope: ExperimentScope, variants: Sequence[str], seen: dict[str, int], where: str) -> None:
    absent = [variant for variant in variants if not seen.get(variant)]
    if not absent:
        return
    query = {"bool": {"filter": scope.filters(any_variant=True)}}
    body = {"size": 0, "query": query, "aggs": {"variants": {"terms": {"field": VARIANT, "size": 10}}}}
    found = scope.store.search(scope.pattern("predictions"), body).get("aggregations", {})
    others = [f"{b['key']} ({b['doc_count']:,})" for b in found.get("variants", {}).get("buckets", [])]
    span = f" from {scope.start:%Y-%m-%d}" if scope.start else ""
    span += f" until {scope.until:%Y-%m-%d %H:%M}" if scope.until else ""
    name = "control" if absent[0] == variants[0] else "treatments"
    raise UsageError(
        f"variant {', '.join(absent)} was never seen in {scope.settings.environment}{span}; "
        f"seen: {', '.join(others) or 'none'}",
        remedy=f"log variant={absent[0]!r} with its predictions, or correct {where}.{name} or .start",
    )


def _require_kind(arms: dict[str, dict[date, UnitSums]], experiment: ExperimentSettings, where: str) -> None:
    sums = [day for arm in arms.values() for day in arm.values() if day.n]
    low, high = min((s.low for s in sums), default=0.0), max((s.high for s in sums), default=0.0)
    if experiment.kind == "binary" and (low < 0 or high > 1):
        raise UsageError(
            f"target {experiment.target} reaches from {low:g} to {high:g} and is not binary",
            remedy=f"write kind: numeric in {where}",
        )


def _time(milliseconds: float) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
