"""Rich tables for the terminal. Text from outside is cleaned, shortened and never read as markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from driftlog.contract.alert import ACTIVE, Alert
from driftlog.contract.measurement import SEVERITY, Measurement
from driftlog.contract.profile import Reference
from driftlog.contract.records import Finding, ModelRecord, RunRecord
from driftlog.contract.segment import SegmentRank
from driftlog.contract.window import Window
from driftlog.present.reference_summary import ReferenceField
from driftlog.present.summary import WindowSummary
from driftlog.present.text import (
    VERDICT_TITLES,
    clean,
    day,
    field_name,
    number,
    period,
    share,
    title_of,
    titled,
    value_text,
)

_STYLES: Final[dict[str, str]] = {
    "critical": "bold red",
    "warning": "yellow",
    "info": "blue",
    "problem": "bold red",
    "failed": "bold red",
    "ok": "green",
    "resolved": "green",
    "open": "bold",
    "acknowledged": "cyan",
    "insufficient_data": "dim",
    "cannot_alarm": "dim italic",
    "not_judged": "dim",
    "skipped": "dim",
}
_SYMBOLS: Final[dict[str, str]] = {
    "critical": "▲▲",
    "problem": "▲▲",
    "failed": "▲▲",
    "warning": "▲",
    "info": "△",
    "ok": "✓",
    "cannot_alarm": "∅",
}
"""Severity is never said by colour alone."""
_SHOWN_FEATURES: Final = 4
WIDE: Final = 110
"""Columns from which on a table shows everything."""


class ReferenceInfo(Protocol):
    """What `driftlog.profile.reference.list_references` reports."""

    @property
    def id(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def environment(self) -> str: ...


def new_table(*columns: str, right: Sequence[str] = (), title: str = "") -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def _text(value: object, limit: int = 60, style: str = "") -> Text:
    return Text(clean(value, limit), style=style)


def verdict_text(verdict: str) -> Text:
    """Verdict or severity with its symbol."""
    symbol = _SYMBOLS.get(verdict, "·")
    return Text(f"{symbol} {VERDICT_TITLES.get(verdict, verdict)}", style=_STYLES.get(verdict, ""))


def worst_first(measurements: Iterable[Measurement]) -> list[Measurement]:
    """By severity, newest window first, then by how far beyond the limit."""
    return sorted(
        measurements,
        key=lambda m: (-SEVERITY[m.verdict], -m.window.start.timestamp(), m.purpose, -excess(m), m.metric, m.field),
    )


def excess(measurement: Measurement) -> float:
    """Value over its warning limit, 0 without either."""
    limit = measurement.limit
    if measurement.value is None or limit is None or not limit.warning:
        return 0.0
    return measurement.value / limit.warning if limit.direction == "above" else limit.warning - measurement.value


@dataclass(frozen=True)
class _Measurements:
    """Measurements as a table that leaves the interval and the reference to wide terminals."""

    measurements: Sequence[Measurement]
    several_windows: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= WIDE
        title = "" if self.several_windows else f"{self.measurements[0].model}, {period(self.measurements[0].window)}"
        columns = ["verdict", "metric", "field", "value", "95 %", "limit", "reference", "rows"]
        shown = [name for name in columns if wide or name not in ("95 %", "reference")]
        table = new_table(
            *(["window"] if self.several_windows else []),
            *shown,
            right=("value", "limit", "reference", "rows"),
            title=title,
        )
        for m in self.measurements:
            cells = {
                "window": Text(period(m.window)),
                "verdict": verdict_text(m.verdict),
                "metric": _text(titled(m)),
                "field": _text(_series_name(m)),
                "value": Text(value_text(m, m.value)),
                "95 %": Text(_interval(m), style="dim"),
                "limit": Text(_limit(m)),
                "reference": Text(value_text(m, m.reference_value)),
                "rows": Text(f"{m.n_current:,}"),
            }
            table.add_row(*(cells[str(column.header)] for column in table.columns))
        yield table


def measurements_table(measurements: Sequence[Measurement], *, several_windows: bool = False) -> RenderableType:
    """Measurements with value, limit and verdict; on wide terminals with interval and reference."""
    return _Measurements(measurements, several_windows) if measurements else Text("No results.")


def segments_table(ranks: Sequence[SegmentRank], window: Window, model: str) -> RenderableType:
    """Segments, the weakest first."""
    if not ranks:
        return Text("No segment has enough rows to be ranked.")
    columns = ("", "segment", "measured by", "value", "whole model", "gap", "certain", "p", "rows")
    table = new_table(*columns, right=columns[3:], title=f"{model}, {period(window)}")
    for rank in ranks:
        by = title_of(rank.metric) + (f" of {field_name(rank.field)}" if rank.field else "")
        table.add_row(
            Text("▲ weak", style="yellow") if rank.weak else Text("·", style="dim"),
            _text(rank.segment.replace("features.", ""), 80),
            _text(by),
            Text(number(rank.value)),
            Text("" if rank.usual is None else number(rank.usual)),
            Text(number(rank.gap)),
            Text(number(rank.lower)),
            Text(f"{rank.p_adjusted:.2g}"),
            Text(f"{rank.n:,}"),
        )
    return table


def _series_name(m: Measurement) -> str:
    parts = [field_name(m.field)] if m.field else []
    parts += [m.segment.replace("features.", "")] if m.segment else []
    parts += [f"version {m.version}"] if m.version != "*" else []
    return ", ".join(parts + ([f"variant {m.variant}"] if m.variant != "*" else []))


def _interval(m: Measurement) -> str:
    if m.lower is None and m.upper is None:
        return ""
    return f"{value_text(m, m.lower)} … {value_text(m, m.upper)}"


def _limit(m: Measurement) -> str:
    bounds = (m.limit.warning, m.limit.critical, m.limit.info) if m.limit is not None else ()
    bound = next((limit for limit in bounds if limit is not None), None)
    if m.limit is None or bound is None:
        return ""
    sign = ">" if m.limit.direction == "above" else "<"
    return f"{sign} {value_text(m, bound)}"


def windows_table(lines: Sequence[WindowSummary]) -> RenderableType:
    """One line a window; errors only where there were any."""
    if not lines:
        return Text("No results.")
    with_errors = ["errors"] if any(line.error_rate for line in lines) else []
    metrics = list(dict.fromkeys(name for line in lines for name in line.metrics))
    titles = [title_of(name) for name in metrics]
    table = new_table(
        "from", "verdict", "rows", *titles, "truth", *with_errors, "alerts", "drifted",
        right=("rows", *titles, "truth", "errors"),
    )  # fmt: skip
    table.padding = (0, 1, 0, 0)
    for column in table.columns[:-1]:
        column.no_wrap = True
    for line in lines:
        table.add_row(
            Text(day(line.window.start)),
            verdict_text(line.verdict),
            Text(f"{line.predictions:,}"),
            *(Text(number(line.metrics.get(name))) for name in metrics),
            Text(share(line.maturity)),
            *(Text(share(line.error_rate)) for _ in with_errors),
            _alert_signs(line),
            Text(_features(line.drifted)),
        )
    return table


def _features(fields: Sequence[str]) -> str:
    if not fields:
        return ""
    shown = ", ".join(field_name(field, 20) for field in fields[:_SHOWN_FEATURES])
    return shown + (f" and {len(fields) - _SHOWN_FEATURES} more" if len(fields) > _SHOWN_FEATURES else "")


def _alert_signs(line: WindowSummary) -> Text:
    """``▲ 1`` for alerts opened, ``✓ 1`` for alerts resolved; what they say is in `alerts_table`."""
    text = Text()
    if line.opened:
        text.append(f"▲ {len(line.opened)} ", style="bold")
    if line.resolved:
        text.append(f"✓ {len(line.resolved)}", style="green")
    return text


def alerts_table(alerts: Sequence[Alert], *, nothing: str = "No alerts.") -> RenderableType:
    """Alerts, open and critical ones first."""
    if not alerts:
        return Text(nothing, style="green")
    table = new_table("severity", "since", "alert")
    for column in table.columns[:2]:
        column.no_wrap = True
    ranked = sorted(alerts, key=lambda a: (a.status not in ACTIVE, -SEVERITY[a.severity], -a.opened.timestamp()))
    for alert in ranked:
        since = Text(day(alert.opened)).append(f"\n{alert.handle}", style="dim")
        table.add_row(verdict_text(alert.severity), since, _alert_text(alert))
    return table


def alert_state(alert: Alert) -> Text:
    """Status and what else is to be known of how an alert is handled: ``open, assigned to ann, muted``."""
    ended = f" on {day(alert.resolved)}" if alert.resolved is not None else ""
    who = {"acknowledged": alert.acknowledged_by, "resolved": alert.resolved_by}.get(alert.status, "")
    text = Text(f"{alert.status}{ended}" + (f" by {clean(who, 40)}" if who else ""), style=_STYLES[alert.status])
    if alert.assignee:
        text.append(f", assigned to {clean(alert.assignee, 40)}", style="not bold")
    if alert.status in ACTIVE:
        facets = {
            "snoozed": alert.snoozed_until is not None,
            "muted": bool(alert.muted_by),
            "silenced": bool(alert.silenced_by),
            "escalated": alert.escalations > 0,
        }
        for name in (name for name, present in facets.items() if present):
            text.append(f", {name}", style="not bold red" if name == "escalated" else "not bold dim")
    return text


def _alert_text(alert: Alert) -> Text:
    """Title, message, and how it stands: fits a terminal of 80 columns."""
    text = Text(clean(alert.title, 90), style="bold")
    if alert.message:
        text.append("\n" + clean(alert.message, 400), style="not bold")
    text.append("\n").append_text(alert_state(alert))
    windows = f"{alert.windows} window{'' if alert.windows == 1 else 's'}"
    latest = f"latest {value_text(alert.latest, alert.latest.value)} {_limit(alert.latest)}".rstrip()
    text.append(f", {windows}, {latest}", style="not bold dim")
    return text


def predictions_table(found: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Stored predictions: when, what came in, what came out."""
    if not found:
        return Text("No predictions found.")
    table = new_table("time", "id", "version", "prediction", "score", "ms", "features", "error", right=("score", "ms"))
    for event in found:
        prediction = _group(event, "prediction")
        error = _group(event, "error")
        meta = _group(event, "event")
        answer = prediction.get("label", prediction.get("value"))
        table.add_row(
            _text(event.get("@timestamp", "")),
            _text(meta.get("id", ""), 40),
            _text(_group(event, "model").get("version", "")),
            _text("" if answer is None else answer),
            Text(number(_float(prediction.get("score"))) if "score" in prediction else ""),
            Text(number(_float(meta["duration"], 1e-6)) if "duration" in meta else ""),
            _text(_feature_line(_group(event, "features")), 120),
            _text(": ".join(str(error[key]) for key in ("type", "message") if error.get(key)), 120, "red"),
        )
    return table


