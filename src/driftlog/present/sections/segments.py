"""The weakest segments, and the headline metric of every segment over time."""

from __future__ import annotations

from typing import Final

from driftlog.contract.segment import SegmentRank
from driftlog.present.report_data import ReportData
from driftlog.present.sections.parts import Section, Table
from driftlog.present.text import clean, field_name, number, title_of

MOST: Final = 25


def segments_section(data: ReportData) -> list[Section]:
    """A table of the ranked segments; no section where the model has none."""
    if not data.weakest:
        return []
    rows = tuple(_row(rank) for rank in data.weakest[:MOST])
    head = ("Segment", "Measured by", "Value", "Whole model", "Gap", "Certain", "p", "Rows", "")
    left_out = len(data.weakest) - len(rows)
    return [
        Section(
            id="segments",
            title="Weakest segments",
            lead="Parts of the traffic that fare worse than the whole. They are in order of what is certain: the gap "
            "less its uncertainty, so that a few unlucky rows do not come first.",
            tables=[("In the latest window with enough truth", Table(head, rows, numeric=(2, 3, 4, 5, 6, 7)))],
            notes=[f"{left_out} more: `driftlog segments {clean(data.model, 64)}`."] if left_out else [],
        )
    ]


def _row(rank: SegmentRank) -> tuple[str, ...]:
    return (
        clean(rank.segment.replace("features.", ""), 80),
        title_of(rank.metric) + (f" of {field_name(rank.field)}" if rank.field else ""),
        number(rank.value),
        "" if rank.usual is None else number(rank.usual),
        number(rank.gap),
        number(rank.lower),
        f"{rank.p_adjusted:.2g}",
        f"{rank.n:,}",
        "▲ weak" if rank.weak else "",
    )
