"""Every panel and every saved search of Kibana, asked of a real Elasticsearch that a demo has filled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tests.e2e.shown.kibana_seeds import BY_ID, seed
from tests.e2e.shown.lens_query import Question, question, without_data
from tests.unit.present.kibana.kql import parse

from driftlog.present.kibana.objects import saved_objects
from driftlog.store.client import Store

SINCE_UNTIL = {"gte": "2000-01-01T00:00:00Z", "lte": "now"}
Saved = Mapping[str, Any]


def check_kibana(store: Store, prefix: str) -> None:
    """Every column of every panel has a value, every saved search finds documents."""
    seed(store)
    saved = saved_objects(prefix)
    panels = [*questions(store, saved)]
    assert without_data(store, _impossible(panels[0])), "a panel without data would not be noticed"
    missing = [line for asked in panels for line in without_data(store, asked)]
    missing += [name for name, found in searches(store, saved) if not found]
    assert len(panels) > 100
    assert missing == []


def _impossible(asked: Question) -> Question:
    """The same question of no documents."""
    return replace(asked, body=asked.body | {"query": {"match_none": {}}})


def _views(saved: list[dict[str, Any]]) -> dict[str, Saved]:
    return {one["id"]: one["attributes"] for one in saved if one["type"] == "index-pattern"}


def _time(view: Saved) -> dict[str, Any] | None:
    """The time picker's filter, wide open."""
    return {"range": {view["timeFieldName"]: SINCE_UNTIL}} if "timeFieldName" in view else None


def questions(store: Store, saved: list[dict[str, Any]]) -> Iterator[Question]:
    """The search of every layer of every Lens panel."""
    views = _views(saved)
    for dashboard in (one for one in saved if one["type"] == "dashboard"):
        for panel in json.loads(dashboard["attributes"]["panelsJSON"]):
            if panel["type"] != "lens":
                continue
            attributes = panel["embeddableConfig"]["attributes"]
            pointers = {pointer["name"]: pointer["id"] for pointer in attributes["references"]}
            state = attributes["state"]
            for name, layer in state["datasourceStates"]["formBased"]["layers"].items():
                view = views[pointers[f"indexpattern-datasource-layer-{name}"]]
                asked = question(
                    store,
                    f"{dashboard['attributes']['title']}, {panel['title']}, {name}",
                    view["title"],
                    layer,
                    state["query"]["query"],
                    since_until=_time(view),
                )
                if asked is not None:
                    yield asked


def searches(store: Store, saved: list[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    """Title of each saved search, and whether it finds documents with its columns."""
    views = _views(saved)
    for one in (one for one in saved if one["type"] == "search"):
        attributes = one["attributes"]
        source = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
        pointers = {pointer["name"]: pointer["id"] for pointer in one["references"]}
        view = views[pointers[source["indexRefName"]]]
        query = parse(source["query"]["query"].replace("put-the-id-here", BY_ID))[0]
        filters = [query, *([when] if (when := _time(view)) else [])]
        body = {
            "size": 10,
            "query": {"bool": {"filter": filters}},
            "sort": [{field: direction} for field, direction in attributes["sort"]],
            "fields": attributes["columns"],
        }
        hits = store.search(view["title"], body)["hits"]["hits"]
        shown = {field for hit in hits for field in hit.get("fields", {})}
        yield attributes["title"], bool(hits) and bool(shown & set(attributes["columns"]))
