"""How much more traffic the serving processes could carry: from CPU against load, and from latency against load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from driftlog.contract.measurement import MARK_APPROXIMATE, Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.contract.usage import HourOfLoad, Usage
from driftlog.evaluate.context import SeriesContext

FEWEST_HOURS = 24
SPREAD = 2.0
"""The busiest hour must carry twice the load of the quietest: a line through one point says nothing."""
HOUR_S = 3600.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Capacity:
    """Events a second that could be served; `lower` and `upper` are the 95 % interval of the fitted line's root."""

    per_s: float
    lower: float
    upper: float
    method: str


@dataclass(frozen=True, slots=True)
class _Line:
    intercept: float
    slope: float
    slope_error: float
    n: int

    def slope_interval(self) -> tuple[float, float]:
        half = float(special.stdtrit(self.n - 2, 0.975)) * self.slope_error
        return self.slope - half, self.slope + half


def _fit(x: Floats, y: Floats) -> _Line | None:
    """Least squares; None with fewer than `FEWEST_HOURS` points or too little spread in x."""
    if x.size < FEWEST_HOURS or x.max() < SPREAD * max(x.min(), 1e-12):
        return None
    centred = x - x.mean()
    squares = float(centred @ centred)
    slope = float(centred @ (y - y.mean())) / squares
    intercept = float(y.mean()) - slope * float(x.mean())
    rest = y - intercept - slope * x
    error = math.sqrt(float(rest @ rest) / (x.size - 2) / squares)
    return _Line(intercept, slope, error, int(x.size))


def from_cpu(hours: Sequence[HourOfLoad], cores: float) -> Capacity | None:
    """Load at which all `cores` are busy: ``(cores - idle) / (CPU seconds a prediction)``.

    Busy cores grow with the load in a straight line (the utilisation law, U = X S); the intercept is what the
    processes burn without traffic. None where the line is not there or does not rise.

    Source: Denning and Buzen, "The operational analysis of queueing network models", 1978.
    """
    known = [(hour.n / HOUR_S, hour.cpu_cores) for hour in hours if hour.cpu_cores is not None]
    if not known:
        return None
    x, y = np.array(known, dtype=np.float64).T
    line = _fit(x, y)
    if line is None or line.slope_interval()[0] <= 0 or cores <= line.intercept:
        return None
    low, high = line.slope_interval()
    room = cores - line.intercept
    return Capacity(room / line.slope, room / high, room / low, f"busy cores against load, {line.n} hours")


def from_latency(hours: Sequence[HourOfLoad]) -> Capacity | None:
    """Load at which the latency of a single queue grows without bound.

    A queue with random arrivals has the mean latency ``W = S / (1 - X / C)``, so that ``1 / W`` falls with the load X
    in a straight line and reaches zero at the capacity C. None where latency does not rise with the load.
    """
    known = [(hour.n / HOUR_S, 1 / hour.mean_s) for hour in hours if hour.mean_s]
    if not known:
        return None
    x, y = np.array(known, dtype=np.float64).T
    line = _fit(x, y)
    if line is None or line.intercept <= 0:
        return None
    low, high = line.slope_interval()
    if high >= 0:
        return None
    return Capacity(
        -line.intercept / line.slope,
        -line.intercept / low,
        -line.intercept / high,
        f"latency against load, {line.n} hours",
    )


def capacity_measurements(usage: Usage, settings: ModelSettings, context: SeriesContext) -> list[Measurement]:
    """``capacity_per_s`` (the lower of both ways) and ``headroom_share``: 1 - load of the busiest hour / capacity.

    None with a note where neither line can be drawn; then all that is known is that the busiest hour was served.
    """
    hours = usage.hours
    if not hours:
        return []
    peak = max(hour.n for hour in hours) / HOUR_S
    cores = settings.cost.cores
    found = [capacity for capacity in (from_cpu(hours, cores) if cores > 0 else None, from_latency(hours)) if capacity]
    if not found:
        way = "" if cores > 0 else "; set cost.cores to judge by CPU as well"
        note = f"latency does not rise with the load so far: at least {peak:.3g}/s, the busiest hour, is served{way}"
        return [_measured(context, name, None, unit, len(hours), note=note) for name, unit in _NAMES]
    least = min(found, key=lambda capacity: capacity.per_s)
    details = {"busiest_hour_per_s": peak, "hours": float(len(hours))}
    shares = [1 - peak / end for end in (least.per_s, least.lower, least.upper)]
    return [
        _measured(
            context,
            "capacity_per_s",
            least.per_s,
            "1/s",
            len(hours),
            lower=least.lower,
            upper=least.upper,
            method=least.method,
            details=details,
        ),
        _measured(
            context,
            "headroom_share",
            shares[0],
            "share",
            len(hours),
            lower=shares[1],
            upper=shares[2],
            method=least.method,
            details=details,
        ),
    ]


_NAMES = (("capacity_per_s", "1/s"), ("headroom_share", "share"))


def _measured(
    context: SeriesContext, metric: str, value: float | None, unit: str, n: int, **rest: object
) -> Measurement:
    return context.measurement(metric, "cost", value, unit=unit, n_current=n, marks=(MARK_APPROXIMATE,), **rest)
