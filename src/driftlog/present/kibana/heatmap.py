"""A value as a colour over two groupings."""

from __future__ import annotations

from typing import Any

from driftlog.present.kibana.column import Column
from driftlog.present.kibana.layer import Layer
from driftlog.present.kibana.lens import Lens

_LAYER = "cells"


def heatmap(
    title: str,
    description: str,
    view: str,
    x: Column,
    y: Column,
    value: Column,
    *,
    palette: dict[str, Any],
    where: str = "",
    labelled: bool = False,
) -> Lens:
    """Cells of `x` and `y` coloured by `value`; `labelled` writes the value into the cell."""
    layer = Layer(_LAYER, view, (y, x, value))
    state = {
        "shape": "heatmap",
        "layerId": _LAYER,
        "layerType": "data",
        "xAccessor": layer.id_of(x.label),
        "yAccessor": layer.id_of(y.label),
        "valueAccessor": layer.id_of(value.label),
        "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
        "gridConfig": {
            "type": "heatmap_grid",
            "isCellLabelVisible": labelled,
            "isXAxisLabelVisible": True,
            "isXAxisTitleVisible": False,
            "isYAxisLabelVisible": True,
            "isYAxisTitleVisible": False,
        },
        "palette": palette | {"accessor": layer.id_of(value.label)},
    }
    return Lens(title, description, "lnsHeatmap", state, (layer,), where)
