"""Alerts, registered models, cycles, leases and quarantine as readings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from driftlog.contract.alert import ACTIVE
from driftlog.contract.measurement import LEVELS
from driftlog.contract.names import INSTALLATION
from driftlog.contract.records import ModelRecord
from driftlog.present.export.labels import clean
from driftlog.present.export.reading import Reading
from driftlog.present.export.totals import Totals
from driftlog.store.client import Store
from driftlog.store.leases import state_body
from driftlog.store.values import Document

LOOK_BACK: Final = timedelta(days=30)
OVERLAP: Final = timedelta(minutes=5)
QUARANTINED: Final = "driftlog_quarantined_events"


class NothingToRead(Exception):
    """No index of a source: it is not there, or this account may not see it (Elasticsearch does not tell which)."""


def looked(answer: Document) -> Document:
    """`answer`, if it is about any index at all; else raises `NothingToRead`."""
    if not answer["_shards"]["total"]:
        raise NothingToRead
    return answer


def alerts_body() -> Document:
    """Alerts by model, environment, status and severity: four ``terms`` aggregations inside each other."""
    severities = {"severities": {"terms": {"field": "alert.severity", "size": 10}}}
    statuses = {"statuses": {"terms": {"field": "alert.status", "size": 10}, "aggs": severities}}
    environments = {"environments": {"terms": {"field": "service.environment", "size": 50}, "aggs": statuses}}
    models = {"models": {"terms": {"field": "model.name", "size": 10_000}, "aggs": environments}}
    return {"size": 0, "track_total_hits": False, "aggs": models}


def alert_readings(answer: Document, known: Iterable[tuple[str, str]]) -> list[Reading]:
    """Alerts by severity and status; of `known` models and environments also those of which there are none."""
    counts: dict[tuple[str, str, str, str], int] = {}
    pairs = {*known, (INSTALLATION, "")}
    for model in answer.get("aggregations", {}).get("models", {}).get("buckets", ()):
        for environment in model["environments"]["buckets"]:
            pairs.add((model["key"], environment["key"]))
            for status in environment["statuses"]["buckets"]:
                for severity in status["severities"]["buckets"]:
                    key = (model["key"], environment["key"], status["key"], severity["key"])
                    counts[key] = severity["doc_count"]
    help_ = "Alerts by severity and status; acknowledged ones are still open."
    found = []
    for name, environment in sorted(pairs):
        for status in (*ACTIVE, "resolved"):
            for severity in LEVELS[1:]:
                labels = {"model": clean(name), "environment": clean(environment)}
                labels |= {"severity": severity, "status": status}
                value = float(counts.get((name, environment, status, severity), 0))
                found.append(Reading("driftlog_alerts", "gauge", value, labels, help_))
    return found


def model_readings(models: Mapping[str, ModelRecord]) -> list[Reading]:
    """How many models there are, and what is known of each, as labels of a 1."""
    found = [Reading("driftlog_models", "gauge", float(len(models)), {}, "Registered models.")]
    for name, record in models.items():
        labels = {"model": clean(name), "task": clean(record.task), "owner": clean(record.owner)}
        found.append(Reading("driftlog_model_info", "gauge", 1.0, labels, "A registered model."))
    return found


def cycles_body(since: datetime) -> Document:
    """The last cycle, and the last good one, by model and environment.

    ``{"query": {"range": {"finished": {"gte": since}}}, "aggs": {"models": {... "environments": {... {"last":
    {"top_hits": {"size": 1, "sort": [{"finished": "desc"}]}}, "good": {"filter": {"term": {"status": "ok"}}, "aggs":
    {"finished": {"max": {"field": "finished"}}}}}}}}}``
    """
    wanted = ["status", "started", "finished", "buckets", "event_to_result_s"]
    inner: dict[str, Any] = {
        "last": {"top_hits": {"size": 1, "sort": [{"finished": {"order": "desc"}}], "_source": wanted}},
        "good": {
            "filter": {"term": {"status": "ok"}},
            "aggs": {"finished": {"max": {"field": "finished"}}},
        },
    }
    environments = {"environments": {"terms": {"field": "service.environment", "size": 50}, "aggs": inner}}
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"range": {"finished": {"gte": since.isoformat()}}},
        "aggs": {"models": {"terms": {"field": "model.name", "size": 10_000}, "aggs": environments}},
    }


@dataclass(slots=True)
class Cycles:
    """The last cycle of every model, kept between looks."""

    store: Store
    _last: dict[tuple[str, str], Document] = field(default_factory=dict)
    _good: dict[tuple[str, str], float] = field(default_factory=dict)
    _looked: datetime | None = None

    def readings(self, now: datetime) -> list[Reading]:
        since = now - LOOK_BACK if self._looked is None else self._looked - OVERLAP
        answer = looked(self.store.search(self.store.names.every("runs"), cycles_body(since)))
        for model in answer.get("aggregations", {}).get("models", {}).get("buckets", ()):
            for environment in model["environments"]["buckets"]:
                key = (model["key"], environment["key"])
                self._last[key] = environment["last"]["hits"]["hits"][0]["_source"]
                good = environment["good"]["finished"]["value"]
                if good is not None:
                    self._good[key] = good / 1000
        self._looked = now
        return [reading for key in sorted(self._last) for reading in self._of(key)]

    def _of(self, key: tuple[str, str]) -> Iterator[Reading]:
        last = self._last[key]
        labels = {"model": clean(key[0]), "environment": clean(key[1])}
        finished, started = (datetime.fromisoformat(last[name]) for name in ("finished", "started"))
        if key in self._good:
            help_ = "End of the last cycle without an error."
            yield Reading("driftlog_cycle_good_timestamp_seconds", "gauge", self._good[key], labels, help_, "seconds")
        help_ = "End of the last cycle."
        yield Reading("driftlog_cycle_timestamp_seconds", "gauge", finished.timestamp(), labels, help_, "seconds")
        help_ = "How long the last cycle took."
        took = (finished - started).total_seconds()
        yield Reading("driftlog_cycle_duration_seconds", "gauge", took, labels, help_, "seconds")
        help_ = "Whether the last cycle failed."
        yield Reading("driftlog_cycle_failed", "gauge", float(last["status"] == "failed"), labels, help_)
        help_ = "Dirty buckets that the last cycle counted anew."
        yield Reading("driftlog_cycle_buckets", "gauge", float(last.get("buckets", 0)), labels, help_)
        if last.get("event_to_result_s") is not None:
            help_ = "From the newest event to its result, in the last cycle with one."
            lag = float(last["event_to_result_s"])
            yield Reading("driftlog_event_to_result_seconds", "gauge", lag, labels, help_, "seconds")


class Leases:
    """Watches heartbeats and leases move, on this process's own clock."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._moved: dict[str, tuple[int, float]] = {}

    def readings(self) -> list[Reading]:
        """Seconds for which each worker's heartbeat and each model's lease has not moved, as far as this has seen."""
        moment = self._monotonic()
        seen: dict[str, tuple[int, float]] = {}
        found: list[Reading] = []
        workers = 0
        answer = looked(self._store.search(self._store.names.state, state_body()))
        for hit in answer["hits"]["hits"]:
            id, at, source = hit["_id"], int(hit["_seq_no"]), hit["_source"]
            before = self._moved.get(id)
            seen[id] = before if before is not None and before[0] == at else (at, moment)
            still_s = moment - seen[id][1]
            if source["kind"] == "worker":
                workers += 1
                labels = {"worker": clean(source.get("holder"))}
                help_ = "Time since a worker's heartbeat was seen to move."
                found.append(Reading("driftlog_worker_silent_seconds", "gauge", still_s, labels, help_, "seconds"))
            elif source["model"]["name"][:1] != "(":
                labels = {"model": clean(source["model"]["name"])}
                help_ = "Time since a model's lease was seen to move."
                found.append(Reading("driftlog_lease_unmoved_seconds", "gauge", still_s, labels, help_, "seconds"))
        self._moved = seen
        return [Reading("driftlog_workers", "gauge", float(workers), {}, "Workers with a heartbeat."), *found]


