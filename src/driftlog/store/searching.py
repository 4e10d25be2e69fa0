"""Searches that are complete or refused: parameters, the check of each answer, the bodies of paging."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

import msgspec

from driftlog.contract.errors import PartialResult
from driftlog.store.translate import by_status, reason_of, type_of
from driftlog.store.values import Document, Hit

T = TypeVar("T")

STRICT: Final[dict[str, Any]] = {
    "ignore_unavailable": "true",
    "allow_no_indices": "true",
    "allow_partial_search_results": "false",
}
"""Absent indices are empty; a shard that does not answer is an error, never half a result."""
MULTI_SEARCH_SLICE: Final = 32
KEEP_ALIVE: Final = "2m"

_encoder = msgspec.json.Encoder()


def complete(response: Document) -> Document:
    """`response` itself when every shard answered in time.

    Raises
    ------
    PartialResult
        ``timed_out``, or a shard failed: the counts would be too small without anybody noticing.
    """
    if "error" in response:
        raise by_status(int(response.get("status", 500)), reason_of(response), kind=type_of(response))
    shards = response.get("_shards", {})
    if response.get("timed_out") or shards.get("failed"):
        failed = shards.get("failed", 0)
        reasons = [str(failure.get("reason", "")) for failure in shards.get("failures", [])[:1]]
        raise PartialResult(
            f"a search is incomplete: timed_out={response.get('timed_out', False)}, {failed} of "
            f"{shards.get('total', '?')} shards failed {' '.join(reasons)[:300]}".rstrip(),
            remedy="the next attempt counts again; `driftlog doctor` names shards that are not available",
        )
    return response


def multi_search_body(requests: Iterable[tuple[str, Document]]) -> bytes:
    """NDJSON of a multi-search: a header line and a body line each.

    >>> print(multi_search_body([("a-*", {"size": 0})]).decode(), end="")
    {"index":"a-*","ignore_unavailable":true,"allow_no_indices":true,"allow_partial_search_results":false}
    {"size":0}
    """
    lines = bytearray()
    for index, body in requests:
        head = {
            "index": index,
            "ignore_unavailable": True,
            "allow_no_indices": True,
            "allow_partial_search_results": False,
        }
        lines += _encoder.encode(head) + b"\n" + _encoder.encode(body) + b"\n"
    return bytes(lines)


def page_body(
    pit: str,
    query: Document | None,
    *,
    sort: Sequence[Any] | None,
    source: Any,
    size: int,
    after: Sequence[Any] | None,
) -> Document:
    """One page of a scan; ``_shard_doc`` breaks ties, so that no document is skipped or repeated.

    >>> page_body("p", None, sort=None, source=None, size=10, after=[7])["search_after"]
    [7]
    """
    body: Document = {
        "pit": {"id": pit, "keep_alive": KEEP_ALIVE},
        "query": query or {"match_all": {}},
        "sort": [*(sort or ()), {"_shard_doc": "asc"}],
        "size": size,
        "track_total_hits": False,
    }
    if source is not None:
        body["_source"] = source
    if after is not None:
        body["search_after"] = list(after)
    return body


def ids_body(ids: Sequence[str]) -> Document:
    """Documents with one of `ids`, whichever index they are in."""
    return {
        "query": {"ids": {"values": list(ids)}},
        "size": 10_000,
        "seq_no_primary_term": True,
        "version": True,
        "track_total_hits": True,
    }


def to_hit(found: Document) -> Hit:
    """One hit of a search, a get or a multi-get."""
    return Hit(
        id=found["_id"],
        source=found.get("_source", {}),
        seq_no=found.get("_seq_no", -1),
        primary_term=found.get("_primary_term", 0),
        version=found.get("_version", -1),
        index=found["_index"],
    )


def parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in slices of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
