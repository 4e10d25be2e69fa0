"""Signed heads: "the chain had this many records, and the last one this hash", to be kept outside of Elasticsearch.

Whoever can write to the index can also cut off its tail, or hash it anew from some record on; both contradict any head
that was noted before elsewhere: in an email, a report, a log. A signature (Ed25519) says in addition that the head was
noted by whoever holds the key, so it can be kept where others can write, the chain itself included.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from driftlog.audit.canonical import canonical, utf8
from driftlog.audit.head import find_head
from driftlog.audit.keys import SigningKey, VerifyingKey, load_signing_key
from driftlog.contract.audit import AuditEntry
from driftlog.contract.auditing import AuditSettings
from driftlog.store.client import Store

TYPE: Final = "driftlog-head"
_FORM: Final = re.compile(
    r"driftlog-head\s+prefix=(?P<prefix>[a-z][a-z0-9_-]*)\s+sequence=(?P<sequence>\d+)\s+hash=(?P<hash>[0-9a-f]{64})"
    r"\s+at=(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)"
    r"(?:\s+key=(?P<key>[0-9a-f]{16})\s+signature=(?P<signature>[A-Za-z0-9+/]{86}==))?"
)


class SignedHead(msgspec.Struct, frozen=True, kw_only=True):
    """One statement about the chain; without a key it is unsigned, and as good as the place where it is kept."""

    prefix: str
    sequence: int
    hash: str
    at: datetime
    key: str = ""
    signature: str = ""

    def statement(self) -> bytes:
        """What is signed: canonical JSON of type, prefix, sequence, hash and time."""
        fields = {"type": TYPE, "prefix": self.prefix, "sequence": self.sequence, "hash": self.hash}
        return utf8(canonical(fields | {"at": _instant(self.at)}))

    def text(self) -> str:
        """One line for emails, reports and logs; `parse_heads` finds it again in any text, also across line breaks."""
        signed = f" key={self.key} signature={self.signature}" if self.signature else ""
        return f"{TYPE} prefix={self.prefix} sequence={self.sequence} hash={self.hash} at={_instant(self.at)}{signed}"

    def details(self) -> dict[str, Any]:
        """Details of a ``head.signed`` record."""
        return {"prefix": self.prefix, "sequence": self.sequence, "hash": self.hash, "at": _instant(self.at)} | (
            {"key": self.key, "signature": self.signature} if self.signature else {}
        )

    def is_signed_by(self, keys: Iterable[VerifyingKey]) -> bool:
        """Whether one of `keys` made the signature."""
        try:
            signature = base64.b64decode(self.signature, validate=True)
        except binascii.Error:
            return False
        return any(key.verify(signature, self.statement()) for key in keys)


def head_of(details: dict[str, Any]) -> SignedHead:
    """The head in the details of a ``head.signed`` record."""
    return msgspec.convert(details, SignedHead)


def parse_heads(text: str) -> list[SignedHead]:
    """Every head in a text: a file of them, a log, an email.

    >>> line = f"driftlog-head prefix=d sequence=7 hash={'a' * 64} at=2026-03-03T12:00:00Z"
    >>> [head.sequence for head in parse_heads(f"Yours, driftlog\\n  {line}\\n")]
    [7]
    >>> parse_heads(line)[0].text() == line
    True
    """
    return [
        SignedHead(
            prefix=found["prefix"],
            sequence=int(found["sequence"]),
            hash=found["hash"],
            at=datetime.fromisoformat(found["at"]),
            key=found["key"] or "",
            signature=found["signature"] or "",
        )
        for found in _FORM.finditer(text)
    ]


def signed_head(store: Store, settings: AuditSettings, *, now: datetime) -> SignedHead | None:
    """The head as it is now, signed where the settings name a key; None where there is no record yet.

    Nothing is written. Put its `text` where those who can write to Elasticsearch cannot.

    Raises
    ------
    ConfigError
        The key cannot be read.
    """
    head = find_head(store)
    if not head.sequence:
        return None
    plain = SignedHead(prefix=store.names.prefix, sequence=head.sequence, hash=head.hash, at=now)
    return signed(plain, load_signing_key(settings)) if settings.signing_key else plain


def signed(head: SignedHead, key: SigningKey) -> SignedHead:
    signature = base64.b64encode(key.sign(head.statement())).decode()
    return msgspec.structs.replace(head, key=key.id, signature=signature)


def head_entry(head: SignedHead, *, actor: str, key: str = "") -> AuditEntry:
    """The record that keeps a head in the chain as well: from there on it binds every record before it."""
    return AuditEntry(
        action="head.signed",
        object=f"record {head.sequence}",
        actor=actor,
        after=head.hash,
        summary=f"head of {head.sequence:,} records {'signed by key ' + head.key if head.key else 'noted'}",
        details=head.details(),
        key=key,
    )


def newest(heads: Sequence[SignedHead]) -> SignedHead | None:
    return max(heads, key=lambda head: head.sequence, default=None)


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
