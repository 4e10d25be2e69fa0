"""Roles and API keys by Elasticsearch's security API; the account needs `manage_security`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from driftlog.contract.errors import StoreAccessDenied, StoreError, StoreNotFound, StoreRejected, UsageError
from driftlog.contract.strict import Secret
from driftlog.store.client import Store
from driftlog.store.roles import OLDER_NAMES, Definition, role, roles
from driftlog.store.templates_diff import json_diff
from driftlog.store.values import Document

_MARK: Final = "driftlog"
"""Roles and keys of ours carry it in their metadata."""
_SAID: Final = ("cluster", "indices", "description")


@dataclass(frozen=True, slots=True)
class RoleChange:
    """What `install_roles` does (`plan_roles`: would do) with one role; `diff` from the installed one to this."""

    name: str
    action: Literal["create", "update", "unchanged"]
    diff: str = ""


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key whose rights are not those of its role any more; `diff` from them to the role's.

    `waits` says why a key could not be changed.
    """

    name: str
    action: Literal["update", "waits"]
    diff: str = ""
    waits: tuple[str, ...] = ()
    kind: str = "key"


@dataclass(frozen=True, slots=True)
class NewKey:
    """An API key that was just made: the only moment at which it can be read.

    Attributes
    ----------
    encoded
        As driftlog and the header ``Authorization: ApiKey`` take it.
    pair
        As Logstash takes it: ``id:key``.
    """

    id: str
    name: str
    role: str
    expires: datetime | None
    encoded: Secret
    pair: Secret


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """An API key of this installation, without the key."""

    id: str
    name: str
    role: str
    created: datetime
    expires: datetime | None
    status: Literal["valid", "expired", "revoked"]


def plan_roles(store: Store) -> list[RoleChange]:
    """What `install_roles` would do. A role's older name is written only where somebody has it."""
    wanted = roles(store.names.prefix)
    installed = _installed(store, list(wanted))
    changes = []
    for name, definition in wanted.items():
        found = installed.get(name)
        if found is None:
            if name.removeprefix("driftlog_") not in OLDER_NAMES:
                changes.append(RoleChange(name, "create"))
            continue
        diff = json_diff(name, _comparable(found), _comparable(definition))
        changes.append(RoleChange(name, "update" if diff else "unchanged", diff))
    return changes


def install_roles(store: Store) -> list[RoleChange]:
    """Write what `plan_roles` lists; return it.

    Raises
    ------
    UsageError
        The cluster has no API for roles (the local server), or its security is off.
    StoreAccessDenied
        The account may not manage roles.
    """
    wanted = roles(store.names.prefix)
    changes = plan_roles(store)
    for change in changes:
        if change.action != "unchanged":
            body = wanted[change.name] | {"metadata": {_MARK: {"prefix": store.names.prefix}}}
            _ask(store, "PUT", f"/_security/role/{change.name}", body)
    return changes


def create_key(store: Store, name_of_role: str, *, name: str, expires: timedelta | None = None) -> NewKey:
    """Make an API key with the rights of one role, and at most those of the account that asks.

    Raises
    ------
    UsageError
        No such role; or the cluster has no API keys.
    StoreAccessDenied
        The account may not make API keys.
    """
    definition = role(name_of_role, store.names.prefix)
    full = f"driftlog_{name_of_role.removeprefix('driftlog_')}"
    body: Document = {
        "name": name,
        "role_descriptors": {full: {key: definition[key] for key in ("cluster", "indices")}},
        "metadata": {_MARK: {"prefix": store.names.prefix, "role": full}},
    }
    if expires is not None:
        body["expiration"] = f"{int(expires.total_seconds())}s"
    with _unlogged():
        answer = _ask(store, "POST", "/_security/api_key", body)
    return NewKey(
        id=answer["id"],
        name=answer["name"],
        role=full,
        expires=_moment(answer.get("expiration")),
        encoded=Secret(answer["encoded"]),
        pair=Secret(f"{answer['id']}:{answer['api_key']}"),
    )


def find_keys(store: Store, now: datetime) -> list[KeyInfo]:
    """The keys that were made for this prefix, newest first; those of other programs are left out."""
    answer = _ask(store, "GET", "/_security/api_key")
    found = []
    for key in answer["api_keys"]:
        mark = (key.get("metadata") or {}).get(_MARK)
        if isinstance(mark, dict) and mark.get("prefix") == store.names.prefix:
            found.append(_key_info(key, str(mark.get("role", "")), now))
    return sorted(found, key=lambda key: key.created, reverse=True)


