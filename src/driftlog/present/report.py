"""The HTML report: one file, no script, no request to anywhere, light and dark, fit for printing."""

from __future__ import annotations

from driftlog.present.charts.heatmap import hatch_definition
from driftlog.present.pages import template
from driftlog.present.report_data import ReportData
from driftlog.present.sections.alerts import alerts_section
from driftlog.present.sections.courses import course_sections
from driftlog.present.sections.drift import distributions_section, drift_section
from driftlog.present.sections.happenings import happenings_section
from driftlog.present.sections.judging import judging_section
from driftlog.present.sections.operations import errors_section, resources_section, traffic_section
from driftlog.present.sections.performance import maturity_section, performance_section
from driftlog.present.sections.segments import segments_section
from driftlog.present.status import cards, model_status
from driftlog.present.text import clean, day, period


def render_report(data: ReportData) -> str:
    """The report as HTML; everything from outside is escaped and shortened."""
    sections = [
        alerts_section(data),
        performance_section(data),
        *segments_section(data),
        drift_section(data),
        distributions_section(data),
        maturity_section(data),
        traffic_section(data),
        errors_section(data),
        resources_section(data),
        *course_sections(data),
        *happenings_section(data),
        judging_section(data),
    ]
    span = data.span
    return template("report.html.j2").render(
        title=clean(data.model, 80),
        environment=clean(data.environment, 60),
        span=period(span) if span is not None else "no results",
        windows=len(data.windows),
        status=model_status(data),
        cards=cards(data),
        sections=sections,
        hatch=hatch_definition(),
        generated=f"{day(data.generated.replace(second=0, microsecond=0))} UTC",
        version=data.version,
        reference=clean(data.reference.id, 64) if data.reference is not None else "none",
        anchor=clean(data.anchor, 600),
        runs=sorted({clean(m.run_id, 64) for m in data.measurements if m.run_id})[-1:],
    )
