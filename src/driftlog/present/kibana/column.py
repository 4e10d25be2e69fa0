"""Columns of a Lens layer: what a panel groups by and what it computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

from driftlog.present.kibana.formats import Format

RECORDS: Final = "___records___"
"""The field Lens counts documents by."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    operation
        Lens' name of what it does: ``terms``, ``average``, ``percentile``, ...
    where
        KQL that a document has to fit to be counted in this column.
    ordered_by
        Of `terms`: label of the column that orders it; empty: by the alphabet.
    """

    label: str
    operation: str
    data_type: str
    scale: str
    source: str = ""
    bucketed: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""
    ordered_by: str = ""

    def saved(self, order_id: str = "") -> dict[str, Any]:
        """As Lens keeps it; `order_id` is the id of the column that orders it."""
        params = dict(self.params)
        if self.operation == "terms":
            by = {"type": "column", "columnId": order_id} if order_id else {"type": "alphabetical", "fallback": False}
            params["orderBy"] = by
        made: dict[str, Any] = {
            "label": self.label,
            "customLabel": True,
            "dataType": self.data_type,
            "operationType": self.operation,
            "isBucketed": self.bucketed,
            "scale": self.scale,
            "params": params,
        }
        if self.source:
            made["sourceField"] = self.source
        if self.where:
            made["filter"] = {"query": self.where, "language": "kuery"}
        if self.operation == "static_value":
            made |= {"isStaticValue": True, "references": []}
        return made

    def only(self, where: str) -> Column:
        """The same of the documents that fit `where`."""
        return replace(self, where=where)


def over_time(source: str = "@timestamp", *, label: str = "Time", interval: str = "auto") -> Column:
    """Buckets of time."""
    params = {"interval": interval, "includeEmptyRows": True, "dropPartials": False}
    return Column(label, "date_histogram", "date", "interval", source, bucketed=True, params=params)


def terms(
    label: str,
    source: str,
    *more: str,
    size: int = 10,
    by: str = "",
    descending: bool = True,
    missing: bool = False,
    data_type: str = "string",
) -> Column:
    """Groups of the values of a field, or of several fields together.

    Parameters
    ----------
    by
        Label of the column that orders the groups; empty: by the alphabet, upwards.
    missing
        Documents without a value are a group too, of one field only; without them Lens leaves them out.
    """
    params: dict[str, Any] = {
        "size": size,
        "orderDirection": "desc" if by and descending else "asc",
        "otherBucket": missing,
        "missingBucket": missing,
        "parentFormat": {"id": "multi_terms" if more else "terms"},
        "include": [],
        "exclude": [],
        "includeIsRegex": False,
        "excludeIsRegex": False,
    }
    if more:
        params["secondaryFields"] = list(more)
    return Column(label, "terms", data_type, "ordinal", source, bucketed=True, params=params, ordered_by=by)


def ranges(label: str, source: str, edges: Sequence[float]) -> Column:
    """Groups of a number between neighbouring edges, the lower one included."""
    parts = [{"from": low, "to": high, "label": f"{low:g} to {high:g}"} for low, high in pairwise(edges)]
    between = {"id": "range", "params": {"template": "arrow_right", "replaceInfinity": True}}
    params = {"includeEmptyRows": True, "type": "range", "ranges": parts, "maxBars": "auto", "parentFormat": between}
    return Column(label, "range", "string", "ordinal", source, bucketed=True, params=params)


def _of_number(operation: str, label: str, source: str, where: str, format: Format | None, **params: Any) -> Column:
    if format is not None:
        params["format"] = format
    return Column(label, operation, "number", "ratio", source, params=params, where=where)


def count(label: str, *, where: str = "", format: Format | None = None) -> Column:
    """Number of documents."""
    return _of_number("count", label, RECORDS, where, format, emptyAsNull=False)


def average(label: str, source: str, *, where: str = "", format: Format | None = None) -> Column:
    return _of_number("average", label, source, where, format, emptyAsNull=True)


def largest(label: str, source: str, *, where: str = "", format: Format | None = None) -> Column:
    return _of_number("max", label, source, where, format, emptyAsNull=True)


def smallest(label: str, source: str, *, where: str = "", format: Format | None = None) -> Column:
    return _of_number("min", label, source, where, format, emptyAsNull=True)


def total(label: str, source: str, *, where: str = "", format: Format | None = None) -> Column:
    return _of_number("sum", label, source, where, format, emptyAsNull=True)


def distinct(label: str, source: str, *, where: str = "") -> Column:
    """Number of different values, approximate above some thousands."""
    return _of_number("unique_count", label, source, where, None, emptyAsNull=False)


def percentile(label: str, source: str, rank: int, *, where: str = "", format: Format | None = None) -> Column:
    return _of_number("percentile", label, source, where, format, percentile=rank)


def newest(
    label: str,
    source: str,
    *,
    where: str = "",
    time: str = "@timestamp",
    data_type: str = "number",
    format: Format | None = None,
) -> Column:
    """Value of the newest document that has one."""
    params: dict[str, Any] = {"sortField": time, "showArrayValues": False}
    if format is not None:
        params["format"] = format
    scale = {"number": "ratio", "date": "interval"}.get(data_type, "ordinal")
    there = f"{source} : *"
    whole = f"({where}) and {there}" if where else there
    return Column(label, "last_value", data_type, scale, source, params=params, where=whole)


def fixed(label: str, value: float) -> Column:
    """A number that does not come from the data."""
    return Column(label, "static_value", "number", "ratio", params={"value": f"{value:g}"})
