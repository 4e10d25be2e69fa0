"""The state of a model in one sentence, and as a row of cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from driftlog.contract.alert import ACTIVE, Alert
from driftlog.contract.measurement import LEVELS, MARK_IMMATURE, SEVERITY, Measurement
from driftlog.contract.window import Window
from driftlog.present.charts.spark import sparkline
from driftlog.present.report_data import ReportData
from driftlog.present.summary import headlines
from driftlog.present.text import clean, period, plural, share, title_of, value_text

_SPARK_POINTS: Final = 60


@dataclass(frozen=True)
class Status:
    """How the model is doing: one of `LEVELS`, or unknown; one sentence and one of detail."""

    level: str
    sentence: str
    detail: str = ""


@dataclass(frozen=True)
class Card:
    """One headline number."""

    title: str
    value: str
    note: str
    level: str = "ok"
    spark: str = ""


APART: Final = frozenset(
    {"estimated_performance", "estimation_error", "concept_drift", "fairness", "feedback", "custom"}
)
"""Purposes whose metrics may be named as others are; they are shown where their purpose is asked for."""


def series_of(data: ReportData, metric: str, field: str = "", *, purpose: str = "") -> list[Measurement]:
    """Measurements of one metric of the whole model, in order of the windows; what was measured, not estimated."""
    return [
        m
        for m in data.measurements
        if m.metric == metric and m.field == field and (m.purpose == purpose if purpose else m.purpose not in APART)
    ]


def latest_judged(series: Sequence[Measurement]) -> Measurement | None:
    """The newest with a value that is not provisional; else the newest with a value."""
    known = [m for m in series if m.value is not None]
    return next((m for m in reversed(known) if MARK_IMMATURE not in m.marks), known[-1] if known else None)


def model_status(data: ReportData) -> Status:
    """What to tell somebody who reads one sentence."""
    name = clean(data.model)
    if not data.measurements:
        return Status("unknown", f"There are no results for {name} in this period.")
    opened = [alert for alert in data.alerts if alert.status in ACTIVE]
    critical = [alert for alert in opened if alert.severity == "critical"]
    performance = _performance(data)
    if critical:
        more = f" Open beside it: {plural(len(opened) - 1, 'alert')}." if len(opened) > 1 else ""
        return Status("critical", f"{name} needs attention: {_without_name(critical[0])}.{more}", performance)
    warnings = [alert for alert in opened if alert.severity == "warning"]
    if warnings:
        about = _without_name(warnings[0]) if len(opened) == 1 else f"{plural(len(opened), 'alert')} are open"
        return Status("warning", f"{name} works, and should be watched: {about}.", performance)
    if opened:
        return Status("info", f"{name} works; worth knowing: {_without_name(opened[0])}.", performance)
    resolved = [alert for alert in data.alerts if alert.status == "resolved"]
    past = (
        f" {plural(len(resolved), 'alert')} of this period {'is' if len(resolved) == 1 else 'are'} resolved."
        if resolved
        else ""
    )
    if not any(m.verdict in LEVELS for m in data.measurements):
        return Status("unknown", f"{name} cannot be judged yet: there is not enough data.", performance)
    return Status("ok", f"{name} works as expected; no alert is open.{past}", performance)


def _without_name(alert: Alert) -> str:
    return clean(alert.title.removeprefix(f"{alert.model}: "), 140)


def _performance(data: ReportData) -> str:
    for metric in headlines(data.measurements):
        m = latest_judged(series_of(data, metric))
        if m is not None:
            against = (
                f", against {value_text(m, m.reference_value)} in the reference"
                if m.reference_value is not None
                else ""
            )
            return f"{title_of(metric)} was {value_text(m, m.value)} in {period(m.window)}{against}."
    return "No true outcomes have arrived, so its performance is not known."


def cards(data: ReportData) -> list[Card]:
    """Open alerts, headline metrics, truth, volume, errors, drift: those there is something to say about."""
    if not data.measurements:
        return []
    found = [_alerts(data), *(_metric(data, name) for name in headlines(data.measurements))]
    found += [_drift(data), _maturity(data), _volume(data), _errors(data)]
    return [card for card in found if card is not None]


def _alerts(data: ReportData) -> Card:
    opened = [alert for alert in data.alerts if alert.status in ACTIVE]
    counts = {level: sum(alert.severity == level for alert in opened) for level in reversed(LEVELS)}
    shown = [f"{count} {level}" for level, count in counts.items() if count or level in ("critical", "warning")]
    note = ", ".join(shown[: 3 if counts["info"] else 2]) if opened else f"{len(data.alerts)} in the past"
    return Card("Open alerts", str(len(opened)), note, next((name for name, count in counts.items() if count), "ok"))


def _metric(data: ReportData, metric: str) -> Card | None:
    series = series_of(data, metric)
    m = latest_judged(series)
    if m is None:
        return None
    note = f"reference {value_text(m, m.reference_value)}" if m.reference_value is not None else period(m.window)
    return Card(title_of(metric), value_text(m, m.value), note, _level(m), _spark(series, m.reference_value))


def _level(m: Measurement) -> str:
    return m.verdict if SEVERITY[m.verdict] else "ok"


def _spark(series: Sequence[Measurement], level: float | None = None) -> str:
    values = [m.value for m in series[-_SPARK_POINTS:]]
    return sparkline(values, label=f"Course of {title_of(series[-1].metric)}", level=level)


def _drift(data: ReportData) -> Card | None:
    judged = [m for m in data.measurements if m.purpose == "data_drift" and m.verdict != "not_judged"]
    if not judged:
        return None
    latest = max(m.window for m in judged)
    fields = {m.field for m in judged if m.window == latest}
    drifted = {m.field for m in judged if m.window == latest and SEVERITY[m.verdict] > 0}
    level = max((_level(m) for m in judged if m.window == latest), key=lambda v: SEVERITY[v])
    return Card("Drifted features", f"{len(drifted)}", f"of {len(fields)} in the latest window", level)


def _maturity(data: ReportData) -> Card | None:
    by_window = maturity_by_window(data)
    if not by_window:
        return None
    latest = by_window[max(by_window)]
    values = [by_window[window] for window in sorted(by_window)]
    spark = sparkline(values[-_SPARK_POINTS:], label="Course of label maturity")
    return Card("Label maturity", share(latest), "truths arrived, latest window", "ok", spark)


def maturity_by_window(data: ReportData) -> dict[Window, float]:
    """Share of truths that have arrived, by window."""
    found: dict[Window, float] = {}
    for m in data.measurements:
        if m.purpose == "performance" and m.maturity is not None:
            found[m.window] = max(m.maturity, found.get(m.window, 0.0))
    return found


def _volume(data: ReportData) -> Card | None:
    series = series_of(data, "predictions")
    if not series:
        return None
    total = sum(m.value or 0 for m in series)
    return Card(
        "Predictions",
        f"{series[-1].value or 0:,.0f}",
        f"latest window; {total:,.0f} in all",
        _level(series[-1]),
        _spark(series),
    )


def _errors(data: ReportData) -> Card | None:
    series = series_of(data, "error_rate")
    if not series or series[-1].value is None:
        return None
    mean = sum(m.value or 0 for m in series) / len(series)
    return Card(
        "Error rate",
        share(series[-1].value),
        f"latest window; {share(mean)} on average",
        _level(series[-1]),
        _spark(series),
    )
