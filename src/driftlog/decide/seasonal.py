"""Thresholds from the same hour of the week (the same weekday, for windows of a day), in the model's time zone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from scipy import special

from driftlog.contract.measurement import Chunks, Limit, Measurement
from driftlog.contract.settings import ThresholdSettings
from driftlog.contract.window import DAY, Window
from driftlog.decide.defaults import range_of
from driftlog.decide.past import PastValue, lessons
from driftlog.decide.prediction_limit import margin
from driftlog.decide.verdicts import Decision, nearest, side_of, verdict_of

FEWEST_WEEKS: Final = 8
FEWEST_VALUES: Final = 8
FEWEST_ROWS: Final = 30
HOUR: Final = timedelta(hours=1)
SATURDAY: Final = 5
MOST_EXACT: Final = 3.0
ROUNDING: Final = 1e-9
_Z95: Final = 1.959963984540054

Slot = tuple[int, int]


def decide(
    measurement: Measurement, value: float, threshold: ThresholdSettings, past: Sequence[PastValue], timezone: str
) -> Decision:
    """In breach more than `warning` (`critical`) standard deviations from the slot's mean on the side of `direction`.

    - Slot: the hour of the week of the window's middle, local to `timezone`; the weekday for windows of a whole day;
      longer windows have one slot. Values of at least 8 weeks, with 30 rows between them, are needed.
    - Else the same hour on all weekdays, or on Saturday and Sunday: at least 8 values with 30 rows between them.
    - Else ``not_judged``, with the reason.

    A mean and a standard deviation of k values are not the true ones: z standard deviations become
    ``t(Phi(z), k - 1) sd sqrt(1 + 1/k)``, which an unchanged normal series exceeds as often as z exact ones (beyond
    z = 3 in proportion to that of 3). `sd` is never below the value's own sampling error, where its 95 % interval is
    known. Which earlier values count: `past.lessons`.
    """
    learned = lessons(past)
    values, name, lack = season(learned, measurement.window, timezone)
    if not values:
        limit = Limit("seasonal", side_of(threshold), of_windows=threshold.of_windows, reason=lack)
        return Decision(limit, "not_judged")
    known = _statistics(values, measurement, value)
    sign = 1.0 if threshold.direction == "above" else -1.0

    def limit_at(deviations: float | None) -> float | None:
        if deviations is None:
            return None
        return known.mean + sign * _margin(known, deviations)

    warning, critical = limit_at(threshold.warning), limit_at(threshold.critical)
    info = limit_at(threshold.info)
    least = nearest(warning, critical, info)
    limit = Limit(
        kind="seasonal",
        direction=side_of(threshold),
        info=info,
        warning=warning,
        critical=critical,
        smallest_detectable=None if least is None else abs(least - known.mean),
        of_windows=threshold.of_windows,
        reason=f"{known.k} values of {name}: mean {known.mean:.4g}, standard deviation {known.sd:.3g}",
    )
    return Decision(limit, verdict_of(value, limit, range_of(measurement.metric)))


def _margin(known: Chunks, deviations: float) -> float:
    counted = min(deviations, MOST_EXACT)
    return margin(known, float(special.ndtr(counted))) * deviations / counted


@lru_cache(maxsize=65_536)
def slot_of(window: Window, timezone: str) -> Slot:
    """(weekday, position in the day) of the window's middle, in local time.

    Positions count the window's lengths, and hours where it is shorter than one. When clocks go back, the hour that
    occurs twice is one slot with two values; when they go forward, the hour that is left out has none.

    >>> from datetime import UTC, datetime
    >>> noon = datetime(2026, 7, 6, 12, tzinfo=UTC)  # a Monday
    >>> slot_of(Window(noon, noon + HOUR), "Europe/Berlin")
    (0, 14)
    """
    if _days(window) > 1:
        return 0, 0
    middle = (window.start + window.length / 2).astimezone(ZoneInfo(timezone))
    if _days(window) == 1:
        return middle.weekday(), 0
    since_midnight = timedelta(hours=middle.hour, minutes=middle.minute, seconds=middle.second)
    return middle.weekday(), since_midnight // max(window.length, HOUR)


def _days(window: Window) -> int:
    """Whole local days, 0 for shorter windows; a day is 23 to 25 hours long."""
    return round(window.length / DAY) if window.length >= DAY - 2 * HOUR else 0


def season(learned: Sequence[PastValue], window: Window, timezone: str) -> tuple[list[PastValue], str, str]:
    """(values to compare with, their name, what is lacking where there are none), as `decide` says."""
    weekday, position = slot_of(window, timezone)
    slots = [(slot_of(past.window, timezone), past) for past in learned]
    same = [past for slot, past in slots if slot == (weekday, position)]
    weeks = len({_week(past.window, timezone) for past in same})
    hourly = _days(window) == 0
    if weeks >= FEWEST_WEEKS and _enough_rows(same):
        name = "the same hour of the week" if hourly else "the same weekday" if _days(window) == 1 else "such windows"
        return same, name, ""
    weekend = weekday >= SATURDAY
    pooled = [past for (day, hour), past in slots if hour == position and (day >= SATURDAY) == weekend]
    kind = "such windows" if _days(window) > 1 else "weekends" if weekend else "weekdays"
    if len(pooled) >= FEWEST_VALUES and _enough_rows(pooled):
        return pooled, f"{'the same hour on ' if hourly else ''}{kind}", ""
    lack = (
        f"{weeks} weeks of this slot and {len(pooled)} values of {kind} so far, with "
        f"{sum(past.rows for past in pooled)} rows; {FEWEST_WEEKS} weeks (or {FEWEST_VALUES} values) and {FEWEST_ROWS} "
        "rows are needed"
    )
    return [], "", lack


def _week(window: Window, timezone: str) -> tuple[int, int]:
    middle = (window.start + window.length / 2).astimezone(ZoneInfo(timezone))
    year, week, _ = middle.isocalendar()
    return year, week


def _enough_rows(values: Sequence[PastValue]) -> bool:
    """30 rows between them. Where none has any, though values differ from 0, the metric is not made of rows."""
    rows = sum(past.rows for past in values)
    return rows >= FEWEST_ROWS or (rows == 0 and any(past.value != 0.0 for past in values))


def _statistics(values: Sequence[PastValue], measurement: Measurement, value: float) -> Chunks:
    numbers = np.array([past.value for past in values], dtype=np.float64)
    ends = [abs(end - value) for end in (measurement.lower, measurement.upper) if end is not None]
    sampling = max(ends, default=0.0) / _Z95
    spread = float(numbers.std(ddof=1)) if numbers.size > 1 else 0.0
    spread = spread if math.isfinite(spread) else 0.0
    mean = float(numbers.mean())
    return Chunks(k=int(numbers.size), mean=mean, sd=max(spread, sampling, ROUNDING * abs(mean)))
