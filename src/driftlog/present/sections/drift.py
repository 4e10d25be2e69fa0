"""What changed in the inputs and the predictions: a heatmap, and the distributions behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from driftlog.contract.measurement import SEVERITY, Measurement
from driftlog.contract.window import Window
from driftlog.present.charts.distribution import category_bars, histogram
from driftlog.present.charts.heatmap import Cell, Row, heatmap, legend
from driftlog.present.report_data import DRIFT_PURPOSES, Distribution, ReportData, strength
from driftlog.present.sections.parts import Figure, Section, describe
from driftlog.present.text import clean, field_name, number, period, plural, title_of

MAX_ROWS: Final = 40
MAX_WINDOWS: Final = 60
_LABEL: Final = 26


def drift_section(data: ReportData) -> Section:
    """Features x time, worst first."""
    by_field = _judged_by_field(data.measurements)
    ranked = sorted(by_field, key=lambda field: _badness(by_field[field]), reverse=True)
    windows = sorted({m.window for series in by_field.values() for m in series})[-MAX_WINDOWS:]
    rows = [_row(field, by_field[field], set(windows)) for field in ranked[:MAX_ROWS]]
    notes = []
    if len(ranked) > MAX_ROWS:
        notes.append(f"The {MAX_ROWS} worst fields are shown; {len(ranked) - MAX_ROWS} more are not.")
    if windows and len({m.window for s in by_field.values() for m in s}) > MAX_WINDOWS:
        notes.append(f"The latest {MAX_WINDOWS} windows are shown.")
    chart = heatmap(rows, _span(windows), label="Drift of each field over time") if rows else ""
    return Section(
        id="drift",
        title="Drift",
        lead=(
            "How far each field's distribution in a window is from the reference, as a share of its limit. "
            "Worst fields first; rest the pointer on a cell for its numbers."
        ),
        figures=[Figure("Features and predictions over time", chart, legend=legend())] if chart else [],
        notes=notes,
        empty="There are no drift results. They need a reference: `driftlog reference set`.",
    )


def _span(windows: Sequence[Window]) -> Window:
    return Window(windows[0].start, max(w.end for w in windows))


def _judged_by_field(measurements: Sequence[Measurement]) -> dict[str, list[Measurement]]:
    """For each field the one drift measure that is judged (the first met, where none is)."""
    found: dict[str, dict[str, list[Measurement]]] = {}
    for m in measurements:
        if m.purpose in DRIFT_PURPOSES and m.field:
            found.setdefault(m.field, {}).setdefault(m.metric, []).append(m)
    return {field: max(by_metric.values(), key=_judged_windows) for field, by_metric in found.items()}


def _judged_windows(series: Sequence[Measurement]) -> tuple[int, int]:
    return sum(SEVERITY[m.verdict] for m in series), sum(m.verdict != "not_judged" for m in series)


def _badness(series: Sequence[Measurement]) -> tuple[int, float]:
    """Critical windows weigh most; then the mean strength."""
    severity = sum(SEVERITY[m.verdict] for m in series)
    strengths = [s for m in series if (s := strength(m)) is not None]
    return severity, sum(strengths) / len(strengths) if strengths else 0.0


def _row(field: str, series: Sequence[Measurement], windows: set[Window]) -> Row:
    cells = tuple(Cell(m.window, strength(m), m.verdict, describe(m)) for m in series if m.window in windows)
    return Row(field_name(field, _LABEL), clean(f"{field}, {title_of(series[0].metric)}", 200), cells)


def distributions_section(data: ReportData) -> Section:
    """Reference and current distribution, side by side."""
    return Section(
        id="distributions",
        title="Distributions",
        lead="The fields that moved most, each in its worst window: reference in grey, that window in colour.",
        figures=[_distribution(d) for d in data.distributions],
        empty="There is nothing to draw: no reference, no profiles in this period, or nothing has drifted.",
        paired=True,
    )


def _distribution(d: Distribution) -> Figure:
    label = f"Distribution of {field_name(d.field)}: reference and {period(d.window)}"
    if d.names:
        names = [clean(name, 22) for name in d.names]
        chart = category_bars(names, d.reference, d.current, label=label)
    else:
        chart = histogram(d.reference, d.current, d.low, d.high, label=label, form=number)
    m = d.measurement
    badge = f"{title_of(m.metric)} {number(m.value)}" if m is not None else ""
    return Figure(
        field_name(d.field),
        chart,
        note=f"{period(d.window)}: {plural(d.n_current, 'row')}, reference {plural(d.n_reference, 'row')}",
        badge=badge,
        level=m.verdict if m is not None and SEVERITY[m.verdict] else "",
    )
