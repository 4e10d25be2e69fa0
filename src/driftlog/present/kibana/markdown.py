"""A panel with text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Markdown:
    """Text for people."""

    text: str

    kind = "visualization"
    title = ""
    description = ""
    views: frozenset[str] = frozenset()

    def config(self) -> dict[str, Any]:
        data = {"aggs": [], "searchSource": {"query": {"query": "", "language": "kuery"}, "filter": []}}
        params = {"fontSize": 12, "openLinksInNewTab": False, "markdown": self.text}
        return {
            "savedVis": {
                "id": "",
                "title": "",
                "description": "",
                "type": "markdown",
                "params": params,
                "uiState": {},
                "data": data,
            }
        }
