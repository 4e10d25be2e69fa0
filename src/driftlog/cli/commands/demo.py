"""``driftlog demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from driftlog.cli.base import Command
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError

MAINTAIN_EVENTS = 100_000
"""Fewer flights a month do not tell two models apart."""


class EventCount(click.ParamType[Any]):
    """A positive number, or ``all``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == "all" or value is None:
            return None
        if isinstance(value, int) or (isinstance(value, str) and value.isdecimal() and int(value) > 0):
            return int(value)
        raise click.BadParameter(f"{value!r} is neither a positive number nor 'all'", ctx, param)


@click.command(
    cls=Command,
    examples=[
        "driftlog demo",
        "driftlog demo --scenario sensor-stuck --stop",
        "driftlog demo --events all",
        "driftlog demo --maintain",
    ],
)
@click.option(
    "--events",
    type=EventCount(),
    default=20_000,
    show_default="20,000; with --maintain 100,000",
    help="Flights to replay, or 'all' (256,001).",
)
@click.option("--scenario", help="Inject this fault on top of the real data; a wrong name lists them.")
@click.option("--maintain", is_flag=True, help="Retrain, try, promote, watch and roll back along the way.")
@click.option("--stop", is_flag=True, help="Stop the local Elasticsearch at the end.")
@click.option("--elasticsearch", metavar="URL", help="Use this cluster instead of the local one.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the HTML report.")
@click.option("--no-browser", is_flag=True, help="Do not open the report.")
@click.pass_obj
def demo(
    session: Session,
    events: int | None,
    scenario: str | None,
    maintain: bool,
    stop: bool,
    elasticsearch: str | None,
    report: Path | None,
    no_browser: bool,
) -> int:
    """Watch nine months of real flights go through the pipeline.

    They are predicted by a real model, logged, evaluated and alerted on, on this machine.
    """
    from driftlog.demo.run import run_demo
    from driftlog.demo.scenarios import SCENARIOS
    from driftlog.demo.settings import DemoOptions

    if scenario is not None and scenario not in SCENARIOS:
        raise UsageError(f"no such scenario: {scenario[:80]}", remedy=f"there are {', '.join(SCENARIOS)}")

    given = click.get_current_context().get_parameter_source("events")
    if maintain and given is ParameterSource.DEFAULT:
        events = MAINTAIN_EVENTS
    options = DemoOptions(
        events=events,
        scenario=scenario,
        maintain=maintain,
        stop=stop,
        elasticsearch=elasticsearch,
        report=report,
        open_report=not no_browser,
    )
    return run_demo(options, session.console)
