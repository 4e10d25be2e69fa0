"""What a click into a panel opens: another dashboard, or the documents in Discover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from driftlog.present.kibana.ids import reference

_DASHBOARD = "DASHBOARD_TO_DASHBOARD_DRILLDOWN"
_DISCOVER = "OPEN_IN_DISCOVER_DRILLDOWN"


@dataclass(frozen=True, slots=True)
class Drilldown:
    """A way on from a panel; without a dashboard it opens the documents behind the click in Discover."""

    shown: str
    dashboard: str = ""

    @property
    def id(self) -> str:
        return f"open-{self.dashboard or 'discover'}"

    def references(self, prefix: str) -> list[dict[str, str]]:
        if not self.dashboard:
            return []
        named = f"drilldown:{_DASHBOARD}:{self.id}:dashboardId"
        return [reference(prefix, "dashboard", self.dashboard, named=named)]

    def event(self) -> dict[str, Any]:
        config: dict[str, Any] = {"openInNewTab": False}
        if self.dashboard:
            config |= {"useCurrentFilters": True, "useCurrentDateRange": True}
        action = {"factoryId": _DASHBOARD if self.dashboard else _DISCOVER, "name": self.shown, "config": config}
        return {"eventId": self.id, "triggers": ["FILTER_TRIGGER"], "action": action}


TO_DOCUMENTS = Drilldown("Show the documents in Discover")


def to_dashboard(name: str, shown: str) -> Drilldown:
    """To the dashboard of that name, with the value clicked on as a filter."""
    return Drilldown(f"Open {shown}", name)
