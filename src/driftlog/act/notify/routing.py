"""Who is told: from one telling about one alert, and the routes of the settings, to channels and times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from driftlog.act.notify.hours import next_open
from driftlog.contract.notification import Telling
from driftlog.contract.notifying import RouteSettings
from driftlog.contract.opening import parse_opening

RANK: Final = {"info": 0, "warning": 1, "critical": 2}


@dataclass(frozen=True)
class Assignment:
    """One route's answer.

    Attributes
    ----------
    route
        Position of the route, from 1.
    due
        When to tell; None: not by this route.
    why
        What decided, for people.
    """

    route: int
    channels: tuple[str, ...]
    due: datetime | None
    why: str


def consider(
    routes: Sequence[RouteSettings], telling: Telling, *, model: str, owner: str, now: datetime
) -> list[Assignment]:
    """What each route says, in order; several may fit.

    A telling waits for a route's next opening from `now` on, not from when it happened.
    """
    return [_consider(number, route, telling, model, owner, now) for number, route in enumerate(routes, 1)]


def choose(assignments: Sequence[Assignment]) -> dict[str, datetime]:
    """When each channel is told; where several routes lead to one channel the earliest counts."""
    found: dict[str, datetime] = {}
    for assignment in assignments:
        if assignment.due is None:
            continue
        for channel in assignment.channels:
            found[channel] = min(found.get(channel, assignment.due), assignment.due)
    return found


def _consider(number: int, route: RouteSettings, telling: Telling, model: str, owner: str, now: datetime) -> Assignment:
    refusal = _refusal(route, telling, model, owner)
    if refusal:
        return Assignment(number, route.channels, None, refusal)
    due = next_open(parse_opening(route.hours, route.days), route.timezone, now)
    if due == now:
        return Assignment(number, route.channels, now, "fits")
    times = f"{' '.join(part for part in (route.days, route.hours) if part)} {route.timezone}"
    if route.outside == "drop":
        return Assignment(number, route.channels, None, f"outside {times}: dropped")
    return Assignment(number, route.channels, due, f"fits; outside {times}: waits until {due:%Y-%m-%d %H:%M} UTC")


def _refusal(route: RouteSettings, telling: Telling, model: str, owner: str) -> str:
    """The first condition that is not met; empty: all are."""
    if telling.suppressed:
        return f"nobody is told: {telling.suppressed}"
    if telling.kind not in route.kinds:
        return f"{telling.kind} is not among its kinds ({', '.join(route.kinds)})"
    if not any(fnmatchcase(model, pattern) for pattern in route.models):
        return f"model {model} fits none of {', '.join(route.models)}"
    if not any(fnmatchcase(owner, pattern) for pattern in route.owners):
        return f"owner {owner or '(none)'} fits none of {', '.join(route.owners)}"
    if RANK.get(telling.severity, 1) < RANK[route.severity]:
        return f"{telling.severity} is less than {route.severity}"
    return ""
