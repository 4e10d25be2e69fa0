"""One number, coloured by how it stands."""

from __future__ import annotations

from typing import Any

from driftlog.present.kibana.column import Column
from driftlog.present.kibana.layer import Layer
from driftlog.present.kibana.lens import Lens

_LAYER = "number"


def metric(
    title: str,
    description: str,
    view: str,
    value: Column,
    *,
    second: Column | None = None,
    largest: Column | None = None,
    palette: dict[str, Any] | None = None,
    where: str = "",
) -> Lens:
    """A number.

    Parameters
    ----------
    second
        A smaller number beside it.
    largest
        The value at which its bar is full; without it there is no bar.
    """
    layer = Layer(_LAYER, view, tuple(column for column in (value, second, largest) if column))
    state: dict[str, Any] = {
        "layerId": _LAYER,
        "layerType": "data",
        "metricAccessor": layer.id_of(value.label),
        "showBar": largest is not None,
    }
    if second:
        state["secondaryMetricAccessor"] = layer.id_of(second.label)
    if largest:
        state["maxAccessor"] = layer.id_of(largest.label)
    if palette:
        state["palette"] = palette
    return Lens(title, description, "lnsMetric", state, (layer,), where)
