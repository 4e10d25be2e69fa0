"""Stored profiles: count dirty buckets anew, keep daily roll-ups right, load windows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from driftlog.contract.binning import Binning
from driftlog.contract.errors import LeaseLost, StoreUnavailable
from driftlog.contract.names import IndexNames
from driftlog.contract.profile import OutcomeProfile, PredictionProfile, ProfileKey, total
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import DAY, Window
from driftlog.profile.codec import (
    pack_outcomes,
    pack_predictions,
    sum_predictions,
    unpack_outcomes,
    unpack_predictions,
)
from driftlog.profile.documents import (
    A_DAY,
    BUCKET,
    OUTCOMES,
    PREDICTIONS,
    Document,
    Kind,
    bucket_in,
    counts_in,
    day_of,
    profile_document,
    profile_id,
    whole_days,
)
from driftlog.profile.outcome_query import outcome_query, parse_outcomes
from driftlog.profile.query import bucket_queries, parse_bucket
from driftlog.profile.raw import frozen_months, search_parts
from driftlog.profile.scope import during
from driftlog.store.client import Store
from driftlog.store.values import BulkAction

SLICE: Final = 96
"""Buckets counted and written at once."""
PAGE: Final = 10_000
HOUR: Final = timedelta(hours=1)


def recompute(
    store: Store,
    settings: ModelSettings,  # noqa: ARG001 - the keys carry all that is needed
    binning: Binning,
    prediction_keys: Sequence[ProfileKey],
    outcome_keys: Sequence[ProfileKey] = (),
    *,
    term: int,
) -> int:
    """Count buckets anew, whole, and write their profiles and the roll-ups of their days.

    Whatever made a bucket dirty (new events, late ones, a crash, an erasure), counting it whole heals it; nothing is
    counted twice. Documents are written with `term` as external version: an older term is refused. A bucket whose raw
    period has expired keeps the profile it has. Roll-ups are the sums of the day's stored buckets, read as last
    written, and are written in the same bulk request.

    Parameters
    ----------
    prediction_keys, outcome_keys
        Their `binning_id` is replaced by that of `binning`.

    Returns
    -------
    int
        Bucket profiles written.

    Raises
    ------
    LeaseLost
        A newer term has written one of the profiles.
    """
    written = 0
    for kind, keys in ((PREDICTIONS, prediction_keys), (OUTCOMES, outcome_keys)):
        ours = [replace(key, binning_id=binning.id) for key in keys]
        frozen = frozen_months(store, kind, {key.model for key in ours}) if ours else _nothing
        for part in _days(ours):
            written += _count_and_write(store, binning, kind, part, frozen, term)
    if written:
        store.refresh(store.names.every("profiles"))
    return written


def _nothing(key: ProfileKey) -> bool:  # noqa: ARG001
    return False


def _days(keys: Iterable[ProfileKey]) -> Iterator[list[ProfileKey]]:
    """Keys in slices that hold whole groups of one day."""
    groups: dict[ProfileKey, list[ProfileKey]] = defaultdict(list)
    for key in sorted(set(keys)):
        groups[day_key(key)].append(key)
    part: list[ProfileKey] = []
    for group in groups.values():
        if part and len(part) + len(group) > SLICE:
            yield part
            part = []
        part.extend(group)
    if part:
        yield part


def day_key(key: ProfileKey) -> ProfileKey:
    """Key of the roll-up that a bucket belongs to."""
    return replace(key, bucket=day_of(key.bucket.start))


def _count_and_write(
    store: Store,
    binning: Binning,
    kind: Kind,
    keys: Sequence[ProfileKey],
    frozen: Callable[[ProfileKey], bool],
    term: int,
) -> int:
    documents: dict[ProfileKey, Document] = {}
    for key, packed, n, failures in _counted(store, binning, kind, keys):
        if n or not frozen(key):
            documents[key] = profile_document(kind, key, packed, n=n, failures=failures, term=term)
    rollups = _rollups(store, binning, kind, documents, term)
    actions = [
        BulkAction("index", index_of(store.names, key), profile_id(kind, key), document, term)
        for key, document in (documents | rollups).items()
    ]
    report = store.bulk(actions)
    if report.conflicts:
        raise LeaseLost(
            f"{report.conflicts} profiles of {keys[0].model} belong to a newer lease than term {term}",
            remedy="nothing to do: the newer holder goes on",
        )
    if report.failures:
        failure = report.failures[0]
        raise StoreUnavailable(f"profile {failure.id} was not stored: {failure.reason}", status=failure.status)
    return len(documents)


def index_of(names: IndexNames, key: ProfileKey) -> str:
    return names.monthly("profiles", key.bucket.start)


def _counted(
    store: Store, binning: Binning, kind: Kind, keys: Sequence[ProfileKey]
) -> Iterator[tuple[ProfileKey, bytes, int, int]]:
    """(key, packed profile, n, failures) of each bucket, counted from the raw events."""
    if kind == PREDICTIONS:
        for key, answers in search_parts(store, [(key, bucket_queries(binning, key)) for key in keys]):
            profile = parse_bucket(answers, binning, key)
            yield key, pack_predictions(profile, binning), profile.n, profile.failures
        return
    pattern = store.names.every("outcomes")
    requests = [(pattern, outcome_query(binning, key)) for key in keys]
    for key, answer in zip(keys, store.msearch(requests), strict=True):
        outcomes = parse_outcomes(answer, binning, key)
        yield key, pack_outcomes(outcomes), outcomes.n, 0


def _rollups(
    store: Store, binning: Binning, kind: Kind, fresh: Mapping[ProfileKey, Document], term: int
) -> dict[ProfileKey, Document]:
    """Roll-ups of the days that `fresh` buckets belong to: fresh buckets and the stored others."""
    days: dict[ProfileKey, list[ProfileKey]] = defaultdict(list)
    for key in fresh:
        if key.bucket.length < DAY:
            days[day_key(key)].append(key)
    others = _stored_others(store, kind, days)
    rollups: dict[ProfileKey, Document] = {}
    for day, keys in days.items():
        parts = {key.bucket: fresh[key] for key in keys} | others.get(day, {})
        packed = [counts_in(source) for source in parts.values() if source["n"]]
        n, failures = (sum(source[name] for source in parts.values()) for name in ("n", "failures"))
        if kind == PREDICTIONS:
            summed = sum_predictions(packed or [counts_in(fresh[keys[0]])], day)
            assert summed is not None  # noqa: S101 - at least one part
            if keys[0].bucket.length < HOUR:
                summed = replace(summed, hours=_hours(parts))
            data = pack_predictions(summed, binning)
        else:
            data = pack_outcomes(_sum_outcomes(packed or [counts_in(fresh[keys[0]])], day))
        rollups[day] = profile_document(kind, day, data, n=n, failures=failures, term=term)
    return rollups


def _hours(parts: Mapping[Window, Document]) -> int:
    return len({bucket.start.replace(minute=0) for bucket, source in parts.items() if source["n"]})


def _sum_outcomes(packed: Sequence[bytes], key: ProfileKey) -> OutcomeProfile:
    summed = total(unpack_outcomes(data, key) for data in packed)
    assert summed is not None  # noqa: S101 - the caller gives at least one
    return summed


def _stored_others(
    store: Store, kind: Kind, days: Mapping[ProfileKey, Sequence[ProfileKey]]
) -> dict[ProfileKey, dict[Window, Document]]:
    """Stored profiles of the other buckets of `days`, as last written (not as last refreshed)."""
    wanted: dict[str, dict[str, tuple[ProfileKey, Window]]] = defaultdict(dict)
    for day, keys in days.items():
        counted = {key.bucket for key in keys}
        length = keys[0].bucket.length
        for step in range(DAY // length):
            bucket = Window(day.bucket.start + step * length, day.bucket.start + (step + 1) * length)
            if bucket not in counted:
                index = index_of(store.names, day)
                wanted[index][profile_id(kind, replace(day, bucket=bucket))] = (day, bucket)
    found: dict[ProfileKey, dict[Window, Document]] = defaultdict(dict)
    for index, ids in wanted.items():
        for id, source in store.mget(index, ids).items():
            day, bucket = ids[id]
            if bucket_in(source) == bucket:
                found[day][bucket] = source
    return found


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
    for bucket, sources in _load(store, PREDICTIONS, model, environment, binning_id, window, version, variant, segment):
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
    found = _load(store, PREDICTIONS, model, environment, binning_id, window, version, variant, segment)
    sources = [source for _, group in found for source in group]
    if not sources:
        return None
    key = replace(_key_of(sources, window), bucket=window)
    profile = sum_predictions([counts_in(source) for source in sources], key)
    assert profile is not None  # noqa: S101 - there is at least one source
    hours = {bucket.start.replace(minute=0) for bucket, _ in found if bucket.length < DAY}
    if len(found) == len(sources) and all(bucket.length >= HOUR for bucket, _ in found):
        return profile
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
    found = _load(store, OUTCOMES, model, environment, binning_id, window, version, variant, segment)
    return [
        _sum_outcomes([counts_in(source) for source in sources], _key_of(sources, bucket)) for bucket, sources in found
    ]


def _load(
    store: Store,
    kind: Kind,
    model: str,
    environment: str,
    binning_id: str,
    window: Window,
    version: str | None,
    variant: str | None,
    segment: str,
) -> list[tuple[Window, list[Document]]]:
    """Stored profiles with events, by bucket, in order of time; those inside an earlier, longer bucket are left out."""
    filters = [
        {"term": {"model.name": model}},
        {"term": {"kind": kind}},
        {"term": {"binning_id": binning_id}},
        {"term": {"service.environment": environment}},
        {"term": {"segment": segment}},
        {"range": {"n": {"gt": 0}}},
        *([{"term": {"model.version": version}}] if version is not None else []),
        *([{"term": {"model.variant": variant}}] if variant is not None else []),
        _resolved(window),
    ]
    grouped: dict[Window, list[Document]] = defaultdict(list)
    for source in _sources(store, {"bool": {"filter": filters}}):
        grouped[bucket_in(source)].append(source)
    kept: list[tuple[Window, list[Document]]] = []
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
