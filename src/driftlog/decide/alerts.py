"""The life of an alert: opened when a breach is confirmed, updated while it lasts, resolved when it is over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from driftlog.contract.alert import Alert, AlertMember, Decomposition, Severity
from driftlog.contract.handling import Transition
from driftlog.contract.measurement import MARK_INTEGRITY, SEVERITY, Measurement, Verdict
from driftlog.contract.window import Window
from driftlog.decide import wording
from driftlog.decide.causes import alert_key, cause_of, scope_of
from driftlog.decide.lifecycle import is_active
from driftlog.decide.series import SeriesState, series_state
from driftlog.decide.transitions import moved
from driftlog.decide.verdicts import nearest

SPARSE_PURPOSE: Final = "quality"
"""Quality measurements are stored only where there is something to say: no measurement means nothing wrong."""
MOST_EXPLAINED: Final = 20
NO_COOLDOWN: Final = timedelta(0)
BY_VERDICT: Final[Mapping[str, Severity]] = {"info": "info", "warning": "warning", "critical": "critical"}
_DATA_PURPOSES: Final = frozenset({"data_drift", "prediction_drift", "quality", "operational"})
_DRIFT: Final = frozenset({"data_drift", "prediction_drift", "target_drift", "attribution_drift"})


def advance(
    open_alerts: Sequence[Alert],
    episodes: Mapping[str, int],
    judged: Sequence[Measurement],
    history: Mapping[str, Sequence[Verdict]],
    now: datetime,
    *,
    explain: Mapping[str, Decomposition] | None = None,
    cooldown: timedelta = NO_COOLDOWN,
) -> list[Alert]:
    """Alerts that one window opens, changes or resolves.

    Parameters
    ----------
    open_alerts
        Alerts that are not over. Resolved ones may be among them, and should be where old windows are evaluated again
        (an episode that is over is not opened a second time by a window it covered), and where there is a `cooldown`.
    episodes
        Alert key -> number of its last episode.
    judged
        All judged measurements of one window.
    history
        `Measurement.series` -> verdicts in the windows before this one, the newest last; as many as the longest M of
        "N of M", and some more where windows may lack data.
    now
        Becomes `Alert.updated` of what changes.
    explain
        Field (of drift) or metric (of performance) -> how the change of this window splits into a change of the mix of
        segments and changes inside them; of the whole model. Those of an alert's members go into its message and data.
    cooldown
        A cause that is back within this time after its windows were well again continues its episode.

    Returns
    -------
    list of Alert
        New or changed only. The same call on its own result returns nothing.

    Rules
    -----
    - Measurements of one cause (`driftlog.decide.causes`) make one alert; no two of one key are active.
    - Opens when a series is in breach in this window and in N of its last M judged windows. Within `cooldown` of the
      end of an episode that its own windows resolved, that episode goes on (``reopened``); one that a person resolved
      is over for good: a later window in breach opens the next one.
    - Windows that an episode had taken into account when it was resolved or reopened (`Alert.settled`) neither open the
      cause again nor resolve it.
    - A later window with a series in breach updates it: members (the confirmed ones, or all in breach where none is),
      severity (the highest so far), `windows`. `evidence` stays what opened it.
    - Resolves when no series of the cause was in breach in its last M judged windows and every value is back at its
      threshold's `clear` level. A window in which nothing of the cause could be judged changes nothing.
    - Opening, a higher severity, resolving and reopening are transitions in `Alert.history`. An acknowledged alert goes
      on as an open one does.
    - A window whose pipeline was at fault (mark ``integrity``) says nothing by its silence.
    - The last window of the episode evaluated again updates it in place. Where that window opened it and does not any
      more, the alert is resolved "after late data". Windows before it change nothing: evaluate those after it again, in
      order of time.

    Raises
    ------
    ValueError
        The measurements are of more than one window.
    """
    windows = {measurement.window for measurement in judged}
    if len(windows) > 1:
        raise ValueError(f"one window at a time, not {sorted(window.label() for window in windows)}")
    if not windows:
        return []
    causes: dict[str, list[SeriesState]] = {}
    for measurement in judged:
        state = series_state(measurement, history.get(measurement.series, ()))
        causes.setdefault(alert_key(measurement), []).append(state)
    newest = _newest(open_alerts)
    for key in _silent_causes(newest.values(), causes, judged):
        causes[key] = []
    window = windows.pop()
    known = explain or {}
    changes = (
        _advance_cause(key, states, newest.get(key), episodes.get(key, 0), window, now, known, cooldown)
        for key, states in causes.items()
    )
    return [alert for alert in changes if alert is not None]


def _newest(alerts: Iterable[Alert]) -> dict[str, Alert]:
    newest: dict[str, Alert] = {}
    for alert in alerts:
        if alert.key not in newest or newest[alert.key].episode < alert.episode:
            newest[alert.key] = alert
    return newest


def _silent_causes(
    alerts: Iterable[Alert], causes: Mapping[str, list[SeriesState]], judged: Sequence[Measurement]
) -> list[str]:
    """Keys of open quality alerts of which this window, though it has data, says nothing: nothing is wrong any more."""
    faulty = {scope_of(m) for m in judged if MARK_INTEGRITY in m.marks}
    alive = {
        scope_of(m)
        for m in judged
        if m.purpose in _DATA_PURPOSES and m.n_current > 0 and m.verdict != "insufficient_data"
    }
    return [
        alert.key
        for alert in alerts
        if is_active(alert)
        and alert.purpose == SPARSE_PURPOSE
        and alert.key not in causes
        and scope_of(alert.evidence) in alive - faulty
    ]


def _advance_cause(
    key: str,
    states: list[SeriesState],
    alert: Alert | None,
    last_episode: int,
    window: Window,
    now: datetime,
    explain: Mapping[str, Decomposition],
    cooldown: timedelta,
) -> Alert | None:
    if alert is None or not is_active(alert):
        confirmed = [state for state in states if state.confirmed]
        if not confirmed or (alert is not None and window.end <= _settled(alert)):
            return None
        if alert is not None and _continues(alert, window, cooldown):
            return _reopened(alert, states, window, now, explain)
        episode = max(last_episode, alert.episode if alert is not None else 0) + 1
        return _opened(key, episode, states, confirmed, window, now, explain)
    if window.start < alert.last_window.start:
        return None
    again = window == alert.last_window
    held = alert.settled is not None and window.end <= alert.settled
    unfounded = again and alert.first_window == window and not any(state.confirmed for state in states)
    informed = not states or any(state.judged for state in states)
    if not informed or (held and not again):
        return None
    if unfounded and not held:
        return _resolved(alert, states, window, now, late=True)
    if any(state.breach for state in states):
        return _updated(alert, states, window, now, explain, again=again)
    if all(state.clean for state in states) and not held:
        return _resolved(alert, states, window, now, late=again)
    return None


def _settled(alert: Alert) -> datetime:
    """Up to where windows belong to an episode that is over."""
    if alert.settled is not None:
        return alert.settled
    return alert.resolved if alert.resolved is not None else alert.last_window.end


def _continues(alert: Alert, window: Window, cooldown: timedelta) -> bool:
    """Whether the cause is back so soon after its windows ended the episode that it is still the same."""
    return not alert.resolved_by and cooldown > NO_COOLDOWN and window.end - _settled(alert) <= cooldown


def _opened(
    key: str,
    episode: int,
    states: list[SeriesState],
    confirmed: list[SeriesState],
    window: Window,
    now: datetime,
    explain: Mapping[str, Decomposition],
) -> Alert:
    members = _worst_first(confirmed)
    explained = _explained(members, explain)
    lead = members[0].measurement
    cause = cause_of(lead)
    marks = _marks(members)
    title, severity = wording.title(lead.model, cause, members, _series(states)), _severity(lead)
    return Alert(
        key=key,
        episode=episode,
        model=lead.model,
        environment=lead.environment,
        version=lead.version,
        variant=lead.variant,
        segment=lead.segment,
        purpose=lead.purpose,
        metric=cause,
        status="open",
        severity=severity,
        title=title,
        message=wording.message(cause, members, _series(states), marks, explained),
        opened=window.end,
        updated=now,
        evidence=lead,
        latest=lead,
        members=tuple(_member(state.measurement) for state in members),
        first_window=window,
        last_window=window,
        marks=marks,
        decompositions=explained,
        history=(Transition(number=1, kind="opened", at=now, text=title, severity=severity),),
    )


def _updated(
    alert: Alert,
    states: list[SeriesState],
    window: Window,
    now: datetime,
    explain: Mapping[str, Decomposition],
    *,
    again: bool,
) -> Alert | None:
    changes = _as_of(alert, states, window, explain)
    changes["windows"] = alert.windows if again else alert.windows + 1
    severity: Severity = max((alert.severity, changes.pop("lead")), key=lambda name: SEVERITY[name])
    if severity != alert.severity:
        text = f"{alert.severity} before: {changes['title']}"
        return moved(alert, "worsened", now, text=text, severity=severity, **changes)
    changed = msgspec.structs.replace(alert, **changes)
    if _content(changed) == _content(alert):
        return None
    return msgspec.structs.replace(changed, updated=max(alert.updated, now))


def _reopened(
    alert: Alert, states: list[SeriesState], window: Window, now: datetime, explain: Mapping[str, Decomposition]
) -> Alert:
    """The episode goes on; whoever had acknowledged it still has it."""
    changes = _as_of(alert, states, window, explain)
    severity: Severity = max((alert.severity, changes.pop("lead")), key=lambda name: SEVERITY[name])
    return moved(
        alert,
        "reopened",
        now,
        text=f"back within the cool-down: {changes['title']}",
        severity=severity,
        status="open" if alert.acknowledged is None else "acknowledged",
        windows=alert.windows + 1,
        resolved=None,
        resolution="",
        settled=None,
        **changes,
    )


def _as_of(
    alert: Alert, states: list[SeriesState], window: Window, explain: Mapping[str, Decomposition]
) -> dict[str, Any]:
    """What a window in breach says of an alert; `lead` is the severity of its worst series."""
    breaching = [state for state in states if state.breach]
    members = _worst_first([state for state in breaching if state.confirmed] or breaching)
    marks = _marks(members)
    explained = _explained(members, explain)
    return {
        "lead": _severity(members[0].measurement),
        "title": wording.title(alert.model, alert.metric, members, _series(states)),
        "message": wording.message(alert.metric, members, _series(states), marks, explained),
        "latest": _latest(alert, states, members),
        "members": tuple(_member(state.measurement) for state in members),
        "last_window": window,
        "marks": marks,
        "decompositions": explained,
    }


def _resolved(alert: Alert, states: list[SeriesState], window: Window, now: datetime, *, late: bool) -> Alert:
    limits = [state.measurement.limit for state in states]
    longest = max((limit.of_windows[1] for limit in limits if limit is not None), default=1)
    resolution = wording.resolution(longest, late=late)
    return moved(
        alert,
        "resolved",
        now,
        text=resolution,
        status="resolved",
        latest=_latest(alert, states, []),
        resolved=window.end,
        resolution=resolution,
        settled=window.end,
    )


def _latest(alert: Alert, states: list[SeriesState], members: list[SeriesState]) -> Measurement:
    """This window's measurement of the series that opened the alert, else its worst, else what was there."""
    series = alert.evidence.series
    same = [state.measurement for state in states if state.measurement.series == series]
    worst = [state.measurement for state in members[:1]]
    return next(iter((*same, *worst)), alert.latest)


