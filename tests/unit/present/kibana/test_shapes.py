"""Our saved objects have the keys and types that real exports of Kibana have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.unit.present.kibana.shapes import parts_of

from driftlog.present.kibana.objects import saved_objects

KINDS: Mapping[str, Mapping[str, Any]] = json.loads(
    Path(__file__).with_name("real_exports.json").read_text(encoding="utf-8")
)["kinds"]

_LINE = "Kibana's own type YConfig (Lens, XY): color, lineWidth, lineStyle, fill, textVisibility"
_TABLE = "the same palette as everywhere in Lens (CustomPaletteParams); in this drawing's exports a shorter one"
MORE: Mapping[tuple[str, str], str] = {
    ("column average", "params.format.params.suffix"): "one format for all numbers of Lens; `max` has it in exports",
    ("column static_value", "customLabel"): "of every column (BaseIndexPatternColumn); other operations have it",
    ("drawing lnsDatatable", "columns[].palette.params.maxSteps"): _TABLE,
    ("drawing lnsDatatable", "columns[].palette.params.progression"): _TABLE,
    ("drawing lnsDatatable", "columns[].palette.params.rangeType"): _TABLE,
    ("drawn layer lnsXY referenceLine", "yConfig[].color"): _LINE,
    ("drawn layer lnsXY referenceLine", "yConfig[].lineStyle"): _LINE,
    ("drawn layer lnsXY referenceLine", "yConfig[].lineWidth"): _LINE,
    ("drawn layer lnsXY referenceLine", "yConfig[].fill"): _LINE,
    ("drawn layer lnsXY referenceLine", "yConfig[].textVisibility"): _LINE,
    ("drilldown DASHBOARD_TO_DASHBOARD_DRILLDOWN", "action.config.openInNewTab"): "since 8.x, in Kibana's own tests",
    ("field format duration", "params.useShortSuffix"): "a parameter of Kibana's duration format",
    ("field format static_lookup", "params.unknownKeyValue"): "its default, as Kibana's own test data have it",
    ("object search", "managed"): "of every saved object since 8.8",
    ("panel search by reference", "embeddableConfig.description"): "of every panel; Lens panels have it in exports",
    ("panel search by reference", "embeddableConfig.hidePanelTitles"): "of every panel; Lens panels have it",
}
"""Keys that exports at hand lack: (kind, key) -> where they come from."""

OTHER_TYPES: Mapping[tuple[str, str], str] = {
    ("drawing lnsDatatable", "columns[].palette.params.rangeMin"): "null is no limit, as in other drawings' palettes",
    ("drawing lnsDatatable", "columns[].palette.params.colorStops[].stop"): "null is no limit, as in other palettes",
}

_EDITOR = "where the format's editor was open when it was saved; means nothing elsewhere"
FEWER: Mapping[tuple[str, str], str] = {
    ("object index-pattern", "updated_at"): "written by the server",
    ("object index-pattern", "version"): "written by the server",
    ("attributes index-pattern", "timeFieldName"): "absent of a data view without a time field",
} | {
    (f"field format {kind}", f"params.{key}"): _EDITOR
    for kind in ("bytes", "duration", "number", "static_lookup")
    for key in ("parsedUrl", "parsedUrl.basePath", "parsedUrl.origin", "parsedUrl.pathname")
}
"""Keys that every export at hand has and ours need not have."""

FROM_SOURCE: Mapping[str, Mapping[str, set[str]]] = {
    "column percentile": {
        "needed": {"label", "dataType", "operationType", "isBucketed", "scale", "sourceField", "params.percentile"},
        "possible": {
            "customLabel",
            "params",
            "params.format",
            "params.format.id",
            "params.format.params",
            "params.format.params.decimals",
            "filter",
            "filter.query",
            "filter.language",
        },
    },
    "drilldown OPEN_IN_DISCOVER_DRILLDOWN": {
        "needed": {"eventId", "triggers", "action.factoryId", "action.name", "action.config.openInNewTab"},
        "possible": {"triggers[]", "action", "action.config"},
    },
    "links": {
        "needed": {"layout", "links", "links[].type", "links[].id", "links[].order", "links[].destinationRefName"},
        "possible": {"links[]", "links[].label"},
    },
    "panel links by value": {
        "needed": {"type", "panelIndex", "gridData.i", "embeddableConfig.attributes", "embeddableConfig.enhancements"},
        "possible": {
            "version",
            "gridData",
            "gridData.x",
            "gridData.y",
            "gridData.w",
            "gridData.h",
            "embeddableConfig",
            "embeddableConfig.hidePanelTitles",
        },
    },
}
"""Kinds no export at hand has, as Kibana's source and its tests have them: Lens' percentile column (form_based, and the
expectations of Observability's exploratory view), the drilldown into Discover, and the links panel (links, embeddable
transforms: by value, `destinationRefName` beside a reference)."""


def differences(parts: list[tuple[str, dict[str, set[str]]]]) -> list[str]:
    """Where parts differ from real exports without a stated reason."""
    found = set()
    for kind, keys in parts:
        if kind in FROM_SOURCE:
            known = FROM_SOURCE[kind]
            found |= {f"{kind}: unknown {key}" for key in set(keys) - known["needed"] - known["possible"]}
            found |= {f"{kind}: lacks {key}" for key in known["needed"] - set(keys)}
            continue
        if kind not in KINDS:
            found.add(f"{kind}: in no export")
            continue
        real = KINDS[kind]
        for key, types in keys.items():
            if key not in real["keys"]:
                found |= {f"{kind}: unknown {key}"} - {f"{kind}: unknown {one}" for of, one in MORE if of == kind}
            elif not types <= set(real["keys"][key]) and (kind, key) not in OTHER_TYPES:
                found.add(f"{kind}: {key} is {sorted(types)}, not {real['keys'][key]}")
        found |= {f"{kind}: lacks {key}" for key in real["required"] if key not in keys and (kind, key) not in FEWER}
    return sorted(found)


@pytest.fixture(scope="module")
def parts() -> list[tuple[str, dict[str, set[str]]]]:
    return [part for saved in saved_objects() for part in parts_of(saved)]


def test_every_part_looks_like_a_real_export(parts: list[tuple[str, dict[str, set[str]]]]) -> None:
    """Keys are among those of real exports, keys of every export are there, types agree."""
    assert differences(parts) == []


def test_each_exception_is_needed(parts: list[tuple[str, dict[str, set[str]]]]) -> None:
    """A reason for a key that nothing has any more is taken away."""
    used = {(kind, key) for kind, keys in parts for key in keys}
    lacking = {
        (kind, key) for kind, keys in parts for key in KINDS.get(kind, {}).get("required", []) if key not in keys
    }
    assert set(MORE) | set(OTHER_TYPES) <= used
    assert set(FEWER) <= lacking
    assert set(FROM_SOURCE) <= {kind for kind, _ in parts}


@pytest.mark.parametrize(
    ("kind", "key", "types", "expected"),
    [
        ("column terms", "params.sise", {"number"}, "column terms: unknown params.sise"),
        ("column terms", "params.size", {"string"}, "column terms: params.size is ['string'], not ['number']"),
        ("column gauge", "label", {"string"}, "column gauge: in no export"),
        ("links", "links[].target", {"string"}, "links: unknown links[].target"),
    ],
)
def test_an_invented_key_is_found(kind: str, key: str, types: set[str], expected: str) -> None:
    """So are another type and another kind."""
    assert expected in differences([(kind, {key: types})])


def test_a_key_that_is_left_out_is_found(parts: list[tuple[str, dict[str, set[str]]]]) -> None:
    """Every required key of every kind, one at a time."""
    for kind, keys in {kind: keys for kind, keys in parts if kind in KINDS}.items():
        for key in KINDS[kind]["required"]:
            if key in keys and (kind, key) not in FEWER:
                without = {one: types for one, types in keys.items() if one != key}
                assert f"{kind}: lacks {key}" in differences([(kind, without)])
