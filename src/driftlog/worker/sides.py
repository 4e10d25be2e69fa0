"""One side of a comparison, counted: from stored profiles where they know all of it, else from the events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from driftlog.contract.binning import Binning
from driftlog.contract.comparison import ANY, Side
from driftlog.contract.profile import OutcomeProfile, PredictionProfile, ProfileKey, ReferenceChunk
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import DAY, Schedule, Window, bucket_at
from driftlog.profile.buckets import load_outcomes, load_window
from driftlog.profile.outcome_query import outcome_query, parse_outcomes
from driftlog.profile.query import bucket_queries, parse_bucket
from driftlog.profile.raw import search_parts
from driftlog.profile.scope import of_key
from driftlog.store.client import Store
from driftlog.worker.rows import outcomes_by_day, read_rows

MAX_CHUNKS: Final = 120
SAMPLE_ROWS: Final = 20_000
"""Rows read for the performance of a segment whose outcomes are not counted apart."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts of a side.

    Attributes
    ----------
    outcomes
        One or more a local day.
    n_outcome_rows
        Predictions that `outcomes` are of: all of the side, or those of a sample.
    stored
        Whether stored profiles were used; else the events were counted.
    sampled
        Whether the outcomes are those of a random sample of rows.
    """

    predictions: PredictionProfile
    outcomes: tuple[OutcomeProfile, ...]
    n_outcome_rows: int
    chunks: tuple[ReferenceChunk, ...] = ()
    stored: bool = False
    sampled: bool = False


def key_of(settings: ModelSettings, binning: Binning, side: Side, window: Window | None = None) -> ProfileKey:
    """Key of a side's profile, over `window` instead of its own where one is given."""
    return ProfileKey(
        settings.name,
        settings.environment,
        side.version,
        side.variant,
        side.segment,
        binning.id,
        window or side.window,
    )


def count_side(
    store: Store, settings: ModelSettings, binning: Binning, side: Side, *, chunks: Sequence[Window] = ()
) -> Counted:
    """Count a side in the bins of `binning`.

    Stored profiles are used where the window is whole buckets and they hold at least as many events as are stored raw
    (more, where retention has dropped raw events); else one search counts the events (and one each of `chunks`).
    Outcomes likewise. Outcomes carry no features: those of a segment that is not watched are joined by id to a random
    sample of 20,000 of its predictions at most.
    """
    key = key_of(settings, binning, side)
    stored = _stored(store, settings, binning, side, key)
    if stored is not None:
        predictions: list[PredictionProfile | None] = [
            stored,
            *(_load(store, key_of(settings, binning, side, chunk)) for chunk in chunks),
        ]
    else:
        predictions = [*_count(store, binning, [key, *(key_of(settings, binning, side, chunk) for chunk in chunks)])]
    windows = [side.window, *chunks]
    outcomes, rows, sampled = _outcomes(store, settings, binning, side, windows)
    whole = predictions[0] or _count(store, binning, [key])[0]
    return Counted(
        predictions=whole,
        outcomes=outcomes[0],
        n_outcome_rows=whole.n if rows is None else rows,
        chunks=tuple(
            ReferenceChunk(window, profile, days)
            for window, profile, days in zip(chunks, predictions[1:], outcomes[1:], strict=True)
            if profile is not None and profile.n
        ),
        stored=stored is not None,
        sampled=sampled,
    )


def whole_buckets(window: Window, bucket: timedelta) -> bool:
    """Whether the window begins and ends with a bucket."""
    return all(bucket_at(end, bucket).start == end for end in (window.start, window.end))


def is_counted_apart(binning: Binning, segment: str) -> bool:
    """Whether profiles of the segment are kept."""
    return not segment or segment in binning.segments


def _stored(
    store: Store, settings: ModelSettings, binning: Binning, side: Side, key: ProfileKey
) -> PredictionProfile | None:
    if not (whole_buckets(side.window, settings.bucket) and is_counted_apart(binning, side.segment)):
        return None
    found = _load(store, key)
    if found is None or found.n < store.count(store.names.all_predictions(settings.name), of_key(key)):
        return None
    return found


def _load(store: Store, key: ProfileKey) -> PredictionProfile | None:
    return load_window(store, key.model, key.environment, key.binning_id, key.bucket, **_scope(key))


def _scope(key: ProfileKey) -> dict[str, Any]:
    version, variant = (None if name == ANY else name for name in (key.version, key.variant))
    return {"version": version, "variant": variant, "segment": key.segment}


def _count(store: Store, binning: Binning, keys: Sequence[ProfileKey]) -> list[PredictionProfile]:
    wanted = [(key, bucket_queries(binning, key)) for key in keys]
    return [parse_bucket(answers, binning, key) for key, answers in search_parts(store, wanted)]


