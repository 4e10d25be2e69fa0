"""Elasticsearch queries of Grafana's panels as the searches that Grafana's data source sends."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

TIME = "@timestamp"
DEFAULT_SIZE = 500


def search_of(target: dict[str, Any], variables: dict[str, str], since: datetime, until: datetime) -> dict[str, Any]:
    """The body for one target: a range of time, the Lucene query, and aggregations or documents."""
    low, high = (int(when.timestamp() * 1000) for when in (since, until))
    query = re.sub(r"\$([a-z]+)", lambda found: variables[found[1]], target["query"])
    filters = [
        {"range": {TIME: {"gte": low, "lte": high, "format": "epoch_millis"}}},
        {"query_string": {"analyze_wildcard": True, "query": query}},
    ]
    body: dict[str, Any] = {"size": 0, "query": {"bool": {"filter": filters}}}
    metric = target["metrics"][0]
    if metric["type"] in ("raw_data", "raw_document", "logs"):
        return body | _documents(metric, low, high)
    return body | {"aggs": _aggregations(target["bucketAggs"], target["metrics"], low, high)}


def _documents(metric: dict[str, Any], low: int, high: int) -> dict[str, Any]:
    settings = metric["settings"]
    made: dict[str, Any] = {
        "size": int(settings.get("size") or settings.get("limit") or DEFAULT_SIZE),
        "sort": [{TIME: {"order": "desc", "unmapped_type": "boolean"}}, {"_doc": {"order": "desc"}}],
        "docvalue_fields": [TIME],
        "script_fields": {},
    }
    if metric["type"] == "logs":
        marks = {"pre_tags": ["@HIGHLIGHT@"], "post_tags": ["@/HIGHLIGHT@"], "fragment_size": 2147483647}
        histogram = {"id": "1", "type": "date_histogram", "field": TIME, "settings": {"interval": "auto"}}
        made["highlight"] = {"fields": {"*": {}}} | marks
        made["aggs"] = _aggregations([histogram], [{"id": "1", "type": "count"}], low, high)
    return made


def _aggregations(buckets: list[dict[str, Any]], metrics: list[dict[str, Any]], low: int, high: int) -> dict[str, Any]:
    if not buckets:
        return {
            metric["id"]: {metric["type"]: {"field": metric["field"]}}
            for metric in metrics
            if metric["type"] != "count"
        }
    first, *rest = buckets
    settings = first["settings"]
    if first["type"] == "terms":
        order = {settings["orderBy"].replace("_term", "_key"): settings["order"]}
        own = {"field": first["field"], "size": int(settings["size"]), "order": order}
        made: dict[str, Any] = {"terms": own | {"min_doc_count": int(settings["min_doc_count"])}}
    else:
        assert first["type"] == "date_histogram"
        interval = max(60_000, (high - low) // 1000)
        own = {"field": first["field"], "fixed_interval": f"{interval}ms", "format": "epoch_millis"}
        own |= {"min_doc_count": int(settings.get("min_doc_count", 0)), "extended_bounds": {"min": low, "max": high}}
        made = {"date_histogram": own}
    inner = _aggregations(rest, metrics, low, high)
    return {first["id"]: made | ({"aggs": inner} if inner else {})}


def has_data(answer: dict[str, Any]) -> bool:
    """Whether a panel would show something."""
    if answer["hits"]["hits"]:
        return True
    return any(_filled(value) for value in answer.get("aggregations", {}).values())


def _filled(aggregation: dict[str, Any]) -> bool:
    if "value" in aggregation:
        return aggregation["value"] is not None
    for bucket in aggregation.get("buckets", ()):
        inner = [value for value in bucket.values() if isinstance(value, dict)]
        if any(_filled(one) for one in inner) if inner else bucket["doc_count"]:
            return True
    return False
