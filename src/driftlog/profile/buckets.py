"""Stored profiles: count dirty buckets anew, keep daily roll-ups right. Loading is in `driftlog.profile.stored`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from driftlog.contract.binning import Binning
from driftlog.contract.errors import LeaseLost, StoreUnavailable
from driftlog.contract.names import IndexNames
from driftlog.contract.profile import OutcomeProfile, PredictionProfile, ProfileKey
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import DAY, Window
from driftlog.profile.codec import (
    pack_outcomes,
    pack_predictions,
    sum_predictions,
)
from driftlog.profile.count import count_frame, count_outcomes
from driftlog.profile.documents import (
    OUTCOMES,
    PREDICTIONS,
    Document,
    Kind,
    bucket_in,
    counts_in,
    day_of,
    profile_document,
    profile_id,
)
from driftlog.profile.outcome_query import outcome_queries, parse_outcome_segments
from driftlog.profile.query import bucket_queries, parse_segments
from driftlog.profile.raw import KEEP_ALIVE, frozen_months, point_in_time, search_parts
from driftlog.profile.stored import (
    load_outcomes,
    load_predictions,
    load_segment_outcomes,
    load_segments,
    load_window,
    sum_outcomes,
)
from driftlog.store.client import Store
from driftlog.store.values import BulkAction

if TYPE_CHECKING:
    pass

__all__ = [
    "load_outcomes",
    "load_predictions",
    "load_segment_outcomes",
    "load_segments",
    "load_window",
    "recompute",
    "search_outcomes",
]

SLICE: Final = 96
"""Buckets counted and written at once."""
OUTCOMES_AT_ONCE: Final = 96
"""Outcome profiles whose answers are held in memory together."""
HOUR: Final = timedelta(hours=1)

Profile = PredictionProfile | OutcomeProfile


def recompute(
    store: Store,
    settings: ModelSettings,  # noqa: ARG001 - the keys carry all that is needed
    binning: Binning,
    prediction_keys: Sequence[ProfileKey],
    outcome_keys: Sequence[ProfileKey] = (),
    *,
    term: int,
) -> int:
    """Count buckets anew, whole, and write their profiles, those of their segments, and the roll-ups of their days.

    Segments without events are not written, unless a stored profile says that they had some.

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
        Buckets counted and written, whatever the number of their segments.

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
    empty: list[ProfileKey] = []
    written = 0
    for group in _counted(store, binning, kind, keys):
        whole = group[0]
        if not whole.n and frozen(whole.key):
            continue
        written += 1
        documents[whole.key] = _document(kind, binning, whole, term)
        for profile in group[1:]:
            if profile.n:
                documents[profile.key] = _document(kind, binning, profile, term)
            else:
                empty.append(profile.key)
    documents |= _healed(store, binning, kind, empty, term)
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
    return written


def _document(kind: Kind, binning: Binning, profile: Profile, term: int) -> Document:
    if isinstance(profile, PredictionProfile):
        packed, failures = pack_predictions(profile, binning), profile.failures
    else:
        packed, failures = pack_outcomes(profile), 0
    return profile_document(kind, profile.key, packed, n=profile.n, failures=failures, term=term)


def _healed(
    store: Store, binning: Binning, kind: Kind, empty: Sequence[ProfileKey], term: int
) -> dict[ProfileKey, Document]:
    """Empty profiles of those segments without events that have some according to what is stored."""
    wanted: dict[str, dict[str, ProfileKey]] = defaultdict(dict)
    for key in empty:
        wanted[index_of(store.names, key)][profile_id(kind, key)] = key
    healed: dict[ProfileKey, Document] = {}
    for index, ids in wanted.items():
        for id, source in store.mget(index, ids, source=["n"]).items():
            if source["n"]:
                healed[ids[id]] = _document(kind, binning, _no_events(kind, binning, ids[id]), term)
    return healed


def _no_events(kind: Kind, binning: Binning, key: ProfileKey) -> Profile:
    import pandas as pd

    nothing = pd.DataFrame()
    return count_frame(nothing, binning, key) if kind == PREDICTIONS else count_outcomes(nothing, binning, key)


def index_of(names: IndexNames, key: ProfileKey) -> str:
    return names.monthly("profiles", key.bucket.start)


def _counted(store: Store, binning: Binning, kind: Kind, keys: Sequence[ProfileKey]) -> Iterator[list[Profile]]:
    """Profiles of each bucket, counted from the raw events: of the whole, then of each segment."""
    if kind == PREDICTIONS:
        for key, answers in search_parts(store, [(key, bucket_queries(binning, key)) for key in keys]):
            yield list(parse_segments(answers, binning, key).values())
        return
    for key, answers in search_outcomes(store, binning, keys):
        yield list(parse_outcome_segments(answers, binning, key).values())


def search_outcomes(
    store: Store, binning: Binning, keys: Sequence[ProfileKey]
) -> Iterator[tuple[ProfileKey, list[Document]]]:
    """Answers to the outcome searches of each bucket; the parts of a wide one share one point in time."""
    pattern = store.names.every("outcomes")
    step = max(1, OUTCOMES_AT_ONCE // (1 + len(binning.segments)))
    for at in range(0, len(keys), step):
        bodies = [(key, outcome_queries(binning, key)) for key in keys[at : at + step]]
        answers = iter(store.msearch([(pattern, parts[0]) for _, parts in bodies if len(parts) == 1]))
        for key, parts in bodies:
            if len(parts) == 1:
                yield key, [next(answers)]
                continue
            with point_in_time(store, pattern) as pit:
                held = {"pit": {"id": pit, "keep_alive": KEEP_ALIVE}}
                yield key, [store.search(pattern, body | held) for body in parts]


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
            data = pack_outcomes(sum_outcomes(packed or [counts_in(fresh[keys[0]])], day))
        rollups[day] = profile_document(kind, day, data, n=n, failures=failures, term=term)
    return rollups


def _hours(parts: Mapping[Window, Document]) -> int:
    return len({bucket.start.replace(minute=0) for bucket, source in parts.items() if source["n"]})


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
