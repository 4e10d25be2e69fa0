"""Sudden changes: far from the median of the same hour of the week (the same weekday), in units of its own spread."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import special

from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.settings import ThresholdSettings
from driftlog.contract.window import Window
from driftlog.decide.defaults import range_of
from driftlog.decide.past import PastValue, lessons
from driftlog.decide.seasonal import FEWEST_VALUES, SATURDAY, season, slot_of
from driftlog.decide.verdicts import Decision, nearest, side_of, verdict_of

WARNING: Final = 4.0
CRITICAL: Final = 6.0
"""Limits where a threshold names none, in robust standard deviations; benchmarks/anomaly_rule.py says how often each
is exceeded where nothing happens."""
NORMAL_MAD: Final = 1.4826022185056018
"""Standard deviation of a normal distribution over its median absolute deviation."""
NORMAL_MEAN_DEVIATION: Final = 1.2533141373155001
EFFICIENCY: Final = 0.4
"""A spread from the median absolute deviation of k values is about as uncertain as one from 0.4 (k - 1) squares."""
MOST_EXACT: Final = 3.0
COUNTS: Final = frozenset({"events"})
"""Units of counts: they vary by their square root at least."""
_Z95: Final = 1.959963984540054


class Usual(msgspec.Struct, frozen=True):
    """What is usual: median of k values, and a robust standard deviation; 0 where nothing can be said."""

    k: int
    median: float
    scale: float
    n: int
    """Values behind the scale, less the medians that were taken off them, plus one."""


def decide(
    measurement: Measurement, value: float, threshold: ThresholdSettings, past: Sequence[PastValue], timezone: str
) -> Decision:
    """In breach more than `warning` (`critical`, `info`) robust standard deviations from the median.

    Which earlier values: those of the same hour of the week, or weekday, local to `timezone`, of at least 8 weeks; else
    the same hour on all weekdays (weekends), at least 8 values; 30 rows between them (`driftlog.decide.seasonal`).
    With fewer: ``insufficient_data``, and the limit's reason says what is lacking.

    The robust standard deviation is ``1.4826 MAD``, with ``MAD = median(abs(x - median(x)))``: of the slot's values, or
    where that is larger of this hour on all weekdays (weekends), each less the median of its own weekday. So eight
    values need not say alone how much is usual. It is at least

    - ``1.2533 mean(abs(x - median(x)))`` where MAD is 0, more than half of the values being equal;
    - the value's own sampling error, where its 95 % interval is known, and ``sqrt(median)`` for counts of events.

    Where all this is 0 and the median, too, the value cannot be judged: ``not_judged``. A warning is never nearer than
    `floor` (5 % by default) of the median, other limits in proportion: a series that never moved alarms from there on,
    not on noise.

    A median of k values and a MAD of n are not the true ones: z becomes ``t(Phi(z), 0.4 (n - 1)) sqrt(1 + pi / (2 k))``
    (beyond z = 3 in proportion to that of 3), which an unchanged normal series exceeds about as often as z exact ones.
    `direction` both: the limits of the side on which the value lies.
    """
    learned = lessons(past, clip=False)
    values, name, lack = season(learned, measurement.window, timezone)
    direction = _direction(threshold, values, value)
    if not values:
        return _unknown(direction, threshold, f"no usual value yet: {lack}", "insufficient_data")
    asked = _asked(threshold)
    beside = _beside(learned, measurement.window, timezone)
    usual = usual_of([past.value for past in values], measurement, value, beside=beside)
    floor = threshold.floor * abs(usual.median) / (nearest(*asked) or 1.0)
    if usual.scale <= 0 and floor <= 0:
        reason = f"all {usual.k} values of {name} were 0: nothing says how far from it is far; use a constant limit"
        return _unknown(direction, threshold, reason, "not_judged")
    sign = 1.0 if direction == "above" else -1.0
    warning, critical, info = (
        None if z is None else usual.median + sign * max(times(z, usual.k, usual.n) * usual.scale, z * floor)
        for z in asked
    )
    least = nearest(warning, critical, info)
    limit = Limit(
        kind="anomaly",
        direction=direction,
        info=info,
        warning=warning,
        critical=critical,
        smallest_detectable=None if least is None else abs(least - usual.median),
        of_windows=threshold.of_windows,
        reason=f"{usual.k} values of {name}: median {usual.median:.4g}, robust standard deviation {usual.scale:.3g}",
    )
    return Decision(limit, verdict_of(value, limit, range_of(measurement.metric)))


def times(z: float, k: int, n: int) -> float:
    """How many robust standard deviations of n values, from the median of k, stand for z exact ones.

    >>> round(times(3, 8, 8), 1), round(times(3, 13, 61), 1), round(times(3, 1000, 1000), 2)
    (11.1, 3.5, 3.02)
    """
    counted = min(z, MOST_EXACT)
    exact = float(special.stdtrit(EFFICIENCY * (n - 1), float(special.ndtr(counted))))
    return exact * math.sqrt(1 + math.pi / (2 * k)) * z / counted


def usual_of(
    values: Sequence[float], measurement: Measurement, value: float, *, beside: Sequence[Sequence[float]] = ()
) -> Usual:
    """Median and robust standard deviation of earlier values; `beside` are those of each weekday, as `decide` says."""
    numbers = np.asarray(values, dtype=np.float64)
    median = float(np.median(numbers))
    scale, n = _scale(numbers - median), numbers.size
    if len(beside) > 1:
        away = np.concatenate([_away(np.asarray(group, dtype=np.float64)) for group in beside])
        scale, n = max(scale, _scale(away)), away.size - len(beside) + 1
    ends = [abs(end - value) for end in (measurement.lower, measurement.upper) if end is not None]
    sampling = max(ends, default=0.0) / _Z95
    counted = math.sqrt(abs(median)) if measurement.unit in COUNTS else 0.0
    return Usual(numbers.size, median, max(scale, sampling, counted), n)


def _scale(away: NDArray[np.float64]) -> float:
    sizes = np.abs(away)
    return NORMAL_MAD * float(np.median(sizes)) or NORMAL_MEAN_DEVIATION * float(sizes.mean())


def _away(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From their own median, which lies nearer to them than the true one would."""
    return np.asarray((values - np.median(values)) * math.sqrt(values.size / (values.size - 1)))


