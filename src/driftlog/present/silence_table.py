"""What is silent, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from driftlog.contract.measurement import SEVERITY, Measurement
from driftlog.present.tables import verdict_text
from driftlog.present.text import clean, number

_WHAT: Final = {
    "worker_silent_leases": ("worker {} is silent", "lease times"),
    "unheld_leases": ("no worker holds {}", "lease times"),
    "cycles_missed": ("{} is not evaluated", "cycles"),
    "events_missed": ("nothing arrives of {}", "events missed"),
    "no_data_s": ("nothing arrives of {}", "s"),
}


def silence_table(silent: Sequence[Measurement], *, looked_at: Sequence[Measurement]) -> RenderableType:
    """The silent ones, the worst first; else how many were looked at and are not."""
    if not silent:
        models = len({m.field for m in looked_at if m.metric == "cycles_missed"})
        workers = len({m.field for m in looked_at if m.metric == "worker_silent_leases"})
        return Text(f"Nothing is silent: {models} models, {workers} workers looked at.", style="green")
    table = Table("severity", "what", "for", "limit", "note", box=box.SIMPLE_HEAD, pad_edge=False)
    for m in sorted(silent, key=lambda one: (-SEVERITY[one.verdict], one.metric, one.field)):
        what, unit = _WHAT.get(m.metric, (f"{m.metric} of {{}}", m.unit))
        limit = m.limit.warning if m.limit is not None else None
        table.add_row(
            verdict_text(m.verdict),
            Text(clean(what.format(m.field), 90)),
            Text(f"{number(m.value)} {unit}"),
            Text(number(limit) if limit is not None else ""),
            Text(clean(m.note, 300)),
        )
    return table
