"""How things were judged: thresholds, what cannot alarm, and the smallest drift that would have been noticed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from driftlog.contract.measurement import Measurement
from driftlog.present.report_data import DRIFT_PURPOSES, ReportData
from driftlog.present.sections.parts import Section, Table
from driftlog.present.text import MARK_TITLES, clean, field_name, number, period, title_of, value_text

MAX_ROWS: Final = 60
_KINDS: Final = {
    "constant": "fixed limit",
    "relative": "relative to the reference",
    "default_drift": "effect floor, and the reference's own variation",
}


def judging_section(data: ReportData) -> Section:
    """Thresholds of the latest window, drift limits field by field, and what the marks mean."""
    latest = _latest(data.measurements)
    tables = []
    if rows := _thresholds(latest):
        tables.append(
            ("Thresholds", Table(("Metric", "Rule", "Warning", "Critical", "Windows", "Reference"), rows, (2, 3, 5)))
        )
    if rows := _drift_limits(latest):
        head = ("Field", "Measure", "Value", "Limit", "Smallest drift noticed", "Can alarm")
        tables.append(("Drift limits of the latest window", Table(head, rows, (2, 3, 4))))
    marks = sorted(
        {mark for m in data.measurements for mark in m.marks} | {mark for a in data.alerts for mark in a.marks}
    )
    notes = [MARK_TITLES.get(mark, clean(mark)) for mark in marks]
    return Section(
        id="judging",
        title="How this was judged",
        lead=(
            "A measurement is compared with a limit; an alert opens when enough windows are beyond it. "
            "p-values are reported in the results and never judge alone."
        ),
        tables=tables,
        notes=notes,
        extra={"reference": _reference(data)},
    )


def _latest(measurements: Sequence[Measurement]) -> list[Measurement]:
    """The newest judged measurement of each series."""
    newest: dict[tuple[str, str, str], Measurement] = {}
    for m in measurements:
        if m.limit is not None:
            newest[(m.purpose, m.metric, m.field)] = m
    return list(newest.values())


def _side(m: Measurement, value: float | None) -> str:
    if value is None or m.limit is None:
        return ""
    return f"{'>' if m.limit.direction == 'above' else '<'} {value_text(m, value)}"


def _thresholds(latest: Sequence[Measurement]) -> tuple[tuple[str, ...], ...]:
    rows = [
        (
            title_of(m.metric) + (f", {field_name(m.field)}" if m.field else ""),
            _KINDS.get(m.limit.kind, clean(m.limit.kind))
            + (f" ({clean(m.limit.reason, 120)})" if m.limit.reason else ""),
            _side(m, m.limit.warning),
            _side(m, m.limit.critical),
            f"{m.limit.of_windows[0]} of {m.limit.of_windows[1]}",
            value_text(m, m.reference_value),
        )
        for m in latest
        if m.limit is not None and m.purpose not in DRIFT_PURPOSES and m.purpose != "quality"
    ]
    return tuple(rows[:MAX_ROWS])


def _drift_limits(latest: Sequence[Measurement]) -> tuple[tuple[str, ...], ...]:
    drift = [m for m in latest if m.purpose in DRIFT_PURPOSES]
    drift.sort(key=lambda m: (m.verdict != "cannot_alarm", m.field))
    return tuple(
        (
            field_name(m.field, 60),
            title_of(m.metric),
            number(m.value),
            number(m.limit.warning if m.limit else None),
            number(m.limit.smallest_detectable if m.limit else None),
            "no: the limit is beyond what the measure can reach" if m.verdict == "cannot_alarm" else "yes",
        )
        for m in drift[:MAX_ROWS]
    )


def _reference(data: ReportData) -> str:
    facts = data.reference
    if facts is None:
        return "There is no reference: nothing could be compared."
    words = [f"The reference has {facts.n:,} rows"]
    if facts.window is not None:
        words.append(f"of {period(facts.window)}")
    if facts.chunks:
        words.append(f"in {facts.chunks} windows")
    origin = f" ({clean(facts.origin, 120)})" if facts.origin else ""
    return " ".join(words) + origin + "."
