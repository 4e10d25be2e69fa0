"""Earlier values of a series, and which of them may teach a threshold what is normal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import msgspec

from driftlog.contract.measurement import MARK_IMMATURE, MARK_INTEGRITY, Limit, Measurement, Verdict
from driftlog.contract.window import Window
from driftlog.decide.series import BREACH

HISTORICAL_KINDS: Final = frozenset({"quantile", "seasonal"})
"""Kinds of thresholds that need earlier values."""
UNTRUSTED: Final = frozenset({MARK_IMMATURE, MARK_INTEGRITY})
"""Values with these marks say nothing about what is normal."""
INCIDENT: Final = 2
"""So many judged windows in breach, one after the other, are an incident; a single one is a lone breach."""
NEW_NORMAL: Final = timedelta(weeks=4)
"""An incident that has lasted this long is what is normal now."""
MOST_WINDOWS: Final = 1500
"""A quantile looks back on so many windows at most, and on no more than `LONGEST`."""
SEASON: Final = timedelta(weeks=13)
"""A seasonal threshold looks back this far: 8 weeks, and room for weeks that do not count."""
LONGEST: Final = timedelta(days=730)


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

    def before(self, measurement: Measurement) -> list[PastValue]:
        """Those of the measurement's series whose window ended before its own began."""
        start = measurement.window.start
        return [past for past in self.by_series.get(measurement.series, ()) if past.window.end <= start]


def past_value(measurement: Measurement) -> PastValue | None:
    """What a judged measurement is to later windows; None where it teaches nothing (no value, immature, integrity)."""
    if measurement.value is None or UNTRUSTED.intersection(measurement.marks):
        return None
    return PastValue(
        window=measurement.window,
        value=measurement.value,
        rows=measurement.n_current,
        breach=measurement.verdict in BREACH,
        crossed=_crossed(measurement.verdict, measurement.limit),
    )


def _crossed(verdict: Verdict, limit: Limit | None) -> float | None:
    """A warning crossed the farthest limit only where there is no critical one."""
    if limit is None or verdict not in BREACH:
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


def lessons(values: Sequence[PastValue]) -> list[PastValue]:
    """The values that a threshold may learn from, in order of time.

    - An incident (two or more windows in breach, one after the other) teaches nothing, so that it is not taken for
      normal; from four weeks after its beginning on it does, so that a lasting change does not alarm for ever.
    - A lone breach counts, but as no more than the farthest limit that it crossed (the critical one, where there is
      one): it happens, how far it went teaches nothing. Leaving lone breaches out would tighten the limit a little with
      each, and the tighter limit would leave out more.
    """
    learned: list[PastValue] = []
    run: list[PastValue] = []
    for past in (*values, None):
        if past is not None and past.breach:
            run.append(past)
            continue
        learned += _of_run(run)
        run = []
        if past is not None:
            learned.append(past)
    return learned


def _of_run(run: Sequence[PastValue]) -> list[PastValue]:
    if len(run) >= INCIDENT:
        return [past for past in run if past.window.start - run[0].window.start >= NEW_NORMAL]
    return [past if past.crossed is None else msgspec.structs.replace(past, value=past.crossed) for past in run]
