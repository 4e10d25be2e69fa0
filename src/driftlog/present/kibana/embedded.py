"""A saved search shown inside a dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from driftlog.present.kibana.search import Search


@dataclass(frozen=True, slots=True)
class Embedded:
    """The saved search by reference; its title opens it in Discover."""

    search: Search

    kind = "search"

    @property
    def title(self) -> str:
        return self.search.title[:1].upper() + self.search.title[1:]

    @property
    def description(self) -> str:
        return self.search.description

    @property
    def views(self) -> frozenset[str]:
        return frozenset({self.search.view})

    def config(self) -> dict[str, Any]:
        return {}
