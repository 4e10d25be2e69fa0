"""Refused events become documents too: the reason, and the raw text up to a limit."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from typing import Any, Final

import msgspec

from driftlog.contract.errors import EventRefused
from driftlog.contract.events import (
    MAX_ID_BYTES,
    MAX_QUARANTINE_RAW_BYTES,
    EventGroup,
    ModelGroup,
    QuarantinedEvent,
    QuarantineGroup,
)
from driftlog.contract.names import MODEL_NAME
from driftlog.intake.arrival import Accepted, Arrival
from driftlog.intake.decode import decode_object
from driftlog.intake.lift import lift

_MAX_OWN_ID_BYTES: Final = 128
_MAX_MESSAGE_CHARS: Final = 1000
_CUT_CHARACTER: Final = re.compile(rb"(?:[\xc0-\xff]|[\xe0-\xff][\x80-\xbf]|[\xf0-\xff][\x80-\xbf]{2})\Z")


def quarantine(
    refused: EventRefused,
    raw: bytes,
    arrival: Arrival,
    *,
    position: int | str,
    size_bytes: int = 0,
    index: str = "",
    names: tuple[str, str] | None = None,
) -> Accepted:
    """The quarantine document of `raw`.

    Its id is the event's own id and a digest of the line, or, where the event names no id, a digest of source, batch,
    position and line. So a batch that is sent again makes no second document, while the same bad line in another batch,
    or on another position, counts again.

    Parameters
    ----------
    refused
        Why.
    raw
        The line as it came, or its beginning.
    position
        Where in its batch: line number, or offset.
    size_bytes
        Full length when `raw` is only the beginning.
    index
        Where the event would have gone.
    names
        Its ``event.id`` and model, where they are known otherwise than from `raw`.
    """
    event_id, model = names or (_identity(raw) if refused.reason != "too_large" else ("", ""))
    document = QuarantinedEvent(
        timestamp=arrival.now,
        event=EventGroup(id=event_id or None, ingested=arrival.now),
        model=ModelGroup(name=model) if model else None,
        quarantine=QuarantineGroup(
            reason=refused.reason,
            message=refused.message[:_MAX_MESSAGE_CHARS],
            field=refused.field or None,
            raw=show(raw),
            size_bytes=size_bytes or len(raw),
            source=arrival.source,
            index=index or None,
        ),
    )
    return Accepted(
        "quarantine",
        "",
        arrival.rules.monthly_index("quarantine", arrival.ingested),
        _document_id(event_id, raw, arrival, position),
        "",
        msgspec.json.encode(document),
        raw,
    )


def _document_id(event_id: str, raw: bytes, arrival: Arrival, position: int | str) -> str:
    digest = hashlib.sha256(raw)
    if event_id:
        return f"{show(event_id.encode(), _MAX_OWN_ID_BYTES)}.{digest.hexdigest()[:16]}"
    digest.update(f"\n{arrival.source}\n{arrival.batch}\n{position}".encode())
    return digest.hexdigest()


def _identity(raw: bytes) -> tuple[str, str]:
    """``event.id`` and a legal ``model.name`` of a refused line, as far as it can be read."""
    try:
        event = decode_object(raw)
    except EventRefused:
        return "", ""
    with suppress(EventRefused):  # then as far as it was lifted
        lift(event)
    return _text(event, "event", "id"), _text(event, "model", "name", MODEL_NAME)


def _text(event: dict[str, Any], group: str, field: str, pattern: re.Pattern[str] | None = None) -> str:
    values = event.get(group)
    value = values.get(field) if isinstance(values, dict) else None
    if not isinstance(value, str) or (pattern is not None and not pattern.match(value)):
        return ""
    return show(value.encode(), MAX_ID_BYTES)


def show(raw: bytes, limit: int = MAX_QUARANTINE_RAW_BYTES) -> str:
    r"""`raw` as text of at most `limit` bytes, cut between characters; what is not UTF-8 is shown as ``\xFF``.

    >>> show(b"caf\xc3\xa9", 4), show(b"a\xff"), show("é".encode(), 2)
    ('caf', 'a\\xFF', 'é')
    """
    text = _decode(_CUT_CHARACTER.sub(b"", raw[:limit]) if len(raw) > limit else raw)
    encoded = text.encode()
    return text if len(encoded) <= limit else _CUT_CHARACTER.sub(b"", encoded[:limit]).decode()


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return re.sub(
            r"[\udc80-\udcff]", lambda m: f"\\x{ord(m[0]) - 0xDC00:02X}", raw.decode("utf-8", "surrogateescape")
        )
