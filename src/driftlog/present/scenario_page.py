"""A scenario as an HTML page: actual and scenario side by side, what would be alerted on, the distributions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from markupsafe import Markup

from driftlog.contract.measurement import LEVELS, SEVERITY, Measurement
from driftlog.contract.profile import Reference
from driftlog.contract.scenario import Scenario
from driftlog.present.charts.distribution import category_bars, histogram
from driftlog.present.compare_charts import Pair, pair_chart
from driftlog.present.compare_lines import change_words
from driftlog.present.compare_page import SideText, render_page
from driftlog.present.report_data import Distribution, ProfileSource, draw
from driftlog.present.scenario_lines import Line, scenario_lines, summary, windows_needed, would_fire
from driftlog.present.scenario_table import reproduced
from driftlog.present.sections.parts import Figure, Section, Table
from driftlog.present.status import Card, Status
from driftlog.present.text import VERDICT_TITLES, clean, field_name, number, period, plural, share, title_of

MAX_DISTRIBUTIONS: Final = 10
MAX_DRIFT: Final = 30
KEY: Final = Markup(
    '<span><i class="ring"></i>actual</span><span><i class="disc"></i>scenario</span><span>lines: 95 %</span>'
)
DRIFT_KEY: Final = Markup('<span><i class="ring"></i>actual</span><span><i class="disc"></i>scenario</span>')
_OWN_SCALE: Final = ("log_loss", "bias", "mae", "rmse", "r2", "mape", "business_value")


def render_scenario(scenario: Scenario) -> str:
    """The page of a scenario."""
    lines = scenario_lines(scenario)
    rows = f"{scenario.rows:,} of {plural(scenario.population, 'prediction')}"
    return render_page(
        kind="scenario",
        title=scenario.model,
        parts=[clean(scenario.environment, 60), period(scenario.window)],
        sides=(
            SideText("Actual", period(scenario.window), rows),
            SideText("Scenario", clean(", ".join(scenario.changes), 160), f"replayed through {scenario.function}"),
        ),
        status=_status(scenario, lines),
        cards=_cards(scenario, lines),
        sections=[
            _alerts(lines),
            _performance(lines, "Performance", "performance", "The known outcomes, as they were and in the new mix."),
            _performance(
                lines,
                "Estimated performance",
                "estimated",
                "From the scores alone, on both sides: what performance would be if they stay as well calibrated.",
            ),
            _predictions(scenario, lines),
            _drift(lines),
            _distributions(scenario),
            _quality(lines),
            _method(scenario),
        ],
        generated=scenario.computed,
    )


def _status(scenario: Scenario, lines: Sequence[Line]) -> Status:
    new = [SEVERITY[line.verdict] for line in lines if line.fires and not line.fired]
    level = LEVELS[max(new, default=0)]
    return Status(level, summary(scenario, lines), clean(reproduced(scenario.reproduction).capitalize() + ".", 200))


def _cards(scenario: Scenario, lines: Sequence[Line]) -> list[Card]:
    fires = would_fire(lines)
    new = [line for line in fires if not line.fired]
    level = LEVELS[max((SEVERITY[line.verdict] for line in new), default=0)]
    cards = [Card("New alerts", str(len(new)), f"{len(fires) - len(new)} crossed already", level)]
    for name in ("roc_auc", "accuracy", "f1", "mae", "rmse"):
        line = next((x for x in _performance_lines(lines) if x.source.either.metric == name and x.change), None)
        if line is not None and len(cards) < 4:
            kind = " (estimated)" if line.family.startswith("Estimated") else ""
            cards.append(Card(line.title + kind, line.scenario, f"{line.change} against {line.actual}"))
    moved = [m for m in scenario.moved if m.field.startswith("prediction.") and m.value is not None]
    cards += [Card(f"{field_name(m.field)} moves", number(m.value), title_of(m.metric)) for m in moved]
    return cards[:6]


def _performance_lines(lines: Sequence[Line]) -> list[Line]:
    own = [line for line in lines if line.family in ("Performance", "Estimated performance")]
    return sorted(own, key=lambda line: line.family != "Performance")


def _alerts(lines: Sequence[Line]) -> Section:
    rows = tuple(
        (
            VERDICT_TITLES[line.verdict],
            line.title,
            line.measure,
            line.actual,
            line.scenario,
            line.usual,
            "crossed already" if line.fired else windows_needed(line),
        )
        for line in would_fire(lines)
    )
    head = ("Severity", "What", "Measure", "Actual", "Scenario", "Limit", "Alert opens")
    return Section(
        id="alerts",
        title="What would be alerted on",
        lead="Thresholds of the model that the scenario crosses, the new ones first.",
        tables=[("", Table(head, rows, (3, 4, 5)))] if rows else [],
        empty="The scenario crosses no threshold of the model.",
    )


def _performance(lines: Sequence[Line], family: str, id: str, lead: str) -> Section:
    own = [line for line in lines if line.family == family]
    pairs = [pair for line in own if (pair := _pair(line)) is not None]
    chart = pair_chart(pairs, label=f"{family}: actual and scenario", form=number)
    missing = family == "Performance" and own and not any(line.source.scenario for line in own)
    rest = [line for line in own if _pair(line) is None]
    return Section(
        id=id,
        title=family,
        lead=lead if not missing else "As it was. With features changed, nobody knows what the truth would have been.",
        figures=[Figure("", chart, legend=KEY, numbers=_table(own))] if chart else [],
        tables=[("", _table(rest))] if rest else [],
        empty="Nothing is known: no true outcomes, or no estimate.",
    )


def _pair(line: Line) -> Pair | None:
    before, after = line.source.actual, line.source.scenario
    if before is None or after is None or before.value is None or after.value is None:
        return None
    if before.metric in _OWN_SCALE or before.unit not in ("", "share"):
        return None
    title = f"{line.title}: {line.actual} → {line.scenario}"
    return Pair(
        line.title, title, before.value, after.value, _interval(before), _interval(after), line.change, line.verdict
    )


def _interval(m: Measurement) -> tuple[float, float] | None:
    return (m.lower, m.upper) if m.lower is not None and m.upper is not None else None


def _predictions(scenario: Scenario, lines: Sequence[Line]) -> Section:
    figures = _figures(scenario, lambda field: field.startswith("prediction."))
    own = [line for line in lines if line.family == "Predictions and truth"]
    return Section(
        id="predictions",
        title="Predictions",
        lead="What the model answers: actual in grey, scenario in blue. The badge is how far the two are apart.",
        figures=figures,
        tables=[("Against the reference", _table(own))] if own else [],
        empty="There is nothing to draw.",
        paired=True,
    )


def _drift(lines: Sequence[Line]) -> Section:
    own = [line for line in lines if line.family == "Features"][:MAX_DRIFT]
    pairs = []
    for line in own:
        before, after = line.source.actual, line.source.scenario
        if before is not None and after is not None and before.value is not None and after.value is not None:
            title = f"{line.title}: {line.actual} → {line.scenario}"
            pairs.append(Pair(line.title, title, before.value, after.value, change=line.change, verdict=line.verdict))
    chart = pair_chart(pairs, label="Drift of features: actual and scenario", form=number)
    return Section(
        id="drift",
        title="Drift of the features",
        lead="Against the model's reference, on both sides; triangles are beyond what is usual.",
        figures=[Figure("", chart, legend=DRIFT_KEY, numbers=_table(own))] if chart else [],
        empty="No feature is watched.",
    )


def _distributions(scenario: Scenario) -> Section:
    return Section(
        id="distributions",
        title="Features under the change",
        lead="The features that the scenario changes most: actual in grey, scenario in blue.",
        figures=_figures(scenario, lambda field: field.startswith("features."))[:MAX_DISTRIBUTIONS],
        empty="No feature changes.",
        paired=True,
    )


def _figures(scenario: Scenario, wanted: Callable[[str], bool]) -> list[Figure]:
    source = ProfileSource(scenario.binning, _actual(scenario), lambda window: scenario.scenario)
    words = change_words(scenario.binning, scenario.actual, scenario.scenario)
    found: list[Figure] = []
    for m in sorted(scenario.moved, key=lambda m: -(m.value or 0.0)):
        drawn = draw(m, source, scenario.scenario) if wanted(m.field) and m.value else None
        if drawn is not None:
            found.append(_figure(drawn, m, words(m.field)))
    return found


def _actual(scenario: Scenario) -> Reference:
    return Reference(
        id=scenario.reference_id,
        model=scenario.model,
        environment=scenario.environment,
        binning_id=scenario.binning.id,
        n=scenario.actual.n,
        predictions=scenario.actual,
    )


def _figure(drawn: Distribution, m: Measurement, words: str) -> Figure:
    label = f"Distribution of {field_name(drawn.field)}: actual and scenario"
    if drawn.names:
        names = [clean(name, 22) for name in drawn.names]
        chart = category_bars(names, drawn.reference, drawn.current, label=label)
    else:
        chart = histogram(drawn.reference, drawn.current, drawn.low, drawn.high, label=label, form=number)
    badge = f"{title_of(m.metric)} {number(m.value)}"
    return Figure(field_name(drawn.field), chart, note=clean(words, 160), badge=badge)


def _quality(lines: Sequence[Line]) -> Section:
    own = [line for line in lines if line.family == "Quality"]
    return Section(
        id="quality",
        title="Quality",
        lead="Missing, unseen, malformed and stuck values.",
        tables=[("", _table(own))] if own else [],
        empty="Nothing was measured.",
    )


def _table(lines: Sequence[Line]) -> Table:
    head = ("What", "Measure", "Actual", "Scenario", "Change", "What the change does", "Usual", "Actual", "Scenario")
    rows = [
        (
            line.title,
            line.measure,
            line.actual,
            line.scenario,
            line.change,
            line.words,
            line.usual,
            *(VERDICT_TITLES[v] if v != "not_judged" else "" for v in (line.actual_verdict, line.verdict)),
        )
        for line in lines
    ]
    filled = [index for index in range(len(head)) if any(row[index] not in ("", "–") for row in rows)]
    return Table(
        tuple(head[index] for index in filled),
        tuple(tuple(row[index] for index in filled) for row in rows),
        numeric=tuple(place for place, index in enumerate(filled) if index in (2, 3, 4, 6)),
    )


def _method(scenario: Scenario) -> Section:
    known = share(scenario.effective_rows / scenario.rows) if scenario.rows else "none"
    notes = [
        *(clean(note, 400) for note in scenario.notes),
        f"Both sides are the same sample of rows (seed {scenario.seed}), counted in the model's bins and compared with "
        f"its active reference ({scenario.reference_id[:8]}). After reweighting the rows are worth {known} of theirs.",
        "The scenario changes what is stated and nothing else: features that usually move together do not follow.",
    ]
    return Section(id="method", title="How this was done", notes=notes)
