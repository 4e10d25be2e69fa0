"""The roles of driftlog, as Elasticsearch's role API and ``roles.yml`` both take them.

On the Basic licence there is no field or document security: a role works by index. Whoever may not see predictions gets
no index of predictions. What each role may and may not do is the table of docs/roles.md, tried on a secured server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from driftlog.contract.errors import UsageError
from driftlog.contract.names import MONTHLY_KINDS
from driftlog.store.ownership import SINGLE_KINDS

Definition = dict[str, Any]

RAW: Final = ("predictions", "feedback", "resources", "quarantine", "payloads")
"""What apps and people sent, as it arrived."""
DERIVED: Final = ("outcomes", "opinions", "profiles", "results", "runs", "decisions", "seals")
"""What the worker writes, by period."""
LASTING: Final = ("state", "alerts", "references", "models")
JUDGED: Final = ("results", "alerts", "notices", "profiles", "references", "models", "runs", "decisions")
"""What is known of the models, without a row of theirs (a reference holds a sample of its own rows)."""
ALL: Final = ("predictions", *MONTHLY_KINDS, *SINGLE_KINDS)

_READ: Final = ["read", "view_index_metadata"]
_REFRESH: Final = "indices:admin/refresh*"
"""Reading what was written just now; `maintenance` would allow to merge and flush, too."""
_LOOK: Final = [*_READ, "monitor", _REFRESH]
_MAKE: Final = ["create_index", "auto_configure"]
_GROW: Final = "indices:admin/mapping/auto_put"
"""New features of an event are mapped, and no index is created: `auto_configure` would allow both."""
_MAP: Final = "indices:admin/mapping/put"
"""Fields of an index are mapped in advance; the privilege `manage` would allow to drop the index, too."""

PURPOSE: Final[Mapping[str, str]] = {
    "shipper": "A program that writes events straight into Elasticsearch: adds them, and nothing else.",
    "logstash": "Logstash: adds events to indices that are there; the worker creates those of registered models.",
    "intake": "driftlog intake: adds events, and reads what it compares a re-sent one with.",
    "worker": "driftlog worker: evaluates; neither changes nor deletes a prediction or an audit record.",
    "viewer": "Dashboards, reports: results, alerts, profiles; no prediction.",
    "exporter": "driftlog export: as viewer, and the workers' heartbeats and leases, so that a silent worker is seen.",
    "watchdog": "driftlog watchdog: heartbeats, runs, and when events arrived.",
    "analyst": "A person who looks at single predictions; adds to the audit trail that they did.",
    "auditor": "Reads and verifies the audit trail; writes nothing.",
    "deep_auditor": "As auditor, and reads the predictions that the seals are compared with.",
    "janitor": "driftlog janitor and erase: the one that drops periods and erases subjects.",
    "administrator": "driftlog setup, and the commands that people use; reads no prediction and drops nothing.",
}
"""Every role, without the prefix ``driftlog_``."""

OLDER_NAMES: Final[Mapping[str, str]] = {"evaluator": "worker"}
"""Names that roles had; they go on working."""


def roles(prefix: str = "driftlog", *, older: bool = True) -> dict[str, Definition]:
    """The role definitions for one prefix, or a pattern of prefixes.

    Parameters
    ----------
    older
        With the names that roles had before.

    >>> roles("acme")["driftlog_shipper"]["indices"][0]["names"]
    ['acme-predictions.*', 'acme-feedback.*', 'acme-resources.*', 'acme-quarantine.*', 'acme-payloads.*']
    >>> roles("acme")["driftlog_shipper"]["indices"][0]["privileges"]
    ['create_doc', 'auto_configure']
    """
    found = {f"driftlog_{name}": _definition(name, prefix) for name in PURPOSE}
    if older:
        for old, name in OLDER_NAMES.items():
            found[f"driftlog_{old}"] = found[f"driftlog_{name}"] | {
                "description": f"The older name of driftlog_{name}."
            }
    return found


def role(name: str, prefix: str) -> Definition:
    """The definition of one role, named with or without ``driftlog_``.

    Raises
    ------
    UsageError
        There is no such role.
    """
    short = name.removeprefix("driftlog_")
    short = OLDER_NAMES.get(short, short)
    if short not in PURPOSE:
        raise UsageError(f"there is no role {name!r}", remedy=f"use one of {', '.join(PURPOSE)}")
    return _definition(short, prefix)


def _definition(name: str, prefix: str) -> Definition:
    cluster, grants = _GRANTS[name]
    return {
        "cluster": list(cluster),
        "indices": [
            {"names": [_pattern(prefix, kind) for kind in kinds], "privileges": list(privileges)}
            for kinds, privileges in grants
        ],
        "description": PURPOSE[name],
    }


def _pattern(prefix: str, kind: str) -> str:
    return f"{prefix}-{kind}" if kind in SINGLE_KINDS else f"{prefix}-{kind}.*"


_Grants = tuple[tuple[str, ...], tuple[tuple[tuple[str, ...], list[str]], ...]]

_APPEND: Final = (("audit",), [*_LOOK, *_MAKE, "create_doc"])
_AUDIT: Final = (
    ("audit", "seals", "alerts", "decisions", "results", "runs", "models", "references"),
    [*_READ, _REFRESH],
)
_GRANTS: Final[Mapping[str, _Grants]] = {
    "shipper": ((), ((RAW, ["create_doc", "auto_configure"]),)),
    "logstash": (("monitor",), ((RAW, ["create_doc", _GROW]),)),
    "intake": (("monitor",), ((RAW, ["create_doc", "auto_configure", "read"]), (("models", "state"), ["read"]))),
    "worker": (
        ("monitor",),
        (
            (RAW, [*_LOOK, *_MAKE, _MAP, "create_doc"]),
            (("payloads", *DERIVED, *LASTING), [*_LOOK, *_MAKE, "write"]),
            _APPEND,
        ),
    ),
    "viewer": ((), ((JUDGED, [*_READ, _REFRESH]),)),
    "exporter": ((), ((JUDGED, [*_READ, _REFRESH]), (("state",), ["read"]))),
    "watchdog": ((), ((("predictions", "runs", "state", "models", "references"), [*_READ, _REFRESH]),)),
    "analyst": ((), (((*JUDGED, *RAW, "outcomes", "opinions"), [*_READ, _REFRESH]), _APPEND)),
    "auditor": ((), (_AUDIT,)),
    "deep_auditor": ((), (_AUDIT, (("predictions",), [*_READ, _REFRESH]))),
    "janitor": (
        ("monitor",),
        (
            (RAW, [*_LOOK, "delete", "delete_index"]),
            (DERIVED, [*_LOOK, "write", "delete_index"]),
            (("state", "alerts", "references"), [*_LOOK, *_MAKE, "write"]),
            (("models",), _LOOK),
            (("audit",), [*_LOOK, *_MAKE, "create_doc", "delete"]),
        ),
    ),
    "administrator": (
        ("monitor", "manage_index_templates"),
        (
            (ALL, ["view_index_metadata", "monitor", _REFRESH, *_MAKE, _MAP]),
            (("profiles", "results", "runs", "decisions", "seals"), ["read"]),
            ((*LASTING, "notices"), ["read", "write"]),
            (("audit",), ["read", "create_doc"]),
        ),
    ),
}


def roles_yml(definitions: Mapping[str, Mapping[str, Any]]) -> str:
    """Write role definitions as ``roles.yml``: JSON, which YAML includes.

    >>> print(roles_yml({"reader": {"cluster": ["monitor"]}}), end="")
    reader: {"cluster": ["monitor"]}
    """
    return "".join(f"{name}: {json.dumps(definition)}\n" for name, definition in definitions.items())
