"""Courses over time of what only some models have: detectors, fairness, cost, metrics of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from driftlog.contract.measurement import Measurement
from driftlog.present.charts.axes import SMALL
from driftlog.present.charts.columns import column_chart
from driftlog.present.charts.lines import Line, line_chart
from driftlog.present.report_data import ReportData
from driftlog.present.sections.parts import Figure, Section, point, shades
from driftlog.present.sections.performance import levels, numbers
from driftlog.present.text import clean, number, title_of

MOST: Final = 12
"""Figures of one section."""


def course_sections(data: ReportData) -> list[Section]:
    """The sections of which there is something to draw."""
    sections = [
        _section(
            data,
            "concept",
            "Concept drift",
            "concept_drift",
            "Detectors read the errors one by one, in order of time; a column counts a window's points at which one "
            "saw a change. They inform and raise no alert: streams that are not independent set them off often.",
        ),
        _section(
            data,
            "fairness",
            "Fairness",
            "fairness",
            "Differences between groups. An interval that holds 0 shows no difference, at this number of rows.",
        ),
        _section(
            data,
            "feedback",
            "What people say",
            "feedback",
            "Ratings, complaints and answers, in the window of the prediction they are about, however late they came. "
            "Several ratings by one person count as one opinion in the intervals.",
        ),
        _section(data, "own-metrics", "Metrics of your own", "custom", "As the configuration defines them."),
        _section(
            data,
            "cost",
            "Cost and capacity",
            "cost",
            "What the serving processes used, by their samples, and how much more traffic they could carry.",
        ),
        _section(
            data,
            "integrity",
            "Pipeline integrity",
            "integrity",
            "What went wrong on the way from the model to here. Drift of a window that is at fault is not judged.",
        ),
    ]
    return [section for section in sections if section.figures]


def _section(data: ReportData, id: str, title: str, purpose: str, lead: str) -> Section:
    series: dict[tuple[str, str], list[Measurement]] = {}
    for m in data.measurements:
        if m.purpose == purpose and m.value is not None:
            series.setdefault((m.metric, m.field), []).append(m)
    figures = [_figure(data, name, field, found) for (name, field), found in list(series.items())[:MOST]]
    left_out = len(series) - len(figures)
    notes = [f"{left_out} more are in `driftlog results --purpose {purpose}`."] if left_out else []
    return Section(id=id, title=title, lead=lead, figures=figures, notes=notes, paired=True)


def _figure(data: ReportData, metric: str, field: str, series: Sequence[Measurement]) -> Figure:
    span = data.span
    assert span is not None  # noqa: S101 - there are measurements
    title = title_of(metric) + (f", {clean(field.removeprefix('features.'), 40)}" if field else "")
    points = tuple(point(m) for m in series)
    if series[0].purpose == "concept_drift" and not metric.endswith("_difference"):
        chart = column_chart(points, span, label=f"{title} over time", form=number, frame=SMALL)
    else:
        chart = line_chart(
            [Line(title, points)],
            span,
            label=f"{title} over time",
            form=number,
            levels=levels(series),
            shades=shades(data.alerts, metric, span),
            markers=data.markers,
            frame=SMALL,
            floor=0.0 if min(m.value or 0.0 for m in series) >= 0 else None,
        )
    return Figure(title, chart, numbers=numbers(series))
