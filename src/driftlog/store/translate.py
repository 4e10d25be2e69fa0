"""Errors of the Elasticsearch client become driftlog's, once and here.

| Elasticsearch says | error | remedy |
|---|---|---|
| no connection, timeout, 408, 429, 5xx | `StoreUnavailable` | keep the data, back off, try again |
| search lost a shard | `PartialResult` | as above |
| 401, 403 | `StoreAccessDenied` | credentials, privileges, or a blocked index |
| 404 | `StoreNotFound` | `driftlog setup`, or the name is wrong |
| 409 | `StoreConflict` | somebody else wrote first |
| any other 4xx | `StoreRejected` | the request itself is wrong |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from elasticsearch import ApiError, TransportError
from elasticsearch.exceptions import ConnectionTimeout, SerializationError, SSLError, UnsupportedProductError

from driftlog.contract.errors import (
    PartialResult,
    StoreAccessDenied,
    StoreConflict,
    StoreError,
    StoreNotFound,
    StoreRejected,
    StoreUnavailable,
)

MAX_REASON_CHARS: Final = 500
_PARTIAL_REASONS: Final = ("Partial shards failure", "all shards failed", "Search rejected due to missing shards")


def translate(error: ApiError | TransportError) -> StoreError:
    """The contract's error for one of the client's; raise it ``from error``."""
    if isinstance(error, UnsupportedProductError):
        return StoreRejected(
            "the server that answered is not Elasticsearch",
            remedy="check elasticsearch.urls; a proxy may answer in its place, or strip the header X-Elastic-Product",
        )
    if isinstance(error, ApiError):
        return by_status(error.meta.status, reason_of(error.body) or error.message, kind=type_of(error.body))
    if isinstance(error, SSLError):
        return StoreUnavailable(
            f"TLS to Elasticsearch failed: {_short(error.message)}",
            remedy="set elasticsearch.ca_certs to the authority that signed it, and use the certified name in the URL",
        )
    if isinstance(error, ConnectionTimeout):
        return StoreUnavailable(
            f"Elasticsearch did not answer in time: {_short(error.message)}",
            remedy="try again later, or raise elasticsearch.timeout_s; `driftlog doctor` shows the cluster's load",
        )
    if isinstance(error, SerializationError):
        return StoreRejected(f"a document or an answer is not JSON: {_short(error.message)}")
    return StoreUnavailable(
        f"Elasticsearch cannot be reached: {_short(error.message)}",
        remedy="check that it runs at elasticsearch.urls; `driftlog local start` starts one on this machine",
    )


def by_status(status: int, reason: str, *, kind: str = "") -> StoreError:
    """The error for an HTTP status, of a whole answer or of one item of a bulk request.

    >>> type(by_status(429, "circuit breaker")).__name__
    'StoreUnavailable'
    """
    text = f"Elasticsearch answered {status}: {_short(reason)}"
    if "flood-stage" in reason or "read_only_allow_delete" in reason:
        return StoreUnavailable(
            text,
            status=status,
            remedy="the disk is full: free space or drop old periods; writes resume by themselves",
        )
    if kind == "cluster_block_exception":
        return StoreAccessDenied(text, status=status, remedy="remove the block from the index or the cluster")
    if status == 401:
        return StoreAccessDenied(
            text, status=status, remedy="check elasticsearch.api_key, or elasticsearch.username and password"
        )
    if status == 403:
        return StoreAccessDenied(text, status=status, remedy="give this account the privilege named above")
    if status >= 500 and any(phrase in reason for phrase in _PARTIAL_REASONS):
        return PartialResult(
            text,
            status=status,
            remedy="a shard is not available; `driftlog doctor` says which; try again later",
        )
    if status in (408, 429) or status >= 500:
        return StoreUnavailable(text, status=status, remedy="it is overloaded or restarting; try again later")
    if status == 404:
        return StoreNotFound(text, status=status, remedy="check the name; `driftlog setup` installs what is missing")
    if status == 409:
        return StoreConflict(text, status=status, remedy="somebody else wrote first; read it again")
    if kind == "too_many_buckets_exception" or "too many buckets" in reason:
        return StoreRejected(
            text, status=status, remedy="use a coarser bucket, fewer features or segments; or raise search.max_buckets"
        )
    if status == 413:
        return StoreRejected(text, status=status, remedy="one document exceeds http.max_content_length")
    return StoreRejected(text, status=status)


def type_of(body: Any) -> str:
    """``error.type`` of an answer, or empty."""
    error = body.get("error") if isinstance(body, Mapping) else None
    return str(error.get("type", "")) if isinstance(error, Mapping) else ""


def reason_of(body: Any) -> str:
    """The outermost reason and the innermost cause, for people.

    >>> reason_of({"error": {"type": "x", "reason": "all shards failed", "root_cause": [{"reason": "no such field"}]}})
    'all shards failed: no such field'
    """
    error = body.get("error", body) if isinstance(body, Mapping) else body
    return explain(error)


def explain(error: Any) -> str:
    """Reason and deepest cause of one ``error`` object of Elasticsearch."""
    if not isinstance(error, Mapping):
        return str(error) if error else ""
    reasons = [str(error.get("reason") or error.get("type") or "")]
    causes = error.get("root_cause") or ()
    reasons.extend(str(cause.get("reason") or "") for cause in causes if isinstance(cause, Mapping))
    inner = error.get("caused_by")
    while isinstance(inner, Mapping):
        reasons.append(str(inner.get("reason") or ""))
        inner = inner.get("caused_by")
    return ": ".join(dict.fromkeys(reason for reason in reasons if reason))


def _short(text: str) -> str:
    return text if len(text) <= MAX_REASON_CHARS else text[: MAX_REASON_CHARS - 3] + "..."
