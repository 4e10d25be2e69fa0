"""``driftlog export tensorboard``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from driftlog.cli.base import Command
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import DurationType, MomentType, as_json, environment, optional_model
from driftlog.cli.session import Session
from driftlog.cli.times import Moment, resolve
from driftlog.contract.errors import UsageError

if TYPE_CHECKING:
    from driftlog.present.export.tensorboard import Distributions, ExportedRun
    from driftlog.store.client import Store


@click.command(
    cls=Command,
    examples=[
        "driftlog export tensorboard churn --logdir runs",
        "driftlog export tensorboard churn --logdir runs --from 90d --segments",
        "driftlog export tensorboard churn --logdir runs --follow &",
    ],
)
@optional_model
@click.option(
    "--logdir", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder that TensorBoard reads."
)
@click.option("--from", "--since", "since", type=MomentType(), help="From this time on, or 90d: so far back.")
@click.option("--to", "--until", "until", type=MomentType(), help="Up to this time.")
@environment
@click.option("--segments", is_flag=True, help="A run for each segment, too.")
@click.option("--follow", is_flag=True, help="Go on: write again when results change. Ctrl-C ends it.")
@click.option("--every", type=DurationType(), default="60s", show_default=True, help="With --follow: look so often.")
@as_json
@click.pass_obj
def tensorboard(
    session: Session,
    model: str | None,
    logdir: Path,
    since: Moment | None,
    until: Moment | None,
    environment: str | None,
    segments: bool,
    follow: bool,
    every: timedelta,
    as_json: bool,
) -> None:
    """Write results of MODEL as event files for TensorBoard.

    Metrics with the ends of their intervals and their limits, drift, latency, distributions of features beside those of
    the reference, and alerts; a run for each version and variant. Written again it replaces what it wrote before.
    """
    from driftlog.cli.following import while_changing
    from driftlog.cli.known import choose_model
    from driftlog.present.export.event_file import require_writer

    require_writer()
    with session.store() as store:
        chosen = choose_model(store, session.settings, model)
        place = environment or chosen.environment

        def write() -> bool:
            done = _export(store, chosen.name, place, logdir, since, until, segments=segments, empty=follow)
            _print(session, done, logdir, as_json=as_json)
            return True

        while_changing(session, store, chosen.name, place, write, every=every if follow else None)


def _export(
    store: Store,
    model: str,
    environment: str,
    logdir: Path,
    since: Moment | None,
    until: Moment | None,
    *,
    segments: bool,
    empty: bool,
) -> list[ExportedRun]:
    from driftlog.present.export.tensorboard import export
    from driftlog.store.alerts import find_alerts
    from driftlog.store.results import latest_window, scan_measurements

    latest = latest_window(store, model, environment)
    if latest is None:
        if empty:
            return []
        raise UsageError(
            f"there are no results of {model} in {environment or 'no environment'}",
            remedy=f"`driftlog results {model}` shows what there is; --environment chooses another",
        )
    span = resolve(since, until, latest.end)
    found = scan_measurements(
        store,
        model,
        environment=environment,
        since=span.since,
        until=span.until,
        segment=None if segments else "",
    )
    alerts = find_alerts(store, model, environment=environment, since=span.since, until=span.until)
    return export(found, alerts, logdir, model, environment, distributions=_distributions(store, model, environment))


def _distributions(store: Store, model: str, environment: str) -> Distributions | None:
    from driftlog.contract.profile import PredictionProfile
    from driftlog.contract.window import Window
    from driftlog.present.export.tensorboard import Distributions
    from driftlog.profile.reference_store import active
    from driftlog.profile.stored import load_window

    pair = active(store, model, environment)
    if pair is None:
        return None
    binning, reference = pair

    def counts(window: Window, version: str, variant: str) -> PredictionProfile | None:
        return load_window(
            store,
            model,
            environment,
            binning.id,
            window,
            version=None if version == "*" else version,
            variant=None if variant == "*" else variant,
        )

    return Distributions(binning, reference, counts)


def _print(session: Session, done: list[ExportedRun], logdir: Path, *, as_json: bool) -> None:
    if as_json:
        print_json_lines(done)
        return
    for run in done:
        state = "written" if run.changed else "as it was"
        session.console.print(f"{run.run:50} {run.values:>8} values  {state}", markup=False)
    if any(run.changed for run in done):
        session.console.print(f"tensorboard --logdir {logdir}", markup=False)
    elif not done:
        session.messages.print("no results yet")
