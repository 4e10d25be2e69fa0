"""The Elasticsearch search behind a Lens layer, as Kibana makes it, and whether its answer has data.

Three things are asked differently of the local Elasticsearch, which lacks them: ``last_value`` as ``top_hits`` (Kibana:
``top_metrics``), groups of several fields as ``terms`` inside each other (Kibana: ``multi_terms``), and the width of
time buckets is computed from the times there are (Kibana: from the time picker).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.unit.present.kibana.kql import parse

from driftlog.store.client import Store

BUCKETS = 60
Body = dict[str, Any]
METRICS = {"average": "avg", "max": "max", "min": "min", "sum": "sum", "unique_count": "cardinality"}


@dataclass(frozen=True)
class Question:
    """One search: what it is for, where it looks, its body, and the metric columns whose values it gives."""

    name: str
    index: str
    body: Body
    metrics: Mapping[str, Mapping[str, Any]]


def question(
    store: Store, name: str, pattern: str, layer: Mapping[str, Any], where: str, *, since_until: Body | None = None
) -> Question | None:
    """The search of a layer; None where it asks nothing, because it holds fixed values alone."""
    columns = {id: layer["columns"][id] for id in layer["columnOrder"]}
    metrics = {
        id: column
        for id, column in columns.items()
        if not column["isBucketed"] and column["operationType"] != "static_value"
    }
    if not metrics:
        return None
    query = {"bool": {"filter": [parse(where)[0], *([since_until] if since_until else [])]}}
    aggregations: Body = {id: _metric(column) for id, column in metrics.items()}
    for id, column in reversed([(id, column) for id, column in columns.items() if column["isBucketed"]]):
        for level, bucket in enumerate(reversed(_buckets(store, pattern, query, column, columns))):
            aggregations = {f"{id}.{level}".replace(".", "_"): bucket | {"aggs": aggregations}}
            _carry_order(bucket, aggregations, metrics)
    return Question(name, pattern, {"size": 0, "query": query, "aggs": aggregations}, metrics)


def _carry_order(bucket: Body, aggregations: Body, metrics: Mapping[str, Any]) -> None:
    """A group ordered by a metric needs that metric itself, also where other groups lie between."""
    order = next(iter(bucket.get("terms", {}).get("order", {})), "_key")
    if order in {"_key", "_count"}:
        return
    inner = next(iter(aggregations.values()))["aggs"]
    id = order.partition(">")[0].partition("[")[0]
    inner.setdefault(id, _metric(metrics[id]))


def _buckets(
    store: Store, pattern: str, query: Body, column: Mapping[str, Any], columns: Mapping[str, Any]
) -> list[Body]:
    """The bucket aggregation of a column; several, one inside the other, for several fields."""
    operation, params, field = column["operationType"], column["params"], column["sourceField"]
    if operation == "date_histogram":
        width = _width_s(store, pattern, query, field)
        return [{"date_histogram": {"field": field, "fixed_interval": f"{width}s", "min_doc_count": 1}}]
    if operation == "range":
        parts = [{"key": part["label"], "from": part["from"], "to": part["to"]} for part in params["ranges"]]
        return [{"range": {"field": field, "ranges": parts}}]
    by = params["orderBy"]
    path = _order_path(columns[by["columnId"]], by["columnId"]) if by["type"] == "column" else "_key"
    missing = {"missing": "__missing__"} if params["missingBucket"] else {}
    return [
        {"terms": {"field": one, "size": params["size"], "order": {path: params["orderDirection"]}, **missing}}
        for one in (field, *params.get("secondaryFields", []))
    ]


def _order_path(column: Mapping[str, Any], id: str) -> str:
    if column["operationType"] == "count":
        return id if "filter" in column else "_count"
    value = f"[{column['params']['percentile']}]" if column["operationType"] == "percentile" else ""
    return f"{id}>value{value}" if "filter" in column else f"{id}{value}"


def _width_s(store: Store, pattern: str, query: Body, field: str) -> int:
    """Seconds of a bucket, so that there are at most `BUCKETS` or so."""
    times = {edge: {edge: {"field": field}} for edge in ("min", "max")}
    answer = store.search(pattern, {"size": 0, "query": query, "aggs": times}).get("aggregations", {})
    first, last = (answer.get(edge, {}).get("value") or 0 for edge in ("min", "max"))
    return max(1, int((last - first) / 1000 / BUCKETS))


def _metric(column: Mapping[str, Any]) -> Body:
    operation, params = column["operationType"], column["params"]
    field = column["sourceField"]
    if operation == "count":
        made: Body = {"filter": {"match_all": {}}}
    elif operation == "percentile":
        made = {"percentiles": {"field": field, "percents": [params["percentile"]]}}
    elif operation == "last_value":
        sort = [{params["sortField"]: "desc"}]
        made = {"top_hits": {"size": 1, "sort": sort, "_source": False, "docvalue_fields": [field]}}
    else:
        made = {METRICS[operation]: {"field": field}}
    if "filter" not in column:
        return made
    fits = parse(column["filter"]["query"])[0]
    return {"filter": fits} if operation == "count" else {"filter": fits, "aggs": {"value": made}}


def values(aggregations: Mapping[str, Any], id: str) -> Iterator[Any]:
    """Every value that the answer has of a metric column."""
    for name, answer in aggregations.items():
        if name == id:
            yield _value(answer)
        elif isinstance(answer, dict) and "buckets" in answer:
            buckets = answer["buckets"]
            for bucket in buckets.values() if isinstance(buckets, dict) else buckets:
                yield from values(bucket, id)


def _value(answer: Mapping[str, Any]) -> Any:
    inner = answer.get("value", answer)
    if not isinstance(inner, dict):
        return inner
    if "values" in inner:
        return next(iter(inner["values"].values()))
    if "hits" in inner:
        hits = inner["hits"]["hits"]
        return next(iter(hits[0]["fields"].values()))[0] if hits and hits[0].get("fields") else None
    return inner.get("value", inner.get("doc_count"))


def without_data(store: Store, asked: Question) -> list[str]:
    """Metric columns of which the answer has no value at all, or for counts nothing but zeros."""
    answer = store.search(asked.index, asked.body).get("aggregations", {})
    missing = []
    for id, column in asked.metrics.items():
        found = [value for value in values(answer, id) if value is not None]
        if not found or (column["operationType"] in {"count", "unique_count"} and not any(found)):
            missing.append(f"{asked.name}: {column['label']!r}")
    return missing
