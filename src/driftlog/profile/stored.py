"""Stored profiles of a window: of everything, of one segment, of all segments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from driftlog.contract.profile import OutcomeProfile, PredictionProfile, ProfileKey, total
from driftlog.contract.window import DAY, Window
from driftlog.profile.codec import sum_predictions, unpack_outcomes, unpack_predictions
from driftlog.profile.documents import (
    A_DAY,
    BUCKET,
    OUTCOMES,
    PREDICTIONS,
    Document,
    Kind,
    bucket_in,
    counts_in,
    whole_days,
)
from driftlog.profile.scope import during
from driftlog.store.client import Store

PAGE: Final = 10_000
HOUR: Final = timedelta(hours=1)

Buckets = list[tuple[Window, list[Document]]]
"""Stored profiles by bucket, in order of time."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Whose profiles are loaded. None: all versions or variants together, every segment by itself."""

    model: str
    environment: str
    binning_id: str
    window: Window
    version: str | None = None
    variant: str | None = None
    segment: str | None = ""

    def query(self, kind: Kind) -> dict[str, Any]:
        """Profiles with events; roll-ups for the whole UTC days of the window, buckets for the rest."""
        filters: list[dict[str, Any]] = [
            {"term": {"model.name": self.model}},
            {"term": {"kind": kind}},
            {"term": {"binning_id": self.binning_id}},
            {"term": {"service.environment": self.environment}},
            {"range": {"n": {"gt": 0}}},
            *([{"term": {"model.version": self.version}}] if self.version is not None else []),
            *([{"term": {"model.variant": self.variant}}] if self.variant is not None else []),
            _resolved(self.window),
        ]
        if self.segment is None:
            return {"bool": {"filter": filters, "must_not": [{"term": {"segment": ""}}]}}
        return {"bool": {"filter": [*filters, {"term": {"segment": self.segment}}]}}


def load_predictions(
    store: Store,
    model: str,
    environment: str,
    binning_id: str,
    window: Window,
    *,
    version: str | None = None,
    variant: str | None = None,
    segment: str = "",
) -> list[PredictionProfile]:
    """Prediction profiles of a window, in order: one a whole UTC day in it, one a bucket at its edges.

    Parameters
    ----------
    version, variant
        None: all together (the key then says ``*`` where they differ).

    A bucket belongs to the window its start is in.
    """
    profiles = []
    wanted = Stored(model, environment, binning_id, window, version, variant, segment)
    for bucket, sources in _load(store, PREDICTIONS, wanted).get(segment, ()):
        key = _key_of(sources, bucket)
        packed = [counts_in(source) for source in sources]
        profile = unpack_predictions(packed[0], key) if len(packed) == 1 else sum_predictions(packed, key)
        assert profile is not None  # noqa: S101 - there is at least one source
        profiles.append(replace(profile, hours=min(profile.hours, _hours_in(bucket))))
    return profiles


