"""Predictions, failures, error types and latencies, from the daily profiles.

Two days and today are looked at, counted back from the newest day of each model; a day that grew is read whole.
Counts of a day that lies further back (very late events) are in the gauges of stored predictions, not in the counters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from driftlog.contract.profile import LATENCY_EDGES_NS
from driftlog.present.export.labels import OTHER, clean
from driftlog.present.export.reading import INFINITY, Buckets, Labels, Reading
from driftlog.present.export.totals import Totals
from driftlog.store.client import Store
from driftlog.store.searching import parts
from driftlog.store.values import Document

DAYS: Final = 3
SECOND_NS: Final = 1e9
_EDGE_STEPS: Final = tuple(range(24, len(LATENCY_EDGES_NS), 8))
LATENCY_EDGES_S: Final = (*(LATENCY_EDGES_NS[step] / SECOND_NS for step in _EDGE_STEPS), INFINITY)
"""Three a decade from 0.1 ms to 100 s; each is an edge of the profiles' own bins, so that counts are exact."""
_MOST_IDS: Final = 500
_MOST_CLAUSES: Final = 200
"""Models are asked for together where their newest day is the same."""

PREDICTIONS: Final = "driftlog_predictions"
FAILURES: Final = "driftlog_prediction_failures"
ERRORS: Final = "driftlog_errors"
LATENCY: Final = "driftlog_latency_seconds"


@dataclass(frozen=True, slots=True)
class DayCounts:
    """What a counter needs of one profile: counts over the bins of `LATENCY_EDGES_NS`, their sum, error types."""

    latency: Sequence[int]
    latency_total_ns: float
    errors: Mapping[str, int]


Unpack = Callable[[Document], DayCounts]
"""Reads the packed counts of a profile document; the room that packs them hands it in."""


@dataclass(frozen=True, slots=True)
class Stock:
    """Of one model and environment: what is stored, in the bins counted last."""

    binning_id: str
    newest: datetime
    predictions: int
    failures: int
    outcomes: int


Key = tuple[str, str]
"""Model and environment."""
Pair = tuple[str, str]
"""Version and variant, as labels."""
OTHERS: Final[Pair] = (OTHER, OTHER)
MOST_VERSIONS: Final = 50
"""Versions and variants of a model that have counters of their own."""


def stock_body() -> Document:
    """Sums of daily profiles by model, environment, binning and kind, with the newest day of each.

    ``{"query": {"bool": {"filter": [{"term": {"resolution": "day"}}, {"term": {"segment": ""}}, {"range": {"n":
    {"gt": 0}}}]}}, "aggs": {"models": {"terms": ..., "aggs": {"environments": {... "binnings": {... "kinds": {...
    {"n": {"sum": {"field": "n"}}, "failures": {"sum": ...}, "newest": {"max": {"field": "bucket.start"}}}}}}}}}}``
    """
    sums = {
        "n": {"sum": {"field": "n"}},
        "failures": {"sum": {"field": "failures"}},
        "newest": {"max": {"field": "bucket.start"}},
    }
    kinds = {"kinds": {"terms": {"field": "kind", "size": 2}, "aggs": sums}}
    binnings = {"binnings": {"terms": {"field": "binning_id", "size": 20, "order": {"newest": "desc"}}}}
    binnings["binnings"]["aggs"] = kinds | {"newest": sums["newest"]}
    environments = {"environments": {"terms": {"field": "service.environment", "size": 50}, "aggs": binnings}}
    filters = [{"term": {"resolution": "day"}}, {"term": {"segment": ""}}, {"range": {"n": {"gt": 0}}}]
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": filters}},
        "aggs": {"models": {"terms": {"field": "model.name", "size": 10_000}, "aggs": environments}},
    }


def stocks_in(answer: Document) -> dict[Key, Stock]:
    """Answer of `stock_body`. Where events are counted in two binnings, the one with the newest day, then the most."""
    found: dict[Key, Stock] = {}
    for model in answer.get("aggregations", {}).get("models", {}).get("buckets", ()):
        for environment in model["environments"]["buckets"]:
            choices = [_stock(binning) for binning in environment["binnings"]["buckets"]]
            known = [choice for choice in choices if choice is not None]
            if known:
                best = max(known, key=lambda stock: (stock.newest, stock.predictions, stock.binning_id))
                found[model["key"], environment["key"]] = best
    return found


def _stock(binning: Document) -> Stock | None:
    kinds = {kind["key"]: kind for kind in binning["kinds"]["buckets"]}
    predictions, outcomes = kinds.get("predictions"), kinds.get("outcomes")
    if predictions is None:
        return None
    return Stock(
        binning_id=binning["key"],
        newest=datetime.fromtimestamp(predictions["newest"]["value"] / 1000, UTC),
        predictions=int(predictions["n"]["value"]),
        failures=int(predictions["failures"]["value"]),
        outcomes=int(outcomes["n"]["value"]) if outcomes is not None else 0,
    )


