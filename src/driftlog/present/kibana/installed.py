"""What of an installation is in a Kibana space: saved objects, connectors and rules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from driftlog.contract.errors import KibanaError
from driftlog.present.kibana.client import Kibana, part
from driftlog.present.kibana.compare import Key
from driftlog.present.kibana.connectors import Connector, possible_ids
from driftlog.present.kibana.ids import SAVED_OBJECT
from driftlog.present.kibana.rules import Rule, tag

Body = dict[str, Any]

PAGE: Final = 100
TYPES: Final = tuple(sorted(SAVED_OBJECT.values()))


@dataclass(frozen=True, slots=True)
class Objects:
    """Saved objects by type and the id that driftlog gave them.

    Attributes
    ----------
    ours
        As Kibana exports them; their `id` in this space may be another.
    known
        (type, id in this space) -> the id that driftlog gave, where the two differ.
    """

    ours: dict[Key, Body] = field(default_factory=dict)
    known: dict[Key, str] = field(default_factory=dict)


def is_ours(id: str, prefix: str) -> bool:
    """Whether driftlog gives such ids under `prefix`.

    >>> is_ours("driftlog-kibana-view-runs", "driftlog"), is_ours("driftlog-demo-kibana-view-runs", "driftlog")
    (True, False)
    """
    return re.match(rf"{re.escape(prefix)}-kibana-({'|'.join(SAVED_OBJECT)})-", id) is not None


def read_objects(kibana: Kibana, prefix: str) -> Objects:
    """All saved objects of `prefix`, by one export of their types."""
    body = {"type": list(TYPES), "excludeExportDetails": True, "includeReferencesDeep": False}
    text = kibana.request("POST", "/api/saved_objects/_export", body=body).text
    found = Objects()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            saved = msgspec.json.decode(line)
            key = (saved["type"], saved["id"])
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise KibanaError(
                f"line {number} of Kibana's export is no saved object", remedy="check the address; try again"
            ) from error
        given = saved.get("originId") or saved["id"]
        if key[0] in TYPES and is_ours(given, prefix):
            found.ours[key[0], given] = saved
            if given != key[1]:
                found.known[key] = given
    return found


def read_connectors(kibana: Kibana, prefix: str, wanted: Iterable[Connector]) -> dict[str, Body]:
    """Connectors by id: those wanted, and others that driftlog may have made before."""
    ids = {connector.id for connector in wanted} | set(possible_ids(prefix, kibana.space))
    listed = kibana.get("/api/actions/connectors").body
    return {one["id"]: one for one in listed if one["id"] in ids}


def read_rules(kibana: Kibana, prefix: str, wanted: Iterable[Rule]) -> dict[str, Body]:
    """Rules by id: those with the tag of the installation, and those wanted that have lost it."""
    found: dict[str, Body] = {}
    page, seen, total = 1, 0, 1
    while seen < total:
        params = {"page": page, "per_page": PAGE, "filter": f'alert.attributes.tags: "{tag(prefix)}"'}
        body = kibana.get("/api/alerting/rules/_find", params=params).body
        found |= {rule["id"]: rule for rule in body["data"]}
        if not body["data"]:
            break
        page, seen, total = page + 1, seen + len(body["data"]), body["total"]
    for rule in wanted:
        if rule.id not in found:
            answer = kibana.get(f"/api/alerting/rule/{part(rule.id)}", expect=(200, 404))
            if answer.status == 200:
                found[rule.id] = answer.body
    return found
