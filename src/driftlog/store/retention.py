"""Retention: whole periods are dropped, read off the index names; documents are never deleted one by one."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from driftlog.contract.errors import ConfigError
from driftlog.contract.names import MONTHLY_KINDS
from driftlog.contract.window import Window
from driftlog.store.client import Store
from driftlog.store.ownership import kind_of
from driftlog.store.values import IndexInfo

log = logging.getLogger("driftlog.store")

PERIODIC_KINDS: Final = ("predictions", *MONTHLY_KINDS)
_PERIOD: Final = re.compile(r"\.(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?\Z")


def expired(store: Store, keep: Mapping[str, timedelta], now: datetime) -> list[IndexInfo]:
    """Indices whose whole period ended more than `keep` ago, by name. Nothing is dropped: this is the dry run.

    Parameters
    ----------
    keep
        By kind (``predictions``, ``results``, ...), or ``predictions.<model>`` for one model. Kinds that are not named
        are kept for ever.

    Raises
    ------
    ConfigError
        A kind that has no periods, or a time that is not positive.
    """
    _check(keep)
    return [info for info in store.list_indices() if _is_expired(info.name, store.names.prefix, keep, now)]


def drop_expired(store: Store, keep: Mapping[str, timedelta], now: datetime) -> list[IndexInfo]:
    """Drop what `expired` lists; return what was dropped."""
    dropped = []
    for info in expired(store, keep, now):
        if store.drop_index(info.name):
            log.info("retention: dropped %s (%s documents, %s bytes)", info.name, info.docs, info.size_bytes)
            dropped.append(info)
    return dropped


def period_of(name: str) -> Window | None:
    """The period at the end of an index name: a year, a month or a day in UTC; None where there is none.

    >>> period_of("driftlog-predictions.churn.2026-12").label()
    '2026-12-01/2027-01-01'
    >>> period_of("driftlog-results.2026-02-30") is period_of("driftlog-models") is None
    True
    """
    match = _PERIOD.search(name)
    if match is None:
        return None
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        start = datetime(year or 1, month or 1, day or 1, tzinfo=UTC)
        if day is not None:
            return Window(start, start + timedelta(days=1))
        if month is not None:
            return Window(start, (start + timedelta(days=31)).replace(day=1))
        return Window(start, start.replace(year=start.year + 1))
    except (ValueError, OverflowError):
        return None


def _is_expired(name: str, prefix: str, keep: Mapping[str, timedelta], now: datetime) -> bool:
    kind = kind_of(name, prefix)
    model = name.removeprefix(f"{prefix}-{kind}.").partition(".")[0] if kind == "predictions" else ""
    age = keep.get(f"{kind}.{model}", keep.get(kind))
    period = period_of(name)
    return age is not None and period is not None and period.end + age <= now


def _check(keep: Mapping[str, timedelta]) -> None:
    for kind, age in keep.items():
        if kind not in PERIODIC_KINDS and not kind.startswith("predictions."):
            raise ConfigError(
                "has no periods to drop", path=f"retention.{kind}", remedy=f"use one of {', '.join(PERIODIC_KINDS)}"
            )
        if age <= timedelta(0):
            raise ConfigError(
                "must be longer than nothing", path=f"retention.{kind}", value=age, remedy="write 90d or 1y"
            )
