"""How well the model predicts: metrics over time against the reference, and how many truths have arrived."""

from __future__ import annotations

from collections.abc import Sequence

from driftlog.contract.measurement import MARK_IMMATURE, Measurement
from driftlog.contract.window import Window
from driftlog.present.charts.axes import FULL, SMALL
from driftlog.present.charts.columns import column_chart
from driftlog.present.charts.lines import Level, Line, Point, line_chart
from driftlog.present.report_data import ReportData
from driftlog.present.sections.parts import Figure, Section, Table, point, shades
from driftlog.present.status import maturity_by_window, series_of
from driftlog.present.summary import HEADLINES
from driftlog.present.text import VERDICT_TITLES, number, period, share, title_of, value_text

_ORDER = (
    *HEADLINES,
    "f1",
    "precision",
    "recall",
    "brier",
    "log_loss",
    "bias",
    "r2",
    "balanced_accuracy",
    "specificity",
)
_LARGE = 2


def performance_section(data: ReportData) -> Section:
    """The headline metrics large, the others small beside each other."""
    figures = metric_figures(data, large=_LARGE)
    provisional = any(MARK_IMMATURE in m.marks for m in data.measurements)
    lead = "Each point is one window, compared with its true outcomes. The band is the 95 % interval."
    if provisional:
        lead += " Hollow points are provisional: too few truths have arrived to judge them."
    if any(m.purpose == "estimated_performance" and m.value is not None for m in data.measurements):
        lead += " The second line is the estimate made before the truths arrived; it assumes that the concept holds."
    return Section(
        id="performance",
        title="Performance",
        lead=lead,
        figures=figures,
        empty="No true outcomes have arrived. Performance appears here once feedback is sent, or estimates once the "
        "reference has true outcomes.",
        extra={"large": _LARGE},
    )


def metric_figures(data: ReportData, *, large: int) -> list[Figure]:
    """One figure a metric of the whole model, the first `large` of them over the whole width."""
    measured = {m.metric for m in data.measurements if _is_headline(m)}
    ordered = [name for name in _ORDER if name in measured] + sorted(measured - set(_ORDER))
    span = data.span
    return [_figure(data, name, span, large=i < large) for i, name in enumerate(ordered)] if span else []


def _is_headline(m: Measurement) -> bool:
    return m.purpose in ("performance", "estimated_performance") and m.value is not None and not m.field


def _figure(data: ReportData, metric: str, span: Window, *, large: bool) -> Figure:
    realised = series_of(data, metric)
    estimated = series_of(data, metric, purpose="estimated_performance")
    series = realised or estimated
    unit = series[0].unit
    lines = [
        Line(name, tuple(point(m) for m in found), tone)
        for tone, (name, found) in enumerate((("realised", realised), ("estimated", estimated)))
        if found
    ]
    chart = line_chart(
        lines,
        span,
        label=f"{title_of(metric)} over time",
        form=number,
        levels=levels(series),
        shades=shades(data.alerts, metric, span),
        markers=data.markers,
        frame=FULL if large else SMALL,
        floor=0.0 if unit in ("share", "nats") and min(m.value or 0.0 for m in series) < 0.2 else None,
        top=1.0 if unit == "share" else None,
    )
    return Figure(title_of(metric), chart, numbers=numbers(series))


def levels(series: Sequence[Measurement]) -> list[Level]:
    """The reference's value and the limits, of the newest measurement that has them."""
    found = []
    reference = next((m.reference_value for m in reversed(series) if m.reference_value is not None), None)
    if reference is not None:
        found.append(Level("reference", reference, "reference"))
    limit = next((m.limit for m in reversed(series) if m.limit is not None), None)
    if limit is not None and limit.info is not None:
        found.append(Level("worth knowing", limit.info, "info"))
    if limit is not None and limit.warning is not None:
        found.append(Level("warning", limit.warning, "warning"))
    if limit is not None and limit.critical is not None:
        found.append(Level("critical", limit.critical, "critical"))
    return found


def numbers(series: Sequence[Measurement]) -> Table:
    """The points of one series as a table."""
    rows = tuple(
        (
            period(m.window),
            value_text(m, m.value),
            f"{value_text(m, m.lower)} – {value_text(m, m.upper)}" if m.lower is not None else "",
            value_text(m, m.reference_value),
            f"{m.n_current:,}",
            share(m.maturity) if m.maturity is not None else "",
            VERDICT_TITLES[m.verdict],
        )
        for m in series
    )
    return Table(("Window", "Value", "95 %", "Reference", "Rows", "Truths", "Verdict"), rows, numeric=(1, 2, 3, 4, 5))


def maturity_section(data: ReportData) -> Section:
    """Share of truths that have arrived, by window."""
    by_window = maturity_by_window(data)
    span = data.span
    points = [
        Point(window, value, verdict="ok", title=f"{period(window)}: {share(value)} of the truths have arrived")
        for window, value in sorted(by_window.items())
    ]
    chart = column_chart(points, span, label="Label maturity over time", form=share, top=1.0) if span else ""
    return Section(
        id="maturity",
        title="Label maturity",
        lead="Share of each window's predictions whose true outcome is known. Late truths re-open their windows.",
        figures=[Figure("Truths that have arrived", chart)] if chart else [],
        empty="No true outcomes have arrived.",
    )
