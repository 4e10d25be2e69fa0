"""Measurements as points of time series, for the tools that keep such: one path a series, one step a window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from driftlog.contract.measurement import Measurement
from driftlog.contract.window import Window

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def step_of(window: Window) -> int:
    """The step of a window: minutes from 1970 to its end, whatever else was exported and in which order.

    >>> step_of(Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)))
    29543040
    """
    return int((window.end - _EPOCH).total_seconds() // 60)


def path_of(measurement: Measurement) -> str:
    """``performance/roc_auc``, ``data_drift/kolmogorov_smirnov/features.distance``."""
    parts = (measurement.purpose, measurement.metric, measurement.field)
    return "/".join(part for part in parts if part)


def newest(measurements: Iterable[Measurement]) -> Iterator[Measurement]:
    """One measurement a series and window's end: the one computed last.

    A window that was judged again against another reference has two documents. The measurements come in order of the
    window's end and the series, as `driftlog.store.results` gives them, and leave in that order.
    """
    kept: Measurement | None = None
    for each in measurements:
        if kept is not None and (kept.window.end, kept.series) == (each.window.end, each.series):
            kept = max(kept, each, key=_age)
            continue
        if kept is not None:
            yield kept
        kept = each
    if kept is not None:
        yield kept


def _age(measurement: Measurement) -> tuple[datetime, int]:
    return measurement.computed or _EPOCH, measurement.revision