def recent_queries(stocks: Mapping[Key, Stock]) -> Iterator[Document]:
    """Queries for the last days of every model: one clause for each newest day, which most models share."""
    by_day: dict[datetime, set[str]] = {}
    for (model, _), stock in stocks.items():
        by_day.setdefault(stock.newest, set()).add(model)
    clauses = []
    for newest, models in sorted(by_day.items()):
        since = newest - timedelta(days=DAYS - 1)
        days = {"range": {"bucket.start": {"gte": since.isoformat(), "lte": newest.isoformat()}}}
        clauses.append({"bool": {"filter": [{"terms": {"model.name": sorted(models)}}, days]}})
    for part in parts(clauses, _MOST_CLAUSES):
        filters: list[Document] = [
            {"term": {"kind": "predictions"}},
            {"term": {"resolution": "day"}},
            {"term": {"segment": ""}},
            {"range": {"n": {"gt": 0}}},
            {"bool": {"should": list(part), "minimum_should_match": 1}},
        ]
        yield {"bool": {"filter": filters}}


class Versions:
    """Which versions and variants of a model have labels of their own: the largest `most`; others are ``other``.

    What a pair is shown as does not change while it is there: a counter would go back, or begin again.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._shown: dict[Key, dict[Pair, Pair]] = {}

    def look(self, found: Mapping[Key, Mapping[Pair, int]], known: Collection[tuple[Key, Pair]] = ()) -> None:
        """Say how many predictions there are of each; those that have a series already (`known`) come first."""
        shown: dict[Key, dict[Pair, Pair]] = {}
        for key, sizes in found.items():
            held = {pair: as_ for pair, as_ in self._shown.get(key, {}).items() if pair in sizes}
            free = self._most - sum(as_ != OTHERS for as_ in held.values())
            new = [pair for pair in sizes if pair not in held]
            new.sort(key=lambda pair: ((key, pair) not in known, -sizes[pair], pair))
            shown[key] = held | {pair: pair if at < free else OTHERS for at, pair in enumerate(new)}
        self._shown = shown

    def shown(self, key: Key, pair: Pair) -> Pair:
        """The labels of a version and variant."""
        return self._shown.get(key, {}).get(pair, OTHERS)


class Counts:
    """Counters of all models; remembers what it read of each day."""

    def __init__(self, store: Store, totals: Totals, unpack: Unpack, *, max_errors: int) -> None:
        self._store = store
        self._totals = totals
        self._unpack = unpack
        self._max_errors = max_errors
        self._days: dict[str, tuple[tuple[int, int, str], DayCounts]] = {}
        self._named: dict[Key, list[str]] = {}
        self._versions = Versions(MOST_VERSIONS)

    def note(self, stocks: Mapping[Key, Stock]) -> None:
        """Note the last days of every model in the totals."""
        heads = list(self._recent(stocks))
        self._read([head for head in heads if self._changed(head)])
        self._look_at_versions(heads)
        current: dict[str, tuple[tuple[int, int, str], DayCounts]] = {}
        for head in heads:
            day = self._days.get(head["_id"])
            if day is not None:
                current[head["_id"]] = day
                self._note(head["_source"], day[1])
        self._days = current

    def _look_at_versions(self, heads: Sequence[Document]) -> None:
        found: dict[Key, Counter[Pair]] = {}
        for head in heads:
            model, environment, pair = _told_apart(labels_of(head["_source"]))
            found.setdefault((model, environment), Counter())[pair] += int(head["_source"]["n"])
        known = set()
        for labels, _ in self._totals.every(PREDICTIONS):
            model, environment, pair = _told_apart(labels)
            known.add(((model, environment), pair))
        self._versions.look(found, known)

    def readings(self) -> list[Reading]:
        """The counters as they stand, most important first."""
        found = [
            *self._counters(PREDICTIONS, "Prediction events, failed ones included."),
            *self._counters(FAILURES, "Prediction events that failed."),
            *self._counters(ERRORS, "Failed predictions by type of error."),
        ]
        for labels, numbers in self._totals.every(LATENCY):
            counts, running = [], 0
            for count in numbers[:-1]:
                running += int(count)
                counts.append(running)
            buckets = Buckets(LATENCY_EDGES_S, tuple(counts), numbers[-1])
            help_ = "Time the model took for a prediction."
            found.append(Reading(LATENCY, "histogram", None, dict(labels), help_, "seconds", buckets))
        return found

    def _counters(self, name: str, help_: str) -> list[Reading]:
        return [
            Reading(name, "counter", numbers[0], dict(labels), help_) for labels, numbers in self._totals.every(name)
        ]

    def _recent(self, stocks: Mapping[Key, Stock]) -> Iterator[Document]:
        wanted = ["model", "service.environment", "bucket.start", "binning_id", "n", "failures"]
        for query in recent_queries(stocks):
            for hit in self._store.scan(self._store.names.every("profiles"), query, source=wanted, size=5000):
                source = hit["_source"]
                stock = stocks.get((source["model"]["name"], source["service"]["environment"]))
                if stock is not None and stock.binning_id == source["binning_id"]:
                    yield hit

    def _changed(self, hit: Document) -> bool:
        before = self._days.get(hit["_id"])
        return before is None or before[0] != _version(hit)

    def _read(self, hits: Sequence[Document]) -> None:
        pattern = self._store.names.every("profiles")
        for part in parts(hits, _MOST_IDS):
            versions = {hit["_id"]: _version(hit) for hit in part}
            body: dict[str, Any] = {
                "query": {"ids": {"values": list(versions)}},
                "size": len(versions),
                "track_total_hits": False,
                "_source": ["counts", "codec", "n", "failures", "model", "service", "bucket", "segment", "binning_id"],
            }
            for hit in self._store.search(pattern, body)["hits"]["hits"]:
                self._days[hit["_id"]] = (_version(hit), self._unpack(hit["_source"]))

    def _note(self, source: Document, day: DayCounts) -> None:
        model, environment, pair = _told_apart(labels_of(source))
        version, variant = self._versions.shown((model, environment), pair)
        labels = (("model", model), ("environment", environment), ("version", version), ("variant", variant))
        slot = source["bucket"]["start"]
        self._totals.note(PREDICTIONS, labels, slot, [source["n"]])
        self._totals.note(FAILURES, labels, slot, [source["failures"]])
        for kind, count in self._by_type(source, day.errors).items():
            self._totals.note(ERRORS, (*labels, ("error_type", kind)), slot, [count])
        if any(day.latency):
            self._totals.note(LATENCY, labels, slot, [*regrouped(day.latency), day.latency_total_ns / SECOND_NS])

    def _by_type(self, source: Document, errors: Mapping[str, int]) -> dict[str, int]:
        """Counts of the types that have a name of their own (once they have it, they keep it), and of all others."""
        key = (source["model"]["name"], source["service"]["environment"])
        named = self._named.setdefault(key, [])
        for kind, _ in sorted(errors.items(), key=lambda item: (-item[1], item[0])):
            if len(named) < self._max_errors and clean(kind) not in named:
                named.append(clean(kind))
        found: dict[str, int] = {}
        for kind, count in errors.items():
            shown = clean(kind) if clean(kind) in named else OTHER
            found[shown] = found.get(shown, 0) + count
        return found


def labels_of(source: Document) -> Labels:
    """Model, environment, version and variant of a document, cleaned, in this order."""
    model = source["model"]
    return (
        ("model", clean(model["name"])),
        ("environment", clean(source["service"].get("environment"))),
        ("version", clean(model.get("version"))),
        ("variant", clean(model.get("variant"))),
    )


def _told_apart(labels: Labels) -> tuple[str, str, Pair]:
    (_, model), (_, environment), (_, version), (_, variant) = labels
    return model, environment, (version, variant)


def regrouped(latency: Sequence[int]) -> list[int]:
    """Counts over the profiles' bins as counts between `LATENCY_EDGES_S`, not cumulated.

    >>> sum(regrouped([1] * (len(LATENCY_EDGES_NS) + 1))) == len(LATENCY_EDGES_NS) + 1
    True
    """
    found, start = [], 0
    for step in _EDGE_STEPS:
        found.append(sum(int(count) for count in latency[start : step + 1]))
        start = step + 1
    return [*found, sum(int(count) for count in latency[start:])]


def _version(hit: Document) -> tuple[int, int, str]:
    source = hit["_source"]
    return int(source["n"]), int(source["failures"]), source["binning_id"]


def stored_readings(stocks: Mapping[Key, Stock]) -> list[Reading]:
    """What is stored, as gauges: it falls when a period is dropped."""
    found = []
    for (model, environment), stock in sorted(stocks.items()):
        labels = {"model": clean(model), "environment": clean(environment)}
        rows = (
            ("driftlog_predictions_stored", float(stock.predictions), "Predictions that stored profiles count."),
            ("driftlog_failures_stored", float(stock.failures), "Failed predictions that stored profiles count."),
            ("driftlog_outcomes_stored", float(stock.outcomes), "Predictions with a known truth in stored profiles."),
        )
        found += [Reading(name, "gauge", value, labels, help_) for name, value, help_ in rows]
        help_ = "Start of the newest day (UTC) with predictions."
        name = "driftlog_newest_day_timestamp_seconds"
        found.append(Reading(name, "gauge", stock.newest.timestamp(), labels, help_, "seconds"))
    return found
