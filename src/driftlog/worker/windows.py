"""Which windows a cycle has to judge."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Schedule, Window

MAX_GAP_WINDOWS = 400
"""Windows without any event that one cycle catches up on; older gaps are not judged."""


def windows_to_judge(
    settings: ModelSettings, buckets: Iterable[Window], *, judged_until: datetime | None, as_of: datetime
) -> list[Window]:
    """Windows that ended and whose content changed, and those that passed without a single event, oldest first.

    Parameters
    ----------
    buckets
        Buckets that were recomputed.
    judged_until
        End of the newest window judged so far; the windows from there to `as_of` are judged even when they are empty,
        so that silence is seen. None: nothing was judged yet, silence before the first event is no silence.
    as_of
        The present. A window is complete when it ended `settings.wait` before it; one that ended more than
        `settings.look_back` before it is frozen.

    >>> from datetime import UTC
    >>> day = lambda n: datetime(2026, 3, n, tzinfo=UTC)
    >>> settings = ModelSettings(name="churn")
    >>> [w.label() for w in windows_to_judge(settings, [Window(day(3), day(4))], judged_until=day(5), as_of=day(7))]
    ['2026-03-03/2026-03-04', '2026-03-05/2026-03-06', '2026-03-06/2026-03-07']
    """
    schedule = Schedule(settings.window, settings.timezone)
    complete = as_of - settings.wait
    found = {window for bucket in buckets for window in schedule.windows(bucket.start, bucket.end)}
    if judged_until is not None:
        start = max(judged_until, complete - MAX_GAP_WINDOWS * settings.window)
        if start < complete:
            found.update(schedule.windows(start, complete))
    return sorted(window for window in found if complete - settings.look_back <= window.end <= complete)


def windows_of_span(settings: ModelSettings, span: Window, *, as_of: datetime) -> list[Window]:
    """Complete windows that overlap `span`, oldest first; for a back-fill, so however long ago they ended."""
    schedule = Schedule(settings.window, settings.timezone)
    return [window for window in schedule.windows(span.start, span.end) if window.end <= as_of - settings.wait]


def judged_through(
    settings: ModelSettings,
    windows: Iterable[Window],
    buckets: Iterable[Window],
    before: datetime | None,
    *,
    as_of: datetime,
) -> datetime | None:
    """Up to where windows have been judged, after a cycle.

    Where none was judged yet, this is the start of the first window that is still going on: it will be judged at its
    end even when nothing more arrives in it.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 3, 12, tzinfo=UTC)
    >>> hour = Window(noon, noon + timedelta(hours=1))
    >>> judged_through(ModelSettings(name="churn"), [], [hour], None, as_of=noon).isoformat()
    '2026-03-03T00:00:00+00:00'
    """
    ends = [window.end for window in windows] + ([before] if before is not None else [])
    if ends:
        return max(ends)
    schedule = Schedule(settings.window, settings.timezone)
    touched = [window for bucket in buckets for window in schedule.windows(bucket.start, bucket.end)]
    going_on = [window.start for window in touched if window.end > as_of - settings.wait]
    return min(going_on, default=None)


def history_span(settings: ModelSettings, window: Window, windows: int) -> Window:
    """The stretch of time that holds the `windows` windows before `window`, with room for daylight saving."""
    return Window(window.start - windows * settings.window - timedelta(hours=2), window.start)
