"""The rules over a past period again: which alerts these settings would have opened and resolved, and when."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from driftlog.contract.alert import Alert
from driftlog.contract.measurement import MARK_IMMATURE, Measurement, Verdict
from driftlog.contract.settings import ModelSettings, ThresholdSettings
from driftlog.contract.window import Window
from driftlog.decide.alerts import advance
from driftlog.decide.judge import find_threshold, judge, matches
from driftlog.decide.past import HISTORICAL_KINDS, PastValue, PastValues, past_value, past_values

HISTORY_WINDOWS: Final = 6
"""Verdicts that "N of the last M" may look back on."""


class Rehearsal(msgspec.Struct, frozen=True):
    """What the rules say of a past period.

    Attributes
    ----------
    alerts
        In order of their opening; those open at the end are open still.
    judged
        All measurements of the period, with the limits and verdicts of these settings.
    windows
        How many were judged.
    unjudged
        Reason -> measurements that a rule matches and that could not be judged again.
    unmatched
        Thresholds of the settings that matched no measurement of the period.
    """

    alerts: tuple[Alert, ...]
    judged: tuple[Measurement, ...]
    windows: int
    unjudged: Mapping[str, int]
    unmatched: tuple[ThresholdSettings, ...]


def rehearse(
    settings: ModelSettings,
    measurements: Iterable[Measurement],
    *,
    since: datetime,
    earlier: Sequence[Measurement] = (),
) -> Rehearsal:
    """Judge stored measurements again, window after window, and move alerts by what comes of it.

    Parameters
    ----------
    measurements
        Of the period and of a few windows before it, any order; only their values count, not their stored verdicts.
    since
        Alerts begin with windows that start here or later; what is before teaches "N of the last M".
    earlier
        What thresholds that look back may learn from: older measurements with the verdicts they had at the time.

    No alert is open at the beginning. Each window is looked at once, as it is stored now: late data that re-opened it
    is in it from the start. Mutes, silences and people's requests are not played again.
    """
    by_window: dict[Window, list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        by_window[measurement.window].append(measurement)
    known = {series: list(values) for series, values in past_values(earlier).by_series.items()}
    verdicts: dict[str, list[Verdict]] = {}
    cooldown = settings.alerts.cooldown
    alerts: dict[str, Alert] = {}
    over: list[Alert] = []
    judged_all: list[Measurement] = []
    for window in sorted(by_window):
        judged = [_judged(one, settings, known) for one in by_window[window]]
        if window.start >= since:
            judged_all += judged
            episodes = {key: alert.episode for key, alert in alerts.items()}
            for alert in advance(list(alerts.values()), episodes, judged, verdicts, window.end, cooldown=cooldown):
                before = alerts.get(alert.key)
                if before is not None and before.episode != alert.episode:
                    over.append(before)
                alerts[alert.key] = alert
        for one in judged:
            verdicts[one.series] = [*verdicts.get(one.series, ()), one.verdict][-HISTORY_WINDOWS:]
            _learn(one, settings, known)
    found = sorted((*over, *alerts.values()), key=lambda alert: (alert.opened, alert.key))
    windows = len({one.window for one in judged_all})
    return Rehearsal(
        tuple(found), tuple(judged_all), windows, unjudged(judged_all, settings), unmatched(judged_all, settings)
    )


def _judged(measurement: Measurement, settings: ModelSettings, known: Mapping[str, Sequence[PastValue]]) -> Measurement:
    """As the worker judges: versions and variants apart only where they are custom metrics."""
    bare = msgspec.structs.replace(measurement, limit=None, verdict="not_judged")
    if measurement.purpose != "custom" and (measurement.version, measurement.variant) != ("*", "*"):
        return bare
    past = PastValues({measurement.series: known.get(measurement.series, ())})
    return judge(bare, settings, past)


def _learn(measurement: Measurement, settings: ModelSettings, known: dict[str, list[PastValue]]) -> None:
    """Keep the value for the series' own threshold, where that looks back; a window judged again replaces its value."""
    threshold = find_threshold(measurement, settings)
    past = past_value(measurement)
    if threshold is None or threshold.kind not in HISTORICAL_KINDS or past is None:
        return
    held = known.setdefault(measurement.series, [])
    held[:] = [one for one in held if one.window != past.window]
    held.append(past)


def unjudged(judged: Iterable[Measurement], settings: ModelSettings) -> dict[str, int]:
    """Reason -> measurements that a rule matches and that are not judged, most frequent first."""
    reasons: Counter[str] = Counter()
    for one in judged:
        if one.verdict not in ("insufficient_data", "not_judged"):
            continue
        threshold = find_threshold(one, settings)
        if threshold is None or threshold.kind == "none" or (one.version, one.variant) != ("*", "*"):
            continue
        if one.value is None:
            reasons[f"{one.metric}: no value was stored ({one.note or 'too little data'})"] += 1
        elif MARK_IMMATURE in one.marks:
            reasons[f"{one.metric}: too few truths had arrived"] += 1
        else:
            why = one.limit.reason if one.limit is not None else ""
            reasons[f"{one.metric}: {_kind_of(why) or 'nothing to compare with was stored'}"] += 1
    return dict(reasons.most_common())


def _kind_of(reason: str) -> str:
    """A reason without the numbers that differ from window to window.

    >>> _kind_of("no usual value yet: 3 weeks of this slot and 5 values of weekdays so far"), _kind_of("at fault")
    ('no usual value yet', 'at fault')
    """
    return reason.split(":")[0].split(" (")[0]


def unmatched(judged: Sequence[Measurement], settings: ModelSettings) -> tuple[ThresholdSettings, ...]:
    """Thresholds that match nothing that was measured: misspelt, or of a metric that is not computed (yet)."""
    kinds = {(one.metric, one.purpose, one.field, one.segment): one for one in judged}
    return tuple(
        threshold for threshold in settings.thresholds if not any(matches(threshold, one) for one in kinds.values())
    )
