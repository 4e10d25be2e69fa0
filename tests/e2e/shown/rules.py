"""Every query of every rule and watch, asked of a real Elasticsearch that a demo has filled, with its time moved there.

What a rule finds is compared with what the documents say, what it would write is written through the index's mapping,
and each watch has to decide as its rule does. What is about absence is shown both ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.e2e.shown.mustache import render
from tests.e2e.shown.rule_query import ALL, Group, ask_rule, ask_watch
from tests.e2e.shown.rule_seeds import ENVIRONMENT, MODEL, NOW, seeded

from driftlog.contract.kibana import KibanaRuleSettings
from driftlog.contract.names import INSTALLATION
from driftlog.contract.settings import ModelSettings
from driftlog.present.kibana.conditions import Condition, conditions
from driftlog.present.kibana.connectors import connectors, notices_index
from driftlog.present.kibana.rules import OPENED, Rule, rules
from driftlog.present.kibana.watches import watches
from driftlog.store.client import Store

LIMITS = KibanaRuleSettings(quarantined_per_hour=2, failed_predictions=2, drifted_features=2)
Found = dict[str, Group]


class Asked:
    """The rules and watches of an installation, asked by name as if it were some other time."""

    def __init__(self, store: Store, prefix: str) -> None:
        found = conditions(prefix, LIMITS, (ModelSettings(MODEL, window=timedelta(weeks=1)),))
        self.store = store
        self.conditions: dict[str, Condition] = {one.name: one for one in found}
        self.tell = connectors(prefix, "default")
        self.rules: dict[str, Rule] = {one.name: one for one in rules(prefix, "default", found, self.tell)}
        self.watches = {one.name: one for one in watches(prefix, found)}
        self.seen: set[str] = set()

    def at(self, name: str, until: datetime) -> Found:
        """Groups of the rule, after the watch gave the same ones."""
        body = self.rules[name].body
        found = ask_rule(self.store, body["rule_type_id"], body["params"], until)
        watched = ask_watch(self.store, self.watches[name].body, until)
        assert {key: (pytest.approx(one.value), one.met) for key, one in watched.items()} == {
            key: (one.value, one.met) for key, one in found.items()
        }, name
        self.seen.add(name)
        return found


def check_rules(store: Store, prefix: str, model: str) -> None:
    """Every rule finds what is there, and nothing where nothing is."""
    asked = Asked(store, prefix)
    check_silence(asked)
    check_demo(asked, model)
    with seeded(store):
        found = check_seeds(asked)
        check_messages(asked, found)
    assert asked.seen == set(asked.rules)


def met(found: Found) -> set[str]:
    return {name for name, group in found.items() if group.met}


def check_silence(asked: Asked) -> None:
    """Shortly after the last document all is well; later than the window, it is silent."""
    for name in ("worker-silent", "no-predictions"):
        condition = asked.conditions[name]
        newest = _newest(asked.store, condition.index, condition.time_field)
        before = asked.at(name, newest + timedelta(seconds=1))
        assert before[ALL].value >= 1 and met(before) == set()
        after = asked.at(name, newest + condition.window + timedelta(minutes=1))
        assert after[ALL] == Group(0, True)


def _newest(store: Store, index: str, field: str, model: str = "") -> datetime:
    query: dict[str, Any] = {"term": {"model.name": model}} if model else {"match_all": {}}
    body = {"size": 0, "query": query, "aggs": {"newest": {"max": {"field": field}}}}
    return datetime.fromtimestamp(store.search(index, body)["aggregations"]["newest"]["value"] / 1000, UTC)


def check_demo(asked: Asked, model: str) -> None:
    """On the demo's own results: the mean that Kibana would compare is the mean of the stored values."""
    until = _newest(asked.store, asked.conditions["error-rate"].index, "@timestamp", model) + timedelta(hours=1)
    for name, purpose, metric in (
        ("error-rate", "operational", "error_rate"),
        ("performance-low", "performance", "roc_auc"),
    ):
        found = asked.at(name, until)
        since = until - asked.conditions[name].window
        values = [*_values(asked.store, model, purpose, metric, since, until)]
        assert len(values) >= 1
        assert found[model].value == pytest.approx(sum(values) / len(values))


