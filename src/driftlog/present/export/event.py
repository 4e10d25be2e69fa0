"""Alerts that open and are resolved, as events of other tools: one a transition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from driftlog.contract.alert import Alert
from driftlog.contract.handling import Transition
from driftlog.present.export.statsd import tags_of

MAX_TITLE: Final = 100
MAX_TEXT: Final = 4000
OLDEST: Final = timedelta(hours=17)
"""Datadog takes events of the last 18 hours; older ones go under the time they are sent."""
EventKind = Literal["error", "warning", "info", "success"]
_KINDS: Final[Mapping[str, EventKind]] = {"critical": "error", "warning": "warning", "info": "info"}


class Event(NamedTuple):
    """One event, by Datadog's fields."""

    title: str
    text: str
    at: datetime
    kind: EventKind
    key: str
    tags: tuple[str, ...]


def event_of(alert: Alert, transition: Transition, *, now: datetime, tags: Sequence[str] = ()) -> Event:
    """The event of a transition; all of one alert have the same `key`, by which they are shown together."""
    over = transition.kind == "resolved"
    text = transition.text or (alert.resolution if over else alert.message)
    window = alert.last_window.label() if over else alert.first_window.label()
    labels = {
        "model": alert.model,
        "environment": alert.environment,
        "severity": alert.severity,
        "purpose": alert.purpose,
        "alert": alert.handle,
    }
    return Event(
        title=f"{transition.kind}: {alert.title}"[:MAX_TITLE],
        text=f"{text}\n{window}, alert {alert.handle}"[:MAX_TEXT],
        at=transition.at if now - OLDEST < transition.at <= now else now,
        kind="success" if over else _KINDS[alert.severity],
        key=f"driftlog-{alert.handle}",
        tags=tuple(tags_of(labels, tags)),
    )


def datagram(event: Event, *, most: int) -> bytes:
    """An event as DogStatsD reads it; the text is cut to what fits.

    ``_e{title bytes,text bytes}:title|text|d:time|k:key|t:kind|s:driftlog|#tags``
    """
    title = event.title.replace("\n", " ").replace("|", "/")
    rest = f"|d:{int(event.at.timestamp())}|k:{event.key}|t:{event.kind}|s:driftlog|#{','.join(event.tags)}"
    room = most - len(title.encode()) - len(rest.encode()) - 24
    text = event.text.replace("\n", "\\n").encode()[: max(0, room)].decode(errors="ignore").rstrip("\\")
    return f"_e{{{len(title.encode())},{len(text.encode())}}}:{title}|{text}{rest}".encode()
