"""Component and index templates: what would change, install, check.

Installing is idempotent: a template is written when it is absent, or when its content differs from this driftlog's
and it does not come from a newer one. Indices that exist already get the new fields too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from driftlog.contract.errors import StoreNotFound, TemplatesMissing
from driftlog.store.client import Store
from driftlog.store.template_files import Template, composed_mappings, load
from driftlog.store.values import Document


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """What `install` does (`plan`: would do) with one template; kind ``mapping`` is an index that exists already."""

    name: str
    kind: Literal["component", "index", "mapping"]
    action: Literal["create", "update", "unchanged"]


def plan(store: Store) -> list[TemplateChange]:
    """What `install` would do, in the order it would do it."""
    templates = load(store.names.prefix)
    installed = _installed(store)
    changes = [TemplateChange(t.name, t.kind, _action(t, installed.get((t.kind, t.name)))) for t in templates]
    if any(change.action == "update" for change in changes):
        changes += [TemplateChange(index.name, "mapping", "update") for index in store.list_indices()]
    return changes


def install(store: Store) -> list[TemplateChange]:
    """Write what `plan` lists; return it.

    Raises
    ------
    StoreRejected
        Elasticsearch refuses a template; those before it are installed, running again is safe.
    """
    changes = plan(store)
    templates = load(store.names.prefix)
    by_key = {(template.kind, template.name): template for template in templates}
    for change in changes:
        if change.action == "unchanged":
            continue
        if change.kind == "mapping":
            _add_fields(store, change.name, templates)
        else:
            template = by_key[change.kind, change.name]
            store.request("PUT", template.path, body=template.body, repeat=True)
    return changes


def check(store: Store) -> None:
    """Return when every template is there, in this version or a newer one.

    Raises
    ------
    TemplatesMissing
        Some are absent or older; writing now would create indices with wrong mappings.
    """
    installed = _installed(store)
    missing: list[str] = []
    for template in load(store.names.prefix):
        meta = installed.get((template.kind, template.name))
        if meta is None:
            missing.append(template.name)
        elif _version(meta) < template.version:
            missing.append(f"{template.name} (version {_version(meta)}, needed {template.version})")
    if missing:
        raise TemplatesMissing(
            f"index templates are absent or too old: {', '.join(missing)}", remedy="run `driftlog setup`"
        )


def uninstall(store: Store) -> list[str]:
    """Remove this prefix's templates (tests, the demo); names of those that were there."""
    removed = []
    for template in reversed(load(store.names.prefix)):
        try:
            store.request("DELETE", template.path, repeat=True)
        except StoreNotFound:
            continue
        removed.append(template.name)
    return removed


def _installed(store: Store) -> dict[tuple[str, str], Document]:
    """``_meta`` of this prefix's installed templates by kind and name."""
    found: dict[tuple[str, str], Document] = {}
    answers = (
        ("component", "component_templates", "component_template"),
        ("index", "index_templates", "index_template"),
    )
    for kind, plural, singular in answers:
        path = f"/_{kind}_template/{store.names.prefix}-*"
        params = {"filter_path": f"{plural}.name,{plural}.{singular}._meta"}
        try:
            entries = store.request("GET", path, params=params).get(plural, [])
        except StoreNotFound:  # how a pattern without a match is answered
            continue
        for entry in entries:
            found[kind, entry["name"]] = entry.get(singular, {}).get("_meta", {})
    return found


def _action(template: Template, meta: Document | None) -> Literal["create", "update", "unchanged"]:
    if meta is None:
        return "create"
    if meta.get("digest") == template.digest or _version(meta) > template.version:
        return "unchanged"
    return "update"


def _version(meta: Document) -> int:
    version = meta.get("version", 0)
    return version if isinstance(version, int) else 0


def _add_fields(store: Store, index: str, templates: tuple[Template, ...]) -> None:
    kind = index.removeprefix(f"{store.names.prefix}-").partition(".")[0]
    template = next(t for t in templates if t.kind == "index" and t.name == f"{store.names.prefix}-{kind}")
    store.request("PUT", f"/{index}/_mapping", body=composed_mappings(template, templates), repeat=True)
