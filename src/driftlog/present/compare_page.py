"""A comparison as an HTML page: one file, no script, no request to anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from markupsafe import Markup, escape

import driftlog
from driftlog.contract.comparison import Comparison, Side
from driftlog.contract.measurement import LEVELS, SEVERITY, Measurement
from driftlog.contract.profile import Reference
from driftlog.present.charts.distribution import category_bars, histogram
from driftlog.present.compare_charts import Effect, Pair, effect_chart, pair_chart
from driftlog.present.compare_lines import FAMILIES, Line, beyond, comparison_lines, signed, summary
from driftlog.present.pages import template
from driftlog.present.report_data import Distribution, ProfileSource, draw
from driftlog.present.sections.parts import Figure, Section, Table, describe
from driftlog.present.status import Card, Status
from driftlog.present.text import VERDICT_TITLES, clean, day, field_name, number, period, plural, share, title_of

MAX_DISTRIBUTIONS: Final = 10
MAX_EFFECTS: Final = 40
HEAD: Final = ("What", "Measure", "Reference", "Current", "Difference", "95 %", "p (i.i.d.)", "Usual", "Verdict")
BARS_KEY: Final = Markup(
    '<span><i class="now"></i>effect</span>'
    '<span><i class="ref"></i>usual: as far as such stretches differ anyway</span>'
)
DOTS_KEY: Final = Markup(
    '<span><i class="ring"></i>reference</span><span><i class="disc"></i>current</span><span>lines: 95 %</span>'
)


@dataclass(frozen=True)
class SideText:
    """One side in the head of a page."""

    name: str
    what: str
    rows: str


def render_page(
    *,
    kind: str,
    title: str,
    parts: Sequence[str],
    sides: tuple[SideText, SideText],
    status: Status,
    cards: Sequence[Card],
    sections: Sequence[Section],
    generated: datetime,
    foot: str = "",
) -> str:
    """A page of two sides: what stands on each, one sentence, cards, sections."""
    return template("study.html.j2").render(
        kind=kind,
        title=clean(title, 80),
        period=list(parts),
        sides=sides,
        status=status,
        cards=cards,
        sections=sections,
        generated=f"{day(generated.replace(second=0, microsecond=0))} UTC",
        version=driftlog.__version__,
        foot=foot,
    )


def render_comparison(comparison: Comparison) -> str:
    """The page of a comparison."""
    lines = comparison_lines(comparison)
    return render_page(
        kind="comparison",
        title=comparison.model,
        parts=[clean(comparison.environment, 60)],
        sides=side_texts(comparison),
        status=_status(lines),
        cards=_cards(lines),
        sections=[
            _performance(lines),
            _drift(lines),
            _distributions(comparison, lines),
            _table_section("quality", "Quality", "Missing, unseen, malformed and stuck values.", lines),
            _table_section("operation", "Operation", "Traffic, latency and errors.", lines),
            _method(comparison),
        ],
        generated=comparison.computed,
    )


def side_texts(comparison: Comparison) -> tuple[SideText, SideText]:
    """Reference and current side in words."""
    if comparison.reference_id or comparison.reference is None:
        what, more = "Stored reference", clean(comparison.reference_origin, 120)
    else:
        what, more = side_title(comparison.reference)
    rows = plural(comparison.before.n, "prediction")
    now, now_more = side_title(comparison.current)
    return (
        SideText("Reference", what, " · ".join(part for part in (more, rows) if part)),
        SideText(
            "Current", now, " · ".join(part for part in (now_more, plural(comparison.now.n, "prediction")) if part)
        ),
    )


def side_title(side: Side) -> tuple[str, str]:
    """(window, conditions) of a side.

    >>> from datetime import UTC, datetime
    >>> from driftlog.contract.window import Window
    >>> side_title(Side(Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC)), version="2"))
    ('2026-03-02 – 03-08', 'version 2')
    """
    more = [clean(side.segment.replace("features.", "").replace("&", ", "), 100)] if side.segment else []
    more += [f"{name} {clean(value) or '(none)'}" for name, value in (("version", side.version),) if value != "*"]
    more += [f"variant {clean(side.variant) or '(none)'}"] if side.variant != "*" else []
    return period(side.window), ", ".join(more)


def _status(lines: Sequence[Line]) -> Status:
    worst = max((SEVERITY[line.verdict] for line in lines), default=0)
    judged = any(line.verdict in LEVELS for line in lines)
    level = LEVELS[worst] if judged else "unknown"
    return Status(level, summary(lines))


def _cards(lines: Sequence[Line]) -> list[Card]:
    cards = []
    features = [line for line in lines if line.family == "Features"]
    moved = {line.title for line in beyond(features, "Features")}
    if features:
        level = _level(beyond(features, "Features"))
        cards.append(Card("Features beyond usual", str(len(moved)), f"of {len({f.title for f in features})}", level))
        top = max(features, key=lambda line: line.effect)
        cards.append(Card("Largest drift", clean(top.title, 18), f"{top.measure} {top.difference}", _level([top])))
    for metric in ("roc_auc", "accuracy", "f1", "mae", "rmse", "r2"):
        line = next((x for x in lines if x.measurement.metric == metric and x.family == "Performance"), None)
        if line is not None and line.measurement.value is not None and len(cards) < 6:
            note = f"{line.difference} against {line.reference}" if line.difference else ""
            cards.append(Card(line.title, line.current, note, _level([line])))
    known = next((x.measurement.maturity for x in lines if x.measurement.maturity is not None), None)
    if known is not None and len(cards) < 6:
        cards.append(Card("Truths known", share(known), "of the current side", "ok"))
    return cards


def _level(lines: Sequence[Line]) -> str:
    return LEVELS[max((SEVERITY[line.verdict] for line in lines), default=0)]


def _performance(lines: Sequence[Line]) -> Section:
    own = [line for line in lines if line.family == "Performance"]
    drawn = [line for line in own if _on_unit_scale(line.measurement)]
    chart = pair_chart([_pair(line) for line in drawn], label="Performance of both sides", form=number)
    rest = [line for line in own if line not in drawn]
    return Section(
        id="performance",
        title="Performance",
        lead="Both sides against their true outcomes, with 95 % intervals, clustered by day where there are two days.",
        figures=[Figure("", chart, legend=DOTS_KEY, numbers=lines_table(drawn))] if chart else [],
        tables=[("", lines_table(rest))] if rest else [],
        empty="No true outcomes have arrived.",
    )


def _on_unit_scale(m: Measurement) -> bool:
    known = m.value is not None and m.reference_value is not None
    return known and m.unit in ("", "share") and m.metric not in ("log_loss", "bias", "r2", "mae", "rmse")


def _pair(line: Line) -> Pair:
    m = line.measurement
    low, high = m.details.get("reference_lower"), m.details.get("reference_upper")
    return Pair(
        line.title,
        describe(m),
        m.reference_value or 0.0,
        m.value or 0.0,
        (low, high) if low is not None and high is not None else None,
        (m.lower, m.upper) if m.lower is not None and m.upper is not None else None,
        signed(m, m.details.get("difference")),
        m.verdict,
    )


def _drift(lines: Sequence[Line]) -> Section:
    own = [line for line in lines if line.family in ("Predictions and truth", "Features")]
    by_measure: dict[str, list[Line]] = {}
    standing = _standing(own)
    for line in sorted(standing, key=lambda line: -line.effect):
        by_measure.setdefault("", []).append(line)
    shown = by_measure.get("", [])[:MAX_EFFECTS]
    chart = effect_chart([_effect(line) for line in shown if line.effect >= 0], label="Drift by field", form=number)
    note = f"The largest {MAX_EFFECTS} of {len(standing)} fields." if len(standing) > MAX_EFFECTS else ""
    return Section(
        id="drift",
        title="What differs",
        lead="How far each field's distribution is from the reference's, the largest difference first.",
        figures=[Figure("", chart, legend=BARS_KEY, note=note, numbers=lines_table(own))] if chart else [],
        empty="No field could be compared.",
    )


def _standing(lines: Sequence[Line]) -> list[Line]:
    """One line a field: the judged measure, else the first."""
    found: dict[str, Line] = {}
    for line in lines:
        known = found.get(line.measurement.field)
        if known is None or (known.verdict == "not_judged" and line.verdict != "not_judged"):
            found[line.measurement.field] = line
    return list(found.values())


def _effect(line: Line) -> Effect:
    m = line.measurement
    limit = m.limit.warning if m.limit is not None else None
    title = f"{m.field}: {line.measure} {line.difference}, {VERDICT_TITLES[m.verdict]}"
    words = clean(line.change, 76)
    return Effect(clean(line.title, 26), clean(title, 200), max(0.0, line.effect), limit, words, m.verdict)


def _distributions(comparison: Comparison, lines: Sequence[Line]) -> Section:
    source = ProfileSource(comparison.binning, _reference(comparison), lambda window: comparison.now)
    own = [line for line in lines if line.family in ("Predictions and truth", "Features")]
    ranked = sorted(_standing(own), key=lambda line: (-SEVERITY[line.verdict], -line.effect))
    figures: list[Figure] = []
    for line in ranked:
        drawn = draw(line.measurement, source, comparison.now)
        if drawn is not None and len(figures) < MAX_DISTRIBUTIONS:
            figures.append(distribution_figure(drawn, line))
    return Section(
        id="distributions",
        title="Distributions",
        lead="The fields that differ most: the reference in grey, the current side in blue.",
        figures=figures,
        empty="There is nothing to draw.",
        paired=True,
    )


def _reference(comparison: Comparison) -> Reference:
    return Reference(
        id=comparison.reference_id,
        model=comparison.model,
        environment=comparison.environment,
        binning_id=comparison.binning.id,
        n=comparison.before.n,
        predictions=comparison.before,
    )


def distribution_figure(drawn: Distribution, line: Line) -> Figure:
    """One field's two distributions, and what changed in words."""
    label = f"Distribution of {field_name(drawn.field)} on both sides"
    if drawn.names:
        names = [clean(name, 22) for name in drawn.names]
        chart = category_bars(names, drawn.reference, drawn.current, label=label)
    else:
        chart = histogram(drawn.reference, drawn.current, drawn.low, drawn.high, label=label, form=number)
    m = line.measurement
    return Figure(
        field_name(drawn.field),
        chart,
        note=clean(line.change, 160),
        badge=f"{title_of(m.metric)} {number(m.value)}",
        level=m.verdict if SEVERITY[m.verdict] else "",
    )


