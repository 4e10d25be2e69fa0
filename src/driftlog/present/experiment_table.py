"""An experiment in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from driftlog.contract.experiment import (
    EXPERIMENT_VERDICTS,
    Design,
    ExperimentPlan,
    ExperimentResult,
    StoppedExperiment,
)
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
from driftlog.present.tables import new_table
from driftlog.present.text import clean, day, share

_STYLES: Final = {"ok": "bold green", "critical": "bold red", "warning": "yellow", "open": "bold"}


def experiment_status(result: ExperimentResult, stopped: StoppedExperiment | None = None) -> RenderableType:
    """Verdict, arms, comparisons, and what to be careful about."""
    style = _STYLES[LEVELS[result.verdict]]
    unit = f"{result.unit}s"
    head = Text(clean(result.name, 80), style="bold")
    head.append(f"  {result.model}, {result.environment}, until {day(result.until)}", style="dim")
    parts: list[RenderableType] = [head]
    if stopped is not None:
        parts.append(Text(clean(stopped_line(stopped), 400), style="bold"))
    parts.append(Text(f"{SIGNS[result.verdict]} {clean(result.sentence, 400)}", style=style))
    parts += [_arms(result), _comparisons(result)]
    ratio = f"sample ratio {p_equals(result.sample_ratio_p_value)}"
    planned = f"{result.units:,} of {result.planned_units:,} planned {unit}" if result.planned_units else ""
    pace = f"{result.units_per_day:,.0f} new {unit} a day" if result.units_per_day else ""
    parts.append(Text("  ".join(part for part in (ratio, planned, pace) if part), style="dim"))
    parts += [Text(f"- {clean(note, 400)}") for note in result.notes]
    return Group(*parts)


def stopped_line(stopped: StoppedExperiment) -> str:
    """When it was stopped, by whom, with what decision."""
    decision = {"treatment": "for the treatment", "control": "for the control", "none": "without a choice"}
    return (
        f"Stopped {day(stopped.at.replace(second=0, microsecond=0))} UTC by {stopped.by}, "
        f"{decision[stopped.decision]}: {stopped.reason}"
    )


def _arms(result: ExperimentResult) -> Table:
    unit = f"{result.unit}s"
    table = new_table(
        "variant",
        unit,
        "with a value",
        "share meant",
        "share got",
        "mean",
        "95 %",
        right=(unit, "with a value", "mean"),
    )
    exposed = sum(arm.exposed for arm in result.arms) or 1
    for index, arm in enumerate(result.arms):
        role = " (control)" if index == 0 else ""
        limits = "–" if arm.lower is None else f"{mean(arm.lower, result.kind)} … {mean(arm.upper, result.kind)}"
        table.add_row(
            Text(clean(arm.variant) + role),
            f"{arm.exposed:,}",
            f"{arm.units:,}",
            share(arm.share),
            share(arm.exposed / exposed),
            mean(arm.mean, result.kind),
            Text(limits, style="dim"),
        )
    return table


def _comparisons(result: ExperimentResult) -> Table:
    always, once = "at every look", "one look at the end"
    if result.comparisons:
        always = f"{percent_level(result.comparisons[0].level)} at every look"
        once = f"{percent_level(result.comparisons[0].fixed_level)} for one look"
    table = new_table("treatment", "verdict", "difference", "relative", always, "p", once, "p once")
    for c in result.comparisons:
        table.add_row(
            Text(clean(c.treatment)),
            Text(EXPERIMENT_VERDICTS[c.verdict], style=_STYLES[LEVELS[c.verdict]]),
            difference(c.difference, result.kind),
            "–" if c.relative is None else f"{c.relative:+.1%}",
            interval(c.lower, c.upper, result.kind),
            p_text(c.p_adjusted),
            Text(interval(c.fixed_lower, c.fixed_upper, result.kind), style="" if result.ended else "dim"),
            Text(p_text(c.fixed_p_adjusted), style="" if result.ended else "dim"),
        )
    return table


def experiments_list(results: Sequence[tuple[ExperimentResult, StoppedExperiment | None]]) -> RenderableType:
    """One line an experiment."""
    table = new_table(
        "experiment", "verdict", "difference", "at every look", "units", "of plan", right=("units", "of plan")
    )
    for result, stopped in results:
        best = max(result.comparisons, key=lambda c: abs(c.difference or 0.0))
        verdict = EXPERIMENT_VERDICTS[result.verdict] + (" (stopped)" if stopped else "")
        table.add_row(
            Text(clean(result.name)),
            Text(f"{SIGNS[result.verdict]} {verdict}", style=_STYLES[LEVELS[result.verdict]]),
            difference(best.difference, result.kind),
            interval(best.lower, best.upper, result.kind),
            f"{result.units:,}",
            progress(result),
        )
    return table


def plan_table(plan: ExperimentPlan) -> RenderableType:
    """Units and days of each way to run it, and what shorter or longer ones would find."""
    what = (
        f"baseline {mean(plan.baseline, 'binary')}"
        if plan.kind == "binary"
        else f"standard deviation {plan.sd:.4g}" + (f", mean {plan.baseline:.4g}" if plan.baseline is not None else "")
    )
    head = Text(f"Effect {difference(plan.effect, plan.kind)}, {what}, alpha {plan.alpha:g}, power {plan.power:.0%}")
    table = new_table("looked at", "units an arm", "in all", "days", "on average", right=("in all", "days"))
    for design in plan.designs:
        table.add_row(design.name, _per_arm(design), f"{design.total:,}", _days(design.days), _average(design))
    parts: list[RenderableType] = [head, table]
    if plan.traffic is not None:
        found = new_table("days", "units", "smallest effect found", right=("days", "units", "smallest effect found"))
        for line in plan.detectable:
            found.add_row(str(line.days), f"{line.total:,}", difference(line.effect, plan.kind, sign=False))
        parts += [Text(f"{plan.traffic:,.0f} new units a day, looked at once at the end:"), found]
    if plan.source:
        parts.append(Text(clean(plan.source, 400), style="dim"))
    parts += [Text(f"- {note}") for note in plan.notes]
    return Group(*parts)


def _per_arm(design: Design) -> str:
    return " + ".join(f"{units:,}" for units in design.units)


def _days(days: float | None) -> str:
    return "–" if days is None else f"{days:,.1f}" if days < 100 else f"{days:,.0f}"


def _average(design: Design) -> str:
    if design.average_total is None:
        return "–"
    days = f", {_days(design.average_days)} days" if design.average_days is not None else ""
    return f"{design.average_total:,}{days} if the effect is real"
