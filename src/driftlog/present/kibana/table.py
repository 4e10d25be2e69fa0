"""What is done, or would be, in Kibana, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from driftlog.present.kibana.plan import Change
from driftlog.present.tables import new_table

MOST_LINES = 8
_STYLES = {"create": "green", "update": "yellow", "remove": "red"}


def kibana_table(changes: Sequence[Change], *, prefix: str, space: str) -> RenderableType:
    """Everything that is not as it should be, with what differs; the rest is counted."""
    counts = Counter(change.action for change in changes)
    said = ", ".join(f"{counts[name]} {name}" for name in ("create", "update", "unchanged", "remove") if counts[name])
    summary = Text(f"{prefix} in the space {space}: {said or 'nothing'}")
    told = [change for change in changes if change.action != "unchanged"]
    if not told:
        return summary
    table = new_table("action", "type", "what", "differences")
    for change in told:
        table.add_row(
            Text(change.action, style=_STYLES.get(change.action, "dim")),
            Text(change.type),
            Text(change.title),
            Text(_lines(change.differences)),
        )
    return Group(table, summary)


def _lines(differences: Sequence[str]) -> str:
    more = len(differences) - MOST_LINES
    return "\n".join((*differences[:MOST_LINES], *([f"... and {more} more"] if more > 0 else [])))
