"""Earlier windows: the verdicts that "N of the last M" looks back on, and the values that thresholds learn from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, Final

import msgspec

from driftlog.contract.measurement import Limit, Measurement, Verdict
from driftlog.contract.settings import ModelSettings, ThresholdSettings
from driftlog.contract.window import Window
from driftlog.decide.judge import find_threshold
from driftlog.decide.past import HISTORICAL_KINDS, PastValue, PastValues, past_value, span_of
from driftlog.store.client import Store
from driftlog.store.results import KIND, find_query
from driftlog.store.values import Document
from driftlog.worker.windows import history_span

log = logging.getLogger("driftlog.worker")

HISTORY_WINDOWS: Final = 6
"""Windows of history a threshold may look back on."""
MOST_RESULTS: Final = 200_000
"""Results that one cycle reads of either kind, the newest first."""
_PAGE: Final = 5_000


class History:
    """Verdicts of earlier windows by series, oldest first: read once, then kept up to date in memory.

    Segments are read where a threshold names segments: nothing else judges them.
    """

    def __init__(self, store: Store, settings: ModelSettings, first: Window) -> None:
        self._by_series: dict[str, dict[Window, Verdict]] = {}
        span = history_span(settings, first, HISTORY_WINDOWS)
        segment = None if any(threshold.segment for threshold in settings.thresholds) else ""
        query = find_query(
            settings.name, environment=settings.environment, since=span.start, until=span.end, segment=segment
        )
        for found in _read(store, query, ["series", "window", "verdict"]):
            self._note(found["series"], msgspec.convert(found["window"], Window), found["verdict"])

    def _note(self, series: str, window: Window, verdict: Verdict) -> None:
        self._by_series.setdefault(series, {})[window] = verdict

    def add(self, window: Window, judged: Sequence[Measurement]) -> None:
        for measurement in judged:
            if measurement.window == window:
                self._note(measurement.series, window, measurement.verdict)

    def before(self, window: Window) -> dict[str, list[Verdict]]:
        """The last verdicts of each series in windows that ended before `window` began."""
        return {
            series: [verdicts[w] for w in sorted(verdicts) if w.end <= window.start][-HISTORY_WINDOWS:]
            for series, verdicts in self._by_series.items()
        }


class ValueHistory:
    """Values of earlier windows, of the series that a ``quantile`` or ``seasonal`` threshold judges.

    Read once a cycle, and not at all where the settings have no such threshold; kept up to date in memory by `add`.
    """

    def __init__(self, store: Store, settings: ModelSettings, first: Window) -> None:
        self._settings = settings
        self._wanted: dict[str, bool] = {}
        self._by_series: dict[str, dict[Window, PastValue]] = {}
        span = values_span(settings)
        if span is None:
            return
        query = values_query(settings, first, span)
        for found in _read(store, query, _SOURCE):
            self._note(_measurement(found))

    def add(self, window: Window, judged: Sequence[Measurement]) -> None:
        """Values of a window that has just been judged; they replace what was stored of it."""
        for measurement in judged:
            if measurement.window == window:
                self._note(measurement)

    def values(self) -> PastValues:
        """For `driftlog.decide.judge.judge`; what is added later is not in it."""
        return PastValues(
            {series: [values[w] for w in sorted(values)] for series, values in self._by_series.items() if values}
        )

    def _note(self, measurement: Measurement) -> None:
        if not self._is_wanted(measurement):
            return
        held = self._by_series.setdefault(measurement.series, {})
        past = past_value(measurement)
        if past is None:
            held.pop(measurement.window, None)
        else:
            held[measurement.window] = past

    def _is_wanted(self, measurement: Measurement) -> bool:
        series = measurement.series
        if series not in self._wanted:
            threshold = find_threshold(measurement, self._settings)
            self._wanted[series] = threshold is not None and threshold.kind in HISTORICAL_KINDS
        return self._wanted[series]


def values_span(settings: ModelSettings) -> timedelta | None:
    """How far back the settings' thresholds look; None where none looks back."""
    spans = [span_of(one, settings.window) for one in settings.thresholds if one.kind in HISTORICAL_KINDS]
    return max(spans, default=None)


def values_query(settings: ModelSettings, first: Window, span: timedelta) -> Document:
    """Results of the `span` before `first` that have a value and may match a threshold that looks back.

    ::

        {"bool": {"filter": [..., {"exists": {"field": "value"}}, {"bool": {"minimum_should_match": 1, "should": [
            {"bool": {"filter": [{"wildcard": {"metric": {"value": "latency_*"}}}]}}]}}]}}

    Shell patterns are wider than wildcards where they hold sets (``[ab]``): those become ``*``, and what was found is
    matched once more.
    """
    query = find_query(
        settings.name, environment=settings.environment, since=first.start - span, until=first.start, segment=None
    )
    choices = [_choice(one) for one in settings.thresholds if one.kind in HISTORICAL_KINDS]
    query["bool"]["filter"] += [
        {"exists": {"field": "value"}},
        {"bool": {"minimum_should_match": 1, "should": choices}},
    ]
    return query


def _choice(threshold: ThresholdSettings) -> Document:
    filters: list[Document] = []
    if threshold.metric != "*":
        filters.append({"wildcard": {"metric": {"value": _wildcard(threshold.metric)}}})
    if not threshold.segment:
        filters.append({"term": {"segment": ""}})
    return {"bool": {"filter": filters or [{"match_all": {}}]}}


def _wildcard(pattern: str) -> str:
    """>>> _wildcard("latency_p9[59]_ms")
    'latency_p9*'
    """
    return pattern.partition("[")[0] + "*" if "[" in pattern else pattern.replace("\\", "\\\\")


_SOURCE: Final = [
    "window",
    "metric",
    "field",
    "segment",
    "purpose",
    "value",
    "n_current",
    "marks",
    "verdict",
    "limit",
    "model",
    "service.environment",
]


def _measurement(found: Mapping[str, Any]) -> Measurement:
    """What is needed of a stored measurement to learn from it."""
    return Measurement(
        model=found["model"]["name"],
        environment=found["service"]["environment"],
        version=found["model"]["version"],
        variant=found["model"]["variant"],
        segment=found["segment"],
        purpose=found["purpose"],
        metric=found["metric"],
        field=found["field"],
        window=msgspec.convert(found["window"], Window),
        value=found["value"],
        n_current=found["n_current"],
        marks=tuple(found.get("marks", ())),
        verdict=found["verdict"],
        limit=msgspec.convert(found["limit"], Limit) if found.get("limit") else None,
    )


def _read(store: Store, query: Document, source: list[str]) -> list[Document]:
    """Fields of the newest results, oldest first; at most `MOST_RESULTS`."""
    sort = [{"window.end": {"order": "desc", "unmapped_type": "date"}}, {"series": {"unmapped_type": "keyword"}}]
    hits = store.scan(store.names.every(KIND), query, sort=sort, source=source, size=_PAGE)
    found = [hit["_source"] for hit in islice(hits, MOST_RESULTS)]
    if len(found) == MOST_RESULTS:
        log.warning("only the newest %d earlier results are looked at: thresholds match too many", MOST_RESULTS)
    return found[::-1]
