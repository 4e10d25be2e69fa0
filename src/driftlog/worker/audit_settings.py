"""Changed settings in the audit trail: who runs with which settings since when, with secrets masked.

What was recorded last is kept as plain paths and values in ``<prefix>-state``, so that the next record can say what
changed; the trail has the digests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from driftlog.audit.canonical import digest, plain
from driftlog.audit.chain import Chain
from driftlog.audit.find import last_record
from driftlog.contract.audit import AuditEntry
from driftlog.contract.settings import Settings
from driftlog.contract.strict import Secret
from driftlog.store.client import Store

MASK: Final = "***"
STATE_ID: Final = "audit|settings"
LOCAL: Final = ("local.", "worker.id", "elasticsearch.urls", "intake.host", "intake.http_port", "intake.tcp_port")
"""Paths that may differ from machine to machine."""
MAX_CHANGES: Final = 500
MAX_CHARS: Final = 300
_CREDENTIALS: Final = re.compile(r"://[^/@\s]+@")
_THRESHOLDS: Final = re.compile(r"models\.([^.]+)\.thresholds")


def record_settings(store: Store, chain: Chain, settings: Settings, actor: str) -> bool:
    """Record `settings` where they are not those that were recorded last; whether they were.

    One ``settings.changed`` with digests before and after and what changed, path by path; besides, one
    ``thresholds.changed`` for each model whose thresholds are among it. Call it when a worker starts.
    """
    flat = dict(flatten(settings))
    after = digest(flat)
    last = last_record(store, {"bool": {"filter": [{"term": {"action": "settings.changed"}}]}})
    kept = store.get(store.names.state, STATE_ID)
    before_flat: dict[str, Any] | None = kept.source["value"]["settings"] if kept else None
    if last is not None and last["entry"]["after"] == after:
        if kept is None or kept.source["value"]["digest"] != after:
            _keep(store, flat, after)
        return False
    before = str(last["entry"]["after"]) if last else ""
    known = before_flat if kept and kept.source["value"]["digest"] == before else None
    number = last["sequence"] if last else 0
    changes = dict(_changes(known, flat)) if known is not None else {}
    entries = [*_threshold_entries(changes, actor, before, after, number)]
    entries.append(_entry(changes, actor, before, after, number, known=known is not None))
    recorded = chain.record_many(entries)
    _keep(store, flat, after)
    return recorded[-1] is not None


def flatten(settings: Settings) -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of every setting; secrets and credentials masked, models by name.

    >>> dict(flatten(Settings()))["audit.seal_after"]
    '3600s'
    """
    for path, value in _flat("", settings):
        if not path.startswith(LOCAL):
            yield path, value


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _flat(f"{path}.{name}" if path else name, getattr(value, name))
    elif isinstance(value, tuple) and value and all(hasattr(item, "name") for item in value):
        for item in value:
            yield from _flat(f"{path}.{item.name}", item)
    elif isinstance(value, tuple) and any(isinstance(item, msgspec.Struct) for item in value):
        for number, item in enumerate(value):
            yield from _flat(f"{path}.{number}", item)
    else:
        yield path, _shown(path, value)


def _shown(path: str, value: Any) -> Any:
    """A value that may be kept: no secret, no credentials in a URL, no value of a header."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, tuple):
        return [_shown(path, item) for item in value]
    if isinstance(value, str):
        if path.endswith(".headers"):
            return f"{value.partition(':')[0]}: {MASK}"
        return _CREDENTIALS.sub(f"://{MASK}@", value)
    return plain(value)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            yield path, {"from": _cut(before[path])}
        elif path not in before:
            yield path, {"to": _cut(after[path])}
        elif before[path] != after[path]:
            yield path, {"from": _cut(before[path]), "to": _cut(after[path])}


def _cut(value: Any) -> Any:
    text = str(value)
    return value if len(text) <= MAX_CHARS else f"{text[: MAX_CHARS - 3]}..."


def _entry(changes: Mapping[str, Any], actor: str, before: str, after: str, number: int, *, known: bool) -> AuditEntry:
    if not before:
        summary = "settings recorded for the first time"
    elif not known:
        summary = "settings changed; what they were before is not kept"
    else:
        more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        summary = f"settings changed: {', '.join(list(changes)[:3])}{more}"
    return AuditEntry(
        action="settings.changed",
        object="settings",
        actor=actor,
        before=before,
        after=after,
        summary=summary,
        details={"changes": dict(list(changes.items())[:MAX_CHANGES]), "n": len(changes)},
        key=f"settings|{number}|{after}",
    )


def _threshold_entries(
    changes: Mapping[str, Any], actor: str, before: str, after: str, number: int
) -> Iterator[AuditEntry]:
    by_model: dict[str, dict[str, Any]] = {}
    for path, change in changes.items():
        match = _THRESHOLDS.match(path)
        if match:
            by_model.setdefault(match[1], {})[path] = change
    for model, found in sorted(by_model.items()):
        yield AuditEntry(
            action="thresholds.changed",
            object=f"thresholds of {model}",
            actor=actor,
            model=model,
            before=before,
            after=after,
            summary=f"thresholds of {model} changed: {len(found)} values",
            details={"changes": dict(list(found.items())[:MAX_CHANGES])},
            key=f"thresholds|{model}|{number}|{after}",
        )


def _keep(store: Store, flat: Mapping[str, Any], after: str) -> None:
    document = {"kind": "settings", "name": "audit", "value": {"settings": dict(flat), "digest": after}}
    store.put(store.names.state, STATE_ID, document)
