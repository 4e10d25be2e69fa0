"""Templates on a real Elasticsearch: installing, checking, and what their mappings accept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from driftlog.contract.errors import TemplatesMissing
from driftlog.store import template_files
from driftlog.store.client import BulkAction, Store
from driftlog.store.template_files import load
from driftlog.store.templates import check, install, plan, uninstall

pytestmark = pytest.mark.elasticsearch

MARCH = datetime(2026, 3, 3, tzinfo=UTC)


def test_installing_twice_changes_nothing_the_second_time(bare_store: Store) -> None:
    """And the dry run says what will be done, before and after."""
    with pytest.raises(TemplatesMissing, match="state"):
        check(bare_store)

    planned = plan(bare_store)
    assert install(bare_store) == planned
    assert {change.action for change in planned} == {"create"}
    assert {change.action for change in install(bare_store)} == {"unchanged"}
    check(bare_store)


@pytest.fixture
def own_store(bare_store: Store) -> Store:
    """A store whose templates a test may change."""
    install(bare_store)
    return bare_store


def test_an_older_template_is_updated_and_a_newer_one_left_alone(own_store: Store) -> None:
    """Two driftlog versions in one cluster: the newer one's templates win."""
    older, newer = (
        template for template in load(own_store.names.prefix) if template.name.endswith(("-runs", "-audit"))
    )
    for template, version in ((older, 0), (newer, 99)):
        meta = {"_meta": {"version": version, "digest": "another"}}
        own_store.request("PUT", template.path, body=template.body | meta)

    with pytest.raises(TemplatesMissing, match=f"{older.name} .version 0"):
        check(own_store)
    changed = [change.name for change in install(own_store) if change.action == "update"]
    assert changed == [older.name]
    check(own_store)


def _all(store: Store) -> tuple[template_files.Template, ...]:
    return load(store.names.prefix)


def test_existing_indices_get_new_fields(own_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """``driftlog-state`` is never rolled over, so an update has to reach it."""
    own_store.put(own_store.names.state, "x", {"kind": "lease"})
    templates = load(own_store.names.prefix)
    grown = [_with_field(t, "novel") if t.name == own_store.names.state else t for t in templates]
    monkeypatch.setattr("driftlog.store.templates.load", lambda prefix: tuple(grown))

    install(own_store)

    mapping = own_store.request("GET", f"/{own_store.names.state}/_mapping")[own_store.names.state]["mappings"]
    assert mapping["properties"]["novel"]["type"] == "long"


def _with_field(template: template_files.Template, name: str) -> template_files.Template:
    body = msgspec.json.decode(msgspec.json.encode(template.body))
    body["template"]["mappings"]["properties"][name] = {"type": "long"}
    return template_files.Template(template.name, template.kind, body, template.version, "grown")


def test_uninstall_leaves_nothing(own_store: Store) -> None:
    """Index templates go before the components they use."""
    assert set(uninstall(own_store)) == {template.name for template in load(own_store.names.prefix)}
    assert uninstall(own_store) == []


NUMBERS_THEN = [
    ("int then float", 1, 0.5),
    ("number then word", 1, "N/A"),
    ("number then flag", 1.5, True),
    ("number then object", 1.5, {"deep": {"er": 1}}),
    ("number then list", 1.5, [1, "a", None]),
    ("number then huge number", 1.5, 10**30),
    ("number then long text", 1.5, "x" * 100_000),
    ("number then date", 1.5, "2026-03-03"),
    ("word then number", "JFK", 1),
    ("word then flag", "JFK", False),
    ("word then object", "JFK", {"age": 5}),
    ("word then list of objects", "JFK", [{"age": 5}, {"age": "x"}]),
    ("word then ten thousand characters", "JFK", "ü" * 10_000),
    ("date then word", "2026-03-03", "never"),
    ("flag then word", True, "maybe"),
    ("flag then number", True, 2),
    ("object then word", {"age": 5}, "none"),
    ("null then word", None, "a"),
    ("empty list then number", [], 2.5),
    ("empty text then number", "", 3),
    ("nested lists", [[1, 2], [3]], "x"),
]


@pytest.mark.parametrize("group", ["features", "probabilities", "attributions"])
def test_no_change_of_type_loses_a_prediction(store: Store, group: str) -> None:
    """Predictions must not be lost exactly when data breaks: whatever comes first and whatever follows is stored."""
    index = store.names.predictions("churn", MARCH)
    firsts = {f"f {name}": first for name, first, _ in NUMBERS_THEN}
    thens = {f"f {name}": then for name, _, then in NUMBERS_THEN}
    parts = {f"{name}.part": 1 for name in firsts}
    events = [_event(group, values) for values in (firsts, thens, parts, firsts | thens | parts)]

    report = store.bulk([BulkAction("create", index, str(n), event) for n, event in enumerate(events)])

    assert report.failures == []
    assert report.stored == len(events)


def _event(group: str, values: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = {"@timestamp": "2026-03-03T12:00:00.123456Z", "model": {"name": "churn"}}
    return event | ({"features": values} if group == "features" else {"prediction": {group: values}})


def test_a_first_integer_does_not_truncate_later_fractions(store: Store) -> None:
    """Integers are mapped to double, and malformed values are named in ``_ignored``, not counted as missing."""
    index = store.names.predictions("churn", MARCH)
    events = [_event("features", {"x": value}) for value in (1, 0.5, "N/A", None)]
    store.bulk([BulkAction("create", index, str(n), event) for n, event in enumerate(events)], refresh=True)

    answer = store.search(
        index,
        {
            "size": 0,
            "aggs": {
                "x": {"stats": {"field": "features.x"}},
                "missing": {"missing": {"field": "features.x"}},
                "malformed": {"filter": {"term": {"_ignored": "features.x"}}},
            },
        },
    )["aggregations"]

    assert (answer["x"]["count"], answer["x"]["sum"]) == (2, 1.5)
    assert (answer["missing"]["doc_count"], answer["malformed"]["doc_count"]) == (2, 1)


def test_more_features_than_the_limit_are_stored_all_the_same(store: Store) -> None:
    """Beyond the limit of mapped fields they are kept in the document and not indexed."""
    index = store.names.predictions("churn", MARCH)
    features = {f"f{n}": float(n) for n in range(6000)}

    report = store.bulk([BulkAction("create", index, "wide", _event("features", features))])

    assert report.failures == []
    hit = store.get(index, "wide")
    assert hit is not None
    assert hit.source["features"]["f5999"] == 5999.0


@pytest.mark.parametrize(
    "strange",
    [
        {"unknown": {"a": [1, {"b": 2}]}, "other": "x"},
        {"labels": {"team": "a", "nested": {"deep": 1}, "long": "x" * 50_000}},
        {"message": "x" * 1_000_000, "error": {"type": "E" * 40_000, "message": "m", "stack_trace": "t" * 40_000}},
        {"model": {"name": "churn", "version": "v" * 40_000}},
        {"prediction": {"score": "high", "value": True, "label": 1}},
        {"event": {"hash": "h" * 40_000, "duration": "fast", "ingested": "2026-03-03T12:00:00.123456789Z"}},
    ],
)
def test_strange_events_are_stored(store: Store, strange: dict[str, Any]) -> None:
    """Unknown fields, very long values and malformed numbers do not refuse an event."""
    index = store.names.predictions("churn", MARCH)

    report = store.bulk([BulkAction("create", index, "x", {"@timestamp": "2026-03-03T12:00:00Z"} | strange)])

    assert report.failures == []
