"""References from tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from driftlog.contract.binning import Binning, NumericBins
from driftlog.contract.errors import ReferenceUnusable
from driftlog.contract.profile import OutcomeProfile, ProfileKey, Reference, ReferenceChunk
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import DAY, Schedule, Window, bucket_at
from driftlog.profile.binning import LABEL, PROBABILITIES, SCORE, VALUE, build_binning
from driftlog.profile.codec import pack_outcomes, pack_predictions
from driftlog.profile.columns import category_name, read_numeric
from driftlog.profile.count import count_frame, count_outcomes
from driftlog.profile.sample import ROWS, draw, encode_rows
from driftlog.profile.segments import segment_masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE: Final = 10_000
MILLISECONDS: Final = 1e11
"""Epoch numbers above this are milliseconds (seconds would be the year 5138)."""
LONGEST: Final = timedelta(days=36_525)
"""A reference reaches over a century at most."""
WHOLE: Final = 0.25
"""A window counts as whole when the rows reach to within a quarter of its length at either end of the reference."""
NO_TIME: Final = Window(pd.Timestamp(0, tz="UTC").to_pydatetime(), pd.Timestamp(1, unit="D", tz="UTC").to_pydatetime())
"""Bucket of a reference whose rows have no time stamps."""


def reference_from_frame(
    frame: pd.DataFrame,
    settings: ModelSettings,
    *,
    timestamp: str = "@timestamp",
    origin: str,
    created: datetime,
    binning: Binning | None = None,
) -> tuple[Binning, Reference]:
    """A binning and a reference from rows.

    Parameters
    ----------
    frame
        ``features.*``, ``prediction.score``, ``prediction.label``, ``prediction.value``; where the truth is known,
        ``outcome.actual`` (labels) or ``outcome.actual_value``. What was predicted is taken from ``prediction.*``
        unless ``outcome.predicted``, ``outcome.score`` or ``outcome.predicted_value`` say otherwise.
    timestamp
        Column of times (naive ones are taken as UTC). Without it there are no chunks, and drift is judged by i.i.d.
        p-values.
    origin
        How the reference was made, for people.
    binning
        Count in these bins instead of new ones.

    Raises
    ------
    ReferenceUnusable
        No rows, no usable column, unreadable time stamps.
    """
    bins = binning or build_binning(frame, settings, created=created)
    frame = with_outcomes(frame, settings)
    times = _times(frame, timestamp)
    span = None if times is None else _span(times, settings)
    if times is not None:
        frame = frame.assign(**{timestamp: times}).sort_values(timestamp, kind="stable").reset_index(drop=True)
        frame = frame.rename(columns={timestamp: "@timestamp"}) if timestamp != "@timestamp" else frame
    whole = _counted(frame, bins, settings, span, "")
    parts = {
        name: replace(_counted(frame[mask], bins, settings, span, name), origin=origin)
        for name, mask in segment_masks(frame, bins)
        if mask.any()
    }
    rows = encode_rows(draw(frame, ROWS, seed=seed_of(bins)), bins, n=len(frame))
    reference = replace(whole, sample=sample_of(frame, bins), origin=origin, rows=rows, segments=parts)
    return bins, with_id(reference, bins)


def _counted(
    frame: pd.DataFrame, binning: Binning, settings: ModelSettings, span: Window | None, segment: str
) -> Reference:
    """Profiles of a segment's rows, sorted by time; without `span` they have none, and there are no chunks."""
    key = reference_key(settings, binning, span or NO_TIME, segment)
    if span is None:
        days: tuple[OutcomeProfile, ...] = (
            count_outcomes(frame, binning, key, positive_label=positive_label(settings)),
        )
    else:
        days = _daily_outcomes(frame, binning, settings, key)
    return Reference(
        id="",
        model=settings.name,
        environment=settings.environment,
        binning_id=binning.id,
        n=len(frame),
        predictions=count_frame(frame, binning, key),
        outcomes=tuple(profile for profile in days if profile.n),
        chunks=() if span is None else tuple(_chunks(frame, binning, settings, key)),
        window=span,
    )


