"""The shape of saved objects: for each kind of part, which keys it has and of which types.

A part is what Kibana reads as one thing: a dashboard's attributes, a panel, a Lens column of one operation, the state
of one drawing. Its keys are dotted paths; below a key with free names (ids) stands ``*``, in a list ``[]``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Part = tuple[str, dict[str, set[str]]]
FREE = {"fieldFormatMap", "fieldAttrs", "runtimeFieldMap"}


def parts_of(saved: Mapping[str, Any]) -> Iterator[Part]:
    """All parts of a saved object."""
    kind = saved["type"]
    attributes = saved["attributes"]
    yield _part(f"object {kind}", {k: v for k, v in saved.items() if k not in {"attributes", "references"}})
    yield _part(f"attributes {kind}", {k: _kind_of(v) for k, v in attributes.items()})
    for pointer in saved.get("references", []):
        yield _part("reference", pointer)
    if kind == "dashboard":
        yield from _dashboard(attributes)
    if kind == "search":
        yield _part("search source", _read(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"]))
    if kind == "index-pattern":
        for one in _read(attributes.get("fieldFormatMap", "{}")).values():
            yield _part(f"field format {one['id']}", one)


def _dashboard(attributes: Mapping[str, Any]) -> Iterator[Part]:
    yield _part("options", _read(attributes["optionsJSON"]))
    group = attributes.get("controlGroupInput")
    if group:
        for control in _read(group["panelsJSON"]).values():
            yield _part(f"control {control['type']}", control)
        yield _part("control group", group)
        yield _part("control group: ignored", _read(group["ignoreParentSettingsJSON"]))
    for panel in _read(attributes["panelsJSON"]):
        yield from _panel(panel)


def _panel(panel: Mapping[str, Any]) -> Iterator[Part]:
    config = panel.get("embeddableConfig", {})
    kept = "reference" if "panelRefName" in panel else "value"
    inner = {"attributes", "savedVis", "enhancements"}
    plain = {key: value for key, value in panel.items() if key != "embeddableConfig"}
    yield _part(
        f"panel {panel.get('type')} by {kept}",
        {**plain, "embeddableConfig": {k: (v if k not in inner else {}) for k, v in config.items()}},
    )
    for event in (config.get("enhancements") or {}).get("dynamicActions", {}).get("events", []):
        yield _part(f"drilldown {event['action']['factoryId']}", event)
    attributes = config.get("attributes") or {}
    if "state" in attributes:
        yield from lens_parts(attributes)
    elif panel.get("type") == "links":
        yield _part("links", attributes)
    if "savedVis" in config:
        yield _part(f"visualization {config['savedVis']['type']}", config["savedVis"])


def lens_parts(attributes: Mapping[str, Any]) -> Iterator[Part]:
    """Parts of a Lens panel's attributes."""
    state, drawn = attributes["state"], attributes["visualizationType"]
    outer = {key: value for key, value in attributes.items() if key != "state"}
    yield _part("lens", {**outer, "state": {key: _kind_of(value) for key, value in state.items()}})
    for layer in state["datasourceStates"].get("formBased", {}).get("layers", {}).values():
        yield _part("layer", {key: value for key, value in layer.items() if key != "columns"})
        for column in layer["columns"].values():
            yield _part(f"column {column['operationType']}", column)
    visualization = dict(state["visualization"])
    layers = visualization.pop("layers", [])
    coloured = visualization.pop("palette", None)
    if coloured:
        yield _part("palette", coloured)
    yield _part(f"drawing {drawn}", visualization)
    for layer in layers:
        yield _part(f"drawn layer {drawn} {layer.get('layerType', 'data')}", layer)


def _read(value: Any) -> Any:
    """A JSON attribute: Kibana exports a string, packages keep the value itself."""
    return json.loads(value) if isinstance(value, str) else value


def _kind_of(value: Any) -> Any:
    """An empty value of the same type: what is inside is a part of its own."""
    return {} if isinstance(value, dict) else [] if isinstance(value, list) else value


def _part(kind: str, value: Any) -> Part:
    found: dict[str, set[str]] = {}
    _walk(value, "", found)
    return kind, found


def _walk(value: Any, path: str, found: dict[str, set[str]]) -> None:
    if path:
        found.setdefault(path, set()).add(type_of(value))
    if isinstance(value, dict):
        for key, inner in value.items():
            _walk(inner, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, f"{path}[]", found)


def type_of(value: Any) -> str:
    """JSON's name of a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {str: "string", dict: "object", list: "array"}[type(value)]
