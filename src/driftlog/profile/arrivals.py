"""When events last arrived, and how many usually arrive in the time since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import WEEK, Window
from driftlog.profile.integrity import IMPORTED
from driftlog.profile.scope import during, in_environment, instant
from driftlog.store.client import Store

WEEKS: Final = 4
INGESTED: Final = "event.ingested"

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Of one model; imports are left out.

    Attributes
    ----------
    newest
        When its last prediction was ingested; None where none was in the last weeks.
    before
        Predictions ingested between that time of the week and this one, in each of the last four weeks that are known.
    """

    newest: datetime | None
    before: tuple[int, ...] = ()


def arrivals_of(store: Store, models: Sequence[ModelSettings], *, now: datetime) -> dict[str, Arrivals]:
    """By model; two searches a model."""
    if not models:
        return {}
    raw = [store.names.all_predictions(model.name) for model in models]
    first = store.msearch([(index, edges_query(model, now)) for index, model in zip(raw, models, strict=True)])
    found: dict[str, Arrivals] = {}
    searches: list[tuple[str, Body]] = []
    silent: list[tuple[ModelSettings, datetime, list[Window]]] = []
    for index, model, answer in zip(raw, models, first, strict=True):
        oldest, newest = (_moment(answer, name) for name in ("oldest", "newest"))
        found[model.name] = Arrivals(newest)
        if oldest is None or newest is None or newest >= now:
            continue
        stretches = [one for one in earlier(newest, now, model.timezone) if one.start >= oldest]
        if stretches:
            silent.append((model, newest, stretches))
            searches.append((index, stretches_query(model, stretches)))
    answers = store.msearch(searches) if searches else []
    for (model, newest, stretches), answer in zip(silent, answers, strict=True):
        counted = answer.get("aggregations", {})
        counts = tuple(int(counted.get(f"week_{i}", {}).get("doc_count", 0)) for i in range(len(stretches)))
        found[model.name] = Arrivals(newest, counts)
    return found


def earlier(newest: datetime, now: datetime, timezone: str) -> list[Window]:
    """The same stretch of local time, one to four weeks before.

    >>> from datetime import timedelta
    >>> noon = datetime(2026, 3, 30, 10, tzinfo=UTC)  # the clock went forward on the 29th: noon in Berlin
    >>> earlier(noon, noon + timedelta(hours=1), "Europe/Berlin")[0].label()
    '2026-03-23T11:00:00Z/2026-03-23T12:00:00Z'
    """
    zone = ZoneInfo(timezone)
    edges = [when.astimezone(zone).replace(tzinfo=None) for when in (newest, now)]
    found = []
    for week in range(1, WEEKS + 1):
        start, end = ((edge - week * WEEK).replace(tzinfo=zone).astimezone(UTC) for edge in edges)
        if start < end:
            found.append(Window(start, end))
    return found


def edges_query(settings: ModelSettings, now: datetime) -> Body:
    """The oldest and the newest ingestion of the last five weeks.

    ::

        {"size": 0, "track_total_hits": false, "query": {"bool": {"filter": [...], "must_not": [{...import...}]}},
         "aggs": {"oldest": {"min": {"field": "event.ingested"}}, "newest": {"max": {"field": "event.ingested"}}}}
    """
    since = {"range": {INGESTED: {"gte": instant(now - (WEEKS + 1) * WEEK), "lte": instant(now)}}}
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": [since, *in_environment(settings.environment)], "must_not": [IMPORTED]}},
        "aggs": {"oldest": {"min": {"field": INGESTED}}, "newest": {"max": {"field": INGESTED}}},
    }


def stretches_query(settings: ModelSettings, stretches: Sequence[Window]) -> Body:
    """Number of predictions ingested in each of several stretches (``week_0``, ``week_1``, ...)."""
    whole = Window(min(one.start for one in stretches), max(one.end for one in stretches))
    filters = [during(whole, INGESTED), *in_environment(settings.environment)]
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": filters, "must_not": [IMPORTED]}},
        "aggs": {f"week_{i}": {"filter": during(one, INGESTED)} for i, one in enumerate(stretches)},
    }


def _moment(answer: Body, name: str) -> datetime | None:
    value = answer.get("aggregations", {}).get(name, {}).get("value")
    return None if value is None else datetime.fromtimestamp(value / 1000, UTC)
