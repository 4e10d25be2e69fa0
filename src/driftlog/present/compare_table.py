"""A comparison as a table of the terminal."""

from __future__ import annotations

from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from driftlog.contract.comparison import Comparison
from driftlog.present.compare_lines import DRIFT, Line, comparison_lines, short_name, summary
from driftlog.present.tables import verdict_text
from driftlog.present.text import clean, plural

SHOWN: Final = {"Features": 15, "Quality": 6, "Operation": 6}
"""Lines of a family that are shown by default; 10 of the others."""


def comparison_table(comparison: Comparison, *, everything: bool = False) -> RenderableType:
    """One section a family, the largest effects first; `everything` leaves nothing out."""
    lines = comparison_lines(comparison)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("difference", overflow="fold")
    table.add_column("reference → current", overflow="fold")
    table.add_column("p (i.i.d.)", justify="right", no_wrap=True)
    table.add_column("usual", justify="right", no_wrap=True, style="dim")
    hidden = 0
    for family in dict.fromkeys(line.family for line in lines):
        of_family = [line for line in lines if line.family == family]
        shown = len(of_family) if everything else SHOWN.get(family, 10)
        table.add_section()
        table.add_row(Text(""), Text(family, style="bold"))
        for line in of_family[:shown]:
            table.add_row(*_cells(line))
        hidden += len(of_family[shown:])
    parts: list[RenderableType] = [head(comparison), Text(summary(lines), style="bold"), table]
    parts += [Text(f"{plural(hidden, 'line')} more: --all", style="dim")] if hidden else []
    parts += [Text(f"· {note}", style="dim") for note in comparison.notes]
    return Group(*parts)


def head(comparison: Comparison) -> Text:
    """The two sides with their sizes."""
    text = Text()
    text.append(f"{clean(comparison.model)} ({clean(comparison.environment)})\n", style="bold")
    text.append(f"current    {clean(comparison.current.label(), 200)}: {comparison.now.n:,} predictions\n")
    text.append(f"reference  {clean(comparison.reference_label, 200)}: {comparison.before.n:,} predictions")
    if comparison.chunks:
        text.append(f", cut into {comparison.chunks} as long as the current window")
    return text


def mark(verdict: str) -> Text:
    """A verdict's symbol; its name where something is wrong."""
    full = verdict_text(verdict)
    if verdict in ("info", "warning", "critical"):
        return full
    return Text("" if verdict == "not_judged" else full.plain.partition(" ")[0], style=full.style)


def _cells(line: Line) -> list[Text]:
    drift = line.measurement.purpose in DRIFT
    what = Text(f"  {line.title}")
    if line.measure and not drift:
        what.append(f", {line.measure.lower()}", style="dim")
    difference = Text(f"{short_name(line.measurement.metric)} {line.difference}" if drift else line.difference)
    if line.interval:
        difference.append(f" ({line.interval})", style="dim")
    return [
        mark(line.verdict),
        what,
        difference,
        Text(line.change if drift or line.current == "–" else f"{line.reference} → {line.current}"),
        Text(line.p_value),
        Text(line.usual),
    ]
