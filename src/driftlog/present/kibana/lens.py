"""A Lens panel: its layers, and how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from driftlog.present.kibana.layer import Layer

KUERY: Final = "kuery"
GREEN: Final = "#209280"
YELLOW: Final = "#d6bf57"
RED: Final = "#cc5642"
BLUE: Final = "#6092c0"


@dataclass(frozen=True, slots=True)
class Lens:
    """A panel.

    Attributes
    ----------
    description
        What it shows, and what to do when it is red.
    drawn_as
        Lens' name of the drawing: ``lnsXY``, ``lnsMetric``, ``lnsHeatmap``, ``lnsDatatable``.
    visualization
        The drawing's own state.
    where
        KQL that every document has to fit.
    """

    title: str
    description: str
    drawn_as: str
    visualization: Mapping[str, Any]
    layers: tuple[Layer, ...]
    where: str = ""

    @property
    def views(self) -> frozenset[str]:
        return frozenset(layer.view for layer in self.layers)

    def references(self, prefix: str) -> list[dict[str, str]]:
        return [layer.reference(prefix) for layer in self.layers]

    def attributes(self, prefix: str) -> dict[str, Any]:
        """As a dashboard keeps it by value."""
        layers = {layer.name: layer.saved() for layer in self.layers}
        return {
            "title": self.title,
            "description": self.description,
            "visualizationType": self.drawn_as,
            "type": "lens",
            "references": self.references(prefix),
            "state": {
                "visualization": dict(self.visualization),
                "query": {"query": self.where, "language": KUERY},
                "filters": [],
                "datasourceStates": {"formBased": {"layers": layers}, "textBased": {"layers": {}}},
                "internalReferences": [],
                "adHocDataViews": {},
            },
        }
