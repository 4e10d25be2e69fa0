"""``driftlog run``."""

from __future__ import annotations

from datetime import datetime

import click

from driftlog.cli import exits
from driftlog.cli.app import start_logging
from driftlog.cli.base import Command
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import TimeType, as_json
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError


@click.command(
    cls=Command,
    examples=[
        "driftlog run --once",
        "driftlog run --once --model churn --as-of 2026-03-01",
        "driftlog run --from 2026-01-01 --to 2026-03-01   # a back-fill",
    ],
)
@click.option("--once", is_flag=True, help="One cycle (the default; said for clarity in scripts).")
@click.option("--model", "models", multiple=True, help="Only this model. May be repeated.")
@click.option("--as-of", type=TimeType(), help="Evaluate as if it were this time.")
@click.option("--from", "start", type=TimeType(), help="Count and judge all windows again from here ...")
@click.option("--to", "end", type=TimeType(), help="... to here.")
@as_json
@click.pass_obj
def run(
    session: Session,
    once: bool,  # noqa: ARG001
    models: tuple[str, ...],
    as_of: datetime | None,
    start: datetime | None,
    end: datetime | None,
    as_json: bool,
) -> int:
    """Evaluate once, or a stretch of the past again.

    Needs no standing worker; where one holds the model, this waits for its lease.
    """
    from driftlog.cli.commands.worker import own_id
    from driftlog.contract.window import Window
    from driftlog.present.tables import runs_table
    from driftlog.store import templates
    from driftlog.worker.backfill import run_once

    if (start is None) != (end is None):
        raise UsageError("--from and --to come together", remedy="give both, or --as-of alone")
    if start is not None and end is not None and start >= end:
        raise UsageError("--from is not before --to", remedy="exchange the two")
    start_logging(session)
    records = []
    span = Window(start, end) if start is not None and end is not None else None
    with session.store() as store:
        templates.check(store)
        cycles = run_once(
            store,
            session.settings,
            models=models,
            as_of=as_of or end,
            span=span,
            now=session.now,
            worker_id=own_id(session.settings),
        )
        with session.messages.status("Evaluating") as status:
            for record in cycles:
                records.append(record)
                status.update(f"Evaluating ({record.model} done)")
    if as_json:
        print_json_lines(records)
    else:
        session.console.print(runs_table(records))
    return exits.OK if all(record.status == "ok" for record in records) else exits.FAILED
