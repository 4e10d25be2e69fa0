"""What an index that is there lacks of its template: fields that can be added now, and what waits for the next period.

Elasticsearch adds fields to an index at any time. It changes few parameters of one that is there, and no type: a new
type holds from the next period on, whose index is made by the new template. An index without periods (alerts, audit,
models, references, state) keeps the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from driftlog.store.templates_diff import plain_mappings
from driftlog.store.values import Document

CHANGEABLE: Final = frozenset({"ignore_above", "ignore_malformed", "dynamic"})
"""Parameters of a field that Elasticsearch changes in an index that is there."""


@dataclass(frozen=True, slots=True)
class MappingGap:
    """What an index lacks.

    Attributes
    ----------
    added
        Fields (or parameters of fields) that can be added now.
    waits
        Fields whose type or storage differs, as ``field: old -> new``.
    body
        What adds the one and leaves the other alone.
    """

    added: tuple[str, ...]
    waits: tuple[str, ...]
    body: Document


def mapping_gap(wanted: Document, live: Document) -> MappingGap:
    """Compare the mapping of an index with what its templates say.

    >>> old = {"properties": {"a": {"type": "keyword"}}}
    >>> gap = mapping_gap({"properties": {"a": {"type": "long"}, "b": {"type": "date"}}}, old)
    >>> gap.added, gap.waits, gap.body
    (('b',), ('a: type keyword -> long',), {'properties': {'b': {'type': 'date'}}})
    """
    added: list[str] = []
    waits: list[str] = []
    body = {key: value for key, value in wanted.items() if key != "properties"}
    for key, value in body.items():
        if plain_mappings({key: value}) != plain_mappings({key: live.get(key, _DEFAULTS.get(key))}):
            added.append(key)
    properties = _missing(wanted.get("properties", {}), live.get("properties", {}), "", added, waits)
    if properties:
        body["properties"] = properties
    return MappingGap(tuple(added), tuple(waits), body)


_UNSAID: Final[Mapping[str, str]] = {
    "type": "object",
    "dynamic": "inherited",
    "index": "true",
    "doc_values": "true",
    "norms": "true",
    "enabled": "true",
    "subobjects": "true",
    "ignore_malformed": "false",
}
_DEFAULTS: Final[Mapping[str, Any]] = {"date_detection": True, "numeric_detection": False, "dynamic": True}


def _missing(
    wanted: Mapping[str, Document], live: Mapping[str, Document], parent: str, added: list[str], waits: list[str]
) -> dict[str, Document]:
    """The part of `wanted` that can be put now, only what is new."""
    found: dict[str, Document] = {}
    for name, mapping in wanted.items():
        path = f"{parent}{name}"
        if name not in live:
            added.append(path)
            found[name] = mapping
            continue
        differing = _differing(mapping, live[name])
        fixed = sorted(differing - CHANGEABLE)
        if fixed:
            waits.append(f"{path}: {', '.join(_told(key, live[name], mapping) for key in fixed)}")
            continue
        added += [f"{path} ({key})" for key in sorted(differing)]
        part: Document = {}
        for group in ("properties", "fields"):
            inner = _missing(mapping.get(group, {}), live[name].get(group, {}), f"{path}.", added, waits)
            if inner:
                part[group] = inner
        if differing or part:
            found[name] = {key: value for key, value in mapping.items() if key not in ("properties", "fields")} | part
    return found


def _differing(wanted: Document, live: Document) -> set[str]:
    keys = (wanted.keys() | live.keys()) - {"properties", "fields"}
    return {key for key in keys if _value(wanted, key) != _value(live, key)}


def _value(mapping: Document, key: str) -> str:
    """As text; what is not said is Elasticsearch's default."""
    if key == "doc_values" and mapping.get("type") == "binary":
        return str(mapping.get(key, False)).lower()
    return str(mapping.get(key, _UNSAID.get(key, "none"))).lower()


def _told(key: str, live: Document, wanted: Document) -> str:
    return f"{key} {_value(live, key)} -> {_value(wanted, key)}"
