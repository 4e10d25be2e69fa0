"""Every check of saved objects that can be made without a Kibana. `problems` says in words what is wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from tests.unit.present.kibana.check_lens import Fields, check_kql, check_lens
from tests.unit.present.kibana.mapped import fields_of

VERSIONS = {"index-pattern": "8.0.0", "tag": "8.0.0", "dashboard": "10.2.0", "search": "10.5.0"}
"""Types that are emitted, and the version each is migrated from."""
PANELS = {"lens", "search", "visualization", "links"}
GRID = 48
DRILLDOWNS = {"DASHBOARD_TO_DASHBOARD_DRILLDOWN", "OPEN_IN_DISCOVER_DRILLDOWN"}

Saved = Mapping[str, Any]


def problems(saved: Sequence[Saved], prefix: str) -> list[str]:
    """What is wrong with these saved objects of an installation; nothing, if they can be imported and work."""
    found = list(_unique(saved))
    known = {(one["type"], one["id"]) for one in saved}
    fields = {
        one["id"]: fields_of(one["attributes"]["title"], prefix) for one in saved if one["type"] == "index-pattern"
    }
    for one in saved:
        where = f"{one['type']} {one['id']}"
        found += _envelope(one, prefix, where)
        broken = list(_json_attributes(one["attributes"], where))
        found += broken
        found += _references(one, known, where)
        if not broken:
            found += _content(one, fields, where)
    return found


def _unique(saved: Sequence[Saved]) -> Iterator[str]:
    for what, n in Counter((one["type"], one["id"]) for one in saved).items():
        if n > 1:
            yield f"{what[0]} {what[1]} is there {n} times"


def _envelope(one: Saved, prefix: str, where: str) -> Iterator[str]:
    if one.get("typeMigrationVersion") != VERSIONS.get(one["type"]):
        yield f"{where}: typeMigrationVersion {one.get('typeMigrationVersion')}"
    if one.get("coreMigrationVersion") != "8.8.0":
        yield f"{where}: coreMigrationVersion {one.get('coreMigrationVersion')}"
    if one.get("managed") is not False or not isinstance(one.get("references"), list):
        yield f"{where}: managed and references have to be there"
    if not one["id"].startswith(f"{prefix}-"):
        yield f"{where}: the id does not begin with the prefix"


def _json_attributes(attributes: Mapping[str, Any], where: str) -> Iterator[str]:
    strings = ("fields", "fieldFormatMap", "fieldAttrs", "runtimeFieldMap", "sourceFilters")
    for key, value in attributes.items():
        if key.endswith("JSON") or key in strings:
            try:
                json.loads(value)
            except (TypeError, ValueError):
                yield f"{where}: {key} is no JSON in a string"
        elif isinstance(value, dict):
            yield from _json_attributes(value, where)


def _references(one: Saved, known: set[tuple[str, str]], where: str) -> Iterator[str]:
    for pointer in one["references"]:
        if (pointer["type"], pointer["id"]) not in known:
            yield f"{where}: reference {pointer['name']} leads to {pointer['type']} {pointer['id']}, which is not there"
    for name, n in Counter(pointer["name"] for pointer in one["references"]).items():
        if n > 1:
            yield f"{where}: two references are called {name}"


def _content(one: Saved, fields: Fields, where: str) -> Iterator[str]:
    if one["type"] == "index-pattern":
        yield from _view(one, fields, where)
    elif one["type"] == "search":
        yield from _search(one, fields, where)
    elif one["type"] == "dashboard":
        yield from _dashboard(one, fields, where)


def _view(one: Saved, fields: Fields, where: str) -> Iterator[str]:
    attributes, known = one["attributes"], fields[one["id"]]
    if not known:
        yield f"{where}: no index template makes {attributes['title']}"
    time = attributes.get("timeFieldName")
    if time is not None and (time not in known or known[time].kind != "date"):
        yield f"{where}: {time} is no date"
    for field in json.loads(attributes["fieldFormatMap"]):
        if field not in known:
            yield f"{where}: format of {field}, which is not there"


def _search(one: Saved, fields: Fields, where: str) -> Iterator[str]:
    attributes = one["attributes"]
    source = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
    views = {pointer["name"]: pointer["id"] for pointer in one["references"]}
    known = fields.get(views.get(source.get("indexRefName", ""), ""))
    if known is None:
        yield f"{where}: indexRefName leads to no data view"
        return
    if not attributes["description"]:
        yield f"{where}: no description"
    for column in attributes["columns"]:
        if column not in known:
            yield f"{where}: column {column} is not there"
    for field, direction in attributes["sort"]:
        if direction not in {"asc", "desc"} or field not in known or not known[field].aggregatable:
            yield f"{where}: cannot sort by {field}"
    yield from check_kql(source["query"]["query"], known, where)


def _dashboard(one: Saved, fields: Fields, where: str) -> Iterator[str]:
    attributes = one["attributes"]
    panels = json.loads(attributes["panelsJSON"])
    pointers = {pointer["name"]: pointer for pointer in one["references"]}
    if not attributes["description"]:
        yield f"{where}: no description"
    if "pinned_panels" in attributes or "sections" in attributes:
        yield f"{where}: a shape of Kibana 9.4"
    if attributes["timeRestore"] and not (attributes.get("timeFrom") and attributes.get("timeTo")):
        yield f"{where}: timeRestore without a time range"
    yield from _grid(panels, where)
    expected = {name for name in pointers if name.startswith("tag-ref-")}
    for panel in panels:
        names = set(_panel_references(panel))
        expected |= names
        yield from (f"{where}: no reference {name}" for name in sorted(names - set(pointers)))
        yield from _panel(panel, pointers, fields, f"{where}, panel {panel['panelIndex']}")
    controls = json.loads(attributes.get("controlGroupInput", {}).get("panelsJSON", "{}"))
    expected |= {f"controlGroup_{name}:optionsListDataView" for name in controls}
    yield from _controls(controls, pointers, fields, where)
    yield from (f"{where}: reference {name} is of no use" for name in sorted(set(pointers) - expected))
    yield from _missing_controls(panels, controls, pointers, fields, where)


def _grid(panels: Sequence[Saved], where: str) -> Iterator[str]:
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        grid = panel["gridData"]
        if grid["i"] != panel["panelIndex"]:
            yield f"{where}: gridData.i {grid['i']} of panel {panel['panelIndex']}"
        taken.update(product(range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"])))
    for index, n in Counter(panel["panelIndex"] for panel in panels).items():
        if n > 1:
            yield f"{where}: two panels {index}"
    if len(taken) < sum(panel["gridData"]["w"] * panel["gridData"]["h"] for panel in panels):
        yield f"{where}: panels overlap"
    if taken != set(product(range(GRID), range(max((y for _, y in taken), default=-1) + 1))):
        yield f"{where}: panels do not fill their rows"


def _events(panel: Saved) -> list[Saved]:
    events: list[Saved] = panel["embeddableConfig"].get("enhancements", {}).get("dynamicActions", {}).get("events", [])
    return events


def _panel_references(panel: Saved) -> Iterator[str]:
    """Names of the references the dashboard has to have for a panel."""
    index, config = panel["panelIndex"], panel["embeddableConfig"]
    if panel["type"] == "search":
        yield f"{index}:{panel.get('panelRefName')}"
    attributes = config.get("attributes", {})
    yield from (f"{index}:{pointer['name']}" for pointer in attributes.get("references", []))
    for link in attributes.get("links", []):
        yield f"{index}:{link['destinationRefName']}"
    for event in _events(panel):
        if event["action"]["factoryId"] == "DASHBOARD_TO_DASHBOARD_DRILLDOWN":
            yield f"{index}:drilldown:DASHBOARD_TO_DASHBOARD_DRILLDOWN:{event['eventId']}:dashboardId"


def _panel(panel: Saved, pointers: Mapping[str, Saved], fields: Fields, where: str) -> Iterator[str]:
    if panel["type"] not in PANELS:
        yield f"{where}: type {panel['type']}"
        return
    if panel.get("version") != "8.9.0":
        yield f"{where}: version {panel.get('version')}"
    config, attributes = panel["embeddableConfig"], panel["embeddableConfig"].get("attributes", {})
    if panel["type"] in {"lens", "search"} and not (panel.get("title") and config.get("description")):
        yield f"{where}: no title or no description"
    if panel["type"] == "lens":
        yield from check_lens(attributes, fields, where)
        for pointer in attributes.get("references", []):
            outer = pointers.get(f"{panel['panelIndex']}:{pointer['name']}", pointer)
            if outer["id"] != pointer["id"]:
                yield f"{where}: the dashboard's reference and the panel's lead to different data views"
    for event in _events(panel):
        if event["action"]["factoryId"] not in DRILLDOWNS or event["triggers"] != ["FILTER_TRIGGER"]:
            yield f"{where}: drilldown {event['action']['factoryId']} on {event['triggers']}"
    for link in attributes.get("links", []):
        if link["type"] != "dashboardLink":
            yield f"{where}: link of type {link['type']}"


def _controls(
    controls: Mapping[str, Saved], pointers: Mapping[str, Saved], fields: Fields, where: str
) -> Iterator[str]:
    if sorted(control["order"] for control in controls.values()) != list(range(len(controls))):
        yield f"{where}: controls are not numbered from 0"
    for name, control in controls.items():
        pointer = pointers.get(f"controlGroup_{name}:optionsListDataView")
        field = control["explicitInput"]["fieldName"]
        if control["type"] != "optionsListControl" or control["explicitInput"]["id"] != name:
            yield f"{where}: control {name} has another type or id"
        if pointer is None or field not in fields.get(pointer["id"], {}):
            yield f"{where}: control {name} has no data view with {field}"
        elif fields[pointer["id"]][field].kind != "string" or not fields[pointer["id"]][field].aggregatable:
            yield f"{where}: control {name} cannot list {field}"


def _missing_controls(
    panels: Sequence[Saved],
    controls: Mapping[str, Saved],
    pointers: Mapping[str, Saved],
    fields: Fields,
    where: str,
) -> Iterator[str]:
    """A control's field is in every data view of the dashboard's Lens panels."""
    views = {
        pointers[name]["id"]
        for panel in panels
        if panel["type"] == "lens"
        for name in _panel_references(panel)
        if name in pointers and pointers[name]["type"] == "index-pattern"
    }
    for name, control in controls.items():
        field = control["explicitInput"]["fieldName"]
        for view in sorted(view for view in views if field not in fields.get(view, {})):
            yield f"{where}: control {name} empties the panels over {view}, which has no {field}"