def reference_key(settings: ModelSettings, binning: Binning, bucket: Window, segment: str = "") -> ProfileKey:
    """Key of a reference's profiles: all versions and variants of a model in an environment."""
    return ProfileKey(settings.name, settings.environment, "*", "*", segment, binning.id, bucket)


def positive_label(settings: ModelSettings) -> str | None:
    return settings.positive_label if settings.task == "binary" else None


def with_outcomes(frame: pd.DataFrame, settings: ModelSettings) -> pd.DataFrame:
    """`frame` with ``outcome.predicted``, ``outcome.score`` ... beside the truth."""
    added: dict[str, Any] = {}
    for outcome, prediction in (("predicted", LABEL), ("score", SCORE), ("predicted_value", VALUE)):
        if f"outcome.{outcome}" not in frame and prediction in frame:
            added[f"outcome.{outcome}"] = frame[prediction]
    if settings.task == "multiclass":
        classes = [str(name) for name in frame.columns if str(name).startswith(PROBABILITIES)]
        added |= {f"outcome.{name.removeprefix('prediction.')}": frame[name] for name in classes}
    scored = SCORE in frame and "outcome.actual" in frame
    if settings.task == "binary" and scored and LABEL not in frame and "outcome.predicted" not in frame:
        above = pd.to_numeric(frame[SCORE], errors="coerce") >= settings.decision_threshold
        negative = _negative_label(frame["outcome.actual"], settings)
        added["outcome.predicted"] = pd.Series(np.where(above, settings.positive_label, negative), index=frame.index)
    return frame.assign(**added)


def _negative_label(actual: pd.Series[Any], settings: ModelSettings) -> str:
    names = actual.dropna().map(category_name)
    others = names[names != settings.positive_label]
    return str(others.mode().iloc[0]) if len(others) else f"not {settings.positive_label}"


