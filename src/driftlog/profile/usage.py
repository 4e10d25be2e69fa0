"""Use of resources and load of one window, as cost and capacity need them: four small searches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from driftlog.contract.settings import ModelSettings
from driftlog.contract.usage import HourOfLoad, ProcessUse, ServedLoad, Usage
from driftlog.contract.window import Window
from driftlog.profile.scope import during, in_environment
from driftlog.store.client import Store

WEEKS: Final = timedelta(weeks=4)
PAGE: Final = 1000
MOST_PROCESSES: Final = 20_000
DEFAULT_INTERVAL_S: Final = 30.0
NS: Final = 1e9

Body = dict[str, Any]


def load_usage(store: Store, settings: ModelSettings, window: Window) -> Usage | None:
    """Samples and load of `window`; None where its service has no samples.

    Samples belong to the model by ``service.name`` (`ModelSettings.service`); without that setting every service of the
    environment is taken for the model's own, so that its cost is known only where it is the only one. Nothing is read
    then: None.
    """
    if not settings.service:
        return None
    processes = _processes(store, settings, window)
    if not processes:
        return None
    span = Window(window.end - WEEKS, window.end)
    return Usage(
        window=window,
        processes=tuple(processes),
        loads=tuple(_loads(store, settings, window)),
        hours=tuple(_hours(store, settings, span)),
        last_prediction=_last_prediction(store, settings, window.end),
    )


def _samples(settings: ModelSettings, window: Window) -> Body:
    filters = [during(window), *in_environment(settings.environment), {"term": {"service.name": settings.service}}]
    return {"bool": {"filter": filters}}


def _predictions(settings: ModelSettings, window: Window) -> Body:
    return {"bool": {"filter": [during(window), *in_environment(settings.environment)]}}


def process_query(query: Body, after: Body | None) -> Body:
    """One page of the processes that sent samples: a composite of host, process and release."""
    sources = [
        {name: {"terms": {"field": field, "missing_bucket": True}}}
        for name, field in (("host", "host.name"), ("pid", "process.pid"), ("release", "service.version"))
    ]
    composite: Body = {"size": PAGE, "sources": sources} | ({"after": after} if after else {})
    figures = {
        "first": {"min": {"field": "@timestamp"}},
        "last": {"max": {"field": "@timestamp"}},
        "cpu": {"avg": {"field": "resource.cpu_percent"}},
        "memory": {"avg": {"field": "resource.memory_bytes"}},
        "gpu": {"avg": {"field": "resource.gpu_percent"}},
    }
    return {
        "size": 0,
        "track_total_hits": False,
        "query": query,
        "aggs": {"processes": {"composite": composite, "aggs": figures}},
    }


def _processes(store: Store, settings: ModelSettings, window: Window) -> list[ProcessUse]:
    found: list[ProcessUse] = []
    after: Body | None = None
    while len(found) < MOST_PROCESSES:
        answer = store.search(store.names.every("resources"), process_query(_samples(settings, window), after))
        processes = answer.get("aggregations", {}).get("processes", {})
        found += [_process(bucket) for bucket in processes.get("buckets", ())]
        after = processes.get("after_key")
        if after is None:
            break
    return found


def _process(bucket: Body) -> ProcessUse:
    key, samples = bucket["key"], bucket["doc_count"]
    span = (bucket["last"]["value"] - bucket["first"]["value"]) / 1000
    interval = span / (samples - 1) if samples > 1 else DEFAULT_INTERVAL_S
    cpu, gpu = bucket["cpu"]["value"], bucket["gpu"]["value"]
    return ProcessUse(
        host=key["host"] or "",
        pid=int(key["pid"] or 0),
        release=key["release"] or "",
        samples=samples,
        alive_s=span + interval,
        cpu_cores=None if cpu is None else cpu / 100,
        memory_bytes=bucket["memory"]["value"],
        gpu_share=None if gpu is None else gpu / 100,
    )


def _loads(store: Store, settings: ModelSettings, window: Window) -> list[ServedLoad]:
    versions = {
        "terms": {"field": "model.version", "size": 100, "missing": ""},
        "aggs": {"busy": {"sum": {"field": "event.duration"}}},
    }
    releases = {"terms": {"field": "service.version", "size": 100, "missing": ""}, "aggs": {"versions": versions}}
    body = {
        "size": 0,
        "track_total_hits": False,
        "query": _predictions(settings, window),
        "aggs": {"releases": releases},
    }
    answer = store.search(store.names.all_predictions(settings.name), body)
    return [
        ServedLoad(release["key"], version["key"], version["doc_count"], version["busy"]["value"] / NS)
        for release in answer.get("aggregations", {}).get("releases", {}).get("buckets", ())
        for version in release["versions"]["buckets"]
    ]


def _hourly(query: Body, figures: Body) -> Body:
    histogram = {"field": "@timestamp", "fixed_interval": "1h", "min_doc_count": 1}
    hours = {"date_histogram": histogram, "aggs": figures}
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": {"hours": hours}}


def _hours(store: Store, settings: ModelSettings, span: Window) -> list[HourOfLoad]:
    mean = {"mean": {"avg": {"field": "event.duration"}}}
    pids = {"terms": {"field": "process.pid", "size": 500}, "aggs": {"cpu": {"avg": {"field": "resource.cpu_percent"}}}}
    busy = {"hosts": {"terms": {"field": "host.name", "size": 100, "missing": ""}, "aggs": {"pids": pids}}}
    traffic, samples = store.msearch(
        [
            (store.names.all_predictions(settings.name), _hourly(_predictions(settings, span), mean)),
            (store.names.every("resources"), _hourly(_samples(settings, span), busy)),
        ]
    )
    cores = {bucket["key"]: _cores(bucket) for bucket in _buckets(samples)}
    return [
        HourOfLoad(
            start=datetime.fromtimestamp(bucket["key"] / 1000, UTC),
            n=bucket["doc_count"],
            mean_s=None if bucket["mean"]["value"] is None else bucket["mean"]["value"] / NS,
            cpu_cores=cores.get(bucket["key"]),
        )
        for bucket in _buckets(traffic)
    ]


def _buckets(answer: Body) -> list[Body]:
    buckets: list[Body] = answer.get("aggregations", {}).get("hours", {}).get("buckets", [])
    return buckets


def _cores(hour: Body) -> float | None:
    """Busy cores of all processes: the sum of their means."""
    means = [pid["cpu"]["value"] for host in hour["hosts"]["buckets"] for pid in host["pids"]["buckets"]]
    known = [mean / 100 for mean in means if mean is not None]
    return sum(known) if known else None


def _last_prediction(store: Store, settings: ModelSettings, until: datetime) -> datetime | None:
    beginning = datetime(1970, 1, 1, tzinfo=UTC)
    body = {
        "size": 0,
        "track_total_hits": False,
        "query": _predictions(settings, Window(beginning, until)),
        "aggs": {"last": {"max": {"field": "@timestamp"}}},
    }
    answer = store.search(store.names.all_predictions(settings.name), body)
    value = answer.get("aggregations", {}).get("last", {}).get("value")
    return None if value is None else datetime.fromtimestamp(value / 1000, UTC)
