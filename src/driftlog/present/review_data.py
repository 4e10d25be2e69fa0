"""Everything a review shows; rendering reads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from driftlog.contract.alert import ACTIVE, Alert
from driftlog.contract.maintenance import Decision, TrainingRun, Trial
from driftlog.contract.measurement import Measurement
from driftlog.contract.window import Window
from driftlog.present.charts.markers import Marker
from driftlog.present.report_data import ReportData

Level = Literal["ok", "info", "warning", "critical", "unknown"]


@dataclass(frozen=True)
class ObjectiveResult:
    """One objective against its results in the period.

    Attributes
    ----------
    state
        Of the newest window that says something: met, missed, unknown.
    windows, met
        Windows with a value in the period, and those that met the target; `before` is the same of the period before.
    series
        Its measurement over the periods shown, for the course.
    """

    name: str
    metric: str
    target: float
    direction: str
    priority: str
    state: str
    owner: str = ""
    why: str = ""
    field: str = ""
    segment: str = ""
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    certain: bool | None = None
    windows: int = 0
    met: int = 0
    before: tuple[int, int] = (0, 0)
    note: str = ""
    series: tuple[Measurement, ...] = ()


@dataclass(frozen=True)
class Change:
    """Something that was changed, with who did it."""

    at: datetime
    what: str
    by: str
    kind: str


@dataclass(frozen=True)
class RuleNote:
    """A rule that cries wolf, or never speaks, with a limit that would do better."""

    name: str
    state: str
    reason: str
    alerts: int
    false_alarms: int
    suggestion: str = ""


@dataclass(frozen=True)
class Risk:
    """What could go wrong unseen, or is going on."""

    level: Level
    title: str
    text: str


@dataclass(frozen=True)
class NextAction:
    """What to do, why, and the command that does it (empty where none does)."""

    text: str
    why: str = ""
    command: str = ""
    level: Level = "info"


@dataclass(frozen=True)
class ReviewData:
    """All of a review.

    Attributes
    ----------
    period, label
        What is reviewed, and its name: ``2026-W10``, ``2026-03``.
    report
        Results and alerts of the periods shown, this one last.
    alerts
        Those that were open at any time of the period.
    looks
        Decisions of the maintenance loop by outcome, how many.
    decisions
        Those that did, or asked for, something.
    """

    model: str
    environment: str
    owner: str
    label: str
    kind: str
    period: Window
    timezone: str
    generated: datetime
    report: ReportData
    objectives: tuple[ObjectiveResult, ...] = ()
    changes: tuple[Change, ...] = ()
    alerts: tuple[Alert, ...] = ()
    rules: tuple[RuleNote, ...] = ()
    looks: dict[str, int] | None = None
    decisions: tuple[Decision, ...] = ()
    runs: tuple[TrainingRun, ...] = ()
    trials: tuple[Trial, ...] = ()
    risks: tuple[Risk, ...] = ()
    actions: tuple[NextAction, ...] = ()
    markers: tuple[Marker, ...] = ()

    @property
    def opened(self) -> list[Alert]:
        """Alerts that opened in the period."""
        return [alert for alert in self.alerts if alert.opened >= self.period.start]

    @property
    def still_open(self) -> list[Alert]:
        """Alerts that are not over at its end."""
        return [alert for alert in self.alerts if is_open_at(alert, self.period.end)]


def is_open_at(alert: Alert, when: datetime) -> bool:
    """Whether the episode goes on at `when`."""
    return alert.opened < when and (alert.status in ACTIVE or (alert.resolved is not None and alert.resolved >= when))


def first_response(alert: Alert) -> timedelta | None:
    """From the first time people could be told to the first thing a person did; None where nobody did anything."""
    if not alert.history:
        return None
    told = alert.history[0].at
    done = next((one.at for one in alert.history if one.by != "driftlog"), None)
    return max(done - told, timedelta(0)) if done is not None else None


def median(spans: Sequence[timedelta]) -> timedelta | None:
    """The middle one, or the mean of the two in the middle."""
    if not spans:
        return None
    ordered = sorted(spans)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
