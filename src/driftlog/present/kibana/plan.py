"""What an installation has in a Kibana space, what is there, and so what would be done."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from driftlog.contract.errors import KibanaError
from driftlog.contract.kibana import KibanaSettings
from driftlog.contract.settings import ModelSettings
from driftlog.present.kibana.client import Kibana
from driftlog.present.kibana.compare import (
    connector_differences,
    object_differences,
    rule_differences,
)
from driftlog.present.kibana.conditions import conditions
from driftlog.present.kibana.connectors import Connector, connectors, possible_ids
from driftlog.present.kibana.installed import Objects, read_connectors, read_objects, read_rules
from driftlog.present.kibana.objects import saved_objects
from driftlog.present.kibana.rules import Rule, rules

Body = dict[str, Any]
Part = Literal["dashboards", "connectors", "rules"]
PARTS: Final[tuple[Part, ...]] = ("dashboards", "connectors", "rules")
Action = Literal["create", "update", "unchanged", "remove"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an installation has in one space."""

    prefix: str
    objects: tuple[Body, ...]
    connectors: tuple[Connector, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What is done, or would be, with one object.

    Attributes
    ----------
    part
        Which of `PARTS` it belongs to.
    type
        Of the saved object, connector or rule.
    differences
        What an update changes, one line each.
    """

    part: Part
    type: str
    id: str
    title: str
    action: Action
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What is in the space."""

    objects: Objects
    connectors: dict[str, Body]
    rules: dict[str, Body]


def wanted(prefix: str, settings: KibanaSettings, models: Iterable[ModelSettings] = ()) -> Wanted:
    """Everything of an installation, from its settings."""
    tell = connectors(prefix, settings.space, settings.connectors)
    found = conditions(prefix, settings.rules, models)
    return Wanted(prefix, tuple(saved_objects(prefix)), tell, rules(prefix, settings.space, found, tell))


def plan(kibana: Kibana, want: Wanted, only: Collection[str] = PARTS) -> list[Change]:
    """What `install` would do, and what is there that would no longer be made (``remove``); nothing is changed."""
    return changes_of(read(kibana, want, only), want, kibana.space, only)


def read(kibana: Kibana, want: Wanted, only: Collection[str]) -> Found:
    return Found(
        read_objects(kibana, want.prefix) if "dashboards" in only else Objects(),
        read_connectors(kibana, want.prefix, want.connectors) if {"connectors", "rules"} & set(only) else {},
        read_rules(kibana, want.prefix, want.rules) if "rules" in only else {},
    )


def changes_of(found: Found, want: Wanted, space: str, only: Collection[str]) -> list[Change]:
    changes: list[Change] = []
    if "dashboards" in only:
        changes += _object_changes(found.objects, want)
    if "connectors" in only:
        changes += _connector_changes(found.connectors, want, space)
    if "rules" in only:
        missing = {one.id for one in want.connectors} - found.connectors.keys()
        if missing and "connectors" not in only:
            raise KibanaError(
                "the connectors that the rules use are not there", remedy="install them too: --only connectors,rules"
            )
        changes += _rule_changes(found.rules, want, our_connectors(want, space))
    return changes


def _object_changes(found: Objects, want: Wanted) -> list[Change]:
    changes = []
    for saved in want.objects:
        have = found.ours.get((saved["type"], saved["id"]))
        differ = object_differences(saved, have, found.known) if have is not None else ()
        changes.append(_change("dashboards", saved["type"], saved["id"], _title(saved), have is not None, differ))
    kept = {(saved["type"], saved["id"]) for saved in want.objects}
    gone = [(key, saved) for key, saved in found.ours.items() if key not in kept]
    return changes + [
        Change("dashboards", kind, id, _title(saved), "remove")
        for (kind, id), saved in sorted(gone, key=lambda one: one[0])
    ]


def _connector_changes(found: dict[str, Body], want: Wanted, space: str) -> list[Change]:
    changes = []
    for connector in want.connectors:
        have = found.get(connector.id)
        if not connector.managed:
            _require(connector, have)
            continue
        body = connector.body()
        differ = connector_differences(body, have) if have is not None else ()
        changes.append(
            _change("connectors", body["connector_type_id"], connector.id, connector.title, have is not None, differ)
        )
    kept = {connector.id for connector in want.connectors}
    gone = sorted(found.keys() & possible_ids(want.prefix, space).keys() - kept)
    return changes + [
        Change("connectors", found[id].get("connector_type_id", ""), id, found[id].get("name", ""), "remove")
        for id in gone
    ]


def _require(connector: Connector, have: Body | None) -> None:
    if have is None:
        raise KibanaError(
            f"there is no connector {connector.id!r} in this space",
            remedy="copy its id from Stack Management > Connectors, or take it out of --connector (kibana.connectors)",
        )
    expected = f".{connector.kind}"
    if have.get("connector_type_id") != expected:
        raise KibanaError(
            f"the connector {connector.id!r} is of type {have.get('connector_type_id')}, not {expected}",
            remedy="name one of the right type",
        )


def _rule_changes(found: dict[str, Body], want: Wanted, ours: frozenset[str]) -> list[Change]:
    changes = []
    for rule in want.rules:
        have = found.get(rule.id)
        differ = rule_differences(rule.body, have, ours) if have is not None else ()
        kind, title = rule.body["rule_type_id"], rule.body["name"]
        changes.append(_change("rules", kind, rule.id, title, have is not None, differ))
    gone = sorted(found.keys() - {rule.id for rule in want.rules})
    return changes + [
        Change("rules", found[id].get("rule_type_id", ""), id, found[id].get("name", ""), "remove") for id in gone
    ]


def _change(belongs: Part, kind: str, id: str, title: str, there: bool, differ: Iterable[str]) -> Change:
    lines = tuple(differ)
    action: Action = "create" if not there else "update" if lines else "unchanged"
    return Change(belongs, kind, id, title, action, lines)


def _title(saved: Body) -> str:
    attributes = saved.get("attributes", {})
    return str(attributes.get("name") or attributes.get("title") or saved["id"])


def our_connectors(want: Wanted, space: str) -> frozenset[str]:
    """Connectors whose actions driftlog looks after; those of all others are the user's."""
    return frozenset({one.id for one in want.connectors} | possible_ids(want.prefix, space).keys())
