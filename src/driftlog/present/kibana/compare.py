"""What differs between what is in Kibana and what would be installed.

Kibana adds to what it is given (defaults, ids of actions, versions, who changed it when), and later versions migrate
it. So only what driftlog says is compared: a key that Kibana added is no difference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

Body = Mapping[str, Any]
Key = tuple[str, str]

SHOWN: Final = 60
RULE_KEYS: Final = ("name", "schedule", "params")
_OF_ACTION: Final = ("params", "frequency")


def differences(wanted: Any, have: Any, path: str = "") -> list[str]:
    """What is in `wanted` and not, or otherwise, in `have`; one line each.

    >>> differences({"a": 1, "b": [{"c": 2}]}, {"a": 1, "b": [{"c": 3, "d": 4}], "e": 5})
    ['b[0].c: 3 -> 2']
    >>> differences({"a": 1}, {})
    ['a: (absent) -> 1']
    """
    if isinstance(wanted, str) and isinstance(have, str) and wanted != have:
        parsed = _parsed(wanted), _parsed(have)
        if None not in parsed:
            return differences(*parsed, path)
    if isinstance(wanted, Mapping) and isinstance(have, Mapping):
        found: list[str] = []
        for key, value in wanted.items():
            below = f"{path}.{key}" if path else str(key)
            found += differences(value, have[key], below) if key in have else _absent(value, below)
        return found
    if _is_list(wanted) and _is_list(have) and len(wanted) == len(have):
        pairs = enumerate(zip(wanted, have, strict=True))
        return [line for index, (one, other) in pairs for line in differences(one, other, f"{path}[{index}]")]
    if _equal(wanted, have):
        return []
    return [f"{path}: {_short(have)} -> {_short(wanted)}"]


def object_differences(wanted: Body, have: Body, known: Mapping[Key, str]) -> list[str]:
    """Of two saved objects: attributes and references.

    Parameters
    ----------
    known
        (type, id in this space) -> id as driftlog names it. In a second space of one Kibana an import gives new ids.
    """

    def references(saved: Body) -> dict[str, str]:
        listed = saved.get("references") or ()
        return {one["name"]: f"{one['type']}:{known.get((one['type'], one['id']), one['id'])}" for one in listed}

    found = differences(wanted.get("attributes", {}), have.get("attributes", {}))
    return found + differences(references(wanted), references(have), "references")


def rule_differences(wanted: Body, have: Body, ours: frozenset[str]) -> list[str]:
    """Of two rules. Whether it is on, muted or snoozed is the user's, and so are more tags, and actions of connectors
    that are not `ours`."""
    found = differences({key: wanted[key] for key in RULE_KEYS}, have)
    found += [f"tags: {tag} is missing" for tag in wanted["tags"] if tag not in (have.get("tags") or ())]
    mine, theirs = _by_place(wanted["actions"], ours), _by_place(have.get("actions") or (), ours)
    for place in sorted(mine.keys() | theirs.keys()):
        name = f"actions[{place[1]}, {place[0][:8]}]"
        if place not in theirs:
            found.append(f"{name}: (absent) -> added")
        elif place not in mine:
            found.append(f"{name}: taken away")
        else:
            found += differences({key: mine[place][key] for key in _OF_ACTION}, theirs[place], name)
    return found


def connector_differences(wanted: Body, have: Body) -> list[str]:
    """Of two connectors: names of what differs, for a webhook's address may be a secret. Secrets cannot be compared."""
    found = [line.partition(":")[0] for line in differences({key: wanted[key] for key in ("name", "config")}, have)]
    return [*found, "secrets are missing"] if have.get("is_missing_secrets") else found


def merged_actions(wanted: Body, have: Body, ours: frozenset[str]) -> list[dict[str, Any]]:
    """Actions for an update: `wanted` with the ids they have, then the user's own as they are."""
    theirs = _by_place(have.get("actions") or (), ours)
    found = []
    for action in wanted["actions"]:
        uuid = theirs.get((action["id"], action["group"]), {}).get("uuid")
        found.append({**action, "uuid": uuid} if uuid else dict(action))
    foreign = (action for action in have.get("actions") or () if action["id"] not in ours)
    return [*found, *({key: value for key, value in one.items() if key != "connector_type_id"} for one in foreign)]


def merged_tags(wanted: Body, have: Body) -> list[str]:
    """Tags for an update: `wanted`, then the user's own."""
    return [*wanted["tags"], *(tag for tag in have.get("tags") or () if tag not in wanted["tags"])]


def _by_place(actions: Sequence[Body], ours: frozenset[str]) -> dict[Key, Body]:
    return {(action["id"], action.get("group", "")): action for action in actions if action["id"] in ours}


def _parsed(text: str) -> Any:
    """JSON that is kept as a string; None for any other text."""
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def _absent(value: Any, path: str) -> list[str]:
    """An empty value that Kibana did not keep is none."""
    return [] if value in ({}, [], None) else [f"{path}: (absent) -> {_short(value)}"]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _equal(one: Any, other: Any) -> bool:
    """True is no 1; 3 and 3.0 are the same number."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
