"""What the store hands out and takes in: hits, bulk actions and their report, indices, the cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

Document = dict[str, Any]
"""A document as Elasticsearch keeps it: parsed JSON."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One stored document with what a conditional write needs."""

    id: str
    source: Document
    seq_no: int
    primary_term: int
    version: int
    index: str


@dataclass(frozen=True, slots=True)
class BulkAction:
    """One write of a bulk request.

    Parameters
    ----------
    op
        ``create`` is refused when the id exists; ``index`` overwrites; ``update`` merges `document` into the stored
        one, and fails where there is none; ``delete``.
    document
        Parsed JSON, or a struct that encodes to it; None for ``delete``. NaN and infinity become null.
    version
        External version (``external_gte``): a stored document with a larger one refuses the write.
    if_seq_no, if_primary_term
        Of the document that this write replaces; it must be the newest.
    """

    op: Literal["index", "create", "update", "delete"]
    index: str
    id: str
    document: Document | msgspec.Struct | None = None
    version: int | None = None
    if_seq_no: int | None = None
    if_primary_term: int | None = None


@dataclass(frozen=True, slots=True)
class BulkFailure:
    """One write that neither succeeded nor was a conflict."""

    index: str
    id: str
    status: int
    reason: str
    document: Document | msgspec.Struct | None = None


@dataclass(frozen=True, slots=True)
class BulkReport:
    """What became of a bulk request: documents stored, refused as conflicts (409), failed for other reasons."""

    stored: int = 0
    conflicts: int = 0
    failures: list[BulkFailure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """One index of this installation."""

    name: str
    docs: int
    size_bytes: int
    created: datetime
    health: str = ""
    status: str = "open"


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """The connected cluster; disk figures are of its fullest data node, None where the account may not ask."""

    version: str
    name: str
    licence: str
    health: str
    nodes: int
    unassigned_shards: int
    disk_total_bytes: int | None = None
    disk_available_bytes: int | None = None
