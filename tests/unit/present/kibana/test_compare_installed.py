"""What counts as a difference, and what is only what Kibana adds."""

from __future__ import annotations

from typing import Any

import pytest

from driftlog.present.kibana.compare import (
    connector_differences,
    differences,
    merged_actions,
    object_differences,
    rule_differences,
)
from driftlog.present.kibana.installed import is_ours

RULE = {
    "name": "r",
    "tags": ["driftlog"],
    "schedule": {"interval": "1m"},
    "params": {"threshold": [1]},
    "actions": [{"id": "ours", "group": "recovered", "params": {"message": "m"}, "frequency": {"summary": False}}],
}
OURS = frozenset({"ours"})


@pytest.mark.parametrize(
    ("wanted", "have", "found"),
    [
        ({"a": 1}, {"a": 1.0, "b": 2}, []),
        ({"a": True}, {"a": 1}, ["a: 1 -> true"]),
        ({"a": []}, {}, []),
        ({"a": [1, 2]}, {"a": [1]}, ["a: [1] -> [1, 2]"]),
        ({"a": '{"b": 1}'}, {"a": '{"b":1,"c":2}'}, []),
        ({"a": '{"b": 1}'}, {"a": '{"b": 2}'}, ["a.b: 2 -> 1"]),
        ({"a": "{not json"}, {"a": "{other"}, ['a: "{other" -> "{not json"']),
        ({"a": {"b": 1}}, {"a": None}, ['a: null -> {"b": 1}']),
        ({"a": "x" * 200}, {"a": ""}, [f'a: "" -> "{"x" * 56}...']),
    ],
)
def test_only_what_is_wanted_is_compared(wanted: Any, have: Any, found: list[str]) -> None:
    """Also inside JSON that is kept as a string."""
    assert differences(wanted, have) == found


def test_ids_that_an_import_changed_are_no_difference() -> None:
    """References lead to the same objects, in whatever order."""
    wanted = {"attributes": {}, "references": [{"type": "search", "id": "s", "name": "n"}]}
    have = {"attributes": {}, "references": [{"type": "search", "id": "other", "name": "n"}], "version": "WzFd"}
    assert object_differences(wanted, have, {("search", "other"): "s"}) == []
    assert object_differences(wanted, have, {}) == ['references.n: "search:other" -> "search:s"']


def test_what_people_did_to_a_rule_is_no_difference() -> None:
    """Turned off, muted, tagged, an action of their own."""
    action = {**RULE["actions"][0], "uuid": "u", "connector_type_id": ".server-log"}  # type: ignore[index]
    own = {"id": "theirs", "group": "recovered", "uuid": "v", "params": {}}
    have = RULE | {"enabled": False, "mute_all": True, "tags": ["mine", "driftlog"], "actions": [action, own]}
    assert rule_differences(RULE, have, OURS) == []
    assert merged_actions(RULE, have, OURS) == [{**RULE["actions"][0], "uuid": "u"}, own]  # type: ignore[index]


def test_an_action_that_is_missing_changed_or_too_many_is_one() -> None:
    """By connector and group."""
    assert rule_differences(RULE, RULE | {"actions": []}, OURS) == ["actions[recovered, ours]: (absent) -> added"]
    changed = {**RULE["actions"][0], "params": {"message": "n"}}  # type: ignore[index]
    assert rule_differences(RULE, RULE | {"actions": [changed]}, OURS) == [
        'actions[recovered, ours].params.message: "n" -> "m"'
    ]
    assert rule_differences(RULE | {"actions": []}, RULE, OURS) == ["actions[recovered, ours]: taken away"]


def test_differences_of_connectors_show_no_values() -> None:
    """An address may be a secret; secrets that Kibana lost (after an import) are told."""
    wanted = {"name": "n", "config": {"url": "https://x/t0ken"}}
    assert connector_differences(wanted, {"name": "n", "config": {"url": "https://y"}}) == ["config.url"]
    assert connector_differences(wanted, {**wanted, "is_missing_secrets": True}) == ["secrets are missing"]


@pytest.mark.parametrize(
    ("id", "ours"),
    [
        ("driftlog-kibana-dashboard-overview", True),
        ("driftlog-kibana-mine", False),
        ("driftlog-demo-kibana-dashboard-overview", False),
        ("xdriftlog-kibana-dashboard-overview", False),
        ("driftlog-kibana-dashboard-", True),
    ],
)
def test_what_is_ours(id: str, ours: bool) -> None:
    """Prefix and kind, not only how it begins."""
    assert is_ours(id, "driftlog") is ours
