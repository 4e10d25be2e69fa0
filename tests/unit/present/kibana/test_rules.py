"""Rules: accepted by Kibana's schemas, about fields that exist, with variables that their type of rule has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.shown.mustache import variables
from tests.integration.kibana.kibana_schema import Refused, check_connector, check_id, check_rule
from tests.unit.present.kibana.kql import parse

from driftlog.contract.kibana import KibanaConnectorSettings, KibanaRuleSettings, KibanaSettings
from driftlog.contract.settings import ModelSettings
from driftlog.contract.strict import Secret
from driftlog.decide.causes import CAUSES
from driftlog.present.kibana.conditions import NO_DATA, Condition, conditions
from driftlog.present.kibana.connectors import TYPES, Connector, connectors
from driftlog.present.kibana.rule_files import files
from driftlog.present.kibana.rules import Rule, kuery, rules
from driftlog.store.template_files import composed_mappings, field_names, load

FOLDER = Path(__file__).parents[4] / "kibana"
FURTHER = (
    KibanaConnectorSettings(kind="email", to=("a@example.com",), sender="d@example.com", host="smtp.example.com"),
    KibanaConnectorSettings(kind="slack", url=Secret("https://hooks.example.com/s")),
    KibanaConnectorSettings(kind="webhook", url=Secret("https://example.com"), username="u", password=Secret("p")),
)
CONDITIONS = conditions("driftlog")
CONNECTORS = connectors("driftlog", "default", FURTHER)
RULES = rules("driftlog", "default", CONDITIONS, CONNECTORS)
COMMON = {
    "alert.id",
    "alert.uuid",
    "alert.actionGroup",
    "alert.actionGroupName",
    "rule.id",
    "rule.name",
    "rule.spaceId",
    "rule.url",
    "date",
}
CONTEXT = {
    ".es-query": {f"context.{name}" for name in ("title", "message", "date", "value", "hits", "conditions", "link")},
    ".index-threshold": {f"context.{name}" for name in ("title", "message", "date", "value", "group", "conditions")},
}
"""Action variables by type of rule, from Kibana's sources."""


def fields(query: Any) -> Iterator[str]:
    """Names of fields in an Elasticsearch query."""
    if isinstance(query, list):
        for one in query:
            yield from fields(one)
    elif isinstance(query, dict):
        for key, value in query.items():
            if key in ("term", "range", "match_phrase", "match"):
                yield from value
            elif key == "exists":
                yield value["field"]
            else:
                yield from fields(value)


def mapped(index: str) -> set[str]:
    """Fields of the template behind an index or a pattern."""
    templates = load("driftlog")
    name = f"driftlog-{index.removeprefix('driftlog-').partition('.')[0]}"
    (template,) = (one for one in templates if one.kind == "index" and one.name == name)
    return field_names(composed_mappings(template, templates))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_kibana_accepts_the_rule(rule: Rule) -> None:
    """As a new one, and without what cannot be changed as an update."""
    known = {one.id: one.body() for one in CONNECTORS}
    check_id(rule.id)
    check_rule(rule.body, known)
    check_rule(rule.update(), known, kind=rule.body["rule_type_id"])
    with pytest.raises(Refused, match="definition for this key is missing"):
        check_rule(rule.body, known, kind=rule.body["rule_type_id"])


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.kind)
def test_kibana_accepts_the_connector(connector: Connector) -> None:
    """With the config and the secrets of its type."""
    check_id(connector.id)
    check_connector(connector.body())
    assert "hooks.example.com" not in repr(connector) and TYPES[connector.kind] == connector.body()["connector_type_id"]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_every_field_exists(condition: Condition) -> None:
    """In the query, the time window, the groups and the value."""
    used = {*fields(condition.query), condition.time_field, condition.group_by, condition.value_field} - {""}
    assert used <= mapped(condition.index)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_messages_use_variables_that_there_are(rule: Rule) -> None:
    """Of their type of rule; what is inside a hit is a field of its documents."""
    known = COMMON | CONTEXT[rule.body["rule_type_id"]]
    used = {name for action in rule.body["actions"] for name in variables(action["params"])}
    outside = {name for name in used if not name.startswith("_source.")}
    assert outside <= known
    inside = {name.removeprefix("_source.") for name in used - outside}
    assert inside <= mapped(rule.body["params"]["index"][0])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_connector_is_told_of_the_beginning_and_the_end(rule: Rule) -> None:
    """Once each, when the state changes."""
    told = [(action["id"], action["group"] == "recovered") for action in rule.body["actions"]]
    assert sorted(told) == sorted((one.id, over) for one in CONNECTORS for over in (False, True))
    assert {action["frequency"]["notify_when"] for action in rule.body["actions"]} == {"onActionGroupChange"}


