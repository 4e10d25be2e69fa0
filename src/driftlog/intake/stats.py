"""What the intake has done so far, for `GET /stats`."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec


class Outcome(msgspec.Struct):
    """What became of the events of one batch."""

    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0

    def add(self, other: Outcome) -> None:
        self.stored += other.stored
        self.duplicates += other.duplicates
        self.quarantined += other.quarantined


class Stats(msgspec.Struct):
    """Counters since the start; events are counted when their fate is known."""

    outcome: Outcome = msgspec.field(default_factory=Outcome)
    requests: int = 0
    refused_busy: int = 0
    """Requests answered 429."""
    refused_unavailable: int = 0
    """Requests answered 503."""
    bulks: int = 0
    bulk_items: int = 0
    retried_items: int = 0
    erased: int = 0
    """Events of erased subjects that were sent again and dropped."""
    tcp_connections: int = 0
    quarantine_reasons: dict[str, int] = {}

    def count_quarantined(self, reason: str) -> None:
        self.quarantine_reasons[reason] = self.quarantine_reasons.get(reason, 0) + 1


def rss_bytes() -> int | None:
    """Resident memory of this process; None where the system does not tell."""
    try:
        fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except OSError:
        return _peak_rss_bytes()
    return int(fields[1]) * _page_size()


def _page_size() -> int:
    import resource

    return resource.getpagesize()


def _peak_rss_bytes() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
