"""Marks on a time axis: where they stand, and what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from driftlog.contract.window import Window
from driftlog.present.charts.axes import FULL
from driftlog.present.charts.markers import Marker, marker_marks, within

START = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = Window(START, START + timedelta(days=7))


def mark(number: int, hours: float, kind: str = "note", text: str = "t") -> Marker:
    return Marker(number, START + timedelta(hours=hours), kind, text)


def drawn(*markers: Marker) -> str:
    return "".join(marker_marks(markers, FULL.timeline(WEEK), FULL))


def test_each_has_its_number_and_near_ones_share_a_mark() -> None:
    """Two within an hour, one three days later, one outside the axis."""
    chart = drawn(mark(1, 10), mark(2, 10.5, "version"), mark(3, 82, "version"), mark(4, 999))

    assert ">1–2<" in chart
    assert ">3<" in chart
    assert ">4<" not in chart
    assert chart.count("<line") == 2
    assert 'class="marker change"' in chart
    assert 'class="marker version"' in chart


def test_texts_are_escaped() -> None:
    """They are written by people."""
    assert "<script>" not in drawn(mark(1, 1, text="<script>alert(1)</script>"))


def test_a_mark_at_the_end_belongs_to_the_next_period() -> None:
    """Half-open, as windows are."""
    assert [one.number for one in within([mark(1, 0), mark(2, 168)], WEEK)] == [1]
