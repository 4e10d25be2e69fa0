"""What happens to an alert after it opened: transitions in its history, and what people ask for.

Only the worker that holds a model writes its alerts. People's requests are documents of their own, created once; the
worker folds them into the alert in order of time, and whoever reads an alert folds in those it has not seen yet.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

TransitionKind = Literal[
    "opened",
    "worsened",
    "escalated",
    "acknowledged",
    "assigned",
    "commented",
    "snoozed",
    "unsnoozed",
    "silenced",
    "unsilenced",
    "muted",
    "unmuted",
    "resolved",
    "reopened",
]
TRANSITION_KINDS: Final[tuple[str, ...]] = get_args(TransitionKind)
RequestKind = Literal["acknowledge", "assign", "comment", "snooze", "unsnooze", "resolve", "reopen"]


class Transition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of an alert's history; `number` counts from 1 without gaps, so (alert id, number) names it for ever.

    Attributes
    ----------
    by
        A person, or ``driftlog``.
    request
        Id of the `AlertRequest` behind it, empty where there was none.
    until
        Of a snooze or a mute.
    """

    number: int
    kind: TransitionKind
    at: datetime
    by: str = "driftlog"
    text: str = ""
    until: datetime | None = None
    request: str = ""
    severity: str = ""
    """Of the alert, after it."""


class AlertRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person asks for, kept in ``<prefix>-state``.

    `cause`, `lesson` and `false_alarm` belong to resolve, `assignee` to assign, `until` to snooze.
    """

    id: str
    alert_id: str
    model: str
    environment: str
    kind: RequestKind
    by: str
    at: datetime
    text: str = ""
    until: datetime | None = None
    assignee: str = ""
    cause: str = ""
    lesson: str = ""
    false_alarm: bool | None = None


class Silence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nobody is told of alerts that fit, from `start` until `until`; shell patterns, kept in ``<prefix>-state``."""

    id: str
    by: str
    why: str
    start: datetime
    until: datetime
    model: str = "*"
    environment: str = "*"
    purpose: str = "*"
    metric: str = "*"
    segment: str = "*"
    alert_id: str = ""
    """Only this episode."""
    ended: datetime | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of telling one channel about one transition; kept on the alert."""

    transition: int
    channel: str
    status: Literal["waiting", "sent", "failed", "suppressed"]
    at: datetime
    attempts: int = 1
    reason: str = ""
    """Why it failed or was suppressed; never an address or a secret."""
