"""Names of saved objects: stable, readable, and different for installations with different prefixes."""

from __future__ import annotations

from typing import Final, Literal

from driftlog.contract.names import check_prefix

Kind = Literal["view", "tag", "search", "dashboard"]

SAVED_OBJECT: Final[dict[Kind, str]] = {
    "view": "index-pattern",
    "tag": "tag",
    "search": "search",
    "dashboard": "dashboard",
}
"""Kinds and the types of saved objects they are kept as."""


def object_id(prefix: str, kind: Kind, name: str) -> str:
    """Id of a saved object.

    >>> object_id("driftlog", "dashboard", "overview")
    'driftlog-kibana-dashboard-overview'

    Raises
    ------
    NameRefused
        `prefix` cannot start index names.
    """
    return f"{check_prefix(prefix)}-kibana-{kind}-{name}"


def reference(prefix: str, kind: Kind, name: str, *, named: str) -> dict[str, str]:
    """A saved object's pointer to another one, under the name it goes by there.

    >>> reference("driftlog", "tag", "driftlog", named="tag-ref-x")
    {'type': 'tag', 'id': 'driftlog-kibana-tag-driftlog', 'name': 'tag-ref-x'}
    """
    return {"type": SAVED_OBJECT[kind], "id": object_id(prefix, kind, name), "name": named}
