"""One alert in full for the terminal: how it stands, evidence, members, what explains it, history, deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from driftlog.contract.alert import Alert, Decomposition
from driftlog.contract.handling import Delivery, Silence, Transition
from driftlog.contract.measurement import Measurement
from driftlog.present.tables import alert_state, new_table, verdict_text
from driftlog.present.text import (
    clean,
    field_name,
    number,
    period,
    plural,
    share,
    title_of,
    value_text,
)

MAX_MEMBERS: Final = 30
_FRAMES: Final = {"critical": "red", "warning": "yellow", "info": "blue"}
_GOOD: Final = frozenset({"resolved", "unmuted", "unsnoozed", "unsilenced"})
_BAD: Final = frozenset({"opened", "worsened", "escalated", "reopened"})


def alert_view(alert: Alert) -> RenderableType:
    """Everything about one alert."""
    parts: list[RenderableType] = [_head(alert)]
    for title, body in _sections(alert):
        parts += [Text(f"\n{title}", style="bold"), Padding(body, (0, 0, 0, 2))]
    return Group(*parts)


def _head(alert: Alert) -> RenderableType:
    title = verdict_text(alert.severity).append("  ").append(clean(alert.title, 200), style="bold")
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    for name, value in _facts(alert):
        rows.add_row(name, value)
    message = Text(clean(alert.message, 2000))
    frame = "green" if alert.status == "resolved" else _FRAMES.get(alert.severity, "white")
    return Panel(Group(message, Text(""), rows), title=title, title_align="left", border_style=frame, padding=(0, 1))


def _facts(alert: Alert) -> Iterator[tuple[str, Text]]:
    """What is known, in the order in which people ask."""
    yield "status", alert_state(alert)
    yield "alert", Text(f"{alert.handle}  {clean(alert.id, 300)}")
    yield "model", Text(_scope(alert))
    cause = title_of(alert.metric) + ("" if alert.metric == alert.purpose else f" ({alert.purpose.replace('_', ' ')})")
    yield "cause", Text(cause)
    first, last = alert.first_window, alert.last_window
    span = period(first) if first == last else f"{period(first)} to {period(last)}"
    yield "windows", Text(f"{alert.windows} in breach, {span}")
    facts = {
        "acknowledged": _by(alert.acknowledged, alert.acknowledged_by),
        "snoozed until": _time(alert.snoozed_until),
        "muted by": clean(alert.muted_by, 300),
        "silenced by": clean(alert.silenced_by, 100),
        "escalated": f"{plural(alert.escalations, 'time')}, last {_time(alert.escalated)}" if alert.escalations else "",
        "resolved": _by(alert.resolved, alert.resolved_by),
        "because": clean(alert.resolution, 500) if alert.resolution != alert.cause else "",
        "cause found": clean(alert.cause, 500),
        "lesson": clean(alert.lesson, 500),
        "false alarm": "" if alert.false_alarm is None else "yes" if alert.false_alarm else "no",
        "objectives": ", ".join(clean(name, 80) for name in alert.objectives),
    }
    for name, value in facts.items():
        if value:
            yield name, Text(value)
    if alert.runbook:
        yield "runbook", Text(clean(alert.runbook, 500), style="underline")


def _scope(alert: Alert) -> str:
    parts = [clean(alert.model), f"in {clean(alert.environment)}"]
    parts += [f"version {clean(alert.version)}"] if alert.version != "*" else []
    parts += [f"variant {clean(alert.variant)}"] if alert.variant != "*" else []
    parts += [f"segment {clean(alert.segment.replace('features.', ''), 200)}"] if alert.segment else []
    return ", ".join(parts)


def _sections(alert: Alert) -> Iterator[tuple[str, RenderableType]]:
    if alert.suggested:
        yield "Likely causes", Text("\n".join(f"• {clean(one, 400)}" for one in alert.suggested))
    yield "Evidence", _evidence(alert)
    if len(alert.members) > 1 or any(member.field for member in alert.members):
        yield f"Members, as of {period(alert.last_window)}", _members(alert)
    if alert.decompositions:
        yield "What segments explain", Group(*(_decomposition(one) for one in alert.decompositions))
    if alert.history:
        yield "History", _history(alert.history)
    if alert.deliveries:
        yield "Notifications", _deliveries(alert.deliveries)


def _evidence(alert: Alert) -> RenderableType:
    """What opened it beside the newest of the same series."""
    measurements = [("opened by", alert.evidence)]
    if alert.latest != alert.evidence:
        measurements.append(("latest", alert.latest))
    table = Table.grid(padding=(0, 3))
    table.add_column(style="dim", no_wrap=True)
    for _ in measurements:
        table.add_column(overflow="fold")
    table.add_row("", *(Text(name, style="dim") for name, _ in measurements))
    columns = [dict(_measured(m)) for _, m in measurements]
    names = dict.fromkeys(name for column in columns for name in column)
    for name in names:
        table.add_row(name, *(column.get(name, Text("")) for column in columns))
    return table


def _measured(m: Measurement) -> Iterator[tuple[str, Text]]:
    name = title_of(m.metric) + (f" of {field_name(m.field)}" if m.field else "")
    yield "window", Text(period(m.window))
    yield "measure", Text(name)
    yield "value", Text(value_text(m, m.value), style="bold")
    if m.lower is not None or m.upper is not None:
        yield "95 %", Text(f"{value_text(m, m.lower)} … {value_text(m, m.upper)}")
    if m.reference_value is not None:
        yield "reference", Text(value_text(m, m.reference_value))
    if m.limit is not None:
        sign = ">" if m.limit.direction == "above" else "<"
        levels = (("info", m.limit.info), ("warning", m.limit.warning), ("critical", m.limit.critical))
        shown = [f"{level} {sign} {value_text(m, value)}" for level, value in levels if value is not None]
        yield "limits", Text(", ".join(shown) + f" ({m.limit.kind.replace('_', ' ')})")
        if m.limit.of_windows != (1, 1):
            yield "confirmed in", Text(f"{m.limit.of_windows[0]} of {m.limit.of_windows[1]} windows")
        if m.limit.clear is not None:
            yield "ends at", Text(value_text(m, m.limit.clear))
        if m.limit.reason:
            yield "rule", Text(clean(m.limit.reason, 200))
    if m.p_adjusted is not None or m.p_value is not None:
        yield "p", Text(f"{m.p_adjusted if m.p_adjusted is not None else m.p_value:.2g}")
    yield "rows", Text(f"{m.n_current:,}" + (f" against {m.n_reference:,}" if m.n_reference else ""))
    if m.maturity is not None:
        yield "truth known", Text(share(m.maturity))
    yield "verdict", verdict_text(m.verdict)


def _members(alert: Alert) -> RenderableType:
    table = new_table("", "field", "measure", "value", "limit", right=("value", "limit"))
    for member in alert.members[:MAX_MEMBERS]:
        table.add_row(
            verdict_text(member.severity),
            Text(field_name(member.field, 60) or "–"),
            Text(title_of(member.metric)),
            Text(number(member.value)),
            Text(number(member.limit)),
        )
    if len(alert.members) <= MAX_MEMBERS:
        return table
    return Group(table, Text(f"and {len(alert.members) - MAX_MEMBERS} more", style="dim"))


def _decomposition(split: Decomposition) -> RenderableType:
    by = " × ".join(field_name(field) for field in split.by)
    head = (
        f"{field_name(split.name)} by {by}: {number(split.total)} in all, {number(split.mix)} by the mix of segments, "
        f"{number(split.within)} inside them"
    )
    text = Text(head)
    for one in split.largest:
        text.append(f"\n  {clean(one.segment.replace('features.', ''), 80)}  {number(one.value)}", style="dim")
    return text


def history_view(episodes: Sequence[Alert]) -> RenderableType:
    """Histories of a cause's episodes, the oldest first."""
    parts: list[RenderableType] = []
    for alert in episodes:
        head = Text(f"{alert.handle}  ", style="dim").append(clean(alert.title, 120), style="bold")
        parts += [head.append(f"  episode {alert.episode}", style="not bold dim"), _history(alert.history)]
    return Group(*parts)


