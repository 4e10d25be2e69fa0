"""Installing into Kibana and taking away again; each may be repeated at any time.

Rules use the rights of whoever makes them for as long as they live: they are written only where they differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from driftlog.contract.errors import KibanaError
from driftlog.present.kibana.client import Kibana, part
from driftlog.present.kibana.compare import merged_actions, merged_tags
from driftlog.present.kibana.connectors import Connector, possible_ids
from driftlog.present.kibana.installed import Objects
from driftlog.present.kibana.objects import to_ndjson
from driftlog.present.kibana.plan import PARTS, Change, Found, Wanted, changes_of, our_connectors, read
from driftlog.present.kibana.rules import Rule

Body = dict[str, Any]


def install(
    kibana: Kibana, want: Wanted, only: Collection[str] = PARTS, *, prune: bool = False, again: bool = False
) -> list[Change]:
    """Bring the space to what is wanted.

    Parameters
    ----------
    prune
        Take away what driftlog made once and would not make now.
    again
        Write connectors and rules that do not differ, too: with the secrets and the API key of now.

    Returns
    -------
    list of Change
        All of them, also the unchanged ones. What would only be removed by `prune` is still among them without it.

    Raises
    ------
    KibanaError
        Kibana refuses something; what came before it is installed, and the same call goes on from there.
    """
    found = read(kibana, want, only)
    changes = changes_of(found, want, kibana.space, only)
    due = ("create", "update", "unchanged") if again else ("create", "update")
    todo = {(change.part, change.id) for change in changes if change.action in due}
    if any(change.part == "dashboards" and change.action in ("create", "update") for change in changes):
        _import(kibana, want.objects)
    for connector in want.connectors:
        if connector.managed and ("connectors", connector.id) in todo:
            _put_connector(kibana, connector)
    ours = our_connectors(want, kibana.space)
    for rule in want.rules:
        if ("rules", rule.id) in todo:
            _put_rule(kibana, rule, found.rules.get(rule.id), ours)
    if prune:
        _remove(kibana, [change for change in changes if change.action == "remove"], found.objects)
    return changes


def uninstall(kibana: Kibana, want: Wanted, only: Collection[str] = PARTS, *, dry_run: bool = False) -> list[Change]:
    """Take everything away that driftlog made under this prefix, whether it would make it now or not."""
    bare = Wanted(want.prefix, (), (), ())
    found = read(kibana, want, only)
    made = {id: body for id, body in found.connectors.items() if id in possible_ids(want.prefix, kibana.space)}
    found = Found(found.objects, made, found.rules)
    changes = changes_of(found, bare, kibana.space, only)
    if not dry_run:
        _remove(kibana, changes, found.objects)
    return changes


def _import(kibana: Kibana, objects: Iterable[Body]) -> None:
    """Import all objects; an answer of 200 may still say that it failed."""
    listed = tuple(objects)
    file = to_ndjson(listed).encode()
    answer = kibana.request("POST", "/api/saved_objects/_import", params={"overwrite": "true"}, file=file).body
    if not isinstance(answer, dict) or "success" not in answer:
        raise KibanaError("Kibana's answer to the import says nothing of success", remedy="check the address")
    if answer["success"] is not True:
        said = [_import_error(error) for error in answer.get("errors") or ()]
        raise KibanaError(
            f"Kibana imported {answer.get('successCount', 0)} of {len(listed)} objects: " + "; ".join(said[:10]),
            remedy="what it names is missing or in conflict; Kibana's own log may say more",
        )


def _import_error(error: Body) -> str:
    what = error.get("error") or {}
    lacking = ", ".join(f"{one.get('type')} {one.get('id')}" for one in what.get("references") or ())
    text = f"{error.get('type')} {error.get('id')}: {what.get('type', 'unknown')}"
    return f"{text} ({lacking})" if lacking else f"{text} ({what['message']})" if what.get("message") else text


def _put_connector(kibana: Kibana, connector: Connector) -> None:
    path = f"/api/actions/connector/{part(connector.id)}"
    body = connector.body()
    if kibana.request("POST", path, body=body, expect=(200, 409)).status == 409:
        update = {key: body[key] for key in ("name", "config", "secrets")}
        if kibana.request("PUT", path, body=update, expect=(200, 404)).status == 404:
            raise _elsewhere("connector", connector.id)


def _put_rule(kibana: Kibana, rule: Rule, have: Body | None, ours: frozenset[str]) -> None:
    """Create, or update what is there: whether it is on, muted or snoozed stays as it is, and so do foreign actions."""
    path = f"/api/alerting/rule/{part(rule.id)}"
    if have is None:
        if kibana.request("POST", path, body=rule.body, expect=(200, 409)).status == 200:
            return
        answer = kibana.get(path, expect=(200, 404))
        if answer.status == 404:
            raise _elsewhere("rule", rule.id)
        have = answer.body
    kept = {"actions": merged_actions(rule.body, have, ours), "tags": merged_tags(rule.body, have)}
    update = rule.update() | kept
    kibana.request("PUT", path, body=update)


def _elsewhere(kind: str, id: str) -> KibanaError:
    return KibanaError(
        f"Kibana says that the {kind} {id} exists, and it is not in this space",
        remedy="delete it where it is (it may have been copied from another space)",
    )


def _remove(kibana: Kibana, changes: Iterable[Change], objects: Objects) -> None:
    """Rules before the connectors they use; what is gone already is gone."""
    order: dict[str, int] = {"rules": 0, "connectors": 1, "dashboards": 2}
    for change in sorted(changes, key=lambda one: order[one.part]):
        if change.part == "rules":
            path = f"/api/alerting/rule/{part(change.id)}"
        elif change.part == "connectors":
            path = f"/api/actions/connector/{part(change.id)}"
        else:
            id = objects.ours[change.type, change.id]["id"]
            path = f"/api/saved_objects/{part(change.type)}/{part(id)}"
        kibana.request("DELETE", path, expect=(200, 204, 404))
