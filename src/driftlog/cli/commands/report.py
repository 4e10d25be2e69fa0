"""``driftlog report``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from driftlog.cli.base import Command
from driftlog.cli.known import choose_model
from driftlog.cli.params import environment, optional_model, since_until
from driftlog.cli.session import Session
from driftlog.cli.times import Moment, resolve
from driftlog.contract.errors import UsageError


@click.command(
    cls=Command,
    examples=["driftlog report churn -o churn.html", "driftlog report churn --since 90d --open"],
)
@optional_model
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The HTML file to write  [default: MODEL-report.html]",
)
@since_until
@environment
@click.option("--open", "show", is_flag=True, help="Open it in the browser.")
@click.pass_obj
def report(
    session: Session,
    model: str | None,
    output: Path | None,
    since: Moment | None,
    until: Moment | None,
    environment: str | None,
    show: bool,
) -> None:
    """Write a self-contained HTML report.

    By default over all results of MODEL, which may be left out where there is only one. The file needs no network.
    """
    from driftlog.evaluate.segments.weakest import rank_segments
    from driftlog.present.report import render_report
    from driftlog.present.report_data import load_report_data
    from driftlog.store.results import latest_window
    from driftlog.worker.audit import head_line
    from driftlog.worker.happenings import markers
    from driftlog.worker.report_source import profile_source

    with session.store() as store:
        chosen = choose_model(store, session.settings, model)
        latest = latest_window(store, chosen.name)
        span = resolve(since, until, latest.end if latest is not None else None)
        place = environment or chosen.environment
        data = load_report_data(
            store,
            chosen.name,
            environment=place,
            since=span.since,
            until=span.until,
            profiles=profile_source(store, chosen.name, place),
            rank=partial(rank_segments, settings=chosen),
            markers=markers(store, chosen.name, place, since=span.since, until=span.until),
            anchor=head_line(store, session.settings.audit, session.now()),
            now=session.now,
        )
    path = output or Path(f"{chosen.name}-report.html")
    try:
        path.write_text(render_report(data), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", remedy="choose another path with -o") from error
    session.console.print(f"Wrote {path}", markup=False)
    if show:
        click.launch(str(path))
