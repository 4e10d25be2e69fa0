"""Component and index templates: what would change, install, check.

Installing is idempotent: a template is written when it is absent, or when its content differs from this driftlog's
and it does not come from a newer one. Indices that are there get the fields they lack; documents stay as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from driftlog.contract.errors import StoreNotFound, StoreRejected, TemplatesMissing
from driftlog.store.client import Store
from driftlog.store.ownership import belongs, kind_of
from driftlog.store.template_files import Template, composed_mappings, load
from driftlog.store.templates_diff import template_diff
from driftlog.store.templates_mapping import mapping_gap
from driftlog.store.values import Document

log = logging.getLogger("driftlog.store")

Installed = Mapping[tuple[str, str], Document]


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """What `install` does (`plan`: would do) with one template; kind ``mapping`` is an index that is there already.

    Attributes
    ----------
    action
        ``waits``: an index whose template has other types than its documents; they hold from its next period on.
    diff
        Of an updated template: unified, from the installed one to this.
    added
        Of an index: fields that are added.
    waits
        Of an index: fields that stay as they are.
    """

    name: str
    kind: Literal["component", "index", "mapping"]
    action: Literal["create", "update", "unchanged", "waits"]
    diff: str = ""
    added: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    change: TemplateChange
    path: str
    body: Document


def plan(store: Store) -> list[TemplateChange]:
    """What `install` would do, in the order it would do it; indices that lack nothing are left out."""
    return [step.change for step in _steps(store)]


def install(store: Store) -> list[TemplateChange]:
    """Write what `plan` lists; return what was done.

    Raises
    ------
    StoreRejected
        Elasticsearch refuses a template; those before it are installed, running again is safe.
    """
    return [_done(store, step) for step in _steps(store)]


def _done(store: Store, step: _Step) -> TemplateChange:
    change = step.change
    if change.action not in ("create", "update"):
        return change
    try:
        store.request("PUT", step.path, body=step.body, repeat=True)
    except StoreNotFound:
        if change.kind != "mapping":
            raise
        log.info("%s was dropped meanwhile", change.name)
    except StoreRejected as error:
        if change.kind != "mapping":
            raise
        return replace(change, action="waits", added=(), waits=(*change.waits, error.message))
    return change


def _steps(store: Store) -> list[_Step]:
    templates = load(store.names.prefix)
    installed = _installed(store)
    steps = [_Step(_template_change(t, installed.get((t.kind, t.name))), t.path, t.body) for t in templates]
    return steps + _mapping_steps(store, templates, installed)


def _template_change(template: Template, installed: Document | None) -> TemplateChange:
    action = _action(template, None if installed is None else installed.get("_meta", {}))
    diff = ""
    if action == "update" and installed is not None:
        diff = template_diff(template.name, installed, template.body)
    return TemplateChange(template.name, template.kind, action, diff)


def _mapping_steps(store: Store, templates: Sequence[Template], installed: Installed) -> list[_Step]:
    """Indices that lack something of their template. A newer driftlog's are left to it."""
    prefix = store.names.prefix
    newer = {t.name for t in templates if _version(installed.get((t.kind, t.name), {}).get("_meta", {})) > t.version}
    wanted: dict[str, Document] = {}
    for template in templates:
        if template.kind == "index" and not newer & {template.name, *template.body.get("composed_of", [])}:
            wanted[template.name.removeprefix(f"{prefix}-")] = composed_mappings(template, tuple(templates))
    steps = []
    for index, mapping in _live_mappings(store):
        kind = kind_of(index, prefix)
        if kind not in wanted:
            continue
        gap = mapping_gap(wanted[kind], mapping)
        if gap.added or gap.waits:
            action: Literal["update", "waits"] = "update" if gap.added else "waits"
            change = TemplateChange(index, "mapping", action, added=gap.added, waits=gap.waits)
            steps.append(_Step(change, f"/{index}/_mapping", gap.body))
    return steps


def _live_mappings(store: Store) -> list[tuple[str, Document]]:
    params = {"ignore_unavailable": "true", "allow_no_indices": "true"}
    answer: dict[str, Any] = store.request("GET", f"/{store.names.everything}/_mapping", params=params)
    own = (name for name in sorted(answer) if belongs(name, store.names.prefix))
    return [(name, answer[name]["mappings"]) for name in own]


def check(store: Store) -> None:
    """Return when every template is there, in this version or a newer one.

    Raises
    ------
    TemplatesMissing
        Some are absent or older; writing now would create indices with wrong mappings.
    """
    installed = _installed(store, only_meta=True)
    missing: list[str] = []
    for template in load(store.names.prefix):
        found = installed.get((template.kind, template.name))
        if found is None:
            missing.append(template.name)
        elif (version := _version(found.get("_meta", {}))) < template.version:
            missing.append(f"{template.name} (version {version}, needed {template.version})")
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


def _installed(store: Store, *, only_meta: bool = False) -> dict[tuple[str, str], Document]:
    """This prefix's installed templates by kind and name."""
    found: dict[tuple[str, str], Document] = {}
    answers = (
        ("component", "component_templates", "component_template"),
        ("index", "index_templates", "index_template"),
    )
    for kind, plural, singular in answers:
        path = f"/_{kind}_template/{store.names.prefix}-*"
        part = "._meta" if only_meta else ""
        params = {"filter_path": f"{plural}.name,{plural}.{singular}{part}"}
        try:
            entries = store.request("GET", path, params=params).get(plural, [])
        except StoreNotFound:  # how a pattern without a match is answered
            continue
        for entry in entries:
            found[kind, entry["name"]] = entry.get(singular, {})
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
