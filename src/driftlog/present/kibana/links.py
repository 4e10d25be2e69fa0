"""A row of links between the dashboards; the time range and the filters go along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from driftlog.present.kibana.ids import reference


@dataclass(frozen=True, slots=True)
class Links:
    """Links to dashboards: name -> shown text."""

    targets: tuple[tuple[str, str], ...]

    kind = "links"
    title = ""
    description = ""
    views: frozenset[str] = frozenset()

    def references(self, prefix: str) -> list[dict[str, str]]:
        return [reference(prefix, "dashboard", name, named=_named(name)) for name, _ in self.targets]

    def config(self) -> dict[str, Any]:
        links = [
            {
                "type": "dashboardLink",
                "id": f"to-{name}",
                "label": shown,
                "order": place,
                "destinationRefName": _named(name),
            }
            for place, (name, shown) in enumerate(self.targets)
        ]
        return {"attributes": {"layout": "horizontal", "links": links}}


def _named(name: str) -> str:
    return f"link_to-{name}_dashboard"