def _table_section(id: str, title: str, lead: str, lines: Sequence[Line]) -> Section:
    own = [line for line in lines if line.family == title]
    return Section(
        id=id, title=title, lead=lead, tables=[("", lines_table(own))] if own else [], empty="Nothing was measured."
    )


def lines_table(lines: Sequence[Line]) -> Table:
    """Lines as a table of a page."""
    rows = [line_cells(line) for line in lines]
    filled = [index for index in range(len(HEAD)) if any(row[index] for row in rows)]
    return Table(
        tuple(HEAD[index] for index in filled),
        tuple(tuple(row[index] for index in filled) for row in rows),
        numeric=tuple(place for place, index in enumerate(filled) if index in (2, 3, 4, 6, 7)),
    )


def line_cells(line: Line) -> tuple[str, ...]:
    """One cell for each of `HEAD`."""
    return (
        line.title,
        line.measure,
        line.reference,
        line.current,
        line.difference,
        line.interval or line.change,
        line.p_value,
        line.usual,
        VERDICT_TITLES[line.verdict] if line.verdict != "not_judged" else "",
    )


def _method(comparison: Comparison) -> Section:
    cut = f"cut into {comparison.chunks} stretches as long as the current window" if comparison.chunks else "not cut"
    notes = [
        *(clean(note, 400) for note in comparison.notes),
        f"Both sides are counted in the same bins ({comparison.binning.id[:8]}); the reference is {cut}.",
        "Usual: as far as such stretches of the reference differ from the rest of it (prediction limit, 99.9 %), and "
        "at least the floor of the model's threshold. Where it is not known, an i.i.d. p-value decides, a warning at "
        "most.",
        "p-values take rows as independent, which streams are not: they are shown, and do not judge alone.",
        "Differences of performance are tested by days, where there are enough, else combined from both intervals.",
    ]
    return Section(id="method", title="How this was compared", notes=notes)


