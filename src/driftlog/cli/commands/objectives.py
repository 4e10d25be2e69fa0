"""``driftlog objectives``."""

from __future__ import annotations

from datetime import timedelta

import click

from driftlog.cli import exits
from driftlog.cli.base import Command
from driftlog.cli.known import choose_model
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import MomentType, as_json, optional_model
from driftlog.cli.session import Session
from driftlog.cli.times import Moment, resolve


@click.command(
    cls=Command,
    examples=[
        "driftlog objectives churn",
        "driftlog objectives churn --since 30d --exit-code   # 1 when one is missed",
        "driftlog objectives churn --json",
    ],
)
@optional_model
@click.option(
    "--since",
    type=MomentType(),
    default=timedelta(days=90),
    show_default="90d",
    help="From this time on, or so far back.",
)
@click.option("--until", type=MomentType(), help="Before this time.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when an objective is missed.")
@as_json
@click.pass_obj
def objectives(
    session: Session, model: str | None, since: Moment, until: Moment | None, exit_code: bool, as_json: bool
) -> int:
    """Show the objectives of MODEL against its results.

    An objective is met or missed by the newest window that has a result; windows of which too few truths have arrived
    say nothing.
    """
    from driftlog.present.rule_tables import objectives_table
    from driftlog.store.results import latest_window
    from driftlog.worker.rules import objectives_of

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        window = latest_window(store, settings.name, settings.environment)
        span = resolve(since, until, window.end if window is not None else session.now())
        found = objectives_of(store, settings, since=span.since, until=span.until)
    if as_json:
        print_json_lines(found)
    else:
        session.console.print(objectives_table(found))
    return exits.FAILED if exit_code and any(one.state == "missed" for one in found) else exits.OK