def _beside(learned: Sequence[PastValue], window: Window, timezone: str) -> list[list[float]]:
    """Values of this hour by weekday, of weekdays or of weekends; weekdays with enough weeks only."""
    weekday, position = slot_of(window, timezone)
    groups: dict[int, list[float]] = defaultdict(list)
    for past in learned:
        day, hour = slot_of(past.window, timezone)
        if hour == position and (day >= SATURDAY) == (weekday >= SATURDAY):
            groups[day].append(past.value)
    enough = [values for values in groups.values() if len(values) >= FEWEST_VALUES]
    return enough if len(groups[weekday]) >= FEWEST_VALUES else []


def _asked(threshold: ThresholdSettings) -> tuple[float | None, float | None, float | None]:
    """(warning, critical, info) in robust standard deviations."""
    asked = threshold.warning, threshold.critical, threshold.info
    return asked if nearest(*asked) is not None else (WARNING, CRITICAL, None)


def _direction(threshold: ThresholdSettings, values: Sequence[PastValue], value: float) -> Literal["above", "below"]:
    if threshold.direction != "both" or not values:
        return side_of(threshold)
    return "below" if value < float(np.median([past.value for past in values])) else "above"


def _unknown(
    direction: Literal["above", "below"],
    threshold: ThresholdSettings,
    reason: str,
    verdict: Literal["insufficient_data", "not_judged"],
) -> Decision:
    return Decision(Limit("anomaly", direction, of_windows=threshold.of_windows, reason=reason), verdict)
