"""Errors of single outcomes in the order of events: what detectors of concept drift replay.

The one place, beside samples of rows, where single documents are read; at most as many as the caller allows.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.scope import during, in_environment, instant
from driftlog.store.client import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PAGE: Final = 10_000
RANGES: Final = 10_000
SEED: Final = 20_130_101

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ErrorStream:
    """Outcomes of a window in order of event time (milliseconds), those of one time in order of their ids.

    Attributes
    ----------
    times
        float64, seconds since 1970.
    errors
        float64: 1 for wrong and 0 for right; regression: the absolute error.
    """

    times: Floats
    errors: Floats


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Tells whether the outcomes of a window have changed: their number, and newest and sum of their write numbers.

    Every write of a document, a corrected label too, gives it a higher number (``_seq_no``) than any before.
    """

    n: int
    newest: float = -1.0
    total: float = 0.0


def error_field(settings: ModelSettings) -> str:
    """The stored field that holds an outcome's error."""
    return "outcome.absolute_error" if settings.task == "regression" else "outcome.correct"


def outcome_filters(settings: ModelSettings, window: Window) -> list[Body]:
    """Outcomes of the model in the window that have an error."""
    return [
        {"term": {"model.name": settings.name}},
        during(window),
        *in_environment(settings.environment),
        {"exists": {"field": error_field(settings)}},
    ]


def fingerprint_query(settings: ModelSettings, windows: Sequence[Window]) -> Body:
    """Number of outcomes and their write numbers, window by window.

    ::

        {"size": 0, "track_total_hits": false, "query": {"bool": {"filter": [...]}},
         "aggs": {"windows": {"date_range": {"field": "@timestamp", "ranges": [{"from": start, "to": end}, ...]},
                              "aggs": {"newest": {"max": {"field": "_seq_no"}}, "total": {"sum": {...}}}}}}
    """
    ranges = [{"from": instant(window.start), "to": instant(window.end)} for window in windows]
    writes = {"newest": {"max": {"field": "_seq_no"}}, "total": {"sum": {"field": "_seq_no"}}}
    span = Window(windows[0].start, windows[-1].end)
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": outcome_filters(settings, span)}},
        "aggs": {"windows": {"date_range": {"field": "@timestamp", "ranges": ranges}, "aggs": writes}},
    }


def fingerprints(store: Store, settings: ModelSettings, windows: Sequence[Window]) -> list[Fingerprint]:
    """One for each of `windows`, which are in order and do not overlap."""
    found: list[Fingerprint] = []
    for start in range(0, len(windows), RANGES):
        part = windows[start : start + RANGES]
        answer = store.search(store.names.every("outcomes"), fingerprint_query(settings, part))
        buckets = answer.get("aggregations", {}).get("windows", {}).get("buckets", ())
        found += [_fingerprint(bucket) for bucket in buckets] or [Fingerprint(0)] * len(part)
    return found


def _fingerprint(bucket: Body) -> Fingerprint:
    n = int(bucket["doc_count"])
    return Fingerprint(n, float(bucket["newest"]["value"]), float(bucket["total"]["value"])) if n else Fingerprint(0)


def read_errors(
    store: Store, settings: ModelSettings, windows: Sequence[Window], *, halvings: int = 0
) -> list[ErrorStream]:
    """The errors of each of `windows`, which lie end to end, in one pass over the outcomes.

    Parameters
    ----------
    halvings
        Read ``2 ** -halvings`` of the outcomes: those whose hash of write number and a fixed seed is large enough. The
        draw happens in Elasticsearch, is the same every time, and a smaller one is part of a larger one. (Ids of
        predictions have no doc values, so Elasticsearch cannot hash them; a corrected label may join or leave.)
    """
    times, errors = array("d"), array("d")
    for milliseconds, error in _in_order(store, settings, Window(windows[0].start, windows[-1].end), halvings):
        times.append(milliseconds / 1000)
        errors.append(error)
    held, values = np.array(times, dtype=np.float64), np.array(errors, dtype=np.float64)
    cuts = np.searchsorted(held, [window.start.timestamp() for window in windows[1:]])
    return [ErrorStream(part, value) for part, value in zip(np.split(held, cuts), np.split(values, cuts), strict=True)]


def errors_query(settings: ModelSettings, window: Window, halvings: int) -> Body:
    """Outcomes of a window, or a fixed draw of them.

    ::

        {"function_score": {"query": {"bool": {"filter": [...]}},
                            "functions": [{"random_score": {"seed": 20130101, "field": "_seq_no"}}],
                            "boost_mode": "replace", "min_score": 0.75}}
    """
    query: Body = {"bool": {"filter": outcome_filters(settings, window)}}
    if not halvings:
        return query
    draw = {"random_score": {"seed": SEED, "field": "_seq_no"}}
    return {
        "function_score": {
            "query": query,
            "functions": [draw],
            "boost_mode": "replace",
            "min_score": 1.0 - 2.0**-halvings,
        }
    }


def _in_order(store: Store, settings: ModelSettings, window: Window, halvings: int) -> Iterator[tuple[int, float]]:
    """(milliseconds since 1970, error) by time; Elasticsearch cannot sort by id, so equal times are sorted here."""
    field = error_field(settings)
    name = field.partition(".")[2]
    together: list[tuple[str, float]] = []
    at = -1
    hits = store.scan(
        store.names.every("outcomes"),
        errors_query(settings, window, halvings),
        sort=["@timestamp"],
        source=[field],
        size=PAGE,
    )
    for hit in hits:
        if hit["sort"][0] != at:
            yield from ((at, error) for _, error in sorted(together))
            together.clear()
            at = int(hit["sort"][0])
        value = hit["_source"]["outcome"][name]
        together.append((hit["_id"], float(not value) if isinstance(value, bool) else float(value)))
    yield from ((at, error) for _, error in sorted(together))
