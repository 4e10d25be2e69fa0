"""Pipeline integrity of one window, as measurements."""

from __future__ import annotations

from driftlog.contract.integrity import IntegritySummary
from driftlog.contract.measurement import MARK_APPROXIMATE, Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.proportions import wilson_interval

MIN_COMPARED = 20
"""Sampled predictions compared for duplicates, at least."""


def integrity_measurements(
    summary: IntegritySummary, settings: ModelSettings, context: SeriesContext
) -> list[Measurement]:
    """What went wrong on the way into a window (``integrity``); each only where stored documents can tell.

    ==================== ========================================================================================
    shipping_loss_share  dropped / (dropped + shipped) of the serving processes' own counters
    quarantine_rate      quarantined / (arrived + quarantined) during the window
    duplicate_share      surplus copies (same time, same content, another id) / predictions, from a sample
    clock_skew_share     predictions more than a second ahead of their ingestion, from a sample
    ingest_lag_p95_s     95 % of the predictions were ingested within so many seconds, from a sample; back-fills apart
    silent_hours         hours without predictions that the last four weeks always had
    ==================== ========================================================================================

    Shares have Wilson's 95 % interval. Fewer than `min_rows` events give value None. Events sent twice under one id
    are stored once and cost nothing; nobody counts them.
    """
    found = [
        _loss(summary, context),
        _quarantine(summary, settings, context),
        _duplicates(summary, settings, context),
        _skew(summary, settings, context),
        _lag(summary, settings, context),
        _silence(summary, context),
    ]
    return [measurement for measurement in found if measurement is not None]


def _share(
    metric: str,
    count: float,
    n: int,
    settings: ModelSettings | None,
    context: SeriesContext,
    *,
    method: str,
    details: dict[str, float] | None = None,
    approximate: bool = False,
    fewest: int | None = None,
    what: str = "events",
) -> Measurement:
    least = fewest if fewest is not None else settings.min_rows if settings is not None else 1
    enough = n >= least
    low, high = wilson_interval(count, n)
    return context.measurement(
        metric,
        "integrity",
        count / n if enough else None,
        lower=low if enough else None,
        upper=high if enough else None,
        n_current=n,
        unit="share",
        method=f"{method}; Wilson 95 %",
        details=details or {},
        marks=(MARK_APPROXIMATE,) if approximate else (),
        note="" if enough else f"fewer than {least} {what}",
    )


def _loss(summary: IntegritySummary, context: SeriesContext) -> Measurement | None:
    if summary.dropped is None or not summary.dropped + summary.shipped:
        return None
    return _share(
        "shipping_loss_share",
        summary.dropped,
        summary.dropped + summary.shipped,
        None,
        context,
        method="events dropped by serving processes / dropped and stored",
        details={"dropped": float(summary.dropped), "processes": float(summary.processes)},
    )


def _quarantine(summary: IntegritySummary, settings: ModelSettings, context: SeriesContext) -> Measurement | None:
    refused = sum(summary.quarantined.values())
    n = summary.arrived + refused
    if not n:
        return None
    return _share(
        "quarantine_rate",
        refused,
        n,
        settings,
        context,
        method="refused / arrived, by time of arrival",
        details={reason: float(count) for reason, count in summary.quarantined.items()},
    )


def _duplicates(summary: IntegritySummary, settings: ModelSettings, context: SeriesContext) -> Measurement | None:
    if summary.compared is None:
        return None
    return _share(
        "duplicate_share",
        summary.repeated,
        summary.compared,
        settings,
        context,
        method="surplus copies, of a random sample",
        details={"reused_ids": float(summary.quarantined.get("id_reused", 0))},
        approximate=summary.compared < summary.stored,
        fewest=min(settings.min_rows, MIN_COMPARED),
        what="events that their content tells apart",
    )


def _skew(summary: IntegritySummary, settings: ModelSettings, context: SeriesContext) -> Measurement | None:
    if not summary.sampled:
        return None
    return _share(
        "clock_skew_share",
        summary.ahead,
        summary.sampled,
        settings,
        context,
        method="more than 1 s ahead of ingestion, of a random sample",
        details={"ahead_max_s": summary.ahead_max_s},
        approximate=summary.sampled < summary.stored,
    )


def _lag(summary: IntegritySummary, settings: ModelSettings, context: SeriesContext) -> Measurement | None:
    live = summary.sampled - summary.ahead - summary.backfilled
    if summary.lag_p95_s is None:
        return None
    enough = live >= settings.min_rows
    details = {"backfilled_share": summary.backfilled / summary.sampled}
    if summary.lag_p50_s is not None:
        details["lag_p50_s"] = summary.lag_p50_s
    return context.measurement(
        "ingest_lag_p95_s",
        "integrity",
        summary.lag_p95_s if enough else None,
        n_current=live,
        unit="s",
        method="from event to ingestion, of a random sample; imports and back-fills left out",
        details=details,
        marks=(MARK_APPROXIMATE,) if summary.sampled < summary.stored else (),
        note="" if enough else f"fewer than {settings.min_rows} events",
    )


def _silence(summary: IntegritySummary, context: SeriesContext) -> Measurement | None:
    if summary.expected_hours is None:
        return None
    return context.measurement(
        "silent_hours",
        "integrity",
        summary.silent_hours,
        n_current=summary.stored,
        unit="h",
        method="hours that had events at this local hour of the week in each of the last four weeks, median 10 or more",
        details={"expected_hours": float(summary.expected_hours)},
    )