def quarantine_body() -> Document:
    """Quarantined events by index and reason."""
    reasons = {"reasons": {"terms": {"field": "quarantine.reason", "size": 20}}}
    indices = {"indices": {"terms": {"field": "_index", "size": 1000}, "aggs": reasons}}
    return {"size": 0, "track_total_hits": False, "aggs": indices}


def note_quarantine(answer: Document, totals: Totals) -> list[Reading]:
    """Note what is in quarantine, for a counter; what lies there now, as a gauge."""
    stored: dict[str, int] = {}
    for index in answer.get("aggregations", {}).get("indices", {}).get("buckets", ()):
        for reason in index["reasons"]["buckets"]:
            name = clean(reason["key"])
            stored[name] = stored.get(name, 0) + reason["doc_count"]
            totals.note(QUARANTINED, (("reason", name),), index["key"], [reason["doc_count"]])
    help_ = "Events that lie in quarantine."
    return [
        Reading("driftlog_quarantine_stored", "gauge", float(count), {"reason": reason}, help_)
        for reason, count in sorted(stored.items())
    ]


def quarantine_counters(totals: Totals) -> list[Reading]:
    help_ = "Events that went to quarantine."
    return [
        Reading(QUARANTINED, "counter", numbers[0], dict(labels), help_)
        for labels, numbers in totals.every(QUARANTINED)
    ]
