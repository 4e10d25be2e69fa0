"""``--since`` and ``--until`` as `driftlog.api.times` reads them, and ``--timezone``."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from driftlog.api.times import Moment, Span, parse_moment, parse_time, parse_window, resolve
from driftlog.contract.errors import UsageError

__all__ = ["Moment", "Span", "check_timezone", "parse_moment", "parse_time", "parse_window", "resolve"]


def check_timezone(name: str) -> None:
    """Refuse what is no time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise UsageError(f"--timezone: {name[:80]!r} is no time zone", remedy="write UTC or Europe/Berlin") from None
