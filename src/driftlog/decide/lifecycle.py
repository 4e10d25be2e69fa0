"""What people ask for, folded into alerts: acknowledge, assign, comment, snooze, resolve, reopen.

Every request leaves exactly one transition that carries its id, so that a request that comes twice, or again after a
crash, changes nothing the second time. One that cannot be carried out leaves a comment that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from driftlog.contract.alert import ACTIVE, Alert
from driftlog.contract.handling import AlertRequest
from driftlog.decide.transitions import moved

NOT_DONE: Final = " not done: "
Fold = Callable[[Alert, AlertRequest], Alert]


def fold(alerts: Iterable[Alert], requests: Iterable[AlertRequest], episodes: Mapping[str, int]) -> list[Alert]:
    """Alerts that `requests` change, in the order of `alerts`.

    Parameters
    ----------
    alerts
        Those the requests name; requests for others are passed over.
    requests
        In any order: they are folded in order of (time, id). One whose id is in the history is skipped.
    episodes
        Alert key -> number of its last episode: only that one may be reopened.

    Rules
    -----
    - acknowledge: an open alert becomes acknowledged. A second time: a comment.
    - assign, comment: at any time, also of what is over.
    - snooze, unsnooze: of what is not over; the end has to lie after the request.
    - resolve: closes the alert with cause, lesson and whether it was a false alarm. Of an alert that is over, what is
      given is added to it, and it stays resolved by what resolved it.
    - reopen: of the last episode of its cause, where it is over; it is open and nobody's again.
    - Anything else is kept as a comment that names what was asked for and why it was not done.
    """
    by_alert: dict[str, list[AlertRequest]] = {}
    for request in sorted(requests, key=lambda one: (one.at, one.id)):
        by_alert.setdefault(request.alert_id, []).append(request)
    changed = []
    for alert in alerts:
        after = _folded(alert, by_alert.get(alert.id, ()), episodes.get(alert.key, alert.episode))
        if after is not alert:
            changed.append(after)
    return changed


def refusal(alert: Alert, request: AlertRequest, last_episode: int) -> str:
    """Why `request` could not be carried out now; empty where it could."""
    last = _folded(alert, [request], last_episode).history[-1]
    begin = f"{request.kind}{NOT_DONE}"
    return last.text.removeprefix(begin) if last.kind == "commented" and last.text.startswith(begin) else ""


def _folded(alert: Alert, requests: Sequence[AlertRequest], last_episode: int) -> Alert:
    known = {one.request for one in alert.history if one.request}
    for request in requests:
        if request.id in known:
            continue
        known.add(request.id)
        if request.kind == "reopen" and last_episode > alert.episode:
            alert = _refused(alert, request, f"the cause is back as episode {last_episode}")
        else:
            alert = FOLDS[request.kind](alert, request)
    return alert


def _acknowledged(alert: Alert, request: AlertRequest) -> Alert:
    if alert.status == "resolved":
        return _refused(alert, request, "it is resolved")
    if alert.status == "acknowledged":
        return _refused(alert, request, f"{alert.acknowledged_by} has acknowledged it")
    return moved(
        alert,
        "acknowledged",
        **_of(request),
        status="acknowledged",
        acknowledged=request.at,
        acknowledged_by=request.by,
    )


def _assigned(alert: Alert, request: AlertRequest) -> Alert:
    text = f"to {request.assignee}" if request.assignee else "to nobody"
    about = _of(request) | {"text": f"{text}: {request.text}" if request.text else text}
    return moved(alert, "assigned", **about, assignee=request.assignee)


def _commented(alert: Alert, request: AlertRequest) -> Alert:
    return moved(alert, "commented", **_of(request))


def _snoozed(alert: Alert, request: AlertRequest) -> Alert:
    if alert.status == "resolved":
        return _refused(alert, request, "it is resolved")
    if request.until is None or request.until <= request.at:
        return _refused(alert, request, "its end is not after its beginning")
    return moved(alert, "snoozed", **_of(request), until=request.until, snoozed_until=request.until)


def _unsnoozed(alert: Alert, request: AlertRequest) -> Alert:
    if alert.snoozed_until is None or alert.status == "resolved":
        return _refused(alert, request, "it is resolved" if alert.status == "resolved" else "it is not snoozed")
    return moved(alert, "unsnoozed", **_of(request), snoozed_until=None)


def _resolved(alert: Alert, request: AlertRequest) -> Alert:
    said: dict[str, Any] = {
        "cause": request.cause or alert.cause,
        "lesson": request.lesson or alert.lesson,
        "false_alarm": alert.false_alarm if request.false_alarm is None else request.false_alarm,
    }
    about = _of(request) | {"text": _findings(request)}
    if alert.status == "resolved":
        return moved(alert, "commented", **about, **said)
    settled = newest_window_end(alert)
    return moved(
        alert,
        "resolved",
        **about,
        **said,
        status="resolved",
        resolved=max(request.at, settled),
        resolved_by=request.by,
        resolution=request.text or request.cause or f"resolved by {request.by}",
        settled=settled,
    )


def _reopened(alert: Alert, request: AlertRequest) -> Alert:
    if alert.status != "resolved":
        return _refused(alert, request, "it is not resolved")
    return moved(
        alert,
        "reopened",
        **_of(request),
        status="open",
        resolved=None,
        resolved_by="",
        resolution="",
        cause="",
        lesson="",
        false_alarm=None,
        acknowledged=None,
        acknowledged_by="",
        settled=newest_window_end(alert),
    )


FOLDS: Final[Mapping[str, Fold]] = {
    "acknowledge": _acknowledged,
    "assign": _assigned,
    "comment": _commented,
    "snooze": _snoozed,
    "unsnooze": _unsnoozed,
    "resolve": _resolved,
    "reopen": _reopened,
}
"""Request kind -> what it does."""


def newest_window_end(alert: Alert) -> datetime:
    """End of the newest window the episode is known to have taken into account."""
    ends = [alert.last_window.end, alert.latest.window.end]
    return max([*ends, alert.settled] if alert.settled is not None else ends)


def is_active(alert: Alert) -> bool:
    """Whether the alert is not over."""
    return alert.status in ACTIVE


def _of(request: AlertRequest) -> dict[str, Any]:
    return {"at": request.at, "by": request.by, "text": request.text, "request": request.id}


def _refused(alert: Alert, request: AlertRequest, why: str) -> Alert:
    """A comment in place of what was asked for."""
    text = f"{request.kind}{NOT_DONE}{why}" + (f". {request.text}" if request.text else "")
    return moved(alert, "commented", **(_of(request) | {"text": text}))


def _findings(request: AlertRequest) -> str:
    """What a person found out, in one line; part of the history, so it outlives a reopening."""
    parts = [request.text]
    parts += [f"cause: {request.cause}"] if request.cause else []
    parts += [f"lesson: {request.lesson}"] if request.lesson else []
    if request.false_alarm is not None:
        parts.append("a false alarm" if request.false_alarm else "no false alarm")
    return "; ".join(part for part in parts if part)