def _content(alert: Alert) -> Alert:
    """The alert without what differs between two evaluations of the same data."""
    latest = msgspec.structs.replace(alert.latest, computed=None, run_id="", revision=1)
    return msgspec.structs.replace(alert, latest=latest)


def _series(states: list[SeriesState]) -> int:
    """Fields (or metrics) the cause could have shown itself in."""
    return len({(s.measurement.field or s.measurement.metric) for s in states if s.measurement.verdict != "not_judged"})


def _worst_first(states: list[SeriesState]) -> list[SeriesState]:
    return sorted(
        states,
        key=lambda s: (
            -SEVERITY[s.measurement.verdict],
            -_excess(s.measurement),
            s.measurement.metric,
            s.measurement.field,
        ),
    )


def _excess(measurement: Measurement) -> float:
    """How bad, comparable within a cause: the effect for drift, else the distance from the reference or the limit."""
    value, limit = measurement.value or 0.0, measurement.limit
    if measurement.purpose in _DRIFT or limit is None:
        return value
    bound = nearest(limit.warning, limit.critical, limit.info) or 0.0
    base = measurement.reference_value if measurement.reference_value else bound
    return abs(value - base) / max(abs(base), 1e-9)


def _explained(members: list[SeriesState], explain: Mapping[str, Decomposition]) -> tuple[Decomposition, ...]:
    """Of the members, worst first; nothing is known about what happens inside a segment."""
    names = (s.measurement.field or s.measurement.metric for s in members if not s.measurement.segment)
    return tuple(explain[name] for name in dict.fromkeys(names) if name in explain)[:MOST_EXPLAINED]


def _member(measurement: Measurement) -> AlertMember:
    limit = measurement.limit
    shown = None if limit is None else nearest(limit.warning, limit.critical, limit.info)
    return AlertMember(
        metric=measurement.metric,
        field=measurement.field,
        value=measurement.value,
        limit=shown,
        severity=_severity(measurement),
    )


def _severity(measurement: Measurement) -> Severity:
    return BY_VERDICT.get(measurement.verdict, "warning")


def _marks(members: list[SeriesState]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(mark for state in members for mark in state.measurement.marks))
