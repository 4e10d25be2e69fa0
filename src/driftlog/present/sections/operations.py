"""Volume, latency, errors and resources."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from msgspec.structs import replace

from driftlog.contract.measurement import Measurement
from driftlog.contract.window import Window
from driftlog.present.charts.axes import LOW, SMALL
from driftlog.present.charts.columns import column_chart
from driftlog.present.charts.heatmap import Cell, Row, heatmap
from driftlog.present.charts.lines import Line, line_chart
from driftlog.present.report_data import ReportData
from driftlog.present.sections.drift import MAX_WINDOWS
from driftlog.present.sections.parts import Figure, Section, describe, point, shades
from driftlog.present.sections.performance import levels, numbers
from driftlog.present.status import series_of
from driftlog.present.text import clean, number, share, title_of

LATENCIES: Final = ("latency_p99_ms", "latency_p95_ms", "latency_p50_ms")
MAX_ERROR_ROWS: Final = 25
MAX_RESOURCES: Final = 8


def traffic_section(data: ReportData) -> Section:
    """Predictions a window, and latency percentiles."""
    span = data.span
    figures = []
    volume = series_of(data, "predictions") or series_of(data, "throughput_per_s")
    if span and volume:
        points = [point(m) for m in volume]
        chart = column_chart(points, span, label="Predictions over time", form=number, markers=data.markers)
        figures.append(Figure("Predictions in each window", chart, numbers=numbers(volume)))
    lines = [
        Line(name.removeprefix("latency_").removesuffix("_ms"), tuple(point(m) for m in series), tone)
        for tone, name in enumerate(LATENCIES)
        if (series := series_of(data, name))
    ]
    if span and lines:
        chart = line_chart(
            lines,
            span,
            label="Latency percentiles over time",
            form=partial(number, unit="ms"),
            shades=[shade for name in LATENCIES for shade in shades(data.alerts, name, span)],
            markers=data.markers,
            floor=0.0,
        )
        if chart:
            figures.append(Figure("Latency of a prediction (p50, p95, p99)", chart))
    return Section(
        id="operations",
        title="Volume and latency",
        lead="How many predictions were made, and how long the model took for one.",
        figures=figures,
        empty="There are no operational results in this period.",
    )


def errors_section(data: ReportData) -> Section:
    """Error rate over time; by type and by segment as heatmaps."""
    span = data.span
    figures = []
    rate = series_of(data, "error_rate")
    if span and any(m.value is not None for m in rate):
        chart = line_chart(
            [Line("Error rate", tuple(point(m) for m in rate))],
            span,
            label="Error rate over time",
            form=share,
            levels=levels(rate),
            shades=shades(data.alerts, "error_rate", span),
            markers=data.markers,
            frame=LOW,
            floor=0.0,
        )
        figures.append(Figure("Error rate", chart, numbers=numbers(rate)))
    by_type = [m for m in data.measurements if m.metric == "error_rate_by_type"]
    figures += _heatmap("By type of error", {m.field: m.field for m in by_type}, by_type, "field")
    by_segment = [m for m in data.segments if m.metric == "error_rate"]
    if any(m.value for m in by_segment):
        names = {m.segment: m.segment for m in by_segment}
        figures += _heatmap("By segment", names, by_segment, "segment")
    return Section(
        id="errors",
        title="Errors",
        lead="Predictions that failed, as a share of all predictions. Darker is more.",
        figures=figures,
        empty="There are no error rates in this period.",
    )


def _heatmap(title: str, names: dict[str, str], measurements: Sequence[Measurement], key: str) -> list[Figure]:
    if not measurements:
        return []
    windows = sorted({m.window for m in measurements})[-MAX_WINDOWS:]
    highest = max((m.value or 0.0 for m in measurements), default=0.0) or 1.0
    totals = {name: sum(m.value or 0.0 for m in measurements if getattr(m, key) == name) for name in names}
    ranked = sorted(totals, key=lambda name: -totals[name])
    rows = [
        Row(
            clean(name, 26),
            clean(name, 200),
            tuple(
                Cell(m.window, None if m.value is None else m.value / highest, m.verdict, describe(m))
                for m in measurements
                if getattr(m, key) == name and m.window in set(windows)
            ),
        )
        for name in ranked[:MAX_ERROR_ROWS]
    ]
    span = Window(windows[0].start, max(w.end for w in windows))
    more = len(ranked) - MAX_ERROR_ROWS
    note = f"{more} more are not shown." if more > 0 else ""
    return [Figure(title, heatmap(rows, span, label=title), note=note)]


def in_mebibytes(series: Sequence[Measurement]) -> list[Measurement]:
    """Bytes as MiB, so that the axis has round numbers; other units as they are."""
    return [m if m.unit != "bytes" else replace(m, value=(m.value or 0.0) / 2**20, unit="MiB") for m in series]


def resources_section(data: ReportData) -> Section:
    """CPU, memory, GPU and storage."""
    span = data.span
    found: dict[str, list[Measurement]] = {}
    for m in data.measurements:
        if m.purpose == "resource" and m.value is not None:
            found.setdefault(m.metric, []).append(m)
    figures = [
        Figure(
            title_of(metric).replace("Cpu", "CPU").replace("Gpu", "GPU").replace(" bytes", "").replace(" percent", ""),
            line_chart(
                [Line(metric, tuple(point(m) for m in in_mebibytes(series)))],
                span,
                label=title_of(metric),
                form=partial(number, unit="MiB" if series[0].unit == "bytes" else series[0].unit),
                shades=shades(data.alerts, metric, span),
                markers=data.markers,
                frame=SMALL,
                floor=0.0,
            ),
        )
        for metric, series in sorted(found.items())[:MAX_RESOURCES]
        if span is not None
    ]
    return Section(
        id="resources",
        paired=True,
        title="Resources",
        lead="What the serving processes and their hosts used.",
        figures=figures,
        empty="No resource samples were sent. The shipper's resource sampler sends CPU, memory, GPU and storage use.",
    )
