"""What ``driftlog setup`` does, as a table and diffs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.console import Group, RenderableType
from rich.text import Text

from driftlog.present.tables import new_table

_SHOWN_FIELDS = 12
_STYLES = {"create": "green", "update": "yellow", "waits": "magenta"}
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


class Change(Protocol):
    """A template, an index or a role, and what is done with it."""

    @property
    def name(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def diff(self) -> str: ...


def setup_view(changes: Sequence[Change]) -> RenderableType:
    """One line each, then the diff of each that is updated, then what waits."""
    table = new_table("action", "kind", "name", "fields")
    for change in changes:
        added: tuple[str, ...] = getattr(change, "added", ())
        style = _STYLES.get(change.action, "dim")
        table.add_row(
            Text(change.action, style=style),
            Text(getattr(change, "kind", "role")),
            Text(change.name),
            Text(_some(added)),
        )
    parts: list[RenderableType] = [table]
    parts += [_diff(change.diff) for change in changes if change.diff]
    for change in changes:
        for waiting in getattr(change, "waits", ()):
            if getattr(change, "kind", "") == "key":
                parts.append(Text(f"{change.name}: {waiting}", style="magenta"))
                continue
            when = "from its next period on" if "." in change.name else "stays so, as this index has no periods"
            parts.append(Text(f"{change.name}: {waiting}: {when}", style="magenta"))
    return Group(*parts)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN_FIELDS
    return ", ".join([*names[:_SHOWN_FIELDS], *([f"and {more} more"] if more > 0 else [])])


def _diff(diff: str) -> Text:
    text = Text()
    for line in diff.splitlines():
        text.append(line + "\n", style=_DIFF_STYLES.get(line[:1], ""))
    return text
