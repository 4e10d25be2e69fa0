"""Whether predictions and truths come at all: the newest prediction, and truths that are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from driftlog.contract.integrity import Attendance
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.scope import during, in_environment, instant
from driftlog.store.client import Store

DELAYS_BEFORE: Final = 3
"""How many delays before the stretch whose truths are due are looked at, for how many predictions get one at all."""

Body = dict[str, Any]


def summarise_attendance(store: Store, settings: ModelSettings, window: Window) -> Attendance | None:
    """What the settings of alerts ask about `window`; None (and no search) where they ask nothing."""
    asked = settings.alerts
    if asked.no_data_after is None and asked.label_delay_above is None:
        return None
    raw, outcomes = store.names.all_predictions(settings.name), store.names.every("outcomes")
    searches = [(raw, newest_query(settings, window.end))]
    if asked.label_delay_above is not None:
        searches += [(raw, due_query(settings, window, asked.label_delay_above))]
        searches += [(outcomes, truths_query(settings, window, asked.label_delay_above))]
    newest, *truth = store.msearch(searches)
    silent_s = _silent_s(newest, window.end)
    if not truth:
        return Attendance(silent_s=silent_s)
    predictions, joined = (answer.get("aggregations", {}) for answer in truth)
    return Attendance(
        silent_s=silent_s,
        due=_count(predictions, "due"),
        on_time=_count(joined, "on_time"),
        watched=_count(predictions, "watched"),
        labelled=_count(joined, "labelled"),
    )


def newest_query(settings: ModelSettings, before: datetime) -> Body:
    """The newest prediction that happened before a moment.

    ::

        {"size": 0, "track_total_hits": false, "query": {"bool": {"filter": [{"range": {"@timestamp": {"lt": ...}}}]}},
         "aggs": {"newest": {"max": {"field": "@timestamp"}}}}
    """
    filters = [{"range": {"@timestamp": {"lt": instant(before)}}}, *in_environment(settings.environment)]
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": filters}},
        "aggs": {"newest": {"max": {"field": "@timestamp"}}},
    }


def due_stretch(window: Window, delay: timedelta) -> Window:
    """Predictions whose truth is due at the end of `window`."""
    return Window(window.start - delay, window.end - delay)


def due_query(settings: ModelSettings, window: Window, delay: timedelta) -> Body:
    """Predictions whose truth is due (`due`), and those of some delays before as well (`watched`)."""
    due = due_stretch(window, delay)
    filters = [during(_watched(due, delay)), *in_environment(settings.environment)]
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": filters}},
        "aggs": {"due": {"filter": during(due)}, "watched": {"filter": {"match_all": {}}}},
    }


def truths_query(settings: ModelSettings, window: Window, delay: timedelta) -> Body:
    """Truths of the same predictions: those that came in time for the due ones, and all by now."""
    due = due_stretch(window, delay)
    filters = [
        {"term": {"model.name": settings.name}},
        during(_watched(due, delay)),
        *in_environment(settings.environment),
    ]
    in_time = {"range": {"outcome.delay_s": {"lte": delay.total_seconds()}}}
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": filters}},
        "aggs": {
            "on_time": {"filter": {"bool": {"filter": [during(due), in_time]}}},
            "labelled": {"filter": {"match_all": {}}},
        },
    }


def _watched(due: Window, delay: timedelta) -> Window:
    return Window(due.start - DELAYS_BEFORE * delay, due.end)


def _count(aggregations: Body, name: str) -> int:
    return int(aggregations.get(name, {}).get("doc_count", 0))


def _silent_s(answer: Body, end: datetime) -> float | None:
    newest = answer.get("aggregations", {}).get("newest", {}).get("value")
    if newest is None:
        return None
    return max(0.0, (end - datetime.fromtimestamp(newest / 1000, UTC)).total_seconds())
