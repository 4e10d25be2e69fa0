"""Watches: the conditions of the rules for those who use Watcher (Gold licence or higher, or a trial).

A watch looks for the same documents in the same time window. What differs: Watcher remembers no groups, so a watch
speaks of all that meet its condition in one document each and one line, says so again after its throttle period for as
long as it lasts, and says nothing when it is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from driftlog.contract.names import check_prefix
from driftlog.present.kibana.conditions import MOST_GROUPS, Condition
from driftlog.present.kibana.connectors import notices_index
from driftlog.present.kibana.rules import written

Body = dict[str, Any]

OPERATORS: Final = {">": "gt", ">=": "gte", "<": "lt"}
THROTTLE: Final = {
    "critical": timedelta(minutes=15),
    "warning": timedelta(hours=1),
    "info": timedelta(hours=6),
}
_LEVELS: Final = {"critical": "error", "warning": "warn", "info": "info"}
_BUCKETS: Final = "ctx.payload.aggregations.groups.buckets"
_ONE: Final = """\
return ['event': params.event, 'driftlog': params.driftlog, 'title': params.title,
        'value': ctx.payload.hits.total, 'watch': ['id': ctx.watch_id]];"""
_EACH: Final = """\
def found = [];
for (def bucket : ctx.payload.aggregations.groups.buckets) {
  def value = params.counted ? bucket.doc_count : bucket.value.value;
  if (value == null) { continue; }
  def met = params.operator == 'lt' ? value < params.limit
    : params.operator == 'gte' ? value >= params.limit : value > params.limit;
  if (met) {
    def document = ['event': params.event, 'driftlog': params.driftlog, 'title': params.title,
                    'value': value, 'group': bucket.key, 'watch': ['id': ctx.watch_id]];
    if (params.by_model) { document['model'] = ['name': bucket.key]; }
    found.add(document);
  }
}
return ['_doc': found];"""


@dataclass(frozen=True, slots=True)
class Watch:
    """One watch; `body` is that of ``PUT _watcher/watch/{id}``."""

    name: str
    id: str
    body: Body


def watches(prefix: str, found: Sequence[Condition]) -> tuple[Watch, ...]:
    """A watch for each condition; one whose rule is off at first is not active."""
    return tuple(
        Watch(condition.name, f"{check_prefix(prefix)}-{condition.name}", _body(prefix, condition))
        for condition in found
    )


def _body(prefix: str, condition: Condition) -> Body:
    title = f"{prefix}: {condition.title}"
    return {
        "trigger": {"schedule": {"interval": written(condition.every)}},
        "input": {
            "search": {
                "request": {
                    "indices": [condition.index],
                    "indices_options": {
                        "expand_wildcards": ["open"],
                        "ignore_unavailable": True,
                        "allow_no_indices": True,
                    },
                    "rest_total_hits_as_int": True,
                    "body": search(condition),
                }
            }
        },
        "condition": _condition(condition),
        "throttle_period": written(THROTTLE[condition.severity]),
        "metadata": {"name": title, "managed_by": "driftlog", "prefix": prefix, "condition": condition.name},
        "actions": {
            "index_documents": {
                "transform": {"script": _script(prefix, condition, title)},
                "index": {"index": notices_index(prefix), "execution_time_field": "@timestamp"},
            },
            "log": {"logging": {"level": _LEVELS[condition.severity], "text": _text(condition, title)}},
        },
    }


def search(condition: Condition) -> Body:
    """The search, with its time window before the time at which the watch was to run.

    ::

        {"size": 1, "track_total_hits": true, "query": {"bool": {"filter": [QUERY, {"range": {TIME: {...}}}]}},
         "sort": [{TIME: "desc"}], "aggs": {"groups": {"terms": {...}, "aggs": {"value": {"avg": ...}}}}}
    """
    until = "{{ctx.trigger.scheduled_time}}"
    during = {"range": {condition.time_field: {"gt": f"{until}||-{written(condition.window)}", "lte": until}}}
    body: Body = {
        "size": 0 if condition.group_by else condition.hits,
        "track_total_hits": True,
        "query": {"bool": {"filter": [condition.query, during]}},
    }
    if not condition.group_by:
        return body | {"sort": [{condition.time_field: {"order": "desc", "unmapped_type": "date"}}]}
    groups: Body = {"terms": {"field": condition.group_by, "size": MOST_GROUPS}}
    if condition.aggregation != "count":
        groups["aggs"] = {"value": {condition.aggregation: {"field": condition.value_field}}}
    return body | {"aggs": {"groups": groups}}


def _condition(condition: Condition) -> Body:
    operator = OPERATORS[condition.comparator]
    if not condition.group_by:
        return {"compare": {"ctx.payload.hits.total": {operator: condition.limit}}}
    path = "doc_count" if condition.aggregation == "count" else "value.value"
    return {
        "array_compare": {_BUCKETS: {"path": path, operator: {"value": condition.limit, "quantifier": "some"}}},
    }


def _script(prefix: str, condition: Condition, title: str) -> Body:
    params: Body = {
        "event": {"kind": "alert", "action": "opened", "provider": "watcher"},
        "driftlog": {"prefix": prefix, "condition": condition.name, "severity": condition.severity},
        "title": title,
    }
    if not condition.group_by:
        return {"lang": "painless", "source": _ONE, "params": params}
    params |= {
        "operator": OPERATORS[condition.comparator],
        "limit": condition.limit,
        "counted": condition.aggregation == "count",
        "by_model": condition.group_by == "model.name",
    }
    return {"lang": "painless", "source": _EACH, "params": params}


def _text(condition: Condition, title: str) -> str:
    """One line. Watcher's mustache walks through lists by itself."""
    if not condition.group_by:
        return f"{title} ({{{{ctx.payload.hits.total}}}} documents in the last {written(condition.window)})"
    value = "doc_count" if condition.aggregation == "count" else "value.value"
    each = f"{{{{#{_BUCKETS}}}}}{{{{key}}}}: {{{{{value}}}}}; {{{{/{_BUCKETS}}}}}"
    return f"{title} (limit {condition.comparator} {condition.limit}): {each}"
