"""``driftlog export-training``: the labelled data that a training job needs."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from driftlog.cli.base import Command
from driftlog.cli.known import choose_model
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import TimeType, as_json, required_model
from driftlog.cli.progress import counting
from driftlog.cli.session import Session
from driftlog.cli.times import parse_window
from driftlog.contract.errors import UsageError
from driftlog.contract.window import Window

if TYPE_CHECKING:
    from driftlog.contract.settings import ModelSettings
    from driftlog.store.client import Store


@click.command(
    "export-training",
    cls=Command,
    examples=[
        "driftlog export-training churn -o train.parquet              # as much as the executor would get",
        "driftlog export-training churn --window 90d -o train.csv",
        "driftlog export-training churn --from 2026-04-01 --to 2026-07-01 -o train.csv --json",
    ],
)
@required_model
@click.option("--window", help="A stretch of time: 90d (the latest), 2026-04-01/2026-07-01, 2026-04-01/30d.")
@click.option("--from", "since", type=TimeType(), help="Predictions from this time on.")
@click.option("--to", "until", type=TimeType(), help="Predictions before this time  [default: the newest label]")
@click.option("--version", default="", help="Only predictions of this model version.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="A .csv or .parquet file; only you can read it.",
)
@as_json
@click.pass_obj
def export_training(
    session: Session,
    model: str,
    window: str | None,
    since: datetime | None,
    until: datetime | None,
    version: str,
    output: Path,
    as_json: bool,
) -> None:
    """Write the labelled predictions of MODEL: features, truth, prediction, score, version and time.

    In order of time, then id, so that the same data gives the same file; its digest is printed. Predictions without a
    label are left out, those of erased subjects too. A feature with the name of one of driftlog's own columns (id,
    time, version, variant, predicted, score, actual) is called features.NAME.
    """
    from driftlog.worker.training_data import export_training as export

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        chosen = _window(store, settings, window, since, until)
        with counting(session.messages, "labels", 0) as done:
            data = export(store, settings, chosen, output, version=version, progress=lambda read, total: done(read))
    if as_json:
        print_json_lines([data])
        return
    session.console.print(f"{data.rows:,} rows of {chosen.label()} in {output}", markup=False, soft_wrap=True)
    session.console.print(f"SHA-256 {data.digest}", markup=False, soft_wrap=True)
    for count, what in (
        (data.without_prediction, "labels left out: their prediction is no longer stored"),
        (data.erased, "labels left out: their subject was erased"),
        (data.malformed, "values left empty: their column has another type"),
    ):
        if count:
            session.messages.print(f"{count:,} {what}", markup=False)


def _window(
    store: Store, settings: ModelSettings, window: str | None, since: datetime | None, until: datetime | None
) -> Window:
    """What the options name; without any, as long as the executor's window, up to the newest label."""
    if window is not None and (since or until):
        raise UsageError("--window and --from or --to name the same thing", remedy="give one of them")

    def newest() -> datetime | None:
        from driftlog.worker.training_data import newest_label

        found = newest_label(store, settings)
        return found + timedelta(milliseconds=1) if found else None

    if window is not None:
        return parse_window(window, newest, option="--window")
    end = until or newest()
    if end is None:
        raise UsageError(
            f"{settings.name} has no labelled predictions in {settings.environment}",
            remedy="send feedback, or import labels: docs/feedback.md",
        )
    start = since or end - settings.maintain.executor.window
    if start >= end:
        raise UsageError("--from is not before --to", remedy="exchange the two")
    return Window(start, end)
