"""A panel of a dashboard, and rows of panels on its grid of 48 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from driftlog.present.kibana.drilldown import Drilldown
from driftlog.present.kibana.embedded import Embedded
from driftlog.present.kibana.ids import reference
from driftlog.present.kibana.lens import Lens
from driftlog.present.kibana.links import Links
from driftlog.present.kibana.markdown import Markdown

GRID: Final = 48
PANEL_VERSION: Final = "8.9.0"
Content = Lens | Markdown | Links | Embedded


@dataclass(frozen=True, slots=True)
class Panel:
    """Something drawn on a dashboard; `name` tells it apart there."""

    name: str
    content: Content
    drilldowns: tuple[Drilldown, ...] = ()

    def saved(self, prefix: str, place: tuple[int, int, int, int]) -> dict[str, Any]:
        """As the dashboard keeps it, at (x, y, width, height)."""
        x, y, width, height = place
        content = self.content
        made: dict[str, Any] = {
            "type": "lens" if isinstance(content, Lens) else content.kind,
            "panelIndex": self.name,
            "gridData": {"x": x, "y": y, "w": width, "h": height, "i": self.name},
            "version": PANEL_VERSION,
            "embeddableConfig": self._config(prefix),
        }
        if content.title:
            made["title"] = content.title
        if isinstance(content, Embedded):
            made["panelRefName"] = f"panel_{self.name}"
        return made

    def _config(self, prefix: str) -> dict[str, Any]:
        content = self.content
        inner = {"attributes": content.attributes(prefix)} if isinstance(content, Lens) else content.config()
        events = [drilldown.event() for drilldown in self.drilldowns]
        config = {**inner, "enhancements": {"dynamicActions": {"events": events}} if events else {}}
        if content.description:
            config["description"] = content.description
        config["hidePanelTitles"] = not content.title
        return config

    def references(self, prefix: str) -> list[dict[str, str]]:
        """Of the dashboard, each under a name that starts with the panel's."""
        pointers = self.content.references(prefix) if isinstance(self.content, Lens | Links) else []
        for drilldown in self.drilldowns:
            pointers += drilldown.references(prefix)
        if isinstance(self.content, Embedded):
            pointers.append(reference(prefix, "search", self.content.search.name, named=f"panel_{self.name}"))
        return [pointer | {"name": f"{self.name}:{pointer['name']}"} for pointer in pointers]


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side; without `widths` they share the row equally."""

    height: int
    panels: tuple[Panel, ...]
    widths: tuple[int, ...] = ()

    def spans(self) -> tuple[int, ...]:
        """Width of each panel.

        Raises
        ------
        ValueError
            They do not fill the row.
        """
        n = len(self.panels)
        widths = self.widths or tuple(GRID // n + (place < GRID % n) for place in range(n))
        if len(widths) != n or sum(widths) != GRID or min(widths) < 1:
            raise ValueError(f"{n} panels of widths {widths} do not fill a row of {GRID}")
        return widths


def placed(rows: Sequence[Row]) -> Iterator[tuple[Panel, tuple[int, int, int, int]]]:
    """Each panel with its (x, y, width, height), rows below each other."""
    y = 0
    for row in rows:
        x = 0
        for panel, width in zip(row.panels, row.spans(), strict=True):
            yield panel, (x, y, width, row.height)
            x += width
        y += row.height
