"""Earlier values of a series, and which of them may teach a threshold what is normal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import msgspec

from driftlog.contract.measurement import MARK_IMMATURE, MARK_INTEGRITY, Limit, Measurement, Verdict
from driftlog.contract.settings import ThresholdSettings
from driftlog.contract.window import Window

HISTORICAL_KINDS: Final = frozenset({"quantile", "seasonal", "anomaly"})
"""Kinds of thresholds that need earlier values."""
ALARMS: Final = frozenset({"warning", "critical"})
"""Verdicts that may be an incident; what is only worth knowing (``info``) is part of what is normal."""
UNTRUSTED: Final = frozenset({MARK_IMMATURE, MARK_INTEGRITY})
"""Values with these marks say nothing about what is normal."""
INCIDENT: Final = 2
"""So many judged windows in breach, one after the other, are an incident; a single one is a lone breach."""
BY_CHANCE: Final = 0.06
NEW_NORMAL: Final = timedelta(weeks=4)
"""An incident that has lasted this long is what is normal now."""
SEASON: Final = timedelta(weeks=13)
"""A seasonal threshold looks back this far: 8 weeks, and room for weeks that do not count."""
SEASON_WINDOWS: Final = 13
FEWEST_FOR_QUANTILE: Final = 20
QUANTILE_TIMES: Final = 4
QUANTILE_SPAN: Final = timedelta(weeks=8)
MOST_WINDOWS: Final = 1500
LONGEST: Final = timedelta(days=730)
CLOCK_CHANGE: Final = timedelta(hours=2)


class PastValue(msgspec.Struct, frozen=True):
    """Value of a series in an earlier window.

    Attributes
    ----------
    rows
        Behind the value; 0 where nothing is known.
    breach
        It was judged a warning or critical.
    crossed
        The farthest of its limits, where it went beyond; a lone breach counts as that.
    """

    window: Window
    value: float
    rows: int = 0
    breach: bool = False
    crossed: float | None = None


@dataclass(frozen=True, slots=True)
class PastValues:
    """Earlier values by `Measurement.series`, in order of time."""

    by_series: Mapping[str, Sequence[PastValue]] = field(default_factory=dict)

    def before(self, measurement: Measurement, span: timedelta = LONGEST) -> list[PastValue]:
        """Those of the measurement's series whose window ended before its own began, no more than `span` before."""
        start = measurement.window.start
        held = self.by_series.get(measurement.series, ())
        return [past for past in held if past.window.end <= start and past.window.start >= start - span]


def windows_needed(q: float) -> int:
    """Earlier values that the quantile q needs, so that its position lies among them; never fewer than 20.

    >>> windows_needed(0.99), windows_needed(0.01), windows_needed(0.5)
    (99, 99, 20)
    """
    return max(FEWEST_FOR_QUANTILE, math.ceil(max(q, 1 - q) / min(q, 1 - q) - 1e-6))


def span_of(threshold: ThresholdSettings, window: timedelta) -> timedelta:
    """How far back a threshold looks: the same in every cycle, so that a re-run judges alike.

    ``seasonal`` and ``anomaly``: 13 weeks (13 windows, where that is longer). ``quantile``: four times the windows that
    its quantiles need and no less than 8 weeks, but at most 1,500 windows, and two years.

    >>> span_of(ThresholdSettings(metric="x", kind="quantile", warning=0.99), timedelta(days=1)).days
    396
    """
    if threshold.kind in ("seasonal", "anomaly"):
        return min(LONGEST, max(SEASON, SEASON_WINDOWS * window)) + CLOCK_CHANGE
    quantiles = [q for q in (threshold.info, threshold.warning, threshold.critical) if q is not None]
    number = QUANTILE_TIMES * max((windows_needed(q) for q in quantiles), default=0)
    return min(LONGEST, MOST_WINDOWS * window, max(QUANTILE_SPAN, number * window)) + CLOCK_CHANGE


def past_value(measurement: Measurement) -> PastValue | None:
    """What a judged measurement is to later windows; None where it teaches nothing (no value, immature, integrity)."""
    if measurement.value is None or UNTRUSTED.intersection(measurement.marks):
        return None
    return PastValue(
        window=measurement.window,
        value=measurement.value,
        rows=measurement.n_current,
        breach=measurement.verdict in ALARMS,
        crossed=_crossed(measurement.verdict, measurement.limit),
    )


def _crossed(verdict: Verdict, limit: Limit | None) -> float | None:
    """A warning crossed the farthest limit only where there is no critical one."""
    if limit is None or verdict not in ALARMS:
        return None
    if verdict == "critical":
        return limit.critical
    return limit.warning if limit.critical is None else None


def past_values(measurements: Sequence[Measurement]) -> PastValues:
    """Earlier measurements as `PastValues`; of two of one window, the later one counts."""
    found: dict[str, dict[Window, PastValue]] = {}
    for measurement in measurements:
        past = past_value(measurement)
        if past is not None:
            found.setdefault(measurement.series, {})[past.window] = past
    return PastValues({series: [values[w] for w in sorted(values)] for series, values in found.items()})


def lessons(values: Sequence[PastValue], *, incident: int = INCIDENT, clip: bool = True) -> list[PastValue]:
    """The values that a threshold may learn from, in order of time.

    - An incident, that is `incident` or more windows in breach one after the other, teaches nothing, so that it is not
      taken for normal; from four weeks after its beginning on it does, so that a lasting change does not alarm for
      ever.
    - A shorter run of breaches counts. With `clip`, for limits that a single wild value would move, as no more than the
      farthest limit that it crossed (the critical one, where there is one). Leaving lone breaches out would tighten the
      limit a little with each, and the tighter limit would leave out more.
    """
    learned: list[PastValue] = []
    run: list[PastValue] = []
    for past in (*values, None):
        if past is not None and past.breach:
            run.append(past)
            continue
        learned += _of_incident(run) if len(run) >= incident else [_clipped(each) if clip else each for each in run]
        run = []
        if past is not None:
            learned.append(past)
    return learned


def incident_length(rate: float) -> int:
    """Windows in breach, one after the other, that chance hardly explains where a share `rate` is in breach anyway.

    The smallest L >= 2 with ``rate^(L - 1) <= 0.06``: so few of the unchanged windows are left out that the limit does
    not creep.

    >>> incident_length(0.01), incident_length(0.05), incident_length(0.1), incident_length(0.5)
    (2, 2, 3, 6)
    """
    rate = min(max(rate, 1e-9), 1 - 1e-9)
    return max(INCIDENT, 1 + math.ceil(math.log(BY_CHANCE) / math.log(rate)))


def _of_incident(run: Sequence[PastValue]) -> list[PastValue]:
    return [past for past in run if past.window.start - run[0].window.start >= NEW_NORMAL]


def _clipped(past: PastValue) -> PastValue:
    return past if past.crossed is None else msgspec.structs.replace(past, value=past.crossed)
