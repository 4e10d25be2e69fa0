"""One data view: a pattern over indices, its time field, and how its fields are written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from driftlog.contract.names import IndexNames
from driftlog.present.kibana.formats import Format
from driftlog.present.kibana.ids import object_id


@dataclass(frozen=True, slots=True)
class View:
    """A data view.

    Attributes
    ----------
    kind
        Kind of index it looks at.
    time
        Field the time picker filters by; empty: it shows everything, whatever the time.
    dimensions
        Of the fields that controls filter by, those that its documents fill.
    """

    name: str
    kind: str
    shown: str
    time: str = "@timestamp"
    formats: Mapping[str, Format] = field(default_factory=dict)
    dimensions: tuple[str, ...] = ()

    def pattern(self, prefix: str) -> str:
        """Pattern over the indices.

        >>> View("results", "results", "results").pattern("driftlog")
        'driftlog-results.*'
        """
        names = IndexNames(prefix)
        whole = {"predictions": names.all_predictions(), "alerts": names.alerts, "audit": names.audit}
        return whole.get(self.kind) or names.every(self.kind)

    def saved_object(self, prefix: str) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            "title": self.pattern(prefix),
            "name": f"{prefix} {self.shown}",
            "fields": "[]",
            "fieldFormatMap": json.dumps(dict(self.formats), sort_keys=True),
            "fieldAttrs": "{}",
            "runtimeFieldMap": "{}",
            "sourceFilters": "[]",
        }
        if self.time:
            attributes["timeFieldName"] = self.time
        return {
            "type": "index-pattern",
            "id": object_id(prefix, "view", self.name),
            "attributes": attributes,
            "references": [],
            "coreMigrationVersion": "8.8.0",
            "typeMigrationVersion": "8.0.0",
            "managed": False,
        }
