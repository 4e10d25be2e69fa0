"""Alerting rules of Kibana: `driftlog.present.kibana.conditions` as the bodies its API takes.

Each condition is one rule of type ``.es-query`` or ``.index-threshold``; both belong to the Basic licence. What a rule
says when its condition is met, and when it is over, goes to every connector.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from driftlog.contract.names import check_prefix
from driftlog.present.kibana.conditions import MOST_GROUPS, Condition
from driftlog.present.kibana.connectors import Connector, Notice, action_params, entity_id

Body = dict[str, Any]

ES_QUERY: Final = ".es-query"
INDEX_THRESHOLD: Final = ".index-threshold"
OPENED: Final = {ES_QUERY: "query matched", INDEX_THRESHOLD: "threshold met"}
"""Action group of each rule type; that of what is over is the same for all."""
RECOVERED: Final = "recovered"
CONSUMER: Final = "stackAlerts"
_UNITS: Final = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes
    ----------
    body
        Of ``POST /api/alerting/rule/{id}``.
    """

    name: str
    id: str
    body: Body

    def update(self) -> Body:
        """Body of ``PUT /api/alerting/rule/{id}``: what cannot be changed, and what is the user's, is left out."""
        return {key: value for key, value in self.body.items() if key not in ("rule_type_id", "consumer", "enabled")}


def tag(prefix: str) -> str:
    """By which the rules of an installation are found again.

    >>> tag("driftlog")
    'driftlog:driftlog'
    """
    return f"driftlog:{check_prefix(prefix)}"


def rules(prefix: str, space: str, found: Sequence[Condition], tell: Sequence[Connector]) -> tuple[Rule, ...]:
    """A rule for each condition, which tells every connector."""
    return tuple(_rule(prefix, space, condition, tell) for condition in found)


def rule_type(condition: Condition) -> str:
    return INDEX_THRESHOLD if condition.index_threshold else ES_QUERY


def _rule(prefix: str, space: str, condition: Condition, tell: Sequence[Connector]) -> Rule:
    kind = rule_type(condition)
    notices = ((OPENED[kind], _opened(prefix, condition)), (RECOVERED, _recovered(prefix, condition)))
    body = {
        "name": f"{prefix}: {condition.title}",
        "rule_type_id": kind,
        "consumer": CONSUMER,
        "enabled": condition.enabled,
        "tags": ["driftlog", tag(prefix), condition.severity],
        "schedule": {"interval": written(condition.every)},
        "params": _index_threshold(condition) if condition.index_threshold else _es_query(condition),
        "actions": [_action(connector, group, notice) for connector in tell for group, notice in notices],
    }
    # the type is part of the id, for it cannot be changed: a rule of another type is another rule
    return Rule(condition.name, entity_id(prefix, space, f"rule{kind}", condition.name), body)


def _es_query(condition: Condition) -> Body:
    """Parameters of ``.es-query``; Kibana adds the time window to the query, and metric and limit to the groups."""
    return {
        "searchType": "esQuery",
        "index": [condition.index],
        "timeField": condition.time_field,
        "esQuery": json.dumps({"query": condition.query}, separators=(", ", ": ")),
        "size": condition.hits,
        "excludeHitsFromPreviousRun": False,  # a rule says what is, not only what is new: else it recovers every minute
        **_limit_and_groups(condition),
    }


def _index_threshold(condition: Condition) -> Body:
    return {
        "index": [condition.index],
        "timeField": condition.time_field,
        "filterKuery": kuery(condition),
        **_limit_and_groups(condition),
    }


def _limit_and_groups(condition: Condition) -> Body:
    size, unit = _sized(condition.window)
    params: Body = {
        "timeWindowSize": size,
        "timeWindowUnit": unit,
        "aggType": condition.aggregation,
        "groupBy": "top" if condition.group_by else "all",
        "thresholdComparator": condition.comparator,
        "threshold": [condition.limit],
    }
    if condition.value_field:
        params["aggField"] = condition.value_field
    if condition.group_by:
        params |= {"termField": condition.group_by, "termSize": MOST_GROUPS}
    return params


