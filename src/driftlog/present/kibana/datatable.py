"""Numbers in rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from driftlog.present.kibana.column import Column
from driftlog.present.kibana.layer import Layer
from driftlog.present.kibana.lens import Lens

_LAYER = "rows"
ROWS_A_PAGE = 10


def datatable(
    title: str,
    description: str,
    view: str,
    columns: Sequence[Column],
    *,
    where: str = "",
    coloured: Mapping[str, dict[str, Any]] | None = None,
) -> Lens:
    """A table: one row for each group of the columns that group; `coloured` is label -> palette of its cells."""
    layer = Layer(_LAYER, view, tuple(columns))
    palettes = coloured or {}
    shown = []
    for column in columns:
        one: dict[str, Any] = {"columnId": layer.id_of(column.label), "isTransposed": False}
        if not column.bucketed:
            one["isMetric"] = True
        if column.label in palettes:
            one |= {"colorMode": "cell", "palette": palettes[column.label]}
        shown.append(one)
    state = {
        "layerId": _LAYER,
        "layerType": "data",
        "columns": shown,
        "rowHeight": "single",
        "headerRowHeight": "single",
        "paging": {"size": ROWS_A_PAGE, "enabled": True},
    }
    return Lens(title, description, "lnsDatatable", state, (layer,), where)
