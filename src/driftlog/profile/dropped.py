"""Events that serving processes lost because their spools were full, from their resource samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.scope import during, in_environment
from driftlog.store.client import Store

PAGE: Final = 1_000
BEFORE: Final = timedelta(days=7)
"""How far back the last sample of a process before the window is looked for."""
DROPPED: Final = "resource.events_dropped"
SERVICE: Final = "service.name"

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DroppedEvents:
    """Events lost by the processes of the model's services over a window, None where no process reported.

    `shipped` is what the same services stored in that time, of all models: a process counts its losses as one number.
    """

    dropped: int | None = None
    shipped: int = 0
    processes: int = 0


def dropped_events(store: Store, settings: ModelSettings, window: Window) -> DroppedEvents:
    """Losses over `window` of the services that served the model in it (`ModelSettings.service` where it is set)."""
    of_services = _of_services(store, settings, window)
    lost = [_lost(process) for process in _processes(store, settings, window, of_services)]
    if not lost:
        return DroppedEvents()
    filters = [during(window), *in_environment(settings.environment), of_services]
    shipped = store.count(store.names.all_predictions(), {"bool": {"filter": filters}})
    return DroppedEvents(dropped=sum(lost), shipped=shipped, processes=len(lost))


def _of_services(store: Store, settings: ModelSettings, window: Window) -> Body:
    """Filter for documents of those services; where the predictions name none, of those that name none either."""
    if settings.service:
        return {"term": {SERVICE: settings.service}}
    query = {"bool": {"filter": [during(window), *in_environment(settings.environment)]}}
    body = {"size": 0, "query": query, "aggs": {"services": {"terms": {"field": SERVICE, "size": 100}}}}
    answer = store.search(store.names.all_predictions(settings.name), body)
    names = [bucket["key"] for bucket in answer.get("aggregations", {}).get("services", {}).get("buckets", ())]
    return {"terms": {SERVICE: names}} if names else {"bool": {"must_not": [{"exists": {"field": SERVICE}}]}}


def processes_query(settings: ModelSettings, window: Window, of_services: Body, after: Body | None) -> Body:
    """Counters of each process in the window and in the week before, one page.

    ::

        {"size": 0, "query": {"bool": {"filter": [...]}},
         "aggs": {"processes": {
            "composite": {"size": 1000, "sources": [{"service": {"terms": {"field": "service.name", ...}}},
                                                    {"host": {...}}, {"pid": {...}}]},
            "aggs": {"before": {"filter": {"range": {...}}, "aggs": {"most": {"max": {"field": ...}}}},
                     "during": {"filter": {...}, "aggs": {"most": {"max": {...}}, "least": {"min": {...}}}}}}}}
    """
    before = Window(window.start - BEFORE, window.start)
    filters = [
        during(Window(before.start, window.end)),
        *in_environment(settings.environment),
        of_services,
        {"exists": {"field": DROPPED}},
    ]
    fields = {"service": SERVICE, "host": "host.name", "pid": "process.pid"}
    sources = [{name: {"terms": {"field": field, "missing_bucket": True}}} for name, field in fields.items()]
    composite: Body = {"size": PAGE, "sources": sources}
    if after is not None:
        composite["after"] = after
    most, least = {"max": {"field": DROPPED}}, {"min": {"field": DROPPED}}
    counters = {
        "before": {"filter": during(before), "aggs": {"most": most}},
        "during": {"filter": during(window), "aggs": {"most": most, "least": least}},
    }
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": filters}},
        "aggs": {"processes": {"composite": composite, "aggs": counters}},
    }


def _processes(store: Store, settings: ModelSettings, window: Window, of_services: Body) -> Iterator[Body]:
    """The processes that reported in the window."""
    after: Body | None = None
    while True:
        body = processes_query(settings, window, of_services, after)
        found = store.search(store.names.every("resources"), body).get("aggregations", {}).get("processes")
        if found is None:
            return
        yield from (bucket for bucket in found["buckets"] if bucket["during"]["doc_count"])
        after = found.get("after_key")
        if after is None:
            return


def _lost(process: Body) -> int:
    """What a process lost in the window: its counter's growth since its last sample before.

    A process without earlier samples is new and began at 0; a counter below its earlier one belongs to a new process
    with an old number, and what it lost before its first sample is not known.
    """
    most, least = process["during"]["most"]["value"], process["during"]["least"]["value"]
    before = process["before"]["most"]["value"]
    base = 0.0 if before is None else before if before <= most else least
    return int(max(0.0, most - base))
