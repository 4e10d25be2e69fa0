"""The files of `index_templates/` as values, under the prefix of an installation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from driftlog.contract.errors import ConfigError
from driftlog.contract.names import check_prefix
from driftlog.store.values import Document

FOLDER: Final = "index_templates"
_FILE_PREFIX: Final = "driftlog-"


@dataclass(frozen=True, slots=True)
class Template:
    """One component or index template.

    Attributes
    ----------
    body
        As Elasticsearch takes it, ``_meta.digest`` (of the file and the prefix) included.
    version
        ``_meta.version``: counted up in the file when its mappings change.
    """

    name: str
    kind: Literal["component", "index"]
    body: Document
    version: int
    digest: str

    @property
    def path(self) -> str:
        return f"/_{self.kind}_template/{self.name}"


def folder() -> Traversable:
    """Where the files are: inside the installed package, or at the top of the source tree.

    Raises
    ------
    ConfigError
        Neither is there.
    """
    packaged = files("driftlog").joinpath("assets", FOLDER)
    source = Path(__file__).resolve().parents[3] / FOLDER
    for place in (packaged, source):
        if place.is_dir():
            return place
    raise ConfigError(
        f"the index templates are neither in {packaged} nor in {source}",
        remedy="install driftlog again, or run it from its source tree",
    )


@lru_cache(maxsize=8)
def load(prefix: str) -> tuple[Template, ...]:
    """All templates for `prefix`, components first, then by name."""
    check_prefix(prefix)
    found = [_template(entry, prefix) for entry in folder().iterdir() if entry.name.endswith(".json")]
    return tuple(sorted(found, key=lambda template: (template.kind, template.name)))


def _template(entry: Traversable, prefix: str) -> Template:
    text = entry.read_bytes()
    body = msgspec.json.decode(text)
    own = f"{prefix}-"
    for key in ("index_patterns", "composed_of"):
        if key in body:
            body[key] = [own + name.removeprefix(_FILE_PREFIX) for name in body[key]]
    digest = hashlib.blake2b(text, digest_size=8, key=prefix.encode()).hexdigest()
    body["_meta"] |= {"digest": digest}
    return Template(
        name=own + entry.name.removesuffix(".json").removeprefix(_FILE_PREFIX),
        kind="index" if "index_patterns" in body else "component",
        body=body,
        version=int(body["_meta"]["version"]),
        digest=digest,
    )


def composed_mappings(template: Template, templates: tuple[Template, ...]) -> Document:
    """Mappings that an index of `template` gets: its components' in order, then its own on top."""
    components = {candidate.name: candidate for candidate in templates if candidate.kind == "component"}
    merged: Document = {}
    for part in [*(components[name] for name in template.body.get("composed_of", [])), template]:
        merged = _merged(merged, part.body.get("template", {}).get("mappings", {}))
    return merged


def field_names(mappings: Document, *, parent: str = "") -> set[str]:
    """Dotted names of all mapped fields; open and disabled objects count as one field.

    >>> sorted(field_names({"properties": {"a": {"properties": {"b": {"type": "long"}}}, "c": {"type": "object"}}}))
    ['a.b', 'c']
    """
    names: set[str] = set()
    for name, mapping in mappings.get("properties", {}).items():
        dotted = f"{parent}{name}"
        names |= field_names(mapping, parent=f"{dotted}.") if "properties" in mapping else {dotted}
    return names


def _merged(a: Document, b: Document) -> Document:
    result: dict[str, Any] = dict(a)
    for key, value in b.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
