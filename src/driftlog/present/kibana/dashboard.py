"""A dashboard: rows of panels, and what follows from them: references, controls, places."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from driftlog.present.kibana.control import control_group, control_references, controls_of
from driftlog.present.kibana.ids import object_id
from driftlog.present.kibana.panel import Row, placed
from driftlog.present.kibana.tag import tag_reference


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard.

    Attributes
    ----------
    since
        Time range it opens with, up to now.
    refresh_s
        Seconds between refreshes; 0: it stands still.
    """

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]
    since: str = "now-30d"
    refresh_s: int = 0

    @property
    def views(self) -> frozenset[str]:
        """Data views that its panels look at."""
        return frozenset().union(*(panel.content.views for row in self.rows for panel in row.panels))

    def saved_object(self, prefix: str) -> dict[str, Any]:
        panels = list(placed(self.rows))
        controls = controls_of(self.views)
        source = {"query": {"query": "", "language": "kuery"}, "filter": []}
        options = {
            "useMargins": True,
            "syncColors": False,
            "syncCursor": True,
            "syncTooltips": False,
            "hidePanelTitles": False,
        }
        attributes = {
            "title": f"{prefix}: {self.title}",
            "description": self.description,
            "panelsJSON": json.dumps([panel.saved(prefix, place) for panel, place in panels]),
            "optionsJSON": json.dumps(options),
            "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
            "timeRestore": True,
            "timeFrom": self.since,
            "timeTo": "now",
            "refreshInterval": {"pause": not self.refresh_s, "value": self.refresh_s * 1000 or 60_000},
            "version": 1,
        }
        if controls:
            attributes["controlGroupInput"] = control_group(controls)
        pointers = [pointer for panel, _ in panels for pointer in panel.references(prefix)]
        return {
            "type": "dashboard",
            "id": object_id(prefix, "dashboard", self.name),
            "attributes": attributes,
            "references": [*pointers, *control_references(prefix, controls), tag_reference(prefix)],
            "coreMigrationVersion": "8.8.0",
            "typeMigrationVersion": "10.2.0",
            "managed": False,
        }