def _history(history: Sequence[Transition]) -> RenderableType:
    if not history:
        return Text("Nothing is written down of it.", style="dim")
    table = new_table("#", "when", "what", "by", "why", right=("#",))
    for column in table.columns[:3]:
        column.no_wrap = True
    for one in history:
        style = "red" if one.kind in _BAD else "green" if one.kind in _GOOD else ""
        until = f"until {_time(one.until)}" if one.until is not None else ""
        words = ". ".join(part for part in (until, clean(one.text, 600)) if part)
        table.add_row(str(one.number), _time(one.at), Text(one.kind, style=style), Text(clean(one.by, 40)), Text(words))
    return table


def _deliveries(deliveries: Sequence[Delivery]) -> RenderableType:
    table = new_table("of", "channel", "status", "when", "attempts", "", right=("of", "attempts"))
    styles = {"sent": "green", "failed": "bold red", "waiting": "yellow"}
    for one in deliveries:
        table.add_row(
            str(one.transition),
            Text(clean(one.channel)),
            Text(one.status, style=styles.get(one.status, "dim")),
            _time(one.at),
            str(one.attempts),
            Text(clean(one.reason, 300)),
        )
    return table


def handled_line(alert: Alert) -> Text:
    """How an alert stands after something was asked for, on one line."""
    text = Text(f"{alert.handle}  ", style="dim").append(clean(alert.title, 90), style="bold").append("  ")
    return text.append_text(alert_state(alert))


def silences_table(silences: Sequence[Silence], now: datetime) -> RenderableType:
    """Silences in order of their beginning."""
    if not silences:
        return Text("No silences.")
    table = new_table("id", "state", "from", "until", "what", "by", "why")
    for one in silences:
        end = one.ended or one.until
        state = "over" if end <= now else "to come" if one.start > now else "on"
        style = {"on": "yellow", "over": "dim"}.get(state, "")
        table.add_row(
            one.id, Text(state, style=style), _time(one.start), _time(end), _about(one),
            Text(clean(one.by, 40)), Text(clean(one.why, 200)),
        )  # fmt: skip
    return table


def _about(silence: Silence) -> Text:
    if silence.alert_id:
        return Text(clean(silence.alert_id, 200))
    names = ("model", "environment", "purpose", "metric", "segment")
    given = [f"{name} {clean(getattr(silence, name))}" for name in names if getattr(silence, name) != "*"]
    return Text(", ".join(given) or "everything")


def _by(when: datetime | None, who: str) -> str:
    if when is None:
        return ""
    return _time(when) + (f" by {clean(who, 100)}" if who else "")


def _time(when: datetime | None) -> str:
    return "" if when is None else f"{when.astimezone(UTC):%Y-%m-%d %H:%M}"
