"""Whether a document that is there already is the same event or another one under its id."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from driftlog.intake.arrival import Accepted


class Fate(enum.Enum):
    STORED = "stored"
    DUPLICATE = "duplicate"


def same_event(new: Accepted, stored_source: bytes) -> bool:
    """Whether `new` is a re-send of the stored document.

    Equal ``event.hash`` on both sides says yes, different ones say no. Where one is missing the contents are compared,
    without what the intake adds (``event.ingested`` and ``driftlog``).
    """
    stored = msgspec.json.decode(stored_source)
    if new.kind == "payloads":  # of the worker's marks, and of a time of arrival, it may differ
        return bool(msgspec.json.decode(new.document)["payload"]["body"] == stored["payload"]["body"])
    stored_hash = stored.get("event", {}).get("hash")
    if new.hash and stored_hash:
        return bool(new.hash == stored_hash)
    return _content(msgspec.json.decode(new.document)) == _content(stored)


def _content(document: dict[str, Any]) -> dict[str, Any]:
    event = {key: value for key, value in document.get("event", {}).items() if key not in ("ingested", "hash")}
    return {key: value for key, value in document.items() if key != "driftlog"} | {"event": event}
