"""Which rules cry wolf and which never speak, by their history, and limits that would do better."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import ROUND_CEILING, Context
from typing import Final, Literal, NamedTuple

import msgspec

from driftlog.contract.alert import Alert
from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ThresholdSettings
from driftlog.contract.window import Window
from driftlog.decide.series import BREACH, JUDGED
from driftlog.decide.verdicts import nearest

MONTH: Final = timedelta(days=30.4)
ALERTS_A_MONTH: Final = 1.0
"""What a rule may cost people's attention, where nobody says otherwise."""
FLAPPING: Final = 3
"""So many short episodes in the period are one rule on the edge of its limit."""
SHORT: Final = 2
"""Windows; an episode of no more than that is short."""
FEWEST_WINDOWS: Final = 20
"""A rule is called silent, and a limit suggested, from so many judged windows on."""
FAR: Final = 0.5
"""A limit of which the values used less than half the way is far from them."""
HARD: Final = 0.5
"""From this share of windows on a rule that cannot alarm is called so."""
CLEAR: Final = 0.5
DIGITS: Final = 3

State = Literal["noisy", "silent", "useful", "unknown"]


class RuleUse(msgspec.Struct, frozen=True, kw_only=True):
    """One rule (purpose, metric and segment, over all its fields) over a period.

    Attributes
    ----------
    windows, breaches
        Windows in which it judged something, and those with something in breach.
    alerts, false_alarms, short
        Alerts whose members are its own; those that people resolved as false alarms; those of at most two windows.
    alerts_a_month
        As it was.
    state
        noisy: there were false alarms, or three short episodes and more short than long ones. silent: never in breach,
        and it could not be (`cannot_alarm`) or its limit lies far out. unknown: fewer than 20 windows.
    suggestion
        A threshold for the settings; None where none can be given. For a noisy rule the tightest limit that would have
        made few enough alerts, for a silent one a limit half as far again as anything that was seen.
    expected_a_month
        Alerts that the suggestion would have made in the same period, a month; windows of alerts that people confirmed
        are left out.
    """

    purpose: str
    metric: str
    segment: str
    kind: str
    direction: Literal["above", "below"]
    limit: float | None
    series: int
    windows: int
    breaches: int
    alerts: int
    false_alarms: int
    short: int
    alerts_a_month: float
    state: State
    reason: str
    suggestion: ThresholdSettings | None = None
    expected_a_month: float | None = None


class _Value(NamedTuple):
    """One measurement in the unit of its threshold, larger is worse; `reach` is its limit in the same unit."""

    window: Window
    series: str
    excess: float
    reach: float | None
    verdict: str


def noisy_and_silent(
    alerts: Iterable[Alert], measurements: Iterable[Measurement], *, alerts_a_month: float = ALERTS_A_MONTH
) -> tuple[RuleUse, ...]:
    """Every rule that judged something in a period, the noisiest first, with a better limit where history knows one.

    Parameters
    ----------
    alerts
        Those of the period, with how people resolved them.
    measurements
        Judged ones of the period.
    alerts_a_month
        The suggested limit is the tightest that would have made at most so many.
    """
    rules: dict[tuple[str, str, str], list[Measurement]] = defaultdict(list)
    for one in measurements:
        if one.limit is not None and one.value is not None and one.verdict in JUDGED:
            rules[one.purpose, one.metric, one.segment].append(one)
    known = list(alerts)
    found = [_use(judged, [a for a in known if _is_of(a, judged[0])], alerts_a_month) for judged in rules.values()]
    order = {"noisy": 0, "silent": 1, "useful": 2, "unknown": 3}
    return tuple(
        sorted(found, key=lambda use: (order[use.state], -use.false_alarms, -use.alerts, use.purpose, use.metric))
    )


def _is_of(alert: Alert, measurement: Measurement) -> bool:
    metrics = {alert.evidence.metric, *(member.metric for member in alert.members)}
    return (
        alert.purpose == measurement.purpose and alert.segment == measurement.segment and measurement.metric in metrics
    )


