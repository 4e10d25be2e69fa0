"""Latency from the histogram of durations: the mean is exact, percentiles are read off the bins."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.measurement import MARK_APPROXIMATE, Measurement
from driftlog.contract.profile import LATENCY_EDGES_NS, PredictionProfile
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext

PERCENTILES = (50, 95, 99)
NS_A_MS = 1e6


def percentile_ms(counts: NDArray[np.int64], percent: float) -> float | None:
    """A percentile of durations counted over `LATENCY_EDGES_NS`, in milliseconds; None without rows.

    The rank ``percent / 100 * n`` is found in the cumulative counts and placed inside its bin on a logarithmic scale,
    so the error is below one bin (10 %). In the open bins the answer is their finite edge.

    >>> counts = np.zeros(len(LATENCY_EDGES_NS) + 1, dtype=np.int64)
    >>> counts[49] = 10
    >>> round(percentile_ms(counts, 50), 2), round(LATENCY_EDGES_NS[48] / 1e6, 2), round(LATENCY_EDGES_NS[49] / 1e6, 2)
    (1.05, 1.0, 1.1)
    """
    cumulative = np.cumsum(counts)
    n = int(cumulative[-1])
    if n == 0:
        return None
    rank = percent / 100 * n
    bin_ = int(np.searchsorted(cumulative, rank, side="left"))
    if bin_ == 0:
        return LATENCY_EDGES_NS[0] / NS_A_MS
    if bin_ >= len(LATENCY_EDGES_NS):
        return LATENCY_EDGES_NS[-1] / NS_A_MS
    below = float(cumulative[bin_ - 1])
    inside = (rank - below) / float(counts[bin_])
    low, high = math.log(LATENCY_EDGES_NS[bin_ - 1]), math.log(LATENCY_EDGES_NS[bin_])
    return math.exp(low + inside * (high - low)) / NS_A_MS


def mean_ms(profile: PredictionProfile) -> float | None:
    """Mean duration in milliseconds; None where no event had one."""
    n = int(profile.latency.sum())
    return profile.latency_total_ns / n / NS_A_MS if n else None


def latency_measurements(
    current: PredictionProfile, before: PredictionProfile | None, settings: ModelSettings, context: SeriesContext
) -> list[Measurement]:
    """Mean and percentiles; none where no event has a duration, value None below `min_rows`."""
    n = int(current.latency.sum())
    if n == 0:
        return []
    n_before = int(before.latency.sum()) if before is not None else 0
    enough = n >= settings.min_rows
    note = "" if enough else f"fewer than {settings.min_rows} events with a duration"
    rows: list[tuple[str, float | None, float | None, str, tuple[str, ...]]] = [
        ("latency_mean_ms", mean_ms(current), mean_ms(before) if before is not None else None, "exact mean", ())
    ]
    for percent in PERCENTILES:
        reference = percentile_ms(before.latency, percent) if before is not None else None
        method = "from bins 10 % apart, logarithmic inside a bin"
        rows.append(
            (f"latency_p{percent}_ms", percentile_ms(current.latency, percent), reference, method, (MARK_APPROXIMATE,))
        )
    return [
        context.measurement(
            metric,
            "operational",
            value if enough else None,
            reference_value=reference,
            n_reference=n_before,
            n_current=n,
            unit="ms",
            method=method,
            marks=marks,
            note=note,
        )
        for metric, value, reference, method, marks in rows
    ]
