"""The trace an event belongs to: the W3C ``traceparent`` header of the request, kept for the time of the request."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Final

current_trace: Final[ContextVar[str | None]] = ContextVar("driftlog_trace", default=None)
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def trace_id_of(traceparent: str | None) -> str | None:
    """Trace id of a ``traceparent`` header; None when there is none or it is not one.

    >>> trace_id_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    '4bf92f3577b34da6a3ce929d0e0e4736'
    """
    found = _TRACEPARENT.match(traceparent.strip().lower()) if traceparent else None
    return found[1] if found is not None and found[1].strip("0") else None
