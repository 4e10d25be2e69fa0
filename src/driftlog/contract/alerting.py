"""Settings of alerts: objectives, escalation, maintenance windows, runbooks, and when silence is a fault."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from driftlog.contract.strict import Strict


class ObjectiveSettings(Strict, frozen=True):
    """What the model is there for, as a number that somebody answers for.

    Attributes
    ----------
    metric, field, segment
        Of the measurement it is read from; names, no patterns.
    target, direction
        above: the value should be at least `target`; below: at most.
    """

    name: str
    metric: str
    target: float
    direction: Literal["above", "below"] = "above"
    field: str = ""
    segment: str = ""
    why: str = ""
    owner: str = ""
    priority: Literal["low", "medium", "high"] = "medium"


class MaintenanceWindowSettings(Strict, frozen=True):
    """A planned time in which alerts are kept and nobody is told.

    `cron` has five fields (minute, hour, day, month, weekday) and names the starts, in `timezone` (empty: the
    model's).
    """

    name: str
    cron: str
    duration: timedelta = timedelta(hours=1)
    timezone: str = ""
    why: str = ""


class RunbookSettings(Strict, frozen=True):
    """Where it says what to do; the first whose shell patterns fit an alert is linked from it."""

    url: str
    metric: str = "*"
    purpose: str = "*"


class AlertSettings(Strict, frozen=True):
    """What becomes of this model's alerts.

    Attributes
    ----------
    escalate_after
        An alert that is `escalate_from` or worse and has not been acknowledged for this long is escalated; again after
        each further one.
    cooldown
        A cause that comes back within this time after it was resolved continues its episode.
    no_data_after
        Without any prediction for this long the model is silent; None: not watched.
    label_delay_above
        Half of the truths arriving later than this is worth an alert; None: not watched.
    """

    escalate_after: timedelta | None = None
    escalate_from: Literal["info", "warning", "critical"] = "critical"
    cooldown: timedelta = timedelta(0)
    no_data_after: timedelta | None = None
    label_delay_above: timedelta | None = None
    maintenance: tuple[MaintenanceWindowSettings, ...] = ()
    runbooks: tuple[RunbookSettings, ...] = ()
