"""The structs of the contract and the mappings of index_templates/ name the same fields."""

from __future__ import annotations

import types
import typing
from typing import Any, get_args, get_origin

import msgspec
import pytest

from driftlog.contract.events import (
    FeedbackEvent,
    OpinionDocument,
    OutcomeDocument,
    PredictionEvent,
    QuarantinedEvent,
    ResourceEvent,
)
from driftlog.contract.payloads import PayloadDocument
from driftlog.store.template_files import Template, composed_mappings, field_names, load

EVENTS = {
    "predictions": PredictionEvent,
    "feedback": FeedbackEvent,
    "resources": ResourceEvent,
    "quarantine": QuarantinedEvent,
    "outcomes": OutcomeDocument,
    "opinions": OpinionDocument,
    "payloads": PayloadDocument,
}


def struct_fields(struct: type[msgspec.Struct], parent: str = "") -> set[str]:
    """Dotted encoded names of all fields of a struct; dicts are open objects and count as one field."""
    names: set[str] = set()
    hints = typing.get_type_hints(struct)
    for field in msgspec.structs.fields(struct):
        dotted = f"{parent}{field.encode_name}"
        group = _struct_in(hints[field.name])
        names |= struct_fields(group, f"{dotted}.") if group else {dotted}
    return names


def _struct_in(hint: Any) -> type[msgspec.Struct] | None:
    options = get_args(hint) if get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    structs = [option for option in options if isinstance(option, type) and issubclass(option, msgspec.Struct)]
    return structs[0] if structs else None


def mapped_fields(kind: str) -> set[str]:
    templates = load("driftlog")
    (template,) = (t for t in templates if t.kind == "index" and t.name == f"driftlog-{kind}")
    return field_names(composed_mappings(template, templates))


@pytest.mark.parametrize("kind", EVENTS)
def test_event_structs_and_mappings_name_the_same_fields(kind: str) -> None:
    """A field added on one side only is found here, whichever side it is."""
    assert mapped_fields(kind) == struct_fields(EVENTS[kind])


def index_templates() -> list[Template]:
    return [template for template in load("driftlog") if template.kind == "index"]


def test_each_index_template_has_a_priority_of_its_own() -> None:
    """Elasticsearch refuses two overlapping templates of one priority."""
    priorities = [template.body["priority"] for template in index_templates()]

    assert len(set(priorities)) == len(priorities)


@pytest.mark.parametrize("template", index_templates(), ids=lambda template: template.name)
def test_unknown_fields_are_kept_and_not_indexed(template: Template) -> None:
    """Root ``dynamic: false``: no stranger's field can fill a mapping or refuse a document."""
    mappings = composed_mappings(template, load("driftlog"))

    assert (mappings["dynamic"], mappings["date_detection"], mappings["numeric_detection"]) == (False, False, False)


@pytest.mark.parametrize("template", index_templates(), ids=lambda template: template.name)
def test_no_keyword_can_refuse_a_long_value(template: Template) -> None:
    """A keyword without ``ignore_above`` answers 400 to more than 32,766 bytes."""

    def keywords(mapping: dict[str, Any]) -> list[dict[str, Any]]:
        inner = [k for child in mapping.get("properties", {}).values() for k in keywords(child)]
        return inner + ([mapping] if mapping.get("type") == "keyword" else [])

    for keyword in keywords(composed_mappings(template, load("driftlog"))):
        assert "ignore_above" in keyword or keyword.get("index") is False is keyword.get("doc_values")