Days = tuple[OutcomeProfile, ...]


def _outcomes(
    store: Store, settings: ModelSettings, binning: Binning, side: Side, windows: Sequence[Window]
) -> tuple[list[Days], int | None, bool]:
    """(outcomes of each window, predictions they are of where not all, whether they are of a sample)."""
    if not is_counted_apart(binning, side.segment):
        return _sampled_outcomes(store, settings, binning, side, windows)
    keys = [key_of(settings, binning, side, window) for window in windows]
    if whole_buckets(side.window, settings.bucket):
        whole = _load_outcomes(store, keys[0])
        pattern, query = store.names.every("outcomes"), outcome_query(binning, keys[0])["query"]
        if sum(day.n for day in whole) >= max(store.count(pattern, query), 1 if side.segment else 0):
            return [whole, *(_load_outcomes(store, key) for key in keys[1:])], None, False
    counted = [_count_days(store, settings, binning, key) for key in keys]
    if side.segment and not any(counted):  # joined before the segment was watched, and not joined again yet
        return _sampled_outcomes(store, settings, binning, side, windows)
    return counted, None, False


def _load_outcomes(store: Store, key: ProfileKey) -> Days:
    return tuple(load_outcomes(store, key.model, key.environment, key.binning_id, key.bucket, **_scope(key)))


def _count_days(store: Store, settings: ModelSettings, binning: Binning, key: ProfileKey) -> Days:
    days = [replace(key, bucket=day) for day in days_of(key.bucket, settings.timezone)]
    pattern = store.names.every("outcomes")
    answers = store.msearch([(pattern, outcome_query(binning, day)) for day in days])
    counted = (parse_outcomes(answer, binning, day) for day, answer in zip(days, answers, strict=True))
    return tuple(profile for profile in counted if profile.n)


def days_of(window: Window, timezone: str) -> list[Window]:
    """The local days of a window, cut to it."""
    days = Schedule(DAY, timezone).windows(window.start, window.end)
    return [Window(max(day.start, window.start), min(day.end, window.end)) for day in days]


def _sampled_outcomes(
    store: Store, settings: ModelSettings, binning: Binning, side: Side, windows: Sequence[Window]
) -> tuple[list[Days], int | None, bool]:
    key = key_of(settings, binning, side)
    sample = read_rows(store, settings, key, rows=SAMPLE_ROWS, seed=0)
    counted = outcomes_by_day(sample.frame, settings, binning, key, days_of(side.window, settings.timezone))
    found = [tuple(day for day in counted if day.key.bucket.overlaps(window)) for window in windows]
    return found, len(sample.frame), len(sample.frame) < sample.population


def chunk_windows(reference: Window, current: Window, timezone: str) -> list[Window]:
    """Stretches inside `reference` as long as `current` and in phase with it, oldest first; the latest 120 at most.

    Whole days keep to local midnight. Where there are more, stretches shorter than a day are those of the same time of
    day.

    >>> from datetime import UTC, datetime
    >>> week = Window(datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 16, tzinfo=UTC))
    >>> half_year = Window(datetime(2025, 9, 4, tzinfo=UTC), datetime(2025, 9, 25, tzinfo=UTC))
    >>> [chunk.label() for chunk in chunk_windows(half_year, week, "UTC")]
    ['2025-09-08/2025-09-15', '2025-09-15/2025-09-22']
    """
    found = _stretches(reference, current, timezone)
    if len(found) > MAX_CHUNKS and current.length < DAY:
        found = _stretches(reference, current, timezone, step=DAY)
    return found[-MAX_CHUNKS:]


def _stretches(reference: Window, current: Window, timezone: str, *, step: timedelta | None = None) -> list[Window]:
    """Copies of `current`, moved by multiples of `step` (its length by default), that lie inside `reference`."""
    zone: tzinfo = ZoneInfo(timezone)
    start, end = (when.astimezone(zone).replace(tzinfo=None) for when in (current.start, current.end))
    if (end - start) % DAY:  # not whole local days: the clock of UTC, which never changes
        zone = UTC
        start, end = (when.astimezone(UTC).replace(tzinfo=None) for when in (current.start, current.end))
    step = step or end - start

    def moved(wall: datetime, times: int) -> datetime:
        return (wall + times * step).replace(tzinfo=zone).astimezone(UTC)

    first = (reference.start - current.start) // step - 1
    last = (reference.end - current.start) // step + 1
    found = [(moved(start, times), moved(end, times)) for times in range(first, last + 1)]
    return [Window(a, b) for a, b in found if reference.start <= a < b <= reference.end]
