"""The roles of driftlog, as Elasticsearch's role API and ``roles.yml`` both take them.

On the Basic licence there is no field or document security: a role works by index. Whoever may not see predictions
gets no predictions index.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_RAW = ("predictions", "feedback", "resources", "quarantine", "payloads")
_JUDGED = ("results", "alerts", "profiles", "references", "models")
_PERIODS = ("outcomes", "opinions", "profiles", "results", "runs", "decisions", "seals")
_LASTING = ("state", "alerts", "references", "models")
_LOOK = ["read", "view_index_metadata", "monitor", "maintenance"]
_MAKE = ["create_index", "auto_configure"]


def _indices(prefix: str, kinds: tuple[str, ...]) -> list[str]:
    return [f"{prefix}-{kind}*" for kind in kinds]


def roles(prefix: str = "driftlog*") -> dict[str, dict[str, Any]]:
    """Return the role definitions for one prefix (or a pattern of prefixes).

    ``driftlog_shipper`` adds events, and can neither overwrite, read nor delete any; ``driftlog_worker`` does what the
    intake, the worker and ``driftlog setup`` do; ``driftlog_viewer`` reads results and alerts; ``driftlog_analyst``
    reads predictions too, and adds to the audit trail that it did. ``driftlog_evaluator`` does what the worker does all
    day, adds the predictions that it reads from payloads, and can neither change nor delete a raw event or an audit
    record; ``driftlog_janitor`` is the one that drops periods and erases subjects.
    """
    return {
        "driftlog_shipper": _role([], _indices(prefix, _RAW), ["create_doc", "auto_configure"]),
        "driftlog_worker": _role(["monitor", "manage_index_templates"], [f"{prefix}-*"], ["all"]),
        "driftlog_evaluator": {
            "cluster": ["monitor"],
            "indices": [
                _on(prefix, _RAW, [*_LOOK, *_MAKE]),
                _on(prefix, ("predictions", "feedback", "quarantine"), ["create_doc"]),  # of paired payloads
                _on(prefix, ("payloads",), ["write"]),
                _on(prefix, (*_PERIODS, *_LASTING), [*_LOOK, *_MAKE, "write"]),
                _on(prefix, ("audit",), [*_LOOK, *_MAKE, "create_doc"]),
            ],
        },
        "driftlog_janitor": {
            "cluster": ["monitor"],
            "indices": [
                _on(prefix, _RAW, [*_LOOK, "delete", "delete_index"]),
                _on(prefix, _PERIODS, [*_LOOK, "write", "delete_index"]),
                _on(prefix, _LASTING, [*_LOOK, *_MAKE, "write"]),
                _on(prefix, ("audit",), [*_LOOK, *_MAKE, "create_doc", "delete"]),
            ],
        },
        "driftlog_viewer": _role([], _indices(prefix, _JUDGED), ["read", "view_index_metadata"]),
        "driftlog_analyst": {
            "cluster": [],
            "indices": [
                _on(prefix, _JUDGED + _RAW, ["read", "view_index_metadata"]),
                _on(prefix, ("audit",), [*_LOOK, *_MAKE, "create_doc"]),
            ],
        },
    }


def _on(prefix: str, kinds: tuple[str, ...], privileges: list[str]) -> dict[str, Any]:
    return {"names": _indices(prefix, kinds), "privileges": privileges}


def _role(cluster: list[str], names: list[str], privileges: list[str]) -> dict[str, Any]:
    return {"cluster": cluster, "indices": [{"names": names, "privileges": privileges}]}


def roles_yml(definitions: Mapping[str, Mapping[str, Any]]) -> str:
    """Write role definitions as ``roles.yml``: JSON, which YAML includes.

    >>> print(roles_yml({"reader": {"cluster": ["monitor"]}}), end="")
    reader: {"cluster": ["monitor"]}
    """
    return "".join(f"{name}: {json.dumps(definition)}\n" for name, definition in definitions.items())
