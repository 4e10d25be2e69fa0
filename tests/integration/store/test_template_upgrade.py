"""From the templates of an early version to this one's: no document is lost or changed, new fields work everywhere.

``older_templates`` holds those templates as they were, as far as the kinds below need them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from driftlog.contract.errors import TemplatesMissing
from driftlog.store import template_files
from driftlog.store.client import Store
from driftlog.store.template_files import Template
from driftlog.store.templates import TemplateChange, check, install, plan

pytestmark = pytest.mark.elasticsearch

OLDER = Path(__file__).parent / "older_templates"
MODEL = {"name": "churn", "version": "1"}

OLD: dict[str, dict[str, Any]] = {
    "predictions.churn.2026-03": {
        "@timestamp": "2026-03-03T12:00:00Z",
        "event": {"id": "p1", "outcome": "success"},
        "model": MODEL,
        "features": {"age": 41, "plan": "gold"},
        "prediction": {"task": "binary", "score": 0.25, "label": "no"},
    },
    "results.2026-03": {
        "@timestamp": "2026-03-03T00:00:00Z",
        "model": MODEL,
        "metric": "psi",
        "value": 0.125,
        "revision": 1,
        "details": {"moved": 0.5, "kind": "numbers"},
    },
    "outcomes.2026-03": {
        "@timestamp": "2026-03-03T12:00:00Z",
        "model": MODEL,
        "outcome": {"actual": "no", "score": 0.25},
    },
    "alerts": {"@timestamp": "2026-03-03T00:00:00Z", "model": MODEL, "alert": {"id": "a-1", "status": "open"}},
    "references": {"@timestamp": "2026-03-01T00:00:00Z", "model": MODEL, "kind": "binning", "id": "b"},
    "audit": {"@timestamp": "2026-03-01T00:00:00Z", "sequence": 1, "action": "model.registered", "hash": "h"},
}
"""What that version wrote, by index."""

NEW: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "results.2026-03": ({"metric": "psi", "limit": {"clear": 0.05}}, {"range": {"limit.clear": {"lt": 0.1}}}),
    "outcomes.2026-03": (
        {"outcome": {"source": "survey", "probabilities": {"no": 0.75, "yes": 1}}},
        {"term": {"outcome.source": "survey"}},
    ),
    "alerts": ({"alert": {"handle": "a7", "active": True}}, {"term": {"alert.active": True}}),
    "references": ({"replaced_by": "c"}, {"term": {"replaced_by": "c"}}),
    "audit": ({"sequence": 2, "key": "once"}, {"term": {"key": "once"}}),
}
"""What this version writes besides, and a search that needs its mapping."""


def older(prefix: str, monkeypatch: pytest.MonkeyPatch) -> list[Template]:
    """The early templates under a prefix; components first."""
    with monkeypatch.context() as patch:
        patch.setattr(template_files, "folder", lambda: OLDER)
        return list(template_files.load.__wrapped__(prefix))


@pytest.fixture
def old_store(bare_store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An installation of the early version, with a document in each index."""
    for template in older(bare_store.names.prefix, monkeypatch):
        if template.name.endswith("-results"):
            template = _with_revision_as_word(template)
        bare_store.request("PUT", template.path, body=template.body)
    for name, document in OLD.items():
        bare_store.put(f"{bare_store.names.prefix}-{name}", "old", document, refresh=True)
    return bare_store


def _with_revision_as_word(template: Template) -> Template:
    """A field whose type changes later, which no early version really had."""
    body = msgspec.json.decode(msgspec.json.encode(template.body))
    body["template"]["mappings"]["properties"]["revision"] = {"type": "keyword"}
    return Template(template.name, template.kind, body, template.version, template.digest)


def changes_of(changes: list[TemplateChange], store: Store, kind: str) -> dict[str, TemplateChange]:
    """By name without the prefix; a template and an index may have the same one."""
    prefix = f"{store.names.prefix}-"
    return {change.name.removeprefix(prefix): change for change in changes if change.kind == kind}


def test_an_upgrade_keeps_every_document_and_adds_what_is_new(old_store: Store) -> None:
    """Old documents are read and found as before; new fields are found in old indices and in the next period's."""
    with pytest.raises(TemplatesMissing, match="driftlog setup"):
        check(old_store)
    template = changes_of(plan(old_store), old_store, "index")["outcomes"]
    assert template.action == "update"
    assert '+          "outcome_probabilities": {' in template.diff
    planned = changes_of(plan(old_store), old_store, "mapping")
    assert "outcome.source" in planned["outcomes.2026-03"].added
    assert "alert.handle" in planned["alerts"].added

    install(old_store)

    check(old_store)
    prefix = old_store.names.prefix
    for name, document in OLD.items():
        hit = old_store.get(f"{prefix}-{name}", "old")
        assert hit is not None
        assert hit.source == document
    for name, (document, query) in NEW.items():
        later = name.replace("2026-03", "2026-04")
        for index in {f"{prefix}-{name}", f"{prefix}-{later}"}:
            old_store.put(index, "new", document, refresh=True)
            assert [hit["_id"] for hit in old_store.search(index, {"query": query})["hits"]["hits"]] == ["new"], index
            assert old_store.count(index, {"ids": {"values": ["old", "new"]}}) == (2 if "2026-04" not in index else 1)
    found = old_store.search(f"{prefix}-predictions.*", {"aggs": {"age": {"avg": {"field": "features.age"}}}})
    assert found["aggregations"]["age"]["value"] == 41


def test_a_changed_type_waits_for_the_next_period(old_store: Store) -> None:
    """It is named, by every run; the old index goes on taking documents, the next one has the new type."""
    install(old_store)

    left = [change for change in plan(old_store) if change.action != "unchanged"]
    assert {(change.kind, change.action) for change in left} == {("mapping", "waits")}
    waiting = {change.name: change.waits for change in left}
    assert waiting[f"{old_store.names.prefix}-results.2026-03"] == ("revision: type keyword -> long",)
    prefix = old_store.names.prefix
    for month, sums in (("2026-03", False), ("2026-04", True)):
        index = f"{prefix}-results.{month}"
        old_store.put(index, "new", {"revision": 12}, refresh=True)
        mapping = old_store.request("GET", f"/{index}/_mapping")[index]["mappings"]["properties"]["revision"]
        assert mapping["type"] == ("long" if sums else "keyword")


def test_an_upgrade_that_was_cut_off_is_finished_by_the_next(old_store: Store) -> None:
    """The templates are there already, the indices have not been told."""
    for template in template_files.load(old_store.names.prefix):
        old_store.request("PUT", template.path, body=template.body)

    changed = {change.name for change in install(old_store) if change.action == "update"}

    assert f"{old_store.names.prefix}-outcomes.2026-03" in changed
    assert not [change for change in plan(old_store) if change.action == "update"]


def test_settings_of_storage_hold_from_the_next_period_on(old_store: Store) -> None:
    """An index keeps its codec for life."""
    install(old_store)
    index = old_store.names.prefix + "-outcomes.{}"
    old_store.put(index.format("2026-04"), "x", {"@timestamp": "2026-04-01"})
    codecs = [
        old_store.request("GET", f"/{name}/_settings")[name]["settings"]["index"].get("codec")
        for name in (index.format("2026-03"), index.format("2026-04"))
    ]
    assert codecs == [None, "best_compression"]
