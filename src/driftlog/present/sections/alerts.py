"""Alerts: when, what, on which evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from driftlog.contract.alert import ACTIVE, Alert
from driftlog.contract.measurement import Measurement
from driftlog.contract.window import Window
from driftlog.present.charts.timeline import Bar, alert_timeline
from driftlog.present.report_data import ReportData
from driftlog.present.sections.parts import Figure, Section, Table
from driftlog.present.text import clean, day, field_name, number, period, plural, title_of, value_text

MAX_ALERTS: Final = 60
MAX_CAUSES: Final = 25
MAX_MEMBERS: Final = 40


@dataclass(frozen=True)
class AlertEntry:
    """One alert as the page shows it."""

    title: str
    message: str
    severity: str
    status: str
    when: str
    facts: tuple[tuple[str, str], ...]
    members: Table | None
    id: str


def alerts_section(data: ReportData) -> Section:
    """A timeline, and one entry an alert."""
    shown = data.alerts[:MAX_ALERTS]
    opened = sum(alert.status in ACTIVE for alert in data.alerts)
    lead = f"{plural(opened, 'alert')} open, {len(data.alerts) - opened} resolved in this period."
    notes = [f"{len(data.alerts) - MAX_ALERTS} older alerts are not shown."] if len(data.alerts) > MAX_ALERTS else []
    span = _span(data)
    chart = alert_timeline(_causes(shown), span, label="Alerts over time") if span is not None and shown else ""
    return Section(
        id="alerts",
        title="Alerts",
        lead=lead,
        figures=[Figure("Timeline", chart)] if chart else [],
        notes=notes,
        empty="" if data.alerts else "No alert was raised in this period.",
        extra={"entries": [_entry(alert) for alert in shown]},
    )


def _span(data: ReportData) -> Window | None:
    edges = [w for alert in data.alerts for w in (alert.first_window, alert.last_window)]
    edges += [data.span] if data.span is not None else []
    return Window(min(w.start for w in edges), max(w.end for w in edges)) if edges else None


def _causes(alerts: Sequence[Alert]) -> list[tuple[str, list[Bar]]]:
    """Episodes by cause, in order of their first opening."""
    found: dict[str, tuple[str, list[Bar]]] = {}
    for alert in sorted(alerts, key=lambda a: a.opened):
        name = field_name(alert.field, 26) if alert.field else _cause(alert)
        _, bars = found.setdefault(alert.key, (name, []))
        bars.append(Bar(name, _bar_title(alert), alert.first_window.start, alert.resolved, alert.severity))
    return list(found.values())[:MAX_CAUSES]


def _cause(alert: Alert) -> str:
    if alert.purpose.endswith("_drift") and (alert.members or alert.metric == alert.purpose):
        return clean(alert.purpose.replace("_", " ").capitalize(), 26)
    return clean(title_of(alert.metric), 26)


def _bar_title(alert: Alert) -> str:
    until = f"resolved {day(alert.resolved)}" if alert.resolved is not None else "open"
    return f"{clean(alert.title, 140)} ({alert.severity}, since {day(alert.opened)}, {until})"


def _entry(alert: Alert) -> AlertEntry:
    until = f", resolved {day(alert.resolved)}" if alert.resolved is not None else ""
    facts = [("Opened by", _evidence(alert.evidence)), ("Windows", f"{alert.windows} in breach")]
    if alert.latest != alert.evidence:
        facts.append(("Latest", _evidence(alert.latest)))
    facts += _handling(alert)
    return AlertEntry(
        title=clean(alert.title, 200),
        message=clean(alert.message, 600),
        severity=alert.severity,
        status=alert.status,
        when=f"since {day(alert.opened)}{until}",
        facts=tuple(facts),
        members=_members(alert),
        id=clean(alert.id, 200),
    )


def _handling(alert: Alert) -> list[tuple[str, str]]:
    """What people did, what they found, and where it says what to do."""
    false_alarm = "" if alert.false_alarm is None else "yes" if alert.false_alarm else "no"
    told = [
        ("Likely causes", " ".join(alert.suggested)),
        ("Objectives", ", ".join(alert.objectives)),
        ("Acknowledged by", alert.acknowledged_by),
        ("Assigned to", alert.assignee),
        ("Muted by", alert.muted_by),
        ("Resolution", alert.resolution),
        ("Resolved by", alert.resolved_by),
        ("Cause", alert.cause),
        ("Lesson", alert.lesson),
        ("False alarm", false_alarm),
        ("Runbook", alert.runbook),
    ]
    return [(name, clean(value, 600)) for name, value in told if value]


def _evidence(m: Measurement) -> str:
    limit = m.limit.warning if m.limit is not None else None
    about = f"{title_of(m.metric)} {value_text(m, m.value)} in {period(m.window)}"
    return about + (f" (limit {value_text(m, limit)})" if limit is not None else "")


def _members(alert: Alert) -> Table | None:
    if not alert.members:
        return None
    rows = tuple(
        (field_name(m.field, 60), title_of(m.metric), number(m.value), number(m.limit), m.severity)
        for m in alert.members[:MAX_MEMBERS]
    )
    return Table(("Field", "Measure", "Value", "Limit", "Severity"), rows, numeric=(2, 3))
