"""Retention and erasure in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from driftlog.contract.erasure import ErasureJob
from driftlog.present.text import clean, day, plural, size
from driftlog.store.ownership import kind_of
from driftlog.store.retention import PERIODIC_KINDS, model_of, period_of
from driftlog.store.values import IndexInfo

_SHOWN_HASH: Final = 12


def periods_table(indices: Sequence[IndexInfo], prefix: str) -> RenderableType:
    """Periods, with what they hold, and their sum."""
    table = _table("index", "kind", "model", "ends", "documents", "size", right=("documents", "size"))
    for info in indices:
        period = period_of(info.name)
        table.add_row(
            Text(info.name, style="bold"),
            Text(kind_of(info.name, prefix)),
            Text(model_of(info.name, prefix)),
            Text(day(period.end) if period else ""),
            Text(f"{info.docs:,}"),
            Text(size(info.size_bytes)),
        )
    total = sum(info.size_bytes for info in indices)
    documents = sum(info.docs for info in indices)
    return Group(table, Text(f"{plural(len(indices), 'period')}, {documents:,} documents, {size(total)}"))


def policy_table(
    indices: Sequence[IndexInfo], prefix: str, keep: Mapping[str, timedelta], going: Sequence[IndexInfo]
) -> RenderableType:
    """What is kept how long, what there is of it, and how much of that has expired."""
    table = _table("kind", "kept", "periods", "oldest", "size", "expired", right=("periods", "size", "expired"))
    names = [*PERIODIC_KINDS, *(kind for kind in keep if kind not in PERIODIC_KINDS)]
    expired = {info.name for info in going}
    for name in sorted(names, key=lambda each: (each.partition(".")[0] != "predictions", each)):
        kind, _, model = name.partition(".")
        own = [
            i for i in indices if kind_of(i.name, prefix) == kind and (not model or model_of(i.name, prefix) == model)
        ]
        starts = [period.start for period in (period_of(info.name) for info in own) if period is not None]
        age = keep.get(name)
        table.add_row(
            Text(name, style="bold"),
            Text("for ever" if age is None else f"{age.days:,} days"),
            Text(f"{len(own):,}"),
            Text(day(min(starts)) if starts else "-"),
            Text(size(sum(info.size_bytes for info in own)) if own else "-"),
            Text(f"{sum(info.name in expired for info in own):,}"),
        )
    return table


def jobs_table(jobs: Sequence[ErasureJob]) -> RenderableType:
    """Erasures, the newest first."""
    if not jobs:
        return Text("No subject was erased.")
    table = _table("subject", "model", "status", "when", "by", "rounds", "erased", right=("rounds", "erased"))
    for job in jobs:
        table.add_row(
            Text(job.hash[:_SHOWN_HASH], style="bold"),
            Text(job.model or "all"),
            Text("under way" if job.status == "under_way" else "done", style="" if job.status == "done" else "yellow"),
            Text(_minute(job.finished or job.started)),
            Text(clean(job.by)),
            Text(str(job.round)),
            Text(f"{sum(job.found.values()):,}"),
        )
    return table


def found_table(job: ErasureJob) -> RenderableType:
    """What was erased of one subject."""
    if not job.found:
        return Text("Nothing of this subject was found.")
    table = _table("where", "erased", right=("erased",))
    for where, n in sorted(job.found.items()):
        table.add_row(Text(clean(where, 100)), Text(f"{n:,}"))
    return table


def _minute(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M")


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table