def comparison_fragment(comparison: Comparison) -> str:
    """A comparison for a notebook: the two sides, one sentence, the largest differences; styles are inline."""
    lines = comparison_lines(comparison)
    before, now = side_texts(comparison)
    cell = 'style="text-align:left;padding:2px 14px 2px 0"'
    head = "".join(f"<th {cell}>{name}</th>" for name in ("", *HEAD))
    body = []
    for family, _ in FAMILIES:
        for index, line in enumerate([line for line in lines if line.family == family][:6]):
            texts = [family if not index else "", *line_cells(line)]
            colour = {"info": "#1f6fb2", "warning": "#c77800", "critical": "#b3264c"}.get(line.verdict)
            style = f'{cell[:-1]};color:{colour};font-weight:600"' if colour else cell
            body.append("<tr>" + "".join(f"<td {style}>{escape(text)}</td>" for text in texts) + "</tr>")
    return (
        f'<div style="font-variant-numeric:tabular-nums"><p><b>{escape(comparison.model)}</b>: '
        f"{escape(now.what)} ({escape(now.rows)}) against {escape(before.what)} ({escape(before.rows)})</p>"
        f"<p><b>{escape(summary(lines))}</b></p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
        + "".join(f"<p><i>{escape(note)}</i></p>" for note in comparison.notes)
        + "</div>"
    )
