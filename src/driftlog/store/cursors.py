"""Cursors: where a worker's last complete cycle stopped, one small document a model, environment and name."""

from __future__ import annotations

from typing import Any

from driftlog.store.client import Store
from driftlog.store.documents import document_id


def read_cursor(store: Store, model: str, environment: str, name: str) -> dict[str, Any] | None:
    """The value last written, None before the first."""
    hit = store.get(store.names.state, _id(model, environment, name))
    value = hit.source.get("value") if hit else None
    return value if isinstance(value, dict) else None


def write_cursor(store: Store, model: str, environment: str, name: str, value: dict[str, Any], term: int) -> None:
    """Keep `value` (JSON).

    Raises
    ------
    StoreConflict
        A newer term has moved this cursor.
    """
    document = {
        "kind": "cursor",
        "model": {"name": model},
        "service": {"environment": environment},
        "name": name,
        "term": term,
        "value": value,
    }
    store.put(store.names.state, _id(model, environment, name), document, version=term)


def _id(model: str, environment: str, name: str) -> str:
    return document_id(f"cursor|{model}|{environment}|{name}")
