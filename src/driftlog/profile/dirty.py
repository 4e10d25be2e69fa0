"""Buckets to count anew: those with newly ingested events, and those whose stored counts are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from driftlog.contract.binning import Binning
from driftlog.contract.profile import ProfileKey
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import DAY, Window, bucket_at
from driftlog.profile.documents import OUTCOMES, PREDICTIONS, Kind, resolution_of
from driftlog.profile.raw import frozen_months
from driftlog.profile.scope import VARIANT, VERSION, in_environment, instant, own_name
from driftlog.store.client import Store

PAGE: Final = 10_000
INGESTED: Final = "event.ingested"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Query = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DirtyReport:
    """What to count anew.

    Attributes
    ----------
    prediction_keys, outcome_keys
        In order of time within version and variant.
    newest_ingested
        Newest ``event.ingested`` of the predictions and outcomes looked at; None where there were none.
    """

    prediction_keys: list[ProfileKey]
    outcome_keys: list[ProfileKey]
    newest_ingested: datetime | None = None


def dirty_buckets(
    store: Store, settings: ModelSettings, binning: Binning, *, since: datetime, as_of: datetime
) -> DirtyReport:
    """Buckets with events ingested at or after `since`, of any age within the look-back.

    A ``composite`` aggregation over bucket, version and variant: it makes no bucket that has no event, so that an event
    of 1970 beside today's costs one bucket, and it pages, so that no number of buckets is too large. Buckets that
    ended before `as_of` minus the look-back (and a window) are frozen and left out. Events later than `as_of` are
    counted too: the cursor will have passed them when their time comes.
    """
    ingested = {"range": {INGESTED: {"gte": instant(since)}}}
    found: dict[Kind, list[ProfileKey]] = {}
    newest: list[datetime] = []
    oldest = look_back_start(settings, as_of)
    for kind in (PREDICTIONS, OUTCOMES):
        seen: dict[str, datetime] = {}
        query = {"bool": {"filter": [ingested, *_scope(kind, settings)]}}
        found[kind] = [
            key for key, _ in _count_buckets(store, settings, binning, kind, query, seen) if key.bucket.end > oldest
        ]
        newest += seen.values()
    return DirtyReport(sorted(found[PREDICTIONS]), sorted(found[OUTCOMES]), max(newest, default=None))


def look_back_start(settings: ModelSettings, as_of: datetime) -> datetime:
    """Before this instant windows are frozen."""
    if as_of - _EPOCH < settings.look_back + settings.window:
        return _EPOCH
    return as_of - settings.look_back - settings.window


def _scope(kind: Kind, settings: ModelSettings) -> list[Query]:
    of_model = [{"term": {"model.name": settings.name}}] if kind == OUTCOMES else []
    return [*of_model, *in_environment(settings.environment)]


def _pattern(store: Store, kind: Kind, settings: ModelSettings) -> str:
    return store.names.all_predictions(settings.name) if kind == PREDICTIONS else store.names.every("outcomes")


def composite_query(query: Query, length: timedelta, after: dict[str, Any] | None, *, newest: bool = True) -> Query:
    """One page of the buckets that hold events of `query`.

    ::

        {"size": 0, "query": {...},
         "aggs": {"newest": {"max": {"field": "event.ingested"}},
                  "buckets": {"composite": {"size": 10000, "sources": [
                      {"start": {"date_histogram": {"field": "@timestamp", "fixed_interval": "3600s"}}},
                      {"version": {"terms": {"field": "model.version", "missing_bucket": true}}},
                      {"variant": {"terms": {"field": "model.variant", "missing_bucket": true}}}]}}}}
    """
    sources = [
        {"start": {"date_histogram": {"field": "@timestamp", "fixed_interval": f"{int(length.total_seconds())}s"}}},
        {"version": {"terms": {"field": VERSION, "missing_bucket": True}}},
        {"variant": {"terms": {"field": VARIANT, "missing_bucket": True}}},
    ]
    composite: Query = {"size": PAGE, "sources": sources}
    if after is not None:
        composite["after"] = after
    aggs: Query = {"buckets": {"composite": composite}}
    if newest:
        aggs["newest"] = {"max": {"field": INGESTED}}
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": aggs}


def _count_buckets(
    store: Store,
    settings: ModelSettings,
    binning: Binning,
    kind: Kind,
    query: Query,
    seen: dict[str, datetime] | None = None,
) -> Iterator[tuple[ProfileKey, int]]:
    """(key, number of events) of each bucket; the newest ``event.ingested`` goes into `seen`."""
    after: dict[str, Any] | None = None
    pattern = _pattern(store, kind, settings)
    while True:
        answer = store.search(pattern, composite_query(query, settings.bucket, after, newest=after is None))
        aggs = answer.get("aggregations")
        if aggs is None:
            return
        if seen is not None and after is None and aggs["newest"]["value"] is not None:
            seen[kind] = _EPOCH + timedelta(milliseconds=aggs["newest"]["value"])
        for bucket in aggs["buckets"]["buckets"]:
            yield _key(bucket["key"], settings, binning), bucket["doc_count"]
        after = aggs["buckets"].get("after_key")
        if after is None:
            return


def _key(found: dict[str, Any], settings: ModelSettings, binning: Binning) -> ProfileKey:
    start = _EPOCH + timedelta(milliseconds=found["start"])
    return ProfileKey(
        model=settings.name,
        environment=settings.environment,
        version=own_name(found["version"]),
        variant=own_name(found["variant"]),
        segment="",
        binning_id=binning.id,
        bucket=Window(start, start + settings.bucket),
    )


def verify_counts(
    store: Store,
    settings: ModelSettings,
    binning: Binning,
    *,
    as_of: datetime,
    window: Window | None = None,
    kind: Kind = PREDICTIONS,
) -> list[ProfileKey]:
    """Buckets whose stored profile is missing or has another number of events than the raw index: to be counted anew.

    Run at start, after an outage and nightly. It finds what no cursor can: restored snapshots, deleted documents,
    profiles in old bins or of another bucket length. Buckets whose raw period has expired are right as they are.

    Parameters
    ----------
    window
        What to compare; by default everything the look-back reaches.
    """
    span = window or Window(look_back_start(settings, as_of), max(as_of, look_back_start(settings, as_of)) + DAY)
    during_span = {"range": {"@timestamp": {"gte": instant(bucket_at(span.start, settings.bucket).start)}}}
    if window is not None:
        during_span["range"]["@timestamp"]["lt"] = instant(span.end)
    raw = dict(
        _count_buckets(store, settings, binning, kind, {"bool": {"filter": [during_span, *_scope(kind, settings)]}})
    )
    stored = _stored_counts(store, settings, binning, kind, during_span)
    frozen = frozen_months(store, kind, [settings.name])
    differ = {key for key, n in raw.items() if stored.get(key) != n}
    differ |= {key for key, n in stored.items() if n and key not in raw and not frozen(key)}
    return sorted(differ)


def _stored_counts(
    store: Store, settings: ModelSettings, binning: Binning, kind: Kind, during_span: Query
) -> dict[ProfileKey, int]:
    """Number of events by stored bucket profile; of another length than the settings' they are not found."""
    example = bucket_at(_EPOCH, settings.bucket)
    filters = [
        during_span,
        {"term": {"model.name": settings.name}},
        {"term": {"service.environment": settings.environment}},
        {"term": {"binning_id": binning.id}},
        {"term": {"kind": kind}},
        {"term": {"segment": ""}},
        {"term": {"resolution": resolution_of(example)}},
    ]
    counts: dict[ProfileKey, int] = {}
    for hit in store.scan(
        store.names.every("profiles"),
        {"bool": {"filter": filters}},
        source=["bucket", "model.version", "model.variant", "n"],
        size=PAGE,
    ):
        source = hit["_source"]
        start = datetime.fromisoformat(source["bucket"]["start"])
        end = datetime.fromisoformat(source["bucket"]["end"])
        key = ProfileKey(
            model=settings.name,
            environment=settings.environment,
            version=source["model"]["version"],
            variant=source["model"]["variant"],
            segment="",
            binning_id=binning.id,
            bucket=Window(start.astimezone(UTC), end.astimezone(UTC)),
        )
        if key.bucket.length == settings.bucket:
            counts[key] = source["n"]
    return counts
