"""The maintenance loop in the terminal: the last decision, its triggers, and where the flow stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from driftlog.contract.maintenance import TRIGGERS, Comparison, Decision, Evidence, LoopState, TrainingRun, Trial
from driftlog.present.tables import new_table
from driftlog.present.text import clean

FLOW: Final = ("data?", "performance?", "acceptable?", "retrain", "candidate", "deploy", "watch")
"""The boxes of the flow; after the last it begins again."""
_OF_OUTCOME: Final = {"no_data": 0, "waiting_for_data": 1, "go_on": 2}
_OF_STAGE: Final = {"starting": 3, "training": 3, "trial": 4, "promoting": 5, "step": 6, "watch": 6, "returning": 6}
_GOOD: Final = frozenset({"go_on", "promote", "keep", "retrain", "training", "watching"})
_BAD: Final = frozenset({"training_failed", "refuse", "rollback", "rejected", "no_data"})


def place(decision: Decision) -> int:
    """Index in `FLOW` of the box where a decision was made.

    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 3, 2, tzinfo=UTC)
    >>> FLOW[place(Decision(id="1", model="m", environment="e", at=now, outcome="go_on", reason=""))]
    'acceptable?'
    """
    if decision.stage == "idle":
        waits_for_labels = decision.outcome == "waiting_for_data" and bool(decision.triggers)
        return 3 if waits_for_labels else _OF_OUTCOME.get(decision.outcome, 3)
    if decision.stage == "trial" and decision.outcome not in ("refuse", "waiting_for_data"):
        return 5
    return _OF_STAGE[decision.stage]


def explained(decision: Decision, state: LoopState, trial: Trial | None = None) -> RenderableType:
    """Everything about the last decision."""
    head = Text(clean(f"{decision.model}, {decision.environment}"), style="bold")
    head.append(f"  decision {decision.number}, {_looks(decision)}", style="dim")
    verdict = Text(f"{decision.outcome}", style=style_of(decision.outcome))
    verdict.append(f"  {clean(decision.reason, 600)}", style="default")
    parts: list[RenderableType] = [head, verdict, Text("")]
    triggers = [each for each in decision.evidence if each.name in TRIGGERS]
    others = [each for each in decision.evidence if each.name not in TRIGGERS]
    if triggers:
        parts += [_evidence("trigger", triggers), Text("")]
    elif decision.stage == "idle":
        parts += [Text("No trigger is set below maintain.triggers, and nobody has asked.", style="dim"), Text("")]
    if others:
        parts += [_evidence("seen", others), Text("")]
    parts += [flow_line(decision), Text("")]
    if decision.missing:
        parts.append(Text(f"Waits for   {clean(decision.missing, 300)}"))
    if state.pending:
        parts.append(Text(f"Approval    {state.pending_step} waits: driftlog maintain approve {decision.model}"))
    if decision.next_look is not None:
        parts.append(Text(f"Next look   {decision.next_look:%Y-%m-%d %H:%M} UTC"))
    if decision.run_id:
        parts.append(Text(f"Training    {clean(decision.run_id)}"))
    if decision.version:
        parts.append(Text(f"Version     {clean(decision.version)}"))
    if trial is not None and decision.stage in ("trial", "promoting", "step", "watch"):
        parts += [Text(""), trial_table(trial)]
    return Group(*parts)


def flow_line(decision: Decision) -> Text:
    """The flow with a mark where it stands.

    ``data? > performance? > [acceptable?] > retrain > candidate > deploy > watch > data?``
    """
    here = place(decision)
    line = Text()
    for index, name in enumerate(FLOW):
        if index:
            line.append(" → ", style="dim")
        if index == here:
            line.append(f"[{name}]", style=style_of(decision.outcome))
        else:
            line.append(name, style="dim" if index > here else "default")
    line.append(" → data?", style="dim")
    return line


def decisions_table(decisions: Sequence[Decision]) -> RenderableType:
    """Decisions, newest first."""
    if not decisions:
        return Text("No decisions yet: the worker makes them where maintain.mode is advise or act.")
    table = new_table("at", "model", "outcome", "reason", "looks", "version", right=("looks",))
    for each in decisions:
        table.add_row(
            f"{each.at:%Y-%m-%d %H:%M}",
            Text(clean(each.model)),
            Text(each.outcome, style=style_of(each.outcome)),
            Text(clean(each.reason, 160)),
            f"{each.looks:,}",
            Text(clean(each.version)),
        )
    return table


def runs_line(run: TrainingRun) -> str:
    """One training run in a line."""
    ended = f", ended {run.finished:%Y-%m-%d %H:%M}" if run.finished is not None else ""
    return f"{run.id}: {run.status}, started {run.started:%Y-%m-%d %H:%M}{ended}{': ' + run.error if run.error else ''}"


def trial_table(trial: Trial) -> RenderableType:
    """Candidate against champion."""
    verdict = "passed" if trial.passed else "refused"
    head = Text(
        f"Trial of {clean(trial.candidate)} against {clean(trial.champion) or 'what is served'}: ", style="bold"
    )
    head.append(verdict, style="green" if trial.passed else "bold red")
    head.append(f"  {trial.rows:,} rows, {trial.window.label()}", style="dim")
    table = new_table(
        "metric", "candidate", "champion", "difference", "interval", "rows", "", right=("candidate", "champion", "rows")
    )
    for each in (trial.main, *trial.guards, *trial.segments):
        table.add_row(*comparison_cells(each))
    notes = [Text(f"- {clean(note, 300)}", style="dim") for note in trial.notes]
    return Group(head, Text(clean(trial.reason, 600)), table, *notes)


def comparison_cells(each: Comparison) -> tuple[str, ...]:
    """Cells of one comparison; more is better in the difference."""
    name = f"{each.metric} in {each.segment}" if each.segment else each.metric
    ends = f"{each.lower:+.3g} … {each.upper:+.3g}" if each.lower is not None and each.upper is not None else "–"
    sign = {True: "✓", False: "✗", None: "–"}[each.passed]
    gap = f"{each.difference:+.3g}" if each.difference is not None else "–"
    return clean(name, 60), _number(each.candidate), _number(each.champion), gap, ends, f"{each.n:,}", sign


def style_of(outcome: str) -> str:
    """Colour of an outcome."""
    return "green" if outcome in _GOOD else "bold red" if outcome in _BAD else "yellow"


def _looks(decision: Decision) -> str:
    until = decision.until or decision.at
    if decision.looks <= 1:
        return f"{decision.at:%Y-%m-%d %H:%M} UTC"
    return f"{decision.looks:,} looks from {decision.at:%Y-%m-%d %H:%M} to {until:%H:%M} UTC"


def _evidence(first: str, evidence: Sequence[Evidence]) -> Table:
    table = new_table(first, "value", "needed", "met", "from")
    for each in evidence:
        met = {True: Text("yes", style="bold"), False: Text("no"), None: Text("–", style="dim")}[each.met]
        table.add_row(each.name, Text(_value(each.value)), Text(_value(each.needed)), met, Text(clean(each.object, 60)))
    return table


def _value(value: float | str | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return clean(value, 80)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
