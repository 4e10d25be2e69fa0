"""Bulk requests: actions become NDJSON in slices of bounded size, answers become one report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from driftlog.contract.errors import StoreConflict, StoreError
from driftlog.store.translate import by_status, explain
from driftlog.store.values import BulkAction, BulkFailure, BulkReport

MAX_SLICE_BYTES: Final = 8 * 1024 * 1024
MAX_SLICE_ACTIONS: Final = 2000

_encoder = msgspec.json.Encoder()


def encode(action: BulkAction) -> bytes:
    """One action as its NDJSON lines.

    >>> encode(BulkAction("update", "a", "1", {"x": 1}, if_seq_no=5, if_primary_term=1)).decode().splitlines()
    ['{"update":{"_index":"a","_id":"1","if_seq_no":5,"if_primary_term":1}}', '{"doc":{"x":1}}']

    >>> encode(BulkAction("index", "a", "1", {"x": float("nan")}, version=3)).decode().splitlines()
    ['{"index":{"_index":"a","_id":"1","version":3,"version_type":"external_gte"}}', '{"x":null}']
    """
    head: dict[str, Any] = {"_index": action.index, "_id": action.id}
    if action.version is not None:
        head |= {"version": action.version, "version_type": "external_gte"}
    if action.if_seq_no is not None:
        head |= {"if_seq_no": action.if_seq_no, "if_primary_term": action.if_primary_term}
    lines = _encoder.encode({action.op: head}) + b"\n"
    if action.op == "delete":
        return lines
    if action.document is None:
        raise ValueError(f"{action.op} of {action.index}/{action.id} without a document")
    document = {"doc": action.document} if action.op == "update" else action.document
    return lines + _encoder.encode(document) + b"\n"


def slices(
    actions: Iterable[BulkAction], *, max_bytes: int = MAX_SLICE_BYTES, max_actions: int = MAX_SLICE_ACTIONS
) -> Iterator[tuple[list[BulkAction], bytes]]:
    """Actions in order, cut so that a request stays below `max_bytes`; a larger single document goes alone."""
    batch: list[BulkAction] = []
    body = bytearray()
    for action in actions:
        lines = encode(action)
        if batch and (len(body) + len(lines) > max_bytes or len(batch) >= max_actions):
            yield batch, bytes(body)
            batch, body = [], bytearray()
        batch.append(action)
        body += lines
    if batch:
        yield batch, bytes(body)


def parse(actions: Sequence[BulkAction], response: dict[str, Any]) -> BulkReport:
    """The report of one request's answer; a delete of what is not there counts as stored."""
    stored = conflicts = 0
    failures: list[BulkFailure] = []
    for action, item in zip(actions, response["items"], strict=True):
        (result,) = item.values()
        status = int(result["status"])
        if status < 300 or (action.op == "delete" and result.get("result") == "not_found"):
            stored += 1
        elif status == 409:
            conflicts += 1
        else:
            reason = explain(result.get("error")) or "no reason given"
            failures.append(BulkFailure(action.index, action.id, status, reason, action.document))
    return BulkReport(stored, conflicts, failures)


def merge(reports: Iterable[BulkReport]) -> BulkReport:
    """The sum of several reports."""
    stored = conflicts = 0
    failures: list[BulkFailure] = []
    for report in reports:
        stored += report.stored
        conflicts += report.conflicts
        failures += report.failures
    return BulkReport(stored, conflicts, failures)


def require_stored(report: BulkReport, what: str) -> int:
    """Number of documents stored; raise for the gravest of what was not.

    Raises
    ------
    StoreError
        Of the kind of the first failure: `StoreUnavailable` before `StoreRejected`, and so on by status.
    StoreConflict
        Documents were refused because a newer term (external version) had written them.
    """
    if report.failures:
        worst = max(report.failures, key=lambda failure: (failure.status in (429, 503), failure.status))
        error = by_status(worst.status, worst.reason)
        raise _prefixed(error, f"{what}: {len(report.failures)} not stored, among them {worst.index}/{worst.id}")
    if report.conflicts:
        raise StoreConflict(
            f"{what}: {report.conflicts} refused, a newer term has written them",
            remedy="another worker holds this model now; this one gives it up",
            status=409,
        )
    return report.stored


def _prefixed(error: StoreError, text: str) -> StoreError:
    return type(error)(f"{text}: {error.message}", remedy=error.remedy, status=error.status)
