"""Checks of a Lens panel: layers, columns, what they compute, and what is drawn of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.unit.present.kibana.kql import KqlError, parse
from tests.unit.present.kibana.mapped import Mapped

PARAMS: Mapping[str, set[str]] = {
    "date_histogram": {"interval", "includeEmptyRows", "dropPartials"},
    "terms": {
        "size",
        "orderBy",
        "orderDirection",
        "otherBucket",
        "missingBucket",
        "parentFormat",
        "include",
        "exclude",
        "includeIsRegex",
        "excludeIsRegex",
    },
    "range": {"type", "ranges", "maxBars", "parentFormat", "includeEmptyRows"},
    "count": {"emptyAsNull"},
    "unique_count": {"emptyAsNull"},
    "average": {"emptyAsNull"},
    "max": {"emptyAsNull"},
    "min": {"emptyAsNull"},
    "sum": {"emptyAsNull"},
    "percentile": {"percentile"},
    "last_value": {"sortField", "showArrayValues"},
    "static_value": {"value"},
}
"""Operations that may be used, and the parameters each has to have."""
BUCKETED = {"date_histogram", "terms", "range"}
OF_NUMBERS = {"average", "max", "min", "sum", "percentile", "range"}
OF_DATES = {"max", "min"}
SCALES = {"date": "interval", "number": "ratio", "string": "ordinal", "boolean": "ordinal"}
DRAWN = {"lnsXY", "lnsMetric", "lnsHeatmap", "lnsDatatable"}
SERIES = {"line", "area", "area_stacked", "bar", "bar_stacked", "bar_horizontal", "bar_percentage_stacked"}

Fields = Mapping[str, Mapping[str, Mapped]]
"""Id of a data view -> its fields."""


def check_kql(text: str, known: Mapping[str, Mapped], where: str) -> Iterator[str]:
    """It parses, and its fields are searchable in the way it asks."""
    try:
        _, uses = parse(text)
    except KqlError as error:
        yield f"{where}: no KQL: {error}"
        return
    for use in uses:
        field = known.get(use.field)
        if field is None or not field.searchable:
            yield f"{where}: KQL asks for {use.field}, which the indices do not have or cannot search"
        elif use.how in {"<", "<=", ">", ">="} and field.kind not in {"number", "date"}:
            yield f"{where}: KQL compares {use.field}, which is {field.type}"
        elif use.how == ":" and field.kind == "number" and not _is_number(use.value):
            yield f"{where}: KQL matches the number {use.field} with {use.value!r}"
        elif use.how == ":" and field.kind == "boolean" and use.value not in {"true", "false"}:
            yield f"{where}: KQL matches the boolean {use.field} with {use.value!r}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_lens(attributes: Mapping[str, Any], fields: Fields, where: str) -> Iterator[str]:
    """Problems of a panel's attributes."""
    for key in ("title", "description", "visualizationType", "references", "state"):
        if not attributes.get(key):
            yield f"{where}: no {key}"
            return
    if "version" in attributes:
        yield f"{where}: `version` is a shape of Kibana 9.4"
    if attributes["visualizationType"] not in DRAWN:
        yield f"{where}: unknown drawing {attributes['visualizationType']}"
        return
    state = attributes["state"]
    layers = state["datasourceStates"]["formBased"]["layers"]
    views = {one["name"]: one["id"] for one in attributes["references"]}
    wanted = {f"indexpattern-datasource-layer-{layer}" for layer in layers}
    if wanted != set(views):
        yield f"{where}: layers and references differ: {sorted(wanted ^ set(views))}"
    for name, layer in layers.items():
        known = fields.get(views.get(f"indexpattern-datasource-layer-{name}", ""), {})
        yield from _check_layer(layer, known, f"{where}, layer {name}")
        yield from check_kql(state["query"]["query"], known, where)
    yield from _check_drawing(attributes["visualizationType"], state["visualization"], layers, where)


def _check_layer(layer: Mapping[str, Any], known: Mapping[str, Mapped], where: str) -> Iterator[str]:
    columns = layer["columns"]
    if sorted(layer["columnOrder"]) != sorted(columns):
        yield f"{where}: columnOrder and columns differ"
        return
    grouped = [columns[name]["isBucketed"] for name in layer["columnOrder"]]
    if grouped != sorted(grouped, reverse=True):
        yield f"{where}: columns that group come first"
    for name, column in columns.items():
        yield from _check_column(column, columns, known, f"{where}, column {name}")