def _hours_in(bucket: Window) -> int:
    return max(1, bucket.length // HOUR)


def load_window(
    store: Store,
    model: str,
    environment: str,
    binning_id: str,
    window: Window,
    *,
    version: str | None = None,
    variant: str | None = None,
    segment: str = "",
) -> PredictionProfile | None:
    """The sum of a window's prediction profiles, None where there are none; see `load_predictions`.

    Adds packed arrays: a month of 20 features takes milliseconds, be it 30 roll-ups or 720 hours.
    """
    wanted = Stored(model, environment, binning_id, window, version, variant, segment)
    found = _load(store, PREDICTIONS, wanted).get(segment)
    return _summed(found, window) if found else None


def load_segments(
    store: Store,
    model: str,
    environment: str,
    binning_id: str,
    window: Window,
    *,
    version: str | None = None,
    variant: str | None = None,
) -> dict[str, PredictionProfile]:
    """The sums of a window's prediction profiles by segment, of those with events; one search. See `load_window`."""
    wanted = Stored(model, environment, binning_id, window, version, variant, None)
    return {name: _summed(found, window) for name, found in _load(store, PREDICTIONS, wanted).items()}


def _summed(found: Buckets, window: Window) -> PredictionProfile:
    sources = [source for _, group in found for source in group]
    key = replace(_key_of(sources, window), bucket=window)
    profile = sum_predictions([counts_in(source) for source in sources], key)
    assert profile is not None  # noqa: S101 - there is at least one source
    if len(found) == len(sources) and all(bucket.length >= HOUR for bucket, _ in found):
        return profile
    hours = {bucket.start.replace(minute=0) for bucket, _ in found if bucket.length < DAY}
    days = sum(24 for bucket, _ in found if bucket.length >= DAY)
    return replace(profile, hours=min(profile.hours, len(hours) + days))


def load_outcomes(
    store: Store,
    model: str,
    environment: str,
    binning_id: str,
    window: Window,
    *,
    version: str | None = None,
    variant: str | None = None,
    segment: str = "",
) -> list[OutcomeProfile]:
    """Outcome profiles of a window, in order; parameters and order as in `load_predictions`."""
    wanted = Stored(model, environment, binning_id, window, version, variant, segment)
    return _outcomes(_load(store, OUTCOMES, wanted).get(segment, []))


def load_segment_outcomes(
    store: Store,
    model: str,
    environment: str,
    binning_id: str,
    window: Window,
    *,
    version: str | None = None,
    variant: str | None = None,
) -> dict[str, list[OutcomeProfile]]:
    """Outcome profiles of a window by segment, of those with outcomes; one search. See `load_outcomes`."""
    wanted = Stored(model, environment, binning_id, window, version, variant, None)
    return {name: _outcomes(found) for name, found in _load(store, OUTCOMES, wanted).items()}


def _outcomes(found: Buckets) -> list[OutcomeProfile]:
    return [
        sum_outcomes([counts_in(source) for source in sources], _key_of(sources, bucket)) for bucket, sources in found
    ]


def sum_outcomes(packed: Sequence[bytes], key: ProfileKey) -> OutcomeProfile:
    """The sum of packed outcome profiles, of at least one."""
    summed = total(unpack_outcomes(data, key) for data in packed)
    assert summed is not None  # noqa: S101 - the caller gives at least one
    return summed


def _load(store: Store, kind: Kind, wanted: Stored) -> dict[str, Buckets]:
    """Stored profiles by segment and bucket; those inside an earlier, longer bucket are left out."""
    grouped: dict[str, dict[Window, list[Document]]] = defaultdict(lambda: defaultdict(list))
    for source in _sources(store, wanted.query(kind)):
        grouped[source["segment"]][bucket_in(source)].append(source)
    return {segment: _apart(grouped[segment]) for segment in sorted(grouped)}


def _apart(grouped: dict[Window, list[Document]]) -> Buckets:
    kept: Buckets = []
    for bucket in sorted(grouped, key=lambda window: (window.start, -window.length)):
        if not kept or bucket.start >= kept[-1][0].end:
            kept.append((bucket, grouped[bucket]))
    return kept


def _resolved(window: Window) -> dict[str, Any]:
    """Roll-ups for the whole UTC days of `window`, buckets for the rest."""
    days = whole_days(window)
    if days is None:
        return {"bool": {"filter": [during(window), {"term": {"resolution": BUCKET}}]}}
    edges = [(window.start, days.start), (days.end, window.end)]
    either: list[dict[str, Any]] = [{"bool": {"filter": [during(days), {"term": {"resolution": A_DAY}}]}}]
    either += [
        {"bool": {"filter": [during(Window(start, end)), {"term": {"resolution": BUCKET}}]}}
        for start, end in edges
        if start < end
    ]
    return {"bool": {"should": either, "minimum_should_match": 1}}


def _sources(store: Store, query: dict[str, Any]) -> list[Document]:
    pattern = store.names.every("profiles")
    wanted = ["bucket", "counts", "model", "service.environment", "segment", "binning_id"]
    body = {"query": query, "size": PAGE, "track_total_hits": True, "_source": wanted}
    found = store.search(pattern, body)["hits"]
    hits = found["hits"]
    if found["total"]["value"] > len(hits):
        hits = list(store.scan(pattern, query, source=wanted))
    return [hit["_source"] for hit in hits]


def _key_of(sources: Sequence[Document], bucket: Window) -> ProfileKey:
    first = sources[0]
    versions, variants = ({source["model"][name] for source in sources} for name in ("version", "variant"))
    return ProfileKey(
        model=first["model"]["name"],
        environment=first["service"]["environment"],
        version=versions.pop() if len(versions) == 1 else "*",
        variant=variants.pop() if len(variants) == 1 else "*",
        segment=first["segment"],
        binning_id=first["binning_id"],
        bucket=bucket,
    )
