"""Entries become records: the canonical text that is hashed, and the document that keeps it.

The text itself is in the document (`record`, not indexed); every other field is derived from it, for searching, and
`driftlog audit verify` derives them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from driftlog.audit.canonical import canonical, plain, sha256, utf8
from driftlog.contract.audit import AuditEntry, AuditRecord
from driftlog.contract.errors import UsageError
from driftlog.store.documents import document_id
from driftlog.store.values import Document

GENESIS: Final = "0" * 64
"""`previous_hash` of the first record."""
MAX_BYTES: Final = 4 << 20


class Head(msgspec.Struct, frozen=True):
    """The end of the chain: number and hash of the last record; 0 and zeros before the first."""

    sequence: int = 0
    hash: str = GENESIS


def entry_fields(entry: AuditEntry) -> dict[str, Any]:
    """An entry as JSON.

    Raises
    ------
    UsageError
        It is larger than 4 MiB.
    """
    fields: dict[str, Any] = plain(entry)
    size = len(utf8(canonical(fields)))
    if size > MAX_BYTES:
        raise UsageError(
            f"an audit entry ({entry.action} of {entry.object[:80]!r}) has {size} bytes, {MAX_BYTES} are allowed",
            remedy="keep digests in its details instead of content, or split it",
        )
    return fields


def record_text(head: Head, fields: Mapping[str, Any], *, recorded: datetime, software: str) -> str:
    """Canonical text of the record that follows `head`: everything but its own hash.

    ``{"entry":{...},"previous_hash":"...","recorded":"...","sequence":7,"software":"driftlog 0.1.0"}``
    """
    return canonical(
        {
            "sequence": head.sequence + 1,
            "recorded": plain(recorded.astimezone(UTC)),
            "software": software,
            "entry": fields,
            "previous_hash": head.hash,
        }
    )


def document_of(text: str) -> Document:
    """The document of a record, all of it derived from its canonical text.

    ``{"@timestamp": when it happened, "recorded", "sequence", "action", "actor", "subject", "model": {"name"},
    "service": {"environment"}, "summary", "key", "previous_hash", "hash", "record": text}``
    """
    return derived(text, json.loads(text), sha256(text))


def derived(text: str, record: Mapping[str, Any], hash: str) -> Document:
    """`document_of` a text that was parsed and hashed already."""
    entry = record["entry"]
    document: Document = {
        "@timestamp": entry.get("at") or record["recorded"],
        "recorded": record["recorded"],
        "sequence": record["sequence"],
        "action": entry["action"],
        "actor": entry["actor"],
        "subject": entry["object"],
        "summary": entry.get("summary", ""),
        "previous_hash": record["previous_hash"],
        "hash": hash,
        "record": text,
    }
    if entry.get("model"):
        document["model"] = {"name": entry["model"]}
    if entry.get("environment"):
        document["service"] = {"environment": entry["environment"]}
    if entry.get("key"):
        document["key"] = document_id(entry["key"])
    return document


def record_of(text: str) -> AuditRecord:
    """The record whose canonical text is `text`."""
    return msgspec.convert(json.loads(text) | {"hash": sha256(text)}, AuditRecord)


def chained(head: Head, entries: Sequence[Mapping[str, Any]], *, recorded: datetime, software: str) -> list[str]:
    """Texts of records that follow `head`, one after the other."""
    texts = []
    for fields in entries:
        text = record_text(head, fields, recorded=recorded, software=software)
        texts.append(text)
        head = Head(head.sequence + 1, sha256(text))
    return texts


def documents_of(texts: Sequence[str]) -> list[Document]:
    """Documents of records written together.

    The first carries the texts of all others: its `create` commits them at once, and whoever finds one of them missing
    after a crash writes it from there. All name the first and the last: ``{"batch": {"first", "last", "records"}}``.
    """
    documents = [document_of(text) for text in texts]
    if len(texts) > 1:
        span = {"first": documents[0]["sequence"], "last": documents[-1]["sequence"]}
        for document in documents:
            document["batch"] = dict(span)
        documents[0]["batch"]["records"] = list(texts[1:])
    return documents
