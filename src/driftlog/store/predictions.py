"""Looking at single predictions: by id, time, version, error, score, feature value, trace or text; newest first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from driftlog.contract.errors import UsageError
from driftlog.contract.names import check_feature_name
from driftlog.store.client import Store
from driftlog.store.values import Document

TEXT_FIELDS: Final = ("message", "error.message", "error.stack_trace", "error.type")
MAX_SIZE: Final = 10_000


def find_predictions(
    store: Store,
    model: str,
    *,
    id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    version: str | None = None,
    error_type: str | None = None,
    score_min: float | None = None,
    score_max: float | None = None,
    feature: Mapping[str, str] | None = None,
    trace_id: str | None = None,
    text: str | None = None,
    outcome: str | None = None,
    environment: str | None = None,
    variant: str | None = None,
    size: int = 50,
) -> list[Document]:
    """Stored prediction events that meet every condition given, newest first, at most `size`.

    Parameters
    ----------
    since, until
        Half-open interval of ``@timestamp``.
    error_type
        ``error.type``; ``*`` for any error.
    feature
        Feature name -> value as text (``"3.5"``, ``"true"``, ``"JFK"``); equal values only.
    text
        Words, ``"a phrase"``, ``-without``, ``pre*`` in messages and stack traces; all words must occur.
    outcome
        ``success`` or ``failure``.

    Raises
    ------
    UsageError
        `size` is not between 1 and 10,000.
    """
    if not 1 <= size <= MAX_SIZE:
        raise UsageError(f"size: {size} is not between 1 and {MAX_SIZE}", remedy="narrow the search by time instead")
    body = find_body(
        id=id,
        since=since,
        until=until,
        version=version,
        error_type=error_type,
        score_min=score_min,
        score_max=score_max,
        feature=feature,
        trace_id=trace_id,
        text=text,
        outcome=outcome,
        environment=environment,
        variant=variant,
        size=size,
    )
    hits = store.search(store.names.all_predictions(model), body)["hits"]["hits"]
    return [_with_id(hit) for hit in hits]


def find_body(
    *,
    id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    version: str | None = None,
    error_type: str | None = None,
    score_min: float | None = None,
    score_max: float | None = None,
    feature: Mapping[str, str] | None = None,
    trace_id: str | None = None,
    text: str | None = None,
    outcome: str | None = None,
    environment: str | None = None,
    variant: str | None = None,
    size: int = 50,
) -> Document:
    """Body of `find_predictions`.

    ::

        {"query": {"bool": {"filter": [
            {"ids": {"values": ["e-1"]}},
            {"range": {"@timestamp": {"gte": since, "lt": until}}},
            {"term": {"model.version": "3"}},
            {"range": {"prediction.score": {"gte": 0.9}}},
            {"match": {"features.age": {"query": "41", "lenient": true}}},
            {"simple_query_string": {"query": "no such host", "fields": [...], "default_operator": "and"}}]}},
         "sort": [{"@timestamp": {"order": "desc", "unmapped_type": "date"}}], "size": 50, "track_total_hits": false}

    Feature and score conditions run over doc values: they have no index, so give a time too where there are many.
    ``lenient`` makes a word match nothing, instead of an error, in a period where the feature is a number.

    >>> find_body(score_min=0.9)["query"]
    {'bool': {'filter': [{'range': {'prediction.score': {'gte': 0.9}}}]}}
    """
    filters: list[Document] = [{"ids": {"values": [id]}}] if id is not None else []
    filters += _range("@timestamp", gte=since, lt=until)
    terms = {
        "model.version": version,
        "model.variant": variant,
        "service.environment": environment,
        "trace.id": trace_id,
        "event.outcome": outcome,
    }
    filters += [{"term": {name: value}} for name, value in terms.items() if value is not None]
    if error_type is not None:
        filters.append(
            {"exists": {"field": "error.type"}} if error_type == "*" else {"term": {"error.type": error_type}}
        )
    filters += _range("prediction.score", gte=score_min, lte=score_max)
    for name, value in (feature or {}).items():
        filters.append({"match": {f"features.{check_feature_name(name)}": {"query": str(value), "lenient": True}}})
    if text is not None:
        filters.append(
            {
                "simple_query_string": {
                    "query": text,
                    "fields": [*TEXT_FIELDS],
                    "default_operator": "and",
                    "lenient": True,
                }
            }
        )
    return {
        "query": {"bool": {"filter": filters}},
        "sort": [{"@timestamp": {"order": "desc", "unmapped_type": "date"}}],
        "size": size,
        "track_total_hits": False,
    }


def _range(field: str, **limits: Any) -> list[Document]:
    given = {name: value for name, value in limits.items() if value is not None}
    return [{"range": {field: given}}] if given else []


def _with_id(hit: Document) -> Document:
    source: Document = hit["_source"]
    event = source.get("event")
    return source | {"event": {"id": hit["_id"], **(event if isinstance(event, dict) else {})}}
