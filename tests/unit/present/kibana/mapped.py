"""The fields of an index, as the index templates map them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from driftlog.store.template_files import composed_mappings, load

NUMBERS = {"long", "integer", "short", "byte", "double", "float"}
KINDS = {**dict.fromkeys(NUMBERS, "number"), "keyword": "string", "date": "date", "boolean": "boolean", "text": "text"}
"""Type of Elasticsearch -> what Lens calls it."""


@dataclass(frozen=True)
class Mapped:
    """One field: its type, and whether it can be searched and aggregated."""

    type: str
    searchable: bool
    aggregatable: bool

    @property
    def kind(self) -> str:
        return KINDS.get(self.type, self.type)


@lru_cache(maxsize=64)
def fields_of(pattern: str, prefix: str) -> Mapping[str, Mapped]:
    """Fields of the indices that a data view's pattern names; empty where no template makes such indices."""
    templates = load(prefix)
    for template in templates:
        if any(fnmatchcase(pattern, made) or pattern == made for made in template.body.get("index_patterns", [])):
            return dict(_walk(composed_mappings(template, templates), ""))
    return {}


def _walk(mappings: Mapping[str, Any], parent: str) -> Iterator[tuple[str, Mapped]]:
    for name, mapping in mappings.get("properties", {}).items():
        dotted = parent + name
        if "properties" in mapping:
            yield from _walk(mapping, f"{dotted}.")
            continue
        type_ = mapping.get("type", "object")
        values = mapping.get("doc_values", type_ not in {"text", "object", "binary", "flattened"})
        yield dotted, Mapped(type_, mapping.get("index", True) or values, bool(values))
        for inner, more in mapping.get("fields", {}).items():
            yield f"{dotted}.{inner}", Mapped(more["type"], more.get("index", True), more.get("doc_values", True))
