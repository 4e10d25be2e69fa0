"""Alerts: an episode in which a series (or a group of series with one cause) is outside its limits."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from driftlog.contract.measurement import Measurement
from driftlog.contract.window import Window

AlertStatus = Literal["open", "resolved"]
Severity = Literal["warning", "critical"]


class AlertMember(msgspec.Struct, frozen=True, omit_defaults=True):
    """One series inside a grouped alert, as of the last window."""

    metric: str
    field: str
    value: float | None
    limit: float | None
    severity: Severity


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

    @property
    def id(self) -> str:
        return f"{self.key}#{self.episode}"
