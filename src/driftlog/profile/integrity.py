"""Integrity of the pipeline over a window, from quarantine, resource samples, and a sample of the predictions.

Elasticsearch compares no two fields of a document without scripts, and percentiles of a difference cannot be had from
two histograms; so lag, clock skew and duplicates come from a random sample, bounded and the same every time.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import msgspec
import numpy as np

from driftlog.contract.integrity import IntegritySummary
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.dropped import dropped_events
from driftlog.profile.scope import during, in_environment
from driftlog.profile.silence import hours_query, silent_hours
from driftlog.store.client import Store

ROWS: Final = 2_000
"""Predictions of a window whose clocks are compared."""
TWINS: Final = (100, 20)
"""Predictions that are compared with all others of the same time; the second number where those would be too many.

Their sources are read from compressed blocks all over the index, 3 ms each; what the others need is in doc values.
"""
MOST_TWINS: Final = 2_000
FEWEST_TIMES: Final = 10
TIMING: Final = ("@timestamp", "event", "trace")
"""What differs between two predictions of the same row."""
HISTORY: Final = timedelta(days=1)
"""What comes later than that was sent afterwards: history, not lag. A day is longer than most outages that a spool
bridges, and a longer one still shows, in its last day."""
AHEAD_S: Final = 1.0
"""Smaller leads of an event's clock over the intake's are not counted."""
IMPORTED: Final = {"term": {"driftlog.source": "import"}}
OTHER_REASONS: Final = ("missing_prediction_id", "missing_feedback", "missing_resource")
"""Reasons of quarantine that only feedback and resources have."""

Body = dict[str, Any]
Hits = list[Body]


def summarise_integrity(store: Store, settings: ModelSettings, window: Window) -> IntegritySummary:
    """The integrity of the way into `window`: a handful of searches that read at most 4,000 documents of any window."""
    raw = store.names.all_predictions(settings.name)
    answers = store.msearch(
        [
            (raw, sample_query(settings, window)),
            (raw, arrived_query(window)),
            (raw, hours_query(settings, window)),
            (store.names.every("quarantine"), quarantine_query(store.names.prefix, settings, window)),
        ]
    )
    sample, arrived, hours, quarantine = answers
    hits = sample["hits"]["hits"]
    reasons = quarantine.get("aggregations", {}).get("reasons", {}).get("buckets", ())
    summary = IntegritySummary(
        window=window,
        stored=int(sample.get("aggregations", {}).get("all", {}).get("in_window", {}).get("doc_count", 0)),
        arrived=int(arrived["hits"]["total"]["value"]),
        quarantined={bucket["key"]: int(bucket["doc_count"]) for bucket in reasons},
    )
    summary = _with_clocks(summary, hits)
    summary = _with_twins(summary, store, settings, hits)
    expected, silent = silent_hours(hours, settings, window)
    lost = dropped_events(store, settings, window)
    return replace(
        summary,
        expected_hours=expected,
        silent_hours=silent,
        dropped=lost.dropped,
        shipped=lost.shipped,
        processes=lost.processes,
    )


def sample_query(settings: ModelSettings, window: Window) -> Body:
    """A random sample of the window's predictions with both their times, and how many the window has.

    ::

        {"size": 2000, "track_total_hits": false, "stored_fields": "_none_",
         "query": {"function_score": {"query": {"bool": {"filter": [...], "must_not": [{"term": {...import...}}]}},
                                      "functions": [{"random_score": {"seed": 1772496000, "field": "_seq_no"}}],
                                      "boost_mode": "replace"}},
         "docvalue_fields": [{"field": "@timestamp", "format": "epoch_millis"}, {...}, "_seq_no"],
         "aggs": {"all": {"global": {}, "aggs": {"in_window": {"filter": {...}}}}}}
    """
    filters = [during(window), *in_environment(settings.environment)]
    known = [*filters, {"exists": {"field": "event.ingested"}}]
    seed = int(window.start.timestamp()) % 2**31
    return {
        "size": ROWS,
        "track_total_hits": False,
        "stored_fields": "_none_",
        "query": {
            "function_score": {
                "query": {"bool": {"filter": known, "must_not": [IMPORTED]}},
                "functions": [{"random_score": {"seed": seed, "field": "_seq_no"}}],
                "boost_mode": "replace",
            }
        },
        "docvalue_fields": [
            {"field": "@timestamp", "format": "epoch_millis"},
            {"field": "event.ingested", "format": "epoch_millis"},
            "_seq_no",
        ],
        "aggs": {"all": {"global": {}, "aggs": {"in_window": {"filter": {"bool": {"filter": filters}}}}}},
    }


def arrived_query(window: Window) -> Body:
    """Number of predictions ingested during the window, imports left out."""
    query = {"bool": {"filter": [during(window, "event.ingested")], "must_not": [IMPORTED]}}
    return {"size": 0, "track_total_hits": True, "query": query}


def quarantine_query(prefix: str, settings: ModelSettings, window: Window) -> Body:
    """Predictions of the model refused during the window, by reason.

    ::

        {"size": 0, "track_total_hits": false,
         "query": {"bool": {"filter": [{"term": {"model.name": "churn"}}, {"range": {"@timestamp": {...}}}],
                            "must_not": [{"term": {"quarantine.source": "import"}},
                                         {"terms": {"quarantine.reason": ["missing_feedback", ...]}},
                                         {"prefix": {"quarantine.index": "driftlog-feedback."}}, ...]}},
         "aggs": {"reasons": {"terms": {"field": "quarantine.reason", "size": 100}}}}
    """
    left_out: list[Body] = [
        {"term": {"quarantine.source": "import"}},
        {"terms": {"quarantine.reason": list(OTHER_REASONS)}},
        {"prefix": {"quarantine.index": f"{prefix}-feedback."}},
        {"prefix": {"quarantine.index": f"{prefix}-resources."}},
    ]
    query = {"bool": {"filter": [{"term": {"model.name": settings.name}}, during(window)], "must_not": left_out}}
    reasons = {"terms": {"field": "quarantine.reason", "size": 100}}
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": {"reasons": reasons}}


def _with_clocks(summary: IntegritySummary, hits: Hits) -> IntegritySummary:
    """Lag and skew of the sampled predictions."""
    if not hits:
        return summary
    happened = np.array([float(hit["fields"]["@timestamp"][0]) for hit in hits])
    ingested = np.array([float(hit["fields"]["event.ingested"][0]) for hit in hits])
    lag_s = (ingested - happened) / 1000
    ahead = lag_s < -AHEAD_S
    old = lag_s > HISTORY.total_seconds()
    live = np.maximum(lag_s[~ahead & ~old], 0.0)
    p50, p95 = np.quantile(live, [0.5, 0.95]).tolist() if live.size else (None, None)
    return replace(
        summary,
        sampled=len(hits),
        lag_p50_s=p50,
        lag_p95_s=p95,
        ahead=int(ahead.sum()),
        ahead_max_s=float(max(0.0, -lag_s.min())),
        backfilled=int(old.sum()),
    )


def _with_twins(summary: IntegritySummary, store: Store, settings: ModelSettings, hits: Hits) -> IntegritySummary:
    """Copies of sampled predictions under other ids, and the JSON types of their features."""
    if not hits:
        return summary
    pattern = store.names.all_predictions(settings.name)
    for wanted in TWINS:
        chosen = hits[:wanted]
        answer = store.search(pattern, twins_query(settings, chosen))
        if answer["hits"]["total"]["value"] <= MOST_TWINS:
            return _count_twins(summary, answer["hits"]["hits"], {_place(hit) for hit in chosen})
    chosen = hits[: TWINS[0]]
    found = store.search(pattern, sources_query(summary.window, chosen))["hits"]["hits"]
    places = {_place(hit) for hit in chosen}
    return replace(summary, types=_types(hit["_source"] for hit in found if _place(hit) in places))


def _place(hit: Body) -> tuple[str, int]:
    """Where a document is; cheaper to read than its id."""
    return hit["_index"], int(hit["fields"]["_seq_no"][0])


def twins_query(settings: ModelSettings, chosen: Sequence[Body]) -> Body:
    """Every prediction that has the time of a chosen one, without what differs between two copies."""
    times = sorted({int(float(hit["fields"]["@timestamp"][0])) for hit in chosen})
    filters = [{"terms": {"@timestamp": times}}, *in_environment(settings.environment)]
    own = ["event.id", "event.ingested", "event.hash", "driftlog"]
    return {
        "size": MOST_TWINS,
        "track_total_hits": True,
        "query": {"bool": {"filter": filters, "must_not": [IMPORTED]}},
        "_source": {"excludes": own},
        "docvalue_fields": ["_seq_no"],
    }


def sources_query(window: Window, chosen: Sequence[Body]) -> Body:
    """Features of the chosen predictions (and of few others: write numbers are unique within an index only)."""
    numbers = [_place(hit)[1] for hit in chosen]
    return {
        "size": MOST_TWINS,
        "query": {"bool": {"filter": [during(window), {"terms": {"_seq_no": numbers}}]}},
        "_source": ["features"],
        "docvalue_fields": ["_seq_no"],
    }


def _count_twins(summary: IntegritySummary, found: Hits, chosen: set[tuple[str, int]]) -> IntegritySummary:
    """Copies among `found` of the chosen predictions.

    What occurs at several times is no mark of one event: with three features of ten values, equal rows in one batch are
    no copies. Such predictions are not compared, and none are where fewer than ten times could show it.
    """
    types = _types(hit["_source"] for hit in found if _place(hit) in chosen)
    times: dict[bytes, set[str]] = {}
    for hit in found:
        times.setdefault(_digest(hit["_source"], without=TIMING), set()).add(hit["_source"]["@timestamp"])
    if len(set().union(*times.values())) < FEWEST_TIMES:
        return replace(summary, types=types)
    unique = [hit for hit in found if len(times[_digest(hit["_source"], without=TIMING)]) == 1]
    contents = {_place(hit): _digest(hit["_source"]) for hit in unique}
    copies = Counter(contents.values())
    held = [copies[contents[place]] for place in chosen if place in contents]
    return replace(summary, compared=len(held), repeated=sum(1 - 1 / count for count in held), types=types)


def _digest(source: Body, *, without: tuple[str, ...] = ()) -> bytes:
    content = {name: value for name, value in source.items() if name not in without}
    return hashlib.blake2b(msgspec.json.encode(content, order="deterministic"), digest_size=16).digest()


_JSON_TYPES: Final = {bool: "boolean", int: "number", float: "number", str: "text", list: "list"}


def _types(sources: Any) -> dict[str, dict[str, int]]:
    """JSON types of the features' values; a list arrives as its text, see the intake."""
    found: dict[str, Counter[str]] = {}
    for source in sources:
        for name, value in (source.get("features") or {}).items():
            if value is not None:
                kind = _JSON_TYPES.get(type(value), "object")
                found.setdefault(f"features.{name}", Counter())[kind] += 1
    return {name: dict(kinds) for name, kinds in found.items()}