def _check_column(
    column: Mapping[str, Any], columns: Mapping[str, Any], known: Mapping[str, Mapped], where: str
) -> Iterator[str]:
    operation, params = column["operationType"], column.get("params", {})
    if operation not in PARAMS:
        yield f"{where}: operation {operation}"
        return
    if missing := PARAMS[operation] - set(params):
        yield f"{where}: {operation} without {sorted(missing)}"
    if column["isBucketed"] != (operation in BUCKETED):
        yield f"{where}: {operation} with isBucketed {column['isBucketed']}"
    if "filter" in column:
        yield from check_kql(column["filter"]["query"], known, where)
    if operation == "terms":
        yield from _check_terms(params, columns, known, where)
    yield from _check_source(column, known, where)


def _check_terms(
    params: Mapping[str, Any], columns: Mapping[str, Any], known: Mapping[str, Mapped], where: str
) -> Iterator[str]:
    order = params.get("orderBy", {})
    if order.get("type") == "column":
        by = columns.get(order.get("columnId"))
        if by is None or by["isBucketed"] or by["operationType"] in {"last_value", "static_value"}:
            yield f"{where}: ordered by a column that cannot order: {order.get('columnId')}"
    elif order.get("type") != "alphabetical":
        yield f"{where}: orderBy {order}"
    for more in params.get("secondaryFields", []):
        if more not in known or not known[more].aggregatable:
            yield f"{where}: groups by {more}, which cannot be grouped by"
    if params.get("missingBucket") and (not params.get("otherBucket") or params.get("secondaryFields")):
        yield f"{where}: missing values are a group only beside the others, and of one field"
    if bool(params.get("secondaryFields")) != (params.get("parentFormat", {}).get("id") == "multi_terms"):
        yield f"{where}: several fields need the format multi_terms, one field terms"


def _check_source(column: Mapping[str, Any], known: Mapping[str, Mapped], where: str) -> Iterator[str]:
    operation, source = column["operationType"], column.get("sourceField")
    if operation == "static_value":
        if source or column.get("references") != [] or column.get("isStaticValue") is not True:
            yield f"{where}: a static value has no field, no references and says so"
        return
    if operation == "count":
        if source != "___records___":
            yield f"{where}: count counts ___records___"
        return
    field = known.get(source or "")
    if field is None:
        yield f"{where}: field {source} is not in the index templates"
        return
    if not field.aggregatable:
        yield f"{where}: {operation} of {source}, which is {field.type} without doc values"
    allowed = {"number", "date"} if operation in OF_DATES else {"number"}
    if operation in OF_NUMBERS and field.kind not in allowed:
        yield f"{where}: {operation} of {source}, which is {field.type}"
    if operation == "date_histogram" and field.kind != "date":
        yield f"{where}: date_histogram of {source}, which is {field.type}"
    if operation == "last_value" and known.get(column["params"].get("sortField", ""), field).kind != "date":
        yield f"{where}: last_value sorted by {column['params'].get('sortField')}, which is no date"
    if operation == "last_value" and column["params"].get("sortField") not in known:
        yield f"{where}: last_value sorted by a field that is not there"
    if operation not in {"unique_count", "range"} and column["dataType"] != field.kind:
        yield f"{where}: dataType {column['dataType']} of {source}, which is {field.type}"


def _check_drawing(
    drawn: str, visualization: Mapping[str, Any], layers: Mapping[str, Any], where: str
) -> Iterator[str]:
    parts = visualization["layers"] if drawn == "lnsXY" else [visualization]
    if {part["layerId"] for part in parts} != set(layers):
        yield f"{where}: drawn layers and layers differ"
        return
    for part in parts:
        used = set(_accessors(part))
        columns = set(layers[part["layerId"]]["columns"])
        if used != columns:
            yield f"{where}: drawn columns and columns differ: {sorted(used ^ columns)}"
        configured = [one["forAccessor"] for one in part.get("yConfig", [])]
        if not set(configured) <= columns or len(set(configured)) < len(configured):
            yield f"{where}: yConfig names columns that are not there, or twice"
        if drawn == "lnsXY" and part["layerType"] == "data" and part["seriesType"] not in SERIES:
            yield f"{where}: series {part['seriesType']}"
        coloured = (part.get("palette") or {}).get("accessor")
        if coloured is not None and coloured not in columns:
            yield f"{where}: palette of a column that is not there"


def _accessors(part: Mapping[str, Any]) -> Iterator[str]:
    for key, value in part.items():
        if key == "columns":
            yield from (one["columnId"] for one in value)
        elif key == "accessors":
            yield from value
        elif key.endswith("Accessor") and isinstance(value, str):
            yield value