def _use(judged: Sequence[Measurement], alerts: Sequence[Alert], target: float) -> RuleUse:
    latest = max(judged, key=lambda one: one.window)
    limit = latest.limit
    if limit is None:
        raise ValueError("a judged measurement has a limit")
    windows = {one.window for one in judged}
    span = max(one.end for one in windows) - min(one.start for one in windows)
    breaches = len({one.window for one in judged if one.verdict in BREACH})
    false_alarms = sum(alert.false_alarm is True for alert in alerts)
    short = sum(alert.status == "resolved" and alert.windows <= SHORT for alert in alerts)
    values = [_value(one) for one in judged]
    state, reason = _state(values, len(windows), breaches, alerts, false_alarms, short)
    use = RuleUse(
        purpose=latest.purpose,
        metric=latest.metric,
        segment=latest.segment,
        kind=limit.kind,
        direction=limit.direction,
        limit=nearest(limit.warning, limit.critical, limit.info),
        series=len({one.series for one in judged}),
        windows=len(windows),
        breaches=breaches,
        alerts=len(alerts),
        false_alarms=false_alarms,
        short=short,
        alerts_a_month=len(alerts) / (span / MONTH),
        state=state,
        reason=reason,
    )
    if state not in ("noisy", "silent"):
        return use
    return _with_suggestion(use, latest, [one for one in values if not _confirmed(one.window, alerts)], target)


def _value(one: Measurement) -> _Value:
    """In the unit in which the threshold's limit is written, signed so that larger is worse."""
    limit, value = one.limit, one.value or 0.0
    if limit is None:
        return _Value(one.window, one.series, value, None, one.verdict)
    sign = 1.0 if limit.direction == "above" else -1.0
    base = one.reference_value or 0.0 if limit.kind == "relative" else 0.0
    bound = nearest(limit.warning, limit.critical, limit.info)
    reach = None if bound is None else sign * (bound - base)
    return _Value(one.window, one.series, sign * (value - base), reach, one.verdict)


def _state(
    values: Sequence[_Value], windows: int, breaches: int, alerts: Sequence[Alert], false_alarms: int, short: int
) -> tuple[State, str]:
    if false_alarms:
        return "noisy", f"{false_alarms} of {len(alerts)} alerts were false alarms"
    if short >= FLAPPING and 2 * short > len(alerts):
        return "noisy", f"{short} of {len(alerts)} alerts lasted {SHORT} windows or less"
    if windows < FEWEST_WINDOWS:
        return "unknown", f"{windows} windows so far; {FEWEST_WINDOWS} are needed to say anything"
    cannot = sum(one.verdict == "cannot_alarm" for one in values) / len(values)
    if not breaches and cannot >= HARD:
        return (
            "silent",
            f"it cannot alarm in {cannot:.0%} of its windows: the limit is beyond what the metric can reach",
        )
    used = [_share(values, one) for one in values if one.reach is not None]
    if not breaches and used and max(used) < FAR:
        return (
            "silent",
            f"never in breach; at most {max(0.0, max(used)):.0%} of the way from usual to the limit were used",
        )
    return (
        "useful",
        f"in breach in {breaches} of {windows} windows" if breaches else "never in breach, and close at times",
    )


