"""Hours without a single prediction in which the weeks before always had some."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import WEEK, Window
from driftlog.profile.scope import during, in_environment

HOUR: Final = timedelta(hours=1)
WEEKS: Final = 4
FEWEST_WEEKS: Final = 3
TYPICAL: Final = 10
"""Events an hour had in every earlier week before its silence is no chance: its mean is then about 14 or more, and a
Poisson number with mean 14 is 0 in one of a million."""
HISTORY: Final = WEEKS * WEEK + 2 * HOUR

Body = dict[str, Any]


def hours_query(settings: ModelSettings, window: Window) -> Body:
    """Predictions by hour, in the window and the four weeks before.

    ::

        {"size": 0, "track_total_hits": false, "query": {"bool": {"filter": [...]}},
         "aggs": {"hours": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h", "min_doc_count": 1}}}}
    """
    filters = [during(Window(window.start - HISTORY, window.end)), *in_environment(settings.environment)]
    hours = {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h", "min_doc_count": 1}}
    return {"size": 0, "track_total_hits": False, "query": {"bool": {"filter": filters}}, "aggs": {"hours": hours}}


def silent_hours(answer: Body, settings: ModelSettings, window: Window) -> tuple[int | None, int]:
    """(hours in which events are to be expected, those of them without any), from the answer to `hours_query`.

    Expected are hours that had at least 10 events in each of the (three or four) weeks before at the same local time;
    None where fewer than three weeks are known. So nights, weekends, thin streams and the first weeks of a model are
    not silent. Only whole hours of the window count; on the days when the clock changes the hour that is there twice or
    not at all is compared with its own local time.
    """
    buckets = answer.get("aggregations", {}).get("hours", {}).get("buckets", ())
    counts = {int(bucket["key"]) // 3_600_000: int(bucket["doc_count"]) for bucket in buckets}
    if not counts:
        return None, 0
    first = min(counts)
    zone = ZoneInfo(settings.timezone)
    expected = silent = known = 0
    hour = _whole(window.start)
    while hour + HOUR <= window.end:
        before = [slot for week in range(1, WEEKS + 1) if (slot := _slot(hour, week, zone)) >= first]
        if len(before) >= FEWEST_WEEKS:
            known += 1
            held = [counts.get(slot, 0) for slot in before]
            if min(held) >= TYPICAL:
                expected += 1
                silent += _slot(hour, 0, zone) not in counts
        hour += HOUR
    return (expected, silent) if known else (None, 0)


def _whole(when: datetime) -> datetime:
    """The first whole hour at or after `when`."""
    whole = when.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return whole if whole == when else whole + HOUR


def _slot(hour: datetime, weeks: int, zone: ZoneInfo) -> int:
    """Hours since 1970 of the same local time so many weeks before."""
    if not weeks:
        return int(hour.timestamp()) // 3600
    local = hour.astimezone(zone)
    return int((local - weeks * WEEK).timestamp()) // 3600
