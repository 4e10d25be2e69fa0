"""``driftlog scenario``."""

from __future__ import annotations

from pathlib import Path

import click

from driftlog.cli.base import Command
from driftlog.cli.commands.compare import write_page
from driftlog.cli.known import choose_model
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json, required_model
from driftlog.cli.session import Session


@click.command(
    cls=Command,
    examples=[
        "driftlog scenario churn --window 2026-03-02/7d --shift age=+10% --predict scoring:churn",
        "driftlog scenario churn --window 7d --set income=missing --mix country=DE:0.8 --predict scoring:churn",
        "driftlog scenario churn --window 30d --mix country=DE:0.8 --predict scoring:churn --html germany.html",
        "driftlog scenario churn --window 7d --set plan=basic --predict scoring:churn --version 3 --rows 50000 --json",
    ],
)
@required_model
@click.option("--window", required=True, metavar="A/B", help="The stretch of time to replay: 2026-03-02/7d, or 7d.")
@click.option("--predict", required=True, metavar="MODULE:FUNCTION", help="The model, imported from this folder.")
@click.option("--shift", "shifts", multiple=True, metavar="NAME=+20%", help="Add (+3, -3, +20%) or multiply (*1.5).")
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="One value in every row; missing is none.")
@click.option("--mix", "mixes", multiple=True, metavar="SEGMENT:SHARE", help="A segment's share of the traffic.")
@click.option("--segment", default="", help="Replay only this segment.")
@click.option("--version", help="Replay only what this model version predicted.")
@click.option("--variant", help="Replay only what this variant predicted.")
@click.option("--environment", "-e", help="The service.environment  [default: that of the settings]")
@click.option(
    "--rows", type=click.IntRange(1, 100_000), default=10_000, show_default=True, help="At most so many rows."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the sample and the new mix.")
@click.option("--force", is_flag=True, help="Go on although the function gives other predictions than were stored.")
@click.option("--all", "everything", is_flag=True, help="Every line, not the largest changes only.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a self-contained page with charts."
)
@as_json
@click.pass_obj
def scenario(
    session: Session,
    model: str,
    window: str,
    predict: str,
    shifts: tuple[str, ...],
    sets: tuple[str, ...],
    mixes: tuple[str, ...],
    segment: str,
    version: str | None,
    variant: str | None,
    environment: str | None,
    rows: int,
    seed: int,
    force: bool,
    everything: bool,
    html: Path | None,
    as_json: bool,
) -> None:
    """Replay a stored window through MODEL under stated changes.

    Shows expected performance, drift and alerts next to the actual ones. The function is called with a pandas frame of
    features, and returns scores, labels or values, one a row. It is run on the unchanged rows first, so that another
    version of the model is noticed.
    """
    from driftlog.api.scenarios import replay
    from driftlog.worker.functions import load_function

    function = load_function(predict, path="--predict")
    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        with session.messages.status("Replaying"):
            found = replay(
                store,
                settings,
                window,
                function,
                shift=shifts,
                set=sets,
                mix=mixes,
                segment=segment,
                version=version,
                variant=variant,
                environment=environment,
                rows=rows,
                seed=seed,
                force=force,
                name=predict,
                now=session.now,
                option="--window",
            )
    if html is not None:
        from driftlog.present.scenario_page import render_scenario

        write_page(html, render_scenario(found))
        session.messages.print(f"Wrote {html}", markup=False)
    if as_json:
        from driftlog.api.scenarios import json_objects

        print_json_lines(json_objects(found))
    elif html is None:
        from driftlog.present.scenario_table import scenario_table

        session.console.print(scenario_table(found, everything=everything))