def kuery(condition: Condition) -> str:
    """The filters in Kibana's query language.

    >>> from driftlog.present.kibana.conditions import conditions
    >>> kuery(conditions("driftlog")[-1])
    'purpose: "data_drift" and severity >= 2 and model.version: "*" and model.variant: "*" and segment: ""'
    """
    parts = [_kuery(query) for query in condition.filters]
    parts += [f"not {_kuery(query)}" for query in condition.without]
    return " and ".join(parts)


def _kuery(query: dict[str, Any]) -> str:
    """One clause; in quotes a star is a star."""
    ((kind, clause),) = query.items()
    ((name, value),) = clause.items()
    if kind == "term":
        text = json.dumps(value)  # quotes and backslashes are escaped alike
        return f"{name}: {text}"
    if kind == "range" and set(value) == {"gte"}:
        return f"{name} >= {value['gte']}"
    raise ValueError(f"no KQL for {kind}")


def written(duration: timedelta) -> str:
    """A duration as Kibana writes it.

    >>> written(timedelta(minutes=90)), written(timedelta(days=3))
    ('90m', '3d')
    """
    size, unit = _sized(duration)
    return f"{size}{unit}"


def _sized(duration: timedelta) -> tuple[int, str]:
    for unit, length in _UNITS:
        if duration >= length and not duration % length:
            return duration // length, unit
    raise ValueError(f"{duration} is no whole number of minutes")


def _action(connector: Connector, group: str, notice: Notice) -> Body:
    return {
        "id": connector.id,
        "group": group,
        "params": action_params(connector, notice),
        "frequency": {"summary": False, "notify_when": "onActionGroupChange", "throttle": None},
    }


_FIRST: Final = "{{#context.hits}}"
_LAST: Final = "{{/context.hits}}"


def _opened(prefix: str, condition: Condition) -> Notice:
    subject = f"[{condition.severity}] {_headline(prefix, condition)}"
    document = _document(prefix, condition, "opened", _model(condition))
    return Notice(subject, _details(condition), "error" if condition.severity == "critical" else "warn", document)


def _recovered(prefix: str, condition: Condition) -> Notice:
    about = "{{alert.id}}" if condition.group_by else condition.title
    over = (
        "over, or snoozed, muted or silenced in driftlog" if condition.group_by == "alert.id" else "{{context.message}}"
    )
    document = _document(prefix, condition, "recovered", "{{alert.id}}" if condition.group_by == "model.name" else "")
    return Notice(f"[recovered] {prefix}: {about}", over, "info", document)


def _headline(prefix: str, condition: Condition) -> str:
    """Whom or what it is about; an alert of driftlog has a title of its own."""
    if condition.group_by == "alert.id":
        return f"{_FIRST}{{{{_source.alert.title}}}}{_LAST}"
    return f"{prefix}: {condition.title}" + (": {{alert.id}}" if condition.group_by else "")


def _details(condition: Condition) -> str:
    if condition.group_by == "alert.id":
        shown = "{{_source.alert.message}} `driftlog alerts show {{_source.alert.handle}}`"
        return f"{_FIRST}{shown}{_LAST} {{{{context.link}}}}"
    if condition.index_threshold:
        return "{{context.conditions}}: {{context.value}} in {{context.group}}, {{context.date}}"
    return "{{context.conditions}}: {{context.value}}. {{context.link}}"


def _model(condition: Condition) -> str:
    if condition.group_by == "alert.id":
        return f"{_FIRST}{{{{_source.model.name}}}}{_LAST}"
    return "{{alert.id}}" if condition.group_by == "model.name" else ""


def _document(prefix: str, condition: Condition, action: str, model: str) -> Body:
    """What is written into the index; Kibana adds ``@timestamp``."""
    link = {} if condition.index_threshold else {"link": "{{context.link}}"}
    return {
        "event": {"kind": "alert", "action": action, "provider": "kibana"},
        "rule": {"id": "{{rule.id}}", "name": "{{rule.name}}"},
        "kibana": {"space": "{{rule.spaceId}}", "alert_id": "{{alert.id}}", "alert_uuid": "{{alert.uuid}}", **link},
        "driftlog": {"prefix": prefix, "condition": condition.name, "severity": condition.severity},
        "model": {"name": model},
        "value": "{{context.value}}",
        "title": "{{context.title}}",
        "message": _details(condition) if action == "opened" else "{{context.message}}",
    }