def revoke_keys(store: Store, ids: Sequence[str], now: datetime) -> list[str]:
    """Invalidate keys of this installation; ids of those that were valid until now.

    Raises
    ------
    UsageError
        An id that is no key of this installation; none is revoked then.
    StoreError
        Elasticsearch could not invalidate one.
    """
    known = {key.id for key in find_keys(store, now)}
    strange = [id for id in ids if id not in known]
    if strange:
        raise UsageError(
            f"no key of this installation: {', '.join(id[:40] for id in strange)}",
            remedy="`driftlog keys list` shows them",
        )
    answer = _ask(store, "DELETE", "/_security/api_key", {"ids": list(ids)})
    if answer.get("error_count"):
        reasons = "; ".join(str(each.get("reason", "")) for each in answer.get("error_details", []))
        raise StoreError(f"{answer['error_count']} keys could not be revoked: {reasons[:300]}", remedy="try again")
    return list(answer["invalidated_api_keys"])


def plan_keys(store: Store, now: datetime) -> list[KeyChange]:
    """What `renew_keys` would do."""
    return [change for _, _, change in _outdated(store, now)]


def renew_keys(store: Store, now: datetime) -> list[KeyChange]:
    """Give each valid key of this installation the rights that its role has now; those that had others.

    A key keeps the rights it was made with, whatever becomes of its role: after an upgrade it lacks those to new
    indices. Elasticsearch lets nobody but the account that made a key change it; others are listed as waiting.
    """
    done = []
    for id, descriptors, change in _outdated(store, now):
        try:
            _ask(store, "PUT", f"/_security/api_key/{id}", {"role_descriptors": descriptors})
        except StoreNotFound:
            why = "another account made it: make a new one with `driftlog keys create`, then revoke it"
            done.append(KeyChange(change.name, "waits", change.diff, (why,)))
        else:
            done.append(change)
    return done


def _outdated(store: Store, now: datetime) -> list[tuple[str, Document, KeyChange]]:
    """Id, the role's definition by name, and the change of each valid key that differs."""
    wanted = roles(store.names.prefix)
    found = []
    for key in _ask(store, "GET", "/_security/api_key")["api_keys"]:
        mark = (key.get("metadata") or {}).get(_MARK)
        if not isinstance(mark, dict) or mark.get("prefix") != store.names.prefix or mark.get("role") not in wanted:
            continue
        name, has = str(mark["role"]), (key.get("role_descriptors") or {}).get(mark["role"])
        if has is None or _key_info(key, name, now).status != "valid":
            continue
        rights = {part: wanted[name][part] for part in ("cluster", "indices")}
        if diff := json_diff(
            key["name"], _comparable({**has, "description": ""}), _comparable({**rights, "description": ""})
        ):
            found.append((str(key["id"]), {name: rights}, KeyChange(key["name"], "update", diff)))
    return found


@contextmanager
def _unlogged() -> Iterator[None]:
    """The client logs whole answers where its logger is at DEBUG; this one holds a key."""
    logger = logging.getLogger("elastic_transport.node")

    def nothing(record: logging.LogRecord) -> bool:  # noqa: ARG001
        return False

    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


def _key_info(key: Document, name_of_role: str, now: datetime) -> KeyInfo:
    expires = _moment(key.get("expiration"))
    status: Literal["valid", "expired", "revoked"] = "valid"
    if key.get("invalidated"):
        status = "revoked"
    elif expires is not None and expires <= now:
        status = "expired"
    created = _moment(key["creation"]) or now
    return KeyInfo(key["id"], key["name"], name_of_role, created, expires, status)


def _installed(store: Store, names: Sequence[str]) -> dict[str, Definition]:
    try:
        found: dict[str, Definition] = _ask(store, "GET", f"/_security/role/{','.join(names)}")
    except StoreNotFound:  # none of them is there
        return {}
    return found


def _comparable(definition: Definition) -> Document:
    """What a definition says, without what Elasticsearch adds; the order of names and privileges means nothing."""
    found: Document = {key: definition[key] for key in _SAID if key in definition}
    found["indices"] = [
        {"names": sorted(each["names"]), "privileges": sorted(each["privileges"])} for each in found["indices"]
    ]
    return found | {"cluster": sorted(found["cluster"])}


def _ask(store: Store, method: str, path: str, body: Any = None) -> Any:
    try:
        return store.request(method, path, body=body, repeat=False if method == "POST" else None)
    except StoreRejected as error:
        if "no handler found" in error.message or "not allowed" in error.message:
            raise UsageError(
                "this Elasticsearch has no API for roles and keys: the local server's distribution lacks it",
                remedy="use users of its file realm, or roles.yml (`driftlog setup --roles-yml`); see docs/roles.md",
            ) from error
        raise
    except StoreAccessDenied as error:
        remedy = "use an account with the privilege manage_security, such as elastic; see docs/roles.md"
        raise StoreAccessDenied(error.message, status=error.status, remedy=remedy) from error


def _moment(milliseconds: Any) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds is not None else None
