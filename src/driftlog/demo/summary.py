"""What the demo shows of its weeks: a table, the alerts, and whether a fault was caught."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from driftlog.contract.alert import Alert
from driftlog.contract.measurement import MARK_SEASON_UNSEEN, SEVERITY, Measurement
from driftlog.demo.caught import caught_by
from driftlog.demo.scenarios import Scenario
from driftlog.demo.weeks import Story, Week

SHOWN_FIELDS = 3
STYLES = {"critical": "bold red", "warning": "yellow", "info": "blue"}


def weeks_table(story: Story, scenario: Scenario | None = None, *, wide: bool = True) -> Table:
    """One row a week; weeks with the fault are marked. Without `wide` it fits a terminal of 80 columns."""
    table = Table(title="Weeks of 2013", title_justify="left", title_style="bold", pad_edge=False, box=None)
    table.add_column("week of", no_wrap=True)
    table.add_column("flights", justify="right")
    table.add_column("AUC", justify="right")
    if wide:
        table.add_column("95 %", style="dim", no_wrap=True)
    table.add_column("accuracy", justify="right")
    table.add_column("late: expected" if wide else "late: exp.", justify="right")
    table.add_column("true", justify="right")
    table.add_column("drifted")
    table.add_column("alerts", no_wrap=wide)
    for week in story.weeks:
        faulty = scenario is not None and scenario.active(week.window.start)
        auc = week.by_metric.get("roc_auc")
        table.add_row(
            f"{week.window.start:%b %d}" + (" [bold red]fault[/]" if faulty else ""),
            f"{week.predictions:,}",
            _styled(auc),
            *([_interval(auc)] if wide else []),
            _styled(week.by_metric.get("accuracy")),
            _share(week.predicted_late),
            _share(week.late),
            _drifted(week.drifted),
            _changes(week),
        )
    return table


def _interval(measurement: Measurement | None) -> str:
    if measurement is None or measurement.lower is None or measurement.upper is None:
        return ""
    return f"{measurement.lower:.2f}-{measurement.upper:.2f}"


def _styled(measurement: Measurement | None) -> str:
    if measurement is None or measurement.value is None:
        return "[dim]-[/]"
    style = STYLES.get(measurement.verdict)
    return f"[{style}]{measurement.value:.2f}[/]" if style else f"{measurement.value:.2f}"


def _share(value: float | None) -> str:
    return "[dim]-[/]" if value is None else f"{value:.0%}"


def _drifted(measurements: Sequence[Measurement]) -> str:
    names = [escape(m.field.removeprefix("features.")) for m in measurements]
    more = f" +{len(names) - SHOWN_FIELDS}" if len(names) > SHOWN_FIELDS else ""
    return ", ".join(names[:SHOWN_FIELDS]) + more


def _changes(week: Week) -> str:
    opened = [f"[{STYLES[alert.severity]}]▲ {escape(_name(alert))}[/]" for alert in week.opened]
    return "  ".join([*opened, *(f"[green]▽ {escape(_name(alert))}[/]" for alert in week.resolved)])


def _name(alert: Alert) -> str:
    return alert.metric.replace("_", " ")


def print_alerts(alerts: Sequence[Alert], console: Console) -> None:
    """Every alert with what opened it, critical ones first."""
    console.print(f"\n[bold]{count(len(alerts), 'alert')}[/]" + (", each with what opened it:" if alerts else ""))
    for alert in sorted(alerts, key=lambda each: (-SEVERITY[each.severity], each.opened)):
        end = f"to {alert.resolved:%b %d} ({alert.resolution})" if alert.resolved else "still open"
        style = STYLES[alert.severity]
        weeks = count(alert.windows, "week")
        console.print(
            f"[{style}]{alert.severity:<8}[/] {alert.opened:%b %d} {end}, {weeks}: {escape(alert.title)}",
            highlight=False,
        )
        console.print(Padding(f"[dim]{escape(evidence(alert))}[/]", (0, 0, 0, 9), expand=False), highlight=False)


def evidence(alert: Alert) -> str:
    """The measurement that opened the alert; its message speaks of the newest one.

    For example ``distance 0.262 (kolmogorov_smirnov, limit 0.112) in the week of Aug 12``.
    """
    found = alert.evidence
    known = [found.metric] if found.field else []
    if found.reference_value is not None:
        known.append(f"reference {found.reference_value:.3g}")
    if found.limit is not None and found.limit.warning is not None:
        known.append(f"limit {found.limit.warning:.3g}")
    name = found.field.removeprefix("features.") or found.metric
    value = "unknown" if found.value is None else f"{found.value:.3g}"
    season = "; the reference has not seen this season" if MARK_SEASON_UNSEEN in found.marks else ""
    behind = f" ({', '.join(known)})" if known else ""
    return f"{name} {value}{behind} in the week of {found.window.start:%b %d}{season}"


def print_caught(faulty: Story, healthy: Story, scenario: Scenario, console: Console) -> bool:
    """Say whether the fault was caught, when, and by which alert."""
    new = caught_by(faulty.alerts, healthy.alerts, scenario)
    console.print(f"\n[bold]Scenario {scenario.name}[/]: {escape(scenario.title)}, from {scenario.start:%B %d}")
    if not new:
        console.print("[bold red]Not caught[/]: every alert is there without the fault, too.", highlight=False)
        return False
    first = new[0]
    console.print(
        f"[bold green]Caught[/] on {first.opened:%B %d}, {_after(first.opened, scenario)} after it began, by alert "
        f"[bold]{escape(first.id)}[/]: {escape(first.title)}",
        highlight=False,
    )
    console.print(Padding(f"[dim]{escape(evidence(first))}[/]", (0, 0, 0, 2), expand=False), highlight=False)
    for alert in new[1:]:
        console.print(
            f"  and on {alert.opened:%B %d} by {escape(alert.id)}: {escape(evidence(alert))}", highlight=False
        )
    console.print(
        f"[dim]The same flights through the same app without the fault (model {escape(healthy.model)}) have "
        f"{count(len(healthy.alerts), 'alert')}, none of these among them.[/]",
        highlight=False,
    )
    return True


def _after(when: datetime, scenario: Scenario) -> str:
    return count((when - scenario.start).days, "day")


def count(n: int, noun: str) -> str:
    """``1 alert``, ``2 alerts``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