def _values(store: Store, model: str, purpose: str, metric: str, since: datetime, until: datetime) -> Iterator[float]:
    query = {"bool": {"filter": [{"term": {"model.name": model}}, {"term": {"metric": metric}}]}}
    for hit in store.scan(store.names.every("results"), query):
        one = hit["_source"]
        whole = one["model"]["version"] == one["model"]["variant"] == "*" and one["segment"] == ""
        at = datetime.fromisoformat(one["@timestamp"])
        if whole and one["purpose"] == purpose and since <= at < until and "immature" not in one.get("marks", ()):
            yield one["value"]


def check_seeds(asked: Asked) -> dict[str, Found]:
    """In the hour in which much goes wrong each rule finds exactly what is wrong."""
    alert = f"{MODEL}|{ENVIRONMENT}||"
    wanted: dict[str, dict[str, float]] = {
        "alerts-critical": {f"{alert}performance#1": 1},
        "alerts-warning": {f"{alert}latency#1": 1},
        "no-data": {f"{INSTALLATION}|||no_data#1": 1},
        "quarantine-growing": {"bad_field": 3},
        "failed-predictions": {MODEL: 3},
        "error-rate": {MODEL: 0.25},
        "performance-low": {MODEL: 0.55},
        "features-drifted": {MODEL: 2},
    }
    found = {name: asked.at(name, NOW + timedelta(minutes=1)) for name in wanted}
    for name, expected in wanted.items():
        values = {key: group.value for key, group in found[name].items() if group.met}
        assert values == pytest.approx(expected), name
        assert met(asked.at(name, NOW - timedelta(days=120))) == set(), name
    return found


def check_messages(asked: Asked, found: dict[str, Found]) -> None:
    """Every variable of every message has a value, and what goes into the index can be found there."""
    written = 0
    for name, groups in found.items():
        (key,) = met(groups)
        for group in (OPENED[asked.rules[name].body["rule_type_id"]], "recovered"):
            context = _context(asked.rules[name], key, groups[key], group)
            for action in (one for one in asked.rules[name].body["actions"] if one["group"] == group):
                params = render(action["params"], context)
                if "documents" in params:
                    _write(asked.store, params["documents"], f"check-{written}")
                    written += 1
                else:
                    assert params["message"].strip() and "{{" not in params["message"]
    store, index = asked.store, notices_index(asked.store.names.prefix)
    store.refresh(index)
    opened = {"bool": {"filter": [{"term": {"event.action": "opened"}}, {"exists": {"field": "value"}}]}}
    try:
        assert store.count(index, opened) == len(found)
        assert store.count(index, {"term": {"model.name": MODEL}}) >= len(found) - 2
    finally:
        for number in range(written):
            store.delete(index, f"check-{number}")


def _write(store: Store, documents: list[dict[str, Any]], id: str) -> None:
    (document,) = documents
    store.create(notices_index(store.names.prefix), id, document | {"@timestamp": NOW.isoformat()})


def _context(rule: Rule, key: str, group: Group, action_group: str) -> dict[str, Any]:
    """What Kibana hands to the templates of this rule type, and nothing else."""
    recovered = action_group == "recovered"
    body = rule.body
    context: dict[str, Any] = {
        "date": "2025-06-03T12:01:00.000Z",
        "value": group.value,
        "conditions": "Number of matching documents is greater than 0",
        "title": f"rule '{body['name']}' matched query",
        "message": "Document count is 1 in the last 90d.",
    }
    if body["rule_type_id"] == ".es-query":
        hits = [] if recovered else [*group.hits]
        context |= {"hits": hits, "link": "/app/r?l=DISCOVER_APP_LOCATOR"}
    else:
        context |= {"group": key}
    return {
        "context": context,
        "alert": {
            "id": key,
            "uuid": "u",
            "actionGroup": action_group,
            "actionGroupName": action_group,
            "flapping": False,
        },
        "rule": {
            "id": rule.id,
            "name": body["name"],
            "spaceId": "default",
            "type": body["rule_type_id"],
            "tags": body["tags"],
        },
        "date": "2025-06-03T12:01:00.000Z",
    }
