"""What Kibana asks Elasticsearch for a rule, and what it makes of the answer; the same for a watch.

Built as Kibana 9 builds it (``fetch_es_query``, ``time_series_query``, ``build_agg``), but for two scripts that the
local server cannot run: the selection of groups by the limit, which is done here, and the transformation of a watch.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.unit.present.kibana.kql import parse

from driftlog.store.client import Store

Body = dict[str, Any]

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt}
OPERATORS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt}
ALL = "all documents"


@dataclass(frozen=True)
class Group:
    """One group of documents: its value, whether it met the condition, the documents handed to messages."""

    value: float
    met: bool
    hits: tuple[Body, ...] = ()


def _written(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ask_rule(store: Store, rule_type: str, params: Mapping[str, Any], until: datetime) -> dict[str, Group]:
    """Run a rule as if it were `until`: its groups by name."""
    since = until - params["timeWindowSize"] * UNITS[params["timeWindowUnit"]]
    build = es_query if rule_type == ".es-query" else index_threshold
    answer = store.search(",".join(params["index"]), build(params, since, until))
    compare, (limit,) = COMPARE[params["thresholdComparator"]], params["threshold"]
    found = {}
    for name, value, hits in _groups(rule_type, params, answer):
        found[name] = Group(value, compare(value, limit), tuple(hits))
    return found


def es_query(params: Mapping[str, Any], since: datetime, until: datetime) -> Body:
    field = params["timeField"]
    during = {"lte": _written(until), "gte": _written(since), "format": "strict_date_optional_time"}
    grouped = params["groupBy"] == "top"
    return {
        "docvalue_fields": [{"field": field, "format": "strict_date_optional_time"}],
        "query": {
            "bool": {
                "filter": [json.loads(params["esQuery"])["query"], {"bool": {"filter": [{"range": {field: during}}]}}]
            }
        },
        "sort": [{field: {"order": "desc", "format": "strict_date_optional_time||epoch_millis"}}],
        "size": 0 if grouped else params["size"],
        "track_total_hits": True,
        **({"aggs": _aggregations(params, "metricAgg")} if grouped else {}),
    }


def index_threshold(params: Mapping[str, Any], since: datetime, until: datetime) -> Body:
    field = params["timeField"]
    during = {"gte": _written(since), "lt": _written(until), "format": "strict_date_time"}
    aggs = _aggregations(params, "sortValueAgg")
    ranges = [{"from": _written(since), "to": _written(until)}]
    inner = aggs["groupAgg"].setdefault("aggs", {})
    inner["dateAgg"] = {"date_range": {"field": field, "format": "strict_date_time", "ranges": ranges}}
    if params["aggType"] != "count":
        inner["dateAgg"]["aggs"] = {"metricAgg": {params["aggType"]: {"field": params["aggField"]}}}
    filters = [{"range": {field: during}}, parse(params["filterKuery"])[0]]
    return {"size": 0, "query": {"bool": {"filter": filters}}, "aggs": aggs}


def _aggregations(params: Mapping[str, Any], metric: str) -> Body:
    terms: Body = {"field": params["termField"], "size": params["termSize"]}
    inner: Body = {}
    if params["aggType"] != "count":
        terms["order"] = {metric: "desc"}
        inner[metric] = {params["aggType"]: {"field": params["aggField"]}}
    if params.get("size"):
        inner["topHitsAgg"] = {"top_hits": {"size": params["size"]}}
    group: Body = {"terms": terms} | ({"aggs": inner} if inner else {})
    return {"groupAgg": group, "groupAggCount": {"stats_bucket": {"buckets_path": "groupAgg._count"}}}


def _groups(rule_type: str, params: Mapping[str, Any], answer: Body) -> list[tuple[str, float, list[Body]]]:
    if params["groupBy"] != "top":
        return [(ALL, answer["hits"]["total"]["value"], answer["hits"]["hits"])]
    found = []
    for bucket in answer["aggregations"]["groupAgg"]["buckets"]:
        inside = bucket if rule_type == ".es-query" else bucket["dateAgg"]["buckets"][0]
        value = inside["doc_count"] if params["aggType"] == "count" else inside["metricAgg"]["value"]
        found.append((bucket["key"], value, bucket.get("topHitsAgg", {}).get("hits", {}).get("hits", [])))
    return found


def ask_watch(store: Store, body: Mapping[str, Any], until: datetime) -> dict[str, Group]:
    """Run a watch as if it were scheduled at `until`: its groups by name."""
    request = body["input"]["search"]["request"]
    text = json.dumps(request["body"]).replace("{{ctx.trigger.scheduled_time}}", _written(until))
    answer = store.search(",".join(request["indices"]), json.loads(text))
    if "compare" in body["condition"]:
        ((path, test),) = body["condition"]["compare"].items()
        ((name, limit),) = test.items()
        assert path == "ctx.payload.hits.total"
        total = answer["hits"]["total"]["value"]
        return {ALL: Group(total, OPERATORS[name](total, limit))}
    ((path, test),) = body["condition"]["array_compare"].items()
    ((name, wanted),) = ((key, value) for key, value in test.items() if key != "path")
    payload: Any = {"ctx": {"payload": answer}}
    for part in path.split("."):
        payload = payload[part]
    found = {}
    for bucket in payload:
        value: Any = bucket
        for part in test["path"].split("."):
            value = value[part]
        found[bucket["key"]] = Group(value, OPERATORS[name](value, wanted["value"]))
    return found