def _group(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    group = event.get(name)
    return group if isinstance(group, Mapping) else {}


def _float(value: object, scale: float = 1.0) -> float | None:
    return value * scale if isinstance(value, int | float) and not isinstance(value, bool) else None


def _feature_line(features: Mapping[str, Any]) -> str:
    return "  ".join(f"{clean(name, 24)}={clean(value, 24)}" for name, value in list(features.items())[:30])


def runs_table(records: Sequence[RunRecord]) -> RenderableType:
    """Run records of cycles."""
    if not records:
        return Text("No model was evaluated: none is configured or registered.")
    table = new_table(
        "status", "model", "as of", "windows", "measurements", "alerts", "seconds", "note",
        right=("windows", "measurements", "seconds"),
    )  # fmt: skip
    for record in records:
        table.add_row(
            verdict_text(record.status),
            _text(record.model),
            Text(day(record.as_of)),
            Text(f"{record.windows:,}"),
            Text(f"{record.measurements:,}"),
            Text(_alert_counts(record)),
            Text(f"{(record.finished - record.started).total_seconds():.1f}"),
            _text(record.error, 200),
        )
    return table


def _alert_counts(record: RunRecord) -> str:
    counts = (
        (record.alerts_opened, "opened"),
        (record.alerts_updated, "updated"),
        (record.alerts_resolved, "resolved"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def run_line(record: RunRecord) -> Text:
    """One run record as one line, for a worker's output."""
    seconds = (record.finished - record.started).total_seconds()
    line = Text(f"{record.finished:%Y-%m-%d %H:%M:%S}  ")
    line.append_text(verdict_text(record.status))
    line.append(
        f"  {clean(record.model)}: {record.windows} windows, {record.measurements} measurements in {seconds:.1f} s"
    )
    if counts := _alert_counts(record):
        line.append(f"; alerts {counts}", style="bold")
    if record.error:
        line.append(f"; {clean(record.error, 300)}", style="red")
    return line


def findings_table(findings: Sequence[Finding]) -> RenderableType:
    """Findings of the doctor."""
    table = new_table("", "check", "finding")
    for finding in findings:
        what = Text(clean(finding.message, 400))
        if finding.remedy:
            what.append("\n-> " + clean(finding.remedy, 400), style="bold" if finding.status != "ok" else "dim")
        table.add_row(verdict_text(finding.status), _text(finding.check), what)
    return table


def models_table(records: Sequence[ModelRecord], configured: set[str]) -> RenderableType:
    """Registered models."""
    if not records:
        return Text("No model is registered. `driftlog setup` registers those of driftlog.yml.")
    table = new_table("model", "task", "owner", "registered", "by", "configured", "description")
    for record in sorted(records, key=lambda r: r.name):
        table.add_row(
            _text(record.name, 64, "bold"),
            _text(record.task),
            _text(record.owner),
            Text(day(record.registered)),
            _text(record.registered_by),
            Text("yes" if record.name in configured else "no"),
            _text(record.description, 120),
        )
    return table


def references_table(found: Sequence[ReferenceInfo]) -> RenderableType:
    """Stored references."""
    if not found:
        return Text("There is no reference. `driftlog reference set MODEL --file ...` makes one.")
    table = new_table(
        "", "model", "environment", "id", "rows", "chunks", "window", "origin", "created", right=("rows", "chunks")
    )
    for info in found:
        window, created = getattr(info, "window", None), getattr(info, "created", None)
        table.add_row(
            Text("active" if getattr(info, "active", False) else "", style="green"),
            _text(info.model),
            _text(info.environment),
            _text(info.id, 34),
            Text(number(getattr(info, "n", None))),
            Text(number(getattr(info, "chunks", None))),
            Text(period(window) if window else ""),
            _text(getattr(info, "origin", "")),
            Text(day(created) if created else ""),
        )
    return table


def reference_table(reference: Reference, fields: Sequence[ReferenceField]) -> RenderableType:
    """One reference, field by field."""
    title = f"{clean(reference.model)}, {clean(reference.origin)}: {reference.n:,} rows, {len(reference.chunks)} chunks"
    table = new_table(
        "field", "kind", "bins", "missing", "mean", "sd", "min", "max", "most frequent",
        right=("bins", "missing", "mean", "sd", "min", "max"), title=title,
    )  # fmt: skip
    for f in fields:
        rows = f.present + f.missing
        table.add_row(
            _text(f.field),
            Text(f.kind),
            Text(str(f.bins)),
            Text(share(f.missing / rows) if rows else "–"),
            *(Text(number(v) if f.kind == "numeric" else "") for v in (f.mean, f.sd, f.minimum, f.maximum)),
            _text(", ".join(f"{clean(value, 20)} {share(part)}" for value, part in f.top)),
        )
    return table


def facts_table(facts: Mapping[str, object]) -> RenderableType:
    """Names and values; those without a value are left out."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value is not None:
            table.add_row(name, _text(value, 400))
    return table
