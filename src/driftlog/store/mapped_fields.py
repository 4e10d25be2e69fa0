"""Where the fields of an event are in a user's index, under which type, and how a search has to name them.

What is stored as another type than driftlog reads it as (text where a number is needed, one type in March and another
in April) becomes a runtime field without a script: Elasticsearch then reads it from the documents themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import ModelSettings
from driftlog.contract.source import (
    DURATION,
    INGESTED,
    OPEN,
    OUTCOME,
    TIMESTAMP,
    UNIT_NS,
    FieldSource,
    Kind,
    kind_of,
)

Document = dict[str, Any]
Capabilities = Mapping[str, Mapping[str, Mapping[str, Any]]]

NUMBERS: Final = frozenset(
    ("long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long")
)
WORDS: Final = frozenset({"keyword", "constant_keyword", "wildcard", "version", "ip", "flattened"})
TEXTS: Final = frozenset({"text", "match_only_text"})
DATES: Final = frozenset({"date", "date_nanos"})
OBJECTS: Final = frozenset({"object", "nested", "flattened"})
RUNTIME: Final[dict[Kind, str]] = {"number": "double", "keyword": "keyword", "boolean": "boolean", "date": "date"}
ABSENT: Final = "driftlog.not_mapped."
"""Start of names that no index has: what the mapping does not say is missing everywhere."""


@dataclass(frozen=True, slots=True)
class Found:
    """One field of an event in a user's index.

    Attributes
    ----------
    path
        Its dotted name in the documents; empty: the mapping does not say where it is.
    asked
        Its name in searches: the path, or its ``.keyword``.
    kind
        What it is read as.
    stored
        Types it is stored as.
    runtime
        Whether it is read from the documents.
    """

    path: str
    asked: str
    kind: Kind
    stored: tuple[str, ...] = ()
    runtime: bool = False
    unit: float = 1.0
    failure: tuple[str, ...] = ()


@dataclass(slots=True)
class SourceFields:
    """The fields of one model's source.

    Parameters
    ----------
    settings
        With a `source` that names an index.
    capabilities
        ``fields`` of the answer to ``_field_caps``.
    """

    settings: ModelSettings
    capabilities: Capabilities
    _found: dict[str, Found] = field(default_factory=dict)

    def find(self, name: str) -> Found:
        """Where `name`, a field of an event, is.

        Raises
        ------
        ConfigError
            It is an array of objects (``nested``), or an object, and cannot be counted.
        """
        if name not in self._found:
            self._found[name] = self._resolve(name)
        return self._found[name]

    @property
    def has_ingested(self) -> bool:
        """Whether documents say when they arrived."""
        return any(each.name == INGESTED for each in self.settings.source.fields)

    def mapped(self) -> tuple[FieldSource, ...]:
        """The mapping: each line that names one field, and whole objects as what they hold."""
        lines: dict[str, FieldSource] = {}
        for line in self.settings.source.fields:
            if line.name.endswith(".*"):
                for path in self._members(line.path[:-1]):
                    name = line.name[:-1] + path.removeprefix(line.path[:-1])
                    lines.setdefault(name, FieldSource(name=name, path=path, type=line.type))
            else:
                lines[line.name] = line
        return tuple(lines.values())

    def _members(self, start: str) -> list[str]:
        """Fields below an object; sub-fields of text, and what lies in arrays of objects, left out."""
        found = []
        for path, types in self.capabilities.items():
            parent = path.rpartition(".")[0]
            if not path.startswith(start) or not set(types) - {"object", "nested", "unmapped"}:
                continue
            if set(self.capabilities.get(parent, {})) - {"object", "nested", "unmapped"} or self._nested(path):
                continue
            found.append(path)
        return sorted(found)

    def _nested(self, path: str) -> str:
        parts = path.split(".")
        above = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
        return next((each for each in above if "nested" in self.capabilities.get(each, {})), "")

    def _line(self, name: str) -> FieldSource | None:
        lines = self.settings.source.fields
        exact = next((line for line in lines if line.name == name), None)
        if exact is not None:
            return exact
        if name == INGESTED:
            return next((line for line in lines if line.name == TIMESTAMP), None)
        for line in lines:
            if line.name.endswith(".*") and name.startswith(line.name[:-1]) and name != line.name[:-1]:
                return FieldSource(name=name, path=line.path[:-1] + name.removeprefix(line.name[:-1]), type=line.type)
        return None

    def _resolve(self, name: str) -> Found:
        line = self._line(name)
        if line is None:
            return Found("", ABSENT + name, kind_of(name) or "keyword")
        nested = self._nested(line.path)
        stored = set(self.capabilities.get(line.path, {})) - {"unmapped"}
        if nested or stored == {"object"}:
            what = "an array of objects (type nested)" if nested else "an object, not a value"
            raise ConfigError(
                f"{line.path} is {what} in {self.settings.source.index}: it has no one value a prediction",
                path=f"models.{self.settings.name}.source.fields.{name}",
                value=line.path,
                remedy="map a field that holds one value, or write it into one where the events are made",
            )
        stored -= {"object"}
        wanted: Kind | None = line.type if line.type != "auto" else kind_of(name)
        kind = wanted or _settled(stored)
        asked, runtime = self._named(line, kind, stored)
        unit = UNIT_NS[line.unit] if name == DURATION else 1.0
        failure = line.failure if name == OUTCOME else ()
        return Found(line.path, asked, kind, tuple(sorted(stored)), runtime, unit, failure)

    def _named(self, line: FieldSource, kind: Kind, stored: set[str]) -> tuple[str, bool]:
        """(name in searches, whether it has to be read from the documents)."""
        if not stored:
            inside = self.in_flattened(line.path)
            return line.path, (kind != "keyword" if inside else line.type != "auto")
        if kind in ("number", "date"):
            return line.path, not stored <= (NUMBERS if kind == "number" else DATES)
        if kind == "boolean" or stored <= WORDS or stored <= NUMBERS or stored <= {"boolean"}:
            return line.path, False
        if stored <= TEXTS and set(self.capabilities.get(f"{line.path}.keyword", {})) - {"unmapped"} == {"keyword"}:
            text, word = (self._indices(path) for path in (line.path, f"{line.path}.keyword"))
            if text == word:
                return f"{line.path}.keyword", False
        return line.path, True

    def _indices(self, path: str) -> set[str] | None:
        """Indices that have a field, None: all of them."""
        named = [types.get("indices") for name, types in self.capabilities[path].items() if name != "unmapped"]
        found = {index for indices in named if indices for index in indices}
        return found or None

    def in_documents(self, path: str) -> str:
        """The name a field has in the documents: ``status`` for ``status.keyword``."""
        parent = path.rpartition(".")[0]
        return parent if set(self.capabilities.get(parent, {})) - {*OBJECTS, "unmapped"} else path

    def in_flattened(self, path: str) -> bool:
        """Whether a field lies in an object of type flattened, where everything is a word."""
        parts = path.split(".")
        above = [".".join(parts[:end]) for end in range(1, len(parts))]
        return any("flattened" in self.capabilities.get(each, {}) for each in above)

    def runtime_mapping(self, found: Found) -> Document:
        """The runtime field that reads it."""
        kind = RUNTIME[found.kind]
        if found.kind == "date":
            return {"type": kind, "format": self.settings.source.time_format}
        return {"type": kind}

    def requested(self, name: str) -> list[str]:
        """Paths in the documents that hold `name`, a field or a group of them such as ``features``."""
        if kind_of(name) is not None or any(name.startswith(prefix) for prefix in OPEN):
            path = self.find(name).path
            return [path] if path else []
        inside = [line.path for line in self.settings.source.fields if line.name.startswith(f"{name}.")]
        return [path.removesuffix(".*") for path in inside]


def _settled(stored: set[str]) -> Kind:
    """What a feature is read as: a number as soon as one index holds it as one.

    >>> _settled({"long", "text"}), _settled({"keyword"}), _settled({"boolean"})
    ('number', 'keyword', 'boolean')
    """
    if stored & NUMBERS:
        return "number"
    return "boolean" if stored == {"boolean"} else "keyword"


def capability_fields(settings: ModelSettings) -> list[str]:
    """Fields to ask ``_field_caps`` about: the mapped ones, those above them, and what they hold."""
    wanted: dict[str, None] = {}
    for line in settings.source.fields:
        parts = line.path.removesuffix(".*").split(".")
        wanted |= dict.fromkeys(".".join(parts[:end]) for end in range(1, len(parts) + 1))
        wanted[f"{'.'.join(parts)}.{'*' if line.path.endswith('.*') else 'keyword'}"] = None
    return list(wanted)