@pytest.mark.parametrize("condition", [one for one in CONDITIONS if one.index_threshold], ids=lambda one: one.name)
def test_kql_says_what_the_query_says(condition: Condition) -> None:
    """The same fields; a quoted star is a star."""
    query = parse(kuery(condition))[0]
    assert set(fields(query)) == set(fields(condition.query))
    assert '"*"' in json.dumps(query) and "query_string" not in json.dumps(query)


def test_what_is_written_into_the_index_is_mapped() -> None:
    """Every field of every document, but what a template of the index keeps unindexed."""

    def names(document: dict[str, Any], above: str = "") -> Iterator[str]:
        for key, value in document.items():
            yield from names(value, f"{above}{key}.") if isinstance(value, dict) else [f"{above}{key}"]

    documents = [
        document
        for rule in RULES
        for action in rule.body["actions"]
        for document in action["params"].get("documents", ())
    ]
    assert len(documents) == 2 * len(RULES)
    assert {name for document in documents for name in names(document)} <= mapped("driftlog-notices")


def test_a_model_that_falls_silent_is_told_of_once() -> None:
    """The rules of severities leave out what the rule of silence tells; and the cause has that name."""
    assert NO_DATA in {cause for _, _, cause in CAUSES}
    by_name = {one.name: one for one in CONDITIONS}
    silent = {"term": {"metric": NO_DATA}}
    assert silent in by_name["no-data"].filters
    assert silent in by_name["alerts-critical"].without and silent in by_name["alerts-warning"].without


def test_slow_models_and_long_windows_are_given_time() -> None:
    """Three cycles before a worker counts as silent, two windows before results are old."""
    slow = (ModelSettings("a", cycle=timedelta(hours=1), window=timedelta(weeks=1)), ModelSettings("b"))
    found = {one.name: one.window for one in conditions("driftlog", None, slow)}
    assert found["worker-silent"] == timedelta(hours=3)
    assert found["performance-low"] == timedelta(days=15)
    odd = conditions("driftlog", KibanaRuleSettings(), (ModelSettings("a", cycle=timedelta(seconds=700)),))
    assert {one.name: one.window for one in odd}["worker-silent"] == timedelta(minutes=35)


def test_ids_differ_by_prefix_and_space_and_nothing_else() -> None:
    """No UUID twice; the same ones each time."""
    sets = [
        {rule.id for rule in rules(prefix, space, conditions(prefix), connectors(prefix, space))}
        for prefix, space in (("driftlog", "default"), ("driftlog", "ml"), ("demo", "default"), ("driftlog", "default"))
    ]
    assert sets[0] == sets[3] and len(sets[0] | sets[1] | sets[2]) == 3 * len(RULES)


def test_the_committed_files_are_those_that_are_generated() -> None:
    """python -m driftlog.present.kibana.rule_files kibana/"""
    texts = files()
    committed = {
        f"{path.parent.name}/{path.name}": path.read_text(encoding="utf-8") for path in FOLDER.glob("*/*.json")
    }
    assert committed == texts


def test_files_of_an_installation_hold_no_secret() -> None:
    """Connectors that have one are left out; actions name them by id only."""
    settings = KibanaSettings(connectors=FURTHER)
    texts = files("driftlog", settings)
    assert "connectors/slack.json" not in texts
    assert not [name for name, text in texts.items() if "hooks.example.com" in text or '"p"' in text]
