"""A comparison as a table of the terminal."""

from __future__ import annotations

from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from driftlog.contract.comparison import Comparison
from driftlog.present.compare_lines import Line, comparison_lines, summary
from driftlog.present.tables import verdict_text
from driftlog.present.text import clean, plural

SHOWN: Final = {"Features": 15, "Quality": 6, "Operation": 6}
"""Lines of a family that are shown by default; 10 of the others."""


def comparison_table(comparison: Comparison, *, everything: bool = False) -> RenderableType:
    """One section a family, the largest effects first; `everything` leaves nothing out."""
    lines = comparison_lines(comparison)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("what", overflow="fold", min_width=18, max_width=30)
    table.add_column("measure", overflow="fold", min_width=10)
    for name in ("reference", "current"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("difference", justify="right", no_wrap=True)
    table.add_column("95 %, or what changed", style="dim", overflow="fold", min_width=22)
    table.add_column("p (i.i.d.)", justify="right", no_wrap=True)
    table.add_column("usual", justify="right", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    hidden = 0
    for family in dict.fromkeys(line.family for line in lines):
        of_family = [line for line in lines if line.family == family]
        shown = len(of_family) if everything else SHOWN.get(family, 10)
        table.add_section()
        table.add_row(Text(family, style="bold"))
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


def _cells(line: Line) -> list[Text]:
    verdict = verdict_text(line.verdict) if line.verdict != "not_judged" else Text("")
    return [
        Text(f"  {line.title}"),
        Text(line.measure),
        Text(line.reference),
        Text(line.current),
        Text(line.difference),
        Text(line.interval or line.change),
        Text(line.p_value),
        Text(line.usual, style="dim"),
        verdict,
    ]
