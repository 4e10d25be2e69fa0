"""What a section consists of; the template draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from driftlog.contract.alert import ACTIVE, Alert
from driftlog.contract.measurement import MARK_IMMATURE, Measurement
from driftlog.contract.window import Window
from driftlog.present.charts.lines import Point, Shade
from driftlog.present.text import VERDICT_TITLES, clean, period, share, title_of, value_text


@dataclass(frozen=True)
class Table:
    """A table; cells are text. `numeric` are the indices of right-aligned columns."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A chart with its heading and, folded away, its numbers."""

    title: str
    chart: str
    note: str = ""
    legend: str = ""
    numbers: Table | None = None
    badge: str = ""
    level: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes
    ----------
    lead
        What to see here, in a sentence or two.
    empty
        Said where there is nothing to draw.
    paired
        Figures stand side by side.
    """

    id: str
    title: str
    lead: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[tuple[str, Table]] = ()
    notes: Sequence[str] = ()
    empty: str = ""
    paired: bool = False
    extra: dict[str, object] = field(default_factory=dict)


def point(m: Measurement) -> Point:
    """A measurement as a point of a chart."""
    return Point(
        window=m.window,
        value=m.value,
        lower=m.lower,
        upper=m.upper,
        verdict=m.verdict,
        hollow=MARK_IMMATURE in m.marks,
        title=describe(m),
    )


def describe(m: Measurement) -> str:
    """A measurement in one line: window, value, interval, limit, verdict."""
    words = [f"{period(m.window)}: {title_of(m.metric)} {value_text(m, m.value)}"]
    if m.lower is not None and m.upper is not None:
        words.append(f"95 % {value_text(m, m.lower)} to {value_text(m, m.upper)}")
    limit = m.limit.warning if m.limit is not None else None
    if limit is not None:
        words.append(f"limit {value_text(m, limit)}")
    if m.reference_value is not None:
        words.append(f"reference {value_text(m, m.reference_value)}")
    if m.maturity is not None and m.maturity < 1:
        words.append(f"{share(m.maturity)} of truths arrived")
    words.append(VERDICT_TITLES[m.verdict])
    if m.note:
        words.append(clean(m.note, 160))
    return ", ".join(words)


def shades(alerts: Sequence[Alert], metric: str, span: Window) -> list[Shade]:
    """Times in which an alert on `metric` was open."""
    found = []
    for alert in alerts:
        if alert.metric == metric or any(member.metric == metric for member in alert.members):
            end = alert.resolved or (span.end if alert.status in ACTIVE else alert.last_window.end)
            start = alert.first_window.start
            if end > start:
                found.append(Shade(Window(start, end), alert.severity, clean(alert.title, 160)))
    return found
