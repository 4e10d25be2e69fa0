"""Lines, areas and bars over an axis, with lines for limits and reference values across them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from driftlog.present.kibana.column import Column
from driftlog.present.kibana.layer import Layer
from driftlog.present.kibana.lens import BLUE, RED, YELLOW, Lens

Series = Literal["line", "area", "area_stacked", "bar", "bar_stacked", "bar_horizontal", "bar_percentage_stacked"]
_DATA = "data"
_ACROSS = "across"


@dataclass(frozen=True, slots=True)
class Across:
    """A line across the drawing at the value of a column."""

    column: Column
    colour: str
    style: Literal["solid", "dashed", "dotted"] = "dashed"


def at_reference(column: Column) -> Across:
    """Where the value was on the reference."""
    return Across(column, BLUE, "dotted")


def at_warning(column: Column) -> Across:
    return Across(column, YELLOW)


def at_critical(column: Column) -> Across:
    return Across(column, RED)


def xy(
    title: str,
    description: str,
    view: str,
    x: Column,
    y: Sequence[Column],
    *,
    series: Series = "line",
    split: Column | None = None,
    across: Sequence[Across] = (),
    where: str = "",
    colours: Mapping[str, str] | None = None,
) -> Lens:
    """A drawing of `y` over `x`, one series for each column of `y` and each group of `split`.

    Parameters
    ----------
    across
        Lines for limits and reference values; a line without data is not drawn.
    colours
        Label of a column of `y` -> its colour.
    """
    grouping = (split, x) if split else (x,)
    data = Layer(_DATA, view, (*grouping, *y))
    drawn: list[dict[str, Any]] = [
        {
            "layerId": _DATA,
            "layerType": "data",
            "seriesType": series,
            "position": "top",
            "showGridlines": False,
            "xAccessor": data.id_of(x.label),
            "accessors": [data.id_of(column.label) for column in y],
            "yConfig": [
                {"forAccessor": data.id_of(label), "axisMode": "left", "color": colour}
                for label, colour in (colours or {}).items()
            ],
        }
    ]
    if split:
        drawn[0]["splitAccessor"] = data.id_of(split.label)
    layers = [data]
    if across:
        lines = Layer(_ACROSS, view, tuple(line.column for line in across))
        layers.append(lines)
        drawn.append(_lines(lines, across))
    return Lens(title, description, "lnsXY", _state(series, drawn), tuple(layers), where)


def _lines(layer: Layer, across: Sequence[Across]) -> dict[str, Any]:
    config = [
        {
            "forAccessor": layer.id_of(line.column.label),
            "axisMode": "left",
            "color": line.colour,
            "lineStyle": line.style,
            "lineWidth": 2,
            "fill": "none",
            "textVisibility": True,
        }
        for line in across
    ]
    return {"layerId": layer.name, "layerType": "referenceLine", "accessors": list(layer.ids), "yConfig": config}


def _state(series: Series, layers: list[dict[str, Any]]) -> dict[str, Any]:
    shown = {"x": True, "yLeft": True, "yRight": True}
    return {
        "legend": {"isVisible": True, "position": "bottom", "showSingleSeries": True},
        "valueLabels": "hide",
        "fittingFunction": "Linear",
        "emphasizeFitting": True,
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": False},
        "tickLabelsVisibilitySettings": shown,
        "labelsOrientation": {"x": 0, "yLeft": 0, "yRight": 0},
        "gridlinesVisibilitySettings": {"x": False, "yLeft": True, "yRight": False},
        "preferredSeriesType": series,
        "layers": layers,
    }
