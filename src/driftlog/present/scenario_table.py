"""A scenario as tables of the terminal: actual, scenario, change; and what would fire."""

from __future__ import annotations

from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from driftlog.contract.scenario import Reproduction, Scenario
from driftlog.present.compare_lines import DRIFT, short_name
from driftlog.present.compare_table import mark
from driftlog.present.scenario_lines import Line, scenario_lines, summary, windows_needed, would_fire
from driftlog.present.tables import verdict_text
from driftlog.present.text import clean, plural

SHOWN: Final = {"Features": 12, "Quality": 6}
"""Lines of a family that are shown by default; all of the others."""

ONE_SIDED: Final = 4
"""Lines of a family of which the scenario knows nothing."""


def scenario_table(scenario: Scenario, *, everything: bool = False) -> RenderableType:
    """The changes, one sentence, the comparison by family, and the thresholds that would be crossed."""
    lines = scenario_lines(scenario)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("actual → scenario", overflow="fold")
    table.add_column("change", justify="right", no_wrap=True)
    table.add_column("what the change does", overflow="fold")
    table.add_column("usual", justify="right", no_wrap=True, style="dim")
    hidden = 0
    for family in dict.fromkeys(line.family for line in lines):
        of_family = [line for line in lines if line.family == family]
        shown = len(of_family) if everything else SHOWN.get(family, len(of_family))
        if not everything and not any(line.source.scenario for line in of_family):
            shown = ONE_SIDED
        table.add_section()
        table.add_row(Text(""), Text(family, style="bold"))
        for line in of_family[:shown]:
            table.add_row(*_cells(line))
        hidden += len(of_family[shown:])
    parts: list[RenderableType] = [_head(scenario), Text(summary(scenario, lines), style="bold"), table]
    parts += [Text(f"{plural(hidden, 'line')} more: --all", style="dim")] if hidden else []
    parts += [_alerts(lines)]
    parts += [Text(f"· {note}", style="dim") for note in scenario.notes]
    return Group(*parts)


def _head(scenario: Scenario) -> Text:
    text = Text()
    text.append(f"{clean(scenario.model)} ({clean(scenario.environment)}), {scenario.window.label()}\n", style="bold")
    text.append(f"changes  {clean(', '.join(scenario.changes), 300)}\n")
    text.append(f"rows     {scenario.rows:,} of {scenario.population:,} predictions, seed {scenario.seed}\n")
    text.append(f"model    {clean(scenario.function, 120)}: {reproduced(scenario.reproduction)}")
    return text


def reproduced(check: Reproduction) -> str:
    """What the check on unchanged rows found."""
    if not check.compared:
        return "not checked, no stored prediction could be compared"
    if not check.differing:
        return f"gives the stored {check.what} on all {check.compared:,} unchanged rows"
    return f"gives another {check.what} on {check.differing:,} of {check.compared:,} unchanged rows ({check.share:.2%})"


def _cells(line: Line) -> list[Text]:
    drift = line.source.either.purpose in DRIFT
    what = Text(f"  {line.title}")
    if line.measure:
        name = short_name(line.source.either.metric) if drift else line.measure.lower()
        what.append(f", {name}", style="dim")
    return [
        mark(line.verdict),
        what,
        Text(f"{line.actual} → {line.scenario}"),
        Text(line.change),
        Text(line.words),
        Text(line.usual),
    ]


def _alerts(lines: list[Line]) -> RenderableType:
    fires = would_fire(lines)
    if not fires:
        return Text("No threshold would be crossed.", style="green")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Thresholds that would be crossed", title_justify="left")
    for name in ("severity", "what", "measure"):
        table.add_column(name)
    for name in ("scenario", "limit"):
        table.add_column(name, justify="right")
    table.add_column("alert opens")
    for line in fires:
        when = "crossed already" if line.fired else windows_needed(line)
        table.add_row(
            verdict_text(line.verdict),
            Text(line.title),
            Text(line.measure),
            Text(line.scenario),
            Text(line.usual),
            Text(when, style="dim" if line.fired else ""),
        )
    return table
