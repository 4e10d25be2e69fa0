"""Thresholds at a quantile of the metric's own history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.settings import ThresholdSettings
from driftlog.decide.defaults import range_of
from driftlog.decide.past import PastValue, incident_length, lessons, windows_needed
from driftlog.decide.verdicts import Decision, nearest, side_of, verdict_of


def decide(
    measurement: Measurement,
    value: float,
    threshold: ThresholdSettings,
    past: Sequence[PastValue],
    timezone: str,  # noqa: ARG001 - the quantile knows no hours; the other kinds do
) -> Decision:
    """In breach beyond the quantile `warning` (`critical`) of the earlier values that teach (`past.lessons`).

    With n earlier values in order, the limit lies at position ``q (n + 1)``, between neighbours in proportion. The next
    value of a series that has not changed then lies beyond it in ``1 - q`` of windows, whatever its distribution, as
    long as values are exchangeable (season and trend are not: for these there is ``seasonal``). A quantile needs so
    many values that its position lies among them, ``n >= max(q, 1 - q) / min(q, 1 - q)``, 99 for 0.99, and never fewer
    than 20; with fewer for all limits the measurement is not judged, with fewer for one the others judge alone.

    Source: Hyndman and Fan 1996, definition 6.
    """
    asked = [q for q in (threshold.info, threshold.warning, threshold.critical) if q is not None]
    above = threshold.direction == "above"
    alarming = [q for q in (threshold.warning, threshold.critical) if q is not None]
    breaching = max((1 - q if above else q for q in alarming), default=0.0)
    learned = [each.value for each in lessons(past, incident=incident_length(breaching), clip=False)]
    info, warning, critical = (_limit(q, learned) for q in (threshold.info, threshold.warning, threshold.critical))
    limit = Limit(
        kind="quantile",
        direction=side_of(threshold),
        info=info,
        warning=warning,
        critical=critical,
        smallest_detectable=nearest(warning, critical, info),
        of_windows=threshold.of_windows,
        reason=_reason(learned, asked, len(past)),
    )
    if nearest(warning, critical, info) is None:
        return Decision(limit, "not_judged")
    return Decision(limit, verdict_of(value, limit, range_of(measurement.metric)))


def _limit(q: float | None, learned: Sequence[float]) -> float | None:
    if q is None or len(learned) < windows_needed(q):
        return None
    return float(np.quantile(np.asarray(learned, dtype=np.float64), q, method="weibull"))


def _reason(learned: Sequence[float], asked: Sequence[float], known: int) -> str:
    left_out = f" ({known - len(learned)} in alarm left out)" if known > len(learned) else ""
    text = f"{len(learned)} earlier values{left_out}"
    short = [q for q in asked if len(learned) < windows_needed(q)]
    lacks = [f"the {q:g} quantile needs {windows_needed(q)}" for q in short]
    return "; ".join((text, *lacks))
