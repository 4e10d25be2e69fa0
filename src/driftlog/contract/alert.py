"""Alerts: an episode in which a series (or a group of series with one cause) is outside its limits."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final, Literal

import msgspec

from driftlog.contract.handling import Delivery, Transition
from driftlog.contract.measurement import Measurement
from driftlog.contract.window import Window

AlertStatus = Literal["open", "acknowledged", "resolved"]
ACTIVE: Final = ("open", "acknowledged")
"""Statuses of an alert that is not over."""
Severity = Literal["info", "warning", "critical"]


class AlertMember(msgspec.Struct, frozen=True, omit_defaults=True):
    """One series inside a grouped alert, as of the last window."""

    metric: str
    field: str
    value: float | None
    limit: float | None
    severity: Severity


class Contribution(msgspec.Struct, frozen=True):
    """What one segment adds to a change."""

    segment: str
    """Name, or ``(other)`` for rows in none of the segments."""
    value: float


class Decomposition(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of the whole, split into a change of the segments' shares and changes inside segments.

    Attributes
    ----------
    name
        The field that drifted, or the metric that changed.
    by
        The fields whose values make the segments.
    total, mix, within
        Of a field: total variation (0 to 1) of the whole change and of each part, where the two parts may cancel each
        other. Of a metric: the signed change; mix and within add up to it.
    mix_share
        Which part of the total the mix makes, where both parts point the same way between 0 and 1.
    noise
        About what `within` is by sampling alone, rows taken as independent (fields only).
    largest
        What single segments add, the five largest first; those of all segments add up to `total`.
    """

    name: str
    by: tuple[str, ...]
    total: float
    mix: float
    within: float
    mix_share: float
    noise: float = 0.0
    largest: tuple[Contribution, ...] = ()


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One episode of one cause.

    Attributes
    ----------
    key
        The cause: model, environment, purpose and metric; for grouped drift alerts ``data_drift`` as a whole.
    episode
        1, 2, ...: a cause that comes back after it was resolved opens a new episode.
    severity
        The highest of the episode so far.
    evidence
        The measurement that opened it, kept unchanged.
    latest
        The newest measurement of the same series.
    members
        Series in the group, worst first.
    windows
        Number of windows in breach so far.
    decompositions
        Of members that a change of segments may explain, as of the last window.
    history
        Every transition, in order; its entries are never changed, so (id, number) names one for ever.
    deliveries
        What became of telling people, the newest of each transition and channel.
    suggested
        Likely causes for people: fields, segments and versions that contributed most, one sentence each.
    objectives
        Names of the objectives it touches.
    muted_by
        Id of the alert that explains this one, or ``maintenance: NAME``; nobody is told of it.
    silenced_by
        Id of the `Silence` that fits it; nobody is told of it.
    escalations
        How often it was escalated.
    settled
        End of the newest window the episode has taken into account when it was resolved or reopened: windows that end
        by then neither open the cause again nor resolve it.

    Snooze, mute and silence stay as they are when an alert is resolved: whoever was not told of it is not told of its
    end either.
    """

    key: str
    episode: int
    model: str
    environment: str
    purpose: str
    metric: str
    status: AlertStatus
    severity: Severity
    title: str
    message: str
    opened: datetime
    """End of the window that opened it."""
    updated: datetime
    evidence: Measurement
    latest: Measurement
    members: tuple[AlertMember, ...] = ()
    windows: int = 1
    first_window: Window
    last_window: Window
    resolved: datetime | None = None
    resolution: str = ""
    field: str = ""
    version: str = "*"
    variant: str = "*"
    segment: str = ""
    marks: tuple[str, ...] = ()
    decompositions: tuple[Decomposition, ...] = ()
    history: tuple[Transition, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    suggested: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    runbook: str = ""
    assignee: str = ""
    acknowledged: datetime | None = None
    acknowledged_by: str = ""
    snoozed_until: datetime | None = None
    muted_by: str = ""
    silenced_by: str = ""
    escalations: int = 0
    escalated: datetime | None = None
    resolved_by: str = ""
    """A person, or empty where its windows were well again."""
    cause: str = ""
    lesson: str = ""
    false_alarm: bool | None = None
    settled: datetime | None = None

    @property
    def id(self) -> str:
        return f"{self.key}#{self.episode}"

    @property
    def handle(self) -> str:
        """Eight characters that stand for the id where people type."""
        return handle_of(self.id)


def handle_of(alert_id: str) -> str:
    """Handle of an alert id.

    >>> handle_of("churn|production||data_drift#1")
    '62afe9df'
    """
    return hashlib.blake2b(alert_id.encode(), digest_size=4).hexdigest()
