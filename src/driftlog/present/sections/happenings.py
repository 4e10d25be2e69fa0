"""What happened beside the numbers: the text of the marks on the time axes."""

from __future__ import annotations

from driftlog.present.charts.markers import within
from driftlog.present.report_data import ReportData
from driftlog.present.sections.parts import Section, Table
from driftlog.present.text import clean, day

MOST = 100
_KINDS = {"note": "note", "version": "model version", "change": "change"}


def happenings_section(data: ReportData) -> list[Section]:
    """Notes, promotions and changes of the period, by their number; no section without any."""
    span = data.span
    found = within(data.markers, span) if span is not None else []
    if not found:
        return []
    rows = tuple(
        (
            str(marker.number),
            day(marker.at.replace(second=0, microsecond=0)),
            _KINDS.get(marker.kind, marker.kind),
            clean(marker.text, 400),
            clean(marker.by, 80),
        )
        for marker in found[-MOST:]
    )
    return [
        Section(
            id="happenings",
            title="What happened",
            lead="Notes, promotions and changes, from the audit trail. Their numbers stand on the time axes above.",
            tables=[("", Table(("No.", "When (UTC)", "Kind", "What", "By"), rows, numeric=(0,)))],
            notes=[f"The {len(found) - MOST} before them are in `driftlog audit`."] if len(found) > MOST else [],
        )
    ]
