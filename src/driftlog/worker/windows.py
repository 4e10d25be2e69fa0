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


def history_span(settings: ModelSettings, window: Window, windows: int) -> Window:
    """The stretch of time that holds the `windows` windows before `window`, with room for daylight saving."""
    return Window(window.start - windows * settings.window - timedelta(hours=2), window.start)
