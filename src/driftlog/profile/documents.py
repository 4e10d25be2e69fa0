"""Profile documents: deterministic ids, what is written, what is read back."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from driftlog.contract.profile import ProfileKey
from driftlog.contract.window import DAY, Window
from driftlog.profile.codec import VERSION
from driftlog.profile.scope import instant

Kind = Literal["predictions", "outcomes"]
PREDICTIONS: Final[Kind] = "predictions"
OUTCOMES: Final[Kind] = "outcomes"
BUCKET, A_DAY = "bucket", "day"
"""Resolutions. A bucket of a whole UTC day is its own roll-up and is kept as ``day`` only."""

Document = dict[str, Any]


def resolution_of(bucket: Window) -> str:
    return A_DAY if bucket.length == DAY else BUCKET


def profile_id(kind: Kind, key: ProfileKey) -> str:
    """Id of a profile document. The length of the bucket is not part of it: a new length overwrites the old one."""
    parts = (
        kind,
        resolution_of(key.bucket),
        key.model,
        key.environment,
        key.version,
        key.variant,
        key.segment,
        key.binning_id,
        instant(key.bucket.start),
    )
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def profile_document(kind: Kind, key: ProfileKey, counts: bytes, *, n: int, failures: int, term: int) -> Document:
    """The document of one profile; `counts` are its packed bytes."""
    return {
        "@timestamp": instant(key.bucket.start),
        "kind": kind,
        "resolution": resolution_of(key.bucket),
        "bucket": {"start": instant(key.bucket.start), "end": instant(key.bucket.end)},
        "model": {"name": key.model, "version": key.version, "variant": key.variant},
        "service": {"environment": key.environment},
        "segment": key.segment,
        "binning_id": key.binning_id,
        "n": n,
        "failures": failures,
        "term": term,
        "codec": VERSION,
        "counts": b64encode(counts).decode("ascii"),
    }


def counts_in(source: Document) -> bytes:
    """The packed bytes of a stored profile."""
    return b64decode(source["counts"])


def bucket_in(source: Document) -> Window:
    """The bucket of a stored profile."""
    return Window(parse_instant(source["bucket"]["start"]), parse_instant(source["bucket"]["end"]))


def parse_instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def day_of(when: datetime) -> Window:
    """The UTC day that contains `when`."""
    start = when.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(start, start + DAY)


def whole_days(window: Window) -> Window | None:
    """The whole UTC days inside `window`; None when there is none.

    >>> whole_days(Window(datetime(2026, 3, 3, 5, tzinfo=UTC), datetime(2026, 3, 6, 5, tzinfo=UTC))).label()
    '2026-03-04/2026-03-06'
    """
    first = day_of(window.start - timedelta(microseconds=1)).end
    last = day_of(window.end).start
    return Window(first, last) if last > first else None