def _share(values: Sequence[_Value], one: _Value) -> float:
    """Which part of the way from the middle of its values to its limit a value lies."""
    ordered = sorted(each.excess for each in values)
    middle = ordered[len(ordered) // 2]
    way = (one.reach or 0.0) - middle
    return (one.excess - middle) / way if way > 0 else 1.0


def _confirmed(window: Window, alerts: Sequence[Alert]) -> bool:
    """Inside an alert that people say was none too many: what it showed is no noise to be tuned away."""
    return any(
        alert.false_alarm is False and alert.first_window.start <= window.start <= alert.last_window.start
        for alert in alerts
    )


def _with_suggestion(use: RuleUse, latest: Measurement, values: Sequence[_Value], target: float) -> RuleUse:
    limit = latest.limit
    if limit is None or len({one.window for one in values}) < FEWEST_WINDOWS:
        return use
    of = limit.of_windows
    if limit.kind in ("constant", "relative", "default_drift"):
        cut = fitting(values, of, target) if use.state == "noisy" else clear_of(values)
        if cut is None or (use.state == "silent" and _is_no_tighter(cut, values)):
            return use
        return msgspec.structs.replace(
            use, suggestion=_threshold(use, cut, of), expected_a_month=expected(values, cut, of)
        )
    if use.state != "noisy" or of != (1, 1):
        return use
    confirmed = (2, 3)
    threshold = msgspec.convert(
        {
            "metric": use.metric,
            "purpose": use.purpose,
            "segment": use.segment,
            "kind": limit.kind,
            "of_windows": confirmed,
        },
        ThresholdSettings,
    )
    breaches = [one._replace(excess=float(one.verdict in BREACH)) for one in values]
    return msgspec.structs.replace(use, suggestion=threshold, expected_a_month=expected(breaches, 0.5, confirmed))


def _is_no_tighter(cut: float, values: Sequence[_Value]) -> bool:
    reaches = [one.reach for one in values if one.reach is not None]
    return bool(reaches) and cut >= min(reaches)


def fitting(values: Sequence[_Value], of: tuple[int, int], target: float) -> float | None:
    """The tightest of the values, rounded outwards to three digits, that as a limit makes no more alerts a month.

    Alerts become fewer as the limit moves out, but not at every step (one alert may fall into two): the tightest from
    which on all wider ones hold is meant. None without values.
    """
    candidates = sorted({rounded_up(one.excess) for one in values}, reverse=True)
    best = None
    for cut in candidates:
        if expected(values, cut, of) > target:
            break
        best = cut
    return best


def clear_of(values: Sequence[_Value]) -> float:
    """Half as far again from the middle of the values as the farthest of them: near, and clear of what is usual."""
    ordered = sorted(one.excess for one in values)
    return rounded_up(ordered[-1] + CLEAR * (ordered[-1] - ordered[len(ordered) // 2]))


def rounded_up(value: float) -> float:
    """To three digits, never down.

    >>> rounded_up(0.12341), rounded_up(-0.5555), rounded_up(0.0), rounded_up(1234.5)
    (0.124, -0.555, 0.0, 1240.0)
    """
    return float(Context(prec=DIGITS, rounding=ROUND_CEILING).create_decimal(repr(value)))


def expected(values: Sequence[_Value], cut: float, of: tuple[int, int]) -> float:
    """Alerts a month with the limit `cut`: opened when a series is beyond in N of its last M windows, over when all are
    clean; the group of a rule's series is one alert."""
    if not values:
        return 0.0
    needed, last = of
    by_window: dict[Window, list[_Value]] = defaultdict(list)
    for one in values:
        by_window[one.window].append(one)
    recent: dict[str, list[bool]] = {}
    opened, is_open = 0, False
    for window in sorted(by_window):
        for one in by_window[window]:
            recent[one.series] = [*recent.get(one.series, ()), one.excess > cut][-last:]
        now = [recent[one.series] for one in by_window[window]]
        if not is_open and any(each[-1] and sum(each) >= needed for each in now):
            opened, is_open = opened + 1, True
        elif is_open and not any(any(each) for each in now):
            is_open = False
    span = max(by_window).end - min(by_window).start
    return opened / (span / MONTH)


def _threshold(use: RuleUse, cut: float, of: tuple[int, int]) -> ThresholdSettings:
    """The rule with the limit `cut` for a warning, as the settings would have it."""
    common = {"metric": use.metric, "purpose": use.purpose, "segment": use.segment, "of_windows": of}
    if use.kind == "default_drift":
        return ThresholdSettings(**common, kind="default_drift", floor=max(0.0, cut))  # type: ignore[arg-type]
    limit = cut if use.kind == "relative" or use.direction == "above" else -cut
    return ThresholdSettings(**common, kind=use.kind, direction=use.direction, warning=limit)  # type: ignore[arg-type]
