"""``driftlog retrain``."""

from __future__ import annotations

import uuid

import click

from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json, required_model
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError


@click.group(
    cls=Group,
    examples=['driftlog retrain request churn --why "new tariff from May"', "driftlog retrain list churn"],
)
def retrain() -> None:
    """Ask for a training, and see those that were."""


@retrain.command(examples=['driftlog retrain request churn --why "requirements changed: recall above 0.8"'])
@required_model
@click.option("--why", required=True, help="What changed; kept with the decision.")
@as_json
@click.pass_obj
def request(session: Session, model: str, why: str, as_json: bool) -> None:
    """Ask that MODEL be trained again.

    The worker takes it up at its next look. Labels, cool-down, budget and quiet hours count as for every training;
    approval does not have to be asked again.
    """
    from driftlog.cli.known import choose_model
    from driftlog.contract.maintenance import MaintainRequest
    from driftlog.store.decisions import ask

    if not why.strip():
        raise UsageError("--why is empty", remedy="say in a few words what changed")
    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        asked = MaintainRequest(
            id=uuid.uuid4().hex,
            model=settings.name,
            environment=settings.environment,
            kind="retrain",
            by=session.actor,
            at=session.now(),
            why=why.strip()[:1000],
        )
        ask(store, asked)
    if as_json:
        print_json_lines([asked])
        return
    session.console.print(f"Asked for a training of {settings.name}.", markup=False)
    if settings.maintain.mode == "off":
        told = f"nothing will come of it while models.{settings.name}.maintain.mode is off"
        session.messages.print(f"warning: {told}", markup=False)


@retrain.command("list", examples=["driftlog retrain list churn", "driftlog retrain list churn --json"])
@required_model
@as_json
@click.pass_obj
def list_(session: Session, model: str, as_json: bool) -> None:
    """Training runs of MODEL, newest first."""
    from driftlog.cli.known import choose_model
    from driftlog.present.maintain_table import runs_line
    from driftlog.store.decisions import find_runs

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        found = find_runs(store, settings.name, environment=settings.environment)
    if as_json:
        print_json_lines(found)
    elif not found:
        session.console.print(f"{settings.name} was never trained by the loop.")
    else:
        for each in found:
            session.console.print(runs_line(each), markup=False)
