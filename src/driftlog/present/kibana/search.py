"""A saved search: documents as Discover lists them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from driftlog.present.kibana.ids import object_id, reference
from driftlog.present.kibana.tag import tag_reference

_INDEX = "kibanaSavedObjectMeta.searchSourceJSON.index"


@dataclass(frozen=True, slots=True)
class Search:
    """A saved search, sorted by `newest_by` downwards."""

    name: str
    title: str
    description: str
    view: str
    where: str
    columns: tuple[str, ...]
    newest_by: str = "@timestamp"

    def saved_object(self, prefix: str) -> dict[str, Any]:
        source = {
            "query": {"query": self.where, "language": "kuery"},
            "filter": [],
            "highlightAll": True,
            "indexRefName": _INDEX,
        }
        return {
            "type": "search",
            "id": object_id(prefix, "search", self.name),
            "attributes": {
                "title": f"{prefix}: {self.title}",
                "description": self.description,
                "columns": list(self.columns),
                "sort": [[self.newest_by, "desc"]],
                "grid": {},
                "hideChart": False,
                "isTextBasedQuery": False,
                "timeRestore": False,
                "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
            },
            "references": [reference(prefix, "view", self.view, named=_INDEX), tag_reference(prefix)],
            "coreMigrationVersion": "8.8.0",
            "typeMigrationVersion": "10.5.0",
            "managed": False,
        }