def _epoch_unit(column: pd.Series[Any]) -> Literal["s", "ms"] | None:
    """Numbers are seconds since 1970, or milliseconds where they are too large for that; None for anything else."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return None
    return "ms" if column.abs().max() > MILLISECONDS else "s"


def _times(frame: pd.DataFrame, timestamp: str) -> pd.Series[Any] | None:
    if timestamp not in frame:
        if timestamp == "@timestamp":
            return None
        raise ReferenceUnusable(
            f"there is no column {timestamp!r} for the times", remedy="name it @timestamp in the column mapping"
        )
    try:
        times = pd.to_datetime(frame[timestamp], utc=True, unit=_epoch_unit(frame[timestamp]))
    except (ValueError, TypeError, OverflowError) as error:
        raise ReferenceUnusable(
            f"column {timestamp!r} holds what is no time: {error}", remedy="write ISO 8601, 2026-03-03T10:00:00Z"
        ) from error
    absent = int(times.isna().sum())
    if absent == len(times):
        return None
    if absent:
        raise ReferenceUnusable(
            f"column {timestamp!r} is empty in {absent} of {len(times)} rows", remedy="drop those rows or the column"
        )
    return times


def _span(times: pd.Series[Any], settings: ModelSettings) -> Window:
    """Whole buckets from the first row to the last."""
    first, last = times.min(), times.max()
    try:
        span = Window(
            bucket_at(first.to_pydatetime(), settings.bucket).start,
            bucket_at(last.to_pydatetime(), settings.bucket).end,
        )
        Schedule(settings.window, settings.timezone).window_at(span.start)
        Schedule(settings.window, settings.timezone).window_at(span.end)
    except (OverflowError, ValueError) as error:
        raise _no_times(first, last) from error
    if span.length > LONGEST:
        raise _no_times(first, last)
    return span


def _no_times(first: object, last: object) -> ReferenceUnusable:
    return ReferenceUnusable(
        f"the rows reach from {first} to {last}: these are no times of predictions",
        remedy="correct or drop the rows whose time is a placeholder (the years 1, 1970 or 9999, say)",
    )


def whole_windows(span: Window, settings: ModelSettings) -> list[Window]:
    """Windows of the settings' length and phase inside `span`, give or take a quarter of a window at its ends.

    >>> from datetime import UTC
    >>> march = Window(datetime(2026, 3, 1, 6, tzinfo=UTC), datetime(2026, 3, 3, 12, tzinfo=UTC))
    >>> [window.label() for window in whole_windows(march, ModelSettings(name="m"))]
    ['2026-03-01/2026-03-02', '2026-03-02/2026-03-03']
    """
    windows = Schedule(settings.window, settings.timezone).windows(span.start, span.end)
    return [
        window
        for window in windows
        if span.start - window.start <= WHOLE * window.length and window.end - span.end <= WHOLE * window.length
    ]


def _chunks(
    frame: pd.DataFrame, binning: Binning, settings: ModelSettings, key: ProfileKey
) -> Iterator[ReferenceChunk]:
    """Profiles of each whole window of the reference that has rows; `frame` is sorted by time."""
    for window in whole_windows(key.bucket, settings):
        part = _between(frame, window)
        if len(part):
            chunk = replace(key, bucket=window)
            days = _daily_outcomes(part, binning, settings, chunk)
            yield ReferenceChunk(window, count_frame(part, binning, chunk), tuple(day for day in days if day.n))


def _between(frame: pd.DataFrame, window: Window) -> pd.DataFrame:
    first, last = frame["@timestamp"].searchsorted([pd.Timestamp(window.start), pd.Timestamp(window.end)], side="left")
    return frame.iloc[int(first) : int(last)]


def _daily_outcomes(
    frame: pd.DataFrame, binning: Binning, settings: ModelSettings, key: ProfileKey
) -> tuple[OutcomeProfile, ...]:
    """Outcomes of each day with rows, in the settings' time zone, of rows sorted by time."""
    if not {"outcome.actual", "outcome.actual_value"} & set(frame.columns) or frame.empty:
        return ()
    schedule = Schedule(DAY, settings.timezone)
    days = schedule.windows(key.bucket.start, key.bucket.end)
    parts = ((day, _between(frame, day)) for day in days)
    return tuple(
        count_outcomes(part, binning, replace(key, bucket=day), positive_label=positive_label(settings))
        for day, part in parts
        if len(part)
    )


def sample_of(frame: pd.DataFrame, binning: Binning) -> dict[str, NDArray[np.float64]]:
    """Up to 10,000 exact values a numeric field, drawn with a seed that depends on the binning alone."""
    rows = draw(frame, SAMPLE, seed=seed_of(binning))
    return {
        name: read_numeric(rows[name]).values
        for name, bins in binning.fields.items()
        if isinstance(bins, NumericBins) and name in rows
    }


def seed_of(binning: Binning) -> int:
    """What random draws for a reference start from."""
    return int(binning.id[:8], 16)


def with_id(reference: Reference, binning: Binning) -> Reference:
    """`reference`, and its segments, with the digest of its content as id."""
    digest = hashlib.blake2b(digest_size=16)
    for text in (reference.model, reference.environment, reference.binning_id, reference.origin):
        digest.update(text.encode() + b"\0")
    for name, part in {"": reference, **reference.segments}.items():
        digest.update(name.encode("utf-8", "surrogatepass") + pack_predictions(part.predictions, binning))
        for chunk in part.chunks:
            digest.update(chunk.window.label().encode() + pack_predictions(chunk.predictions, binning))
        for outcome in part.outcomes:
            digest.update(pack_outcomes(outcome))
    if reference.rows is not None:
        for name in sorted(reference.rows.columns):
            digest.update(name.encode("utf-8", "surrogatepass") + reference.rows.columns[name].tobytes())
    id = digest.hexdigest()
    parts = {name: replace(part, id=id) for name, part in reference.segments.items()}
    return replace(reference, id=id, segments=parts)


Sample = Mapping[str, "NDArray[np.float64]"]
