"""The page of an experiment: one HTML file, no script, no request to anywhere, light and dark, fit for printing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from driftlog.contract.experiment import EXPERIMENT_VERDICTS, Comparison, ExperimentResult, StoppedExperiment
from driftlog.present.experiment_charts import arms_chart, collection_chart, sequence_chart
from driftlog.present.experiment_table import stopped_line
from driftlog.present.experiment_text import (
    LEVELS,
    SIGNS,
    difference,
    interval,
    mean,
    p_equals,
    p_text,
    percent_level,
    progress,
)
from driftlog.present.pages import template
from driftlog.present.sections.parts import Figure, Section, Table
from driftlog.present.text import clean, day, share


@dataclass(frozen=True)
class Card:
    """One figure at the top of the page."""

    title: str
    value: str
    note: str
    level: str = ""


def render_experiment(
    result: ExperimentResult, stopped: StoppedExperiment | None = None, *, generated: datetime, version: str
) -> str:
    """The page as HTML; everything from outside is escaped and shortened."""
    return template("experiment.html.j2").render(
        title=clean(result.name, 80),
        facts=_facts(result),
        level=LEVELS[result.verdict],
        sign=SIGNS[result.verdict],
        verdict=EXPERIMENT_VERDICTS[result.verdict],
        sentence=clean(result.sentence, 400),
        stopped=clean(stopped_line(stopped), 500) if stopped is not None else "",
        cards=_cards(result),
        sections=[_differences(result), _variants(result), _collection(result)],
        notes=[clean(note, 400) for note in result.notes],
        reading=_reading(result),
        generated=f"{day(generated.replace(second=0, microsecond=0))} UTC",
        version=version,
    )


def _facts(result: ExperimentResult) -> list[str]:
    treatments = ", ".join(clean(c.treatment, 40) for c in result.comparisons)
    start = f"from {day(result.start)}" if result.start is not None else "from the first prediction"
    end = f", planned end {day(result.end)}" if result.end is not None else ", no planned end"
    return [
        f"{clean(result.model, 60)}, {clean(result.environment, 60)}",
        f"{treatments} against {clean(result.control.variant, 40)}",
        f"{clean(result.target, 80)} by {result.unit}",
        f"{start} until {day(result.until)}{end}",
    ]


def _cards(result: ExperimentResult) -> list[Card]:
    best = max(result.comparisons, key=lambda c: abs(c.difference or 0.0))
    kind = result.kind
    several = f"{clean(best.treatment, 24)}, " if len(result.comparisons) > 1 else ""
    relative = f"{best.relative:+.1%} of the control's mean" if best.relative is not None else ""
    ratio = result.sample_ratio_p_value
    bad = result.verdict == "sample_ratio_mismatch"
    read = [
        Card("Difference", difference(best.difference, kind), f"{several}{relative}".strip(", ")),
        _interval_card(best, result),
    ]
    cards = [
        *([Card("Difference", "–", "not to be read")] if bad else read),
        Card(f"{result.unit.capitalize()}s", f"{result.units:,}", _of_plan(result)),
        Card(
            "Sample ratio",
            "not as meant" if bad else "as meant" if ratio is not None else "–",
            f"chi-square {p_equals(ratio)}",
            "critical" if bad else "",
        ),
    ]
    if not result.ended and (days := _days_left(result)) is not None:
        cards.append(Card("To the plan", f"{days:,} d", f"{result.units_per_day:,.0f} new {result.unit}s a day"))
    return cards


def _interval_card(best: Comparison, result: ExperimentResult) -> Card:
    """The interval that the verdict is read from."""
    lower, upper, p = best.lower, best.upper, f"always-valid {p_equals(best.p_adjusted)}"
    title = f"{percent_level(best.level)} at every look"
    if result.ended:
        lower, upper, p = best.fixed_lower, best.fixed_upper, p_equals(best.fixed_p_adjusted)
        title = f"{percent_level(best.fixed_level)} at the planned end"
    low, high = (difference(value, result.kind).removesuffix(" pp") for value in (lower, upper))
    unit = " pp" if result.kind == "binary" else ""
    return Card(title, f"{low} … {high}{unit}" if lower is not None else "–", p)


def _of_plan(result: ExperimentResult) -> str:
    if not result.planned_units:
        return "plan not known yet"
    return f"{progress(result)} of {result.planned_units:,} planned"


def _days_left(result: ExperimentResult) -> int | None:
    if not result.planned_units or not result.units_per_day or result.units >= result.planned_units:
        return None
    return math.ceil((result.planned_units - result.units) / result.units_per_day)


def _differences(result: ExperimentResult) -> Section:
    effect = difference(result.minimum_effect, result.kind, sign=False)
    level = percent_level(result.comparisons[0].level)
    return Section(
        id="difference",
        title="The difference over time",
        lead=f"The band is the {level} confidence sequence: it holds on every day at once, so you may look as often as "
        f"you like and stop when it leaves zero (filled points). In the grey zone differences are smaller than the "
        f"minimum effect of {effect}.",
        figures=[_sequence(comparison, result) for comparison in result.comparisons],
    )


def _sequence(comparison: Comparison, result: ExperimentResult) -> Figure:
    title = f"{clean(comparison.treatment, 40)} minus {clean(result.control.variant, 40)}"
    level = {"ok": "resolved", "open": ""}.get(LEVELS[comparison.verdict], LEVELS[comparison.verdict])
    rows = tuple(
        (
            str(look.day),
            f"{look.control_units:,}",
            f"{look.treatment_units:,}",
            difference(look.difference, result.kind),
            interval(look.lower, look.upper, result.kind),
            p_text(look.p_value),
        )
        for look in comparison.looks
    )
    variants = (clean(result.control.variant, 40), clean(comparison.treatment, 40))
    head = ("First seen until", *variants, "Difference", "Interval", "p")
    return Figure(
        title,
        sequence_chart(comparison, result) or "",
        note=clean(comparison.sentence, 400),
        numbers=Table(head, rows, numeric=(1, 2, 3, 4, 5)) if rows else None,
        badge="no decision yet" if comparison.verdict == "keep_collecting" else EXPERIMENT_VERDICTS[comparison.verdict],
        level=level,
    )


def _variants(result: ExperimentResult) -> Section:
    exposed = sum(arm.exposed for arm in result.arms) or 1
    rows = tuple(
        (
            clean(arm.variant, 40),
            f"{arm.exposed:,}",
            share(arm.share),
            share(arm.exposed / exposed),
            f"{arm.units:,}",
            f"{arm.rows:,}",
            mean(arm.mean, result.kind),
            "–" if arm.sd is None else f"{arm.sd:.4g}",
        )
        for arm in result.arms
    )
    unit = f"{result.unit.capitalize()}s"
    head = ("Variant", unit, "Meant", "Got", "With a value", "Rows", "Mean", "Sd")
    tests = tuple(
        (
            clean(c.treatment, 40),
            difference(c.difference, result.kind),
            interval(c.lower, c.upper, result.kind),
            p_text(c.p_adjusted),
            interval(c.fixed_lower, c.fixed_upper, result.kind),
            p_text(c.fixed_p_adjusted),
            difference(c.expected, result.kind),
            difference(c.detectable, result.kind, sign=False),
        )
        for c in result.comparisons
    )
    first = result.comparisons[0]
    test_head = (
        "Treatment",
        "Difference",
        f"{percent_level(first.level)}, every look",
        "p",
        f"{percent_level(first.fixed_level)}, one look",
        "p",
        "Expected",
        "Detectable",
    )
    return Section(
        id="variants",
        title="The variants",
        lead=f"Mean of {clean(result.target, 80)}, each {result.unit} counted once, with its 95 % interval. "
        "Intervals of two variants may overlap although their difference is real: judge by the difference above.",
        figures=[Figure("Means", arms_chart(result) or "", numbers=Table(head, rows, numeric=tuple(range(1, 8))))],
        tables=[("Tests", Table(test_head, tests, numeric=tuple(range(1, 8))))],
    )


def _collection(result: ExperimentResult) -> Section:
    unit = f"{result.unit}s"
    ratio = p_equals(result.sample_ratio_p_value)
    tests = f"chi-square {ratio}, always-valid {p_equals(result.sample_ratio_always_valid)}."
    lead = f"The variants got the {unit} they were meant to get, as far as can be told: {tests}"
    if result.verdict == "sample_ratio_mismatch":
        lead = f"The variants did not get the {unit} they were meant to get: {tests}"
    return Section(
        id="collection",
        title="Collection",
        lead=lead,
        figures=[Figure(f"{unit.capitalize()} with a value, as they came in", collection_chart(result) or "")],
    )


def _reading(result: ExperimentResult) -> list[str]:
    lines = [
        "Every look: the confidence sequence and its p-value stay valid however often and whenever somebody looks "
        "(normal mixture; Robbins 1970, Howard et al. 2021, Johari et al. 2022).",
        "One look: the fixed-horizon test is valid at the planned end only. Looked at every day it finds differences "
        "that are not there in every third experiment.",
        "Expected: the difference shrunk towards zero, for planning with it. Detectable: the smallest difference that "
        f"one look at the {result.unit}s collected so far finds with a power of {result.power:.0%}.",
    ]
    if result.end is not None:
        lines.append(
            f"Of alpha {result.alpha:g} a fifth is spent on looks before the planned end and the rest on the test "
            "there: together they are wrong at most that often."
        )
    return lines
