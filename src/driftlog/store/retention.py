"""Retention: whole periods are dropped, read off the index names; documents are never deleted one by one."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from driftlog.contract.auditing import RetentionSettings
from driftlog.contract.errors import ConfigError
from driftlog.contract.names import MONTHLY_KINDS
from driftlog.contract.window import Window
from driftlog.store.client import Store
from driftlog.store.ownership import kind_of
from driftlog.store.values import IndexInfo

log = logging.getLogger("driftlog.store")

PERIODIC_KINDS: Final = ("predictions", *MONTHLY_KINDS)
RAW_KINDS: Final = ("predictions", "feedback", "resources", "quarantine", "payloads", "outcomes", "opinions", "runs")
"""Kinds worth dropping for room: profiles and results are small and hold what is known of the rest."""
_PERIOD: Final = re.compile(r"\.(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?\Z")


def kept(retention: RetentionSettings) -> dict[str, timedelta]:
    """How long each kind is kept, as `expired` takes it; single models as ``predictions.<model>``.

    >>> kept(RetentionSettings(results=timedelta(days=730)))
    {'results': datetime.timedelta(days=730)}
    """
    found = {kind: getattr(retention, kind) for kind in PERIODIC_KINDS}
    own = {f"predictions.{each.name}": each.predictions for each in retention.models}
    return {kind: age for kind, age in found.items() if age is not None} | own


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


def freeing(
    indices: Sequence[IndexInfo],
    prefix: str,
    wanted_bytes: int,
    now: datetime,
    *,
    look_back: Mapping[str, timedelta],
    kinds: Collection[str] = RAW_KINDS,
) -> list[IndexInfo]:
    """The oldest periods whose sizes add up to `wanted_bytes`, or all that may go where they do not.

    A period that has not ended, or that a model's look-back still reaches, stays: its windows may be judged again.

    Parameters
    ----------
    look_back
        By model; the longest holds for kinds that models share, and for models that are not named.
    """
    longest = max(look_back.values(), default=timedelta(0))
    candidates = []
    for info in indices:
        period, kind = period_of(info.name), kind_of(info.name, prefix)
        if period is None or kind not in kinds or not info.size_bytes:
            continue
        reach = look_back.get(model_of(info.name, prefix), longest) if kind == "predictions" else longest
        if kind not in ("predictions", "feedback", "outcomes", "opinions"):
            reach = timedelta(0)
        if period.end + reach <= now:
            candidates.append((period.end, -info.size_bytes, info.name, info))
    chosen: list[IndexInfo] = []
    for *_, info in sorted(candidates, key=lambda each: each[:3]):
        if sum(each.size_bytes for each in chosen) >= wanted_bytes:
            break
        chosen.append(info)
    return chosen


def uuid_of(store: Store, index: str) -> str:
    """The index's own identity; empty where it is not there."""
    params = {"ignore_unavailable": "true", "filter_path": "*.settings.index.uuid"}
    found = store.request("GET", f"/{index}/_settings/index.uuid", params=params)
    return str(found[index]["settings"]["index"]["uuid"]) if index in found else ""


def model_of(name: str, prefix: str) -> str:
    """The model of an index of predictions, empty for others.

    >>> model_of("driftlog-predictions.churn.2026-03", "driftlog"), model_of("driftlog-runs.2026-03", "driftlog")
    ('churn', '')
    """
    stem = f"{prefix}-predictions."
    return name.removeprefix(stem).partition(".")[0] if name.startswith(stem) else ""


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
    age = keep.get(f"{kind}.{model_of(name, prefix)}", keep.get(kind))
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
