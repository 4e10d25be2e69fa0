"""``driftlog models``."""

from __future__ import annotations

import click

from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json, required_model
from driftlog.cli.session import Session
from driftlog.contract.events import TASKS


@click.group(cls=Group, examples=["driftlog models list", "driftlog models register churn --task binary"])
def models() -> None:
    """List and register models."""


@models.command("list", examples=["driftlog models list", "driftlog models list --json"])
@as_json
@click.pass_obj
def list_models(session: Session, as_json: bool) -> None:
    """List the registered models."""
    from driftlog.present.tables import models_table
    from driftlog.store.models import registered

    with session.store() as store:
        records = list(registered(store).values())
    if as_json:
        print_json_lines(records)
    else:
        session.console.print(models_table(records, {model.name for model in session.settings.models}))


@models.command(examples=["driftlog models register churn --task binary --owner team-crm"])
@required_model
@click.option("--task", type=click.Choice(TASKS), default="binary", show_default=True, help="Kind of model.")
@click.option("--owner", default="", help="Who is told.")
@click.option("--description", default="", help="What it predicts.")
@click.pass_obj
def register(session: Session, model: str, task: str, owner: str, description: str) -> None:
    """Register MODEL, so that its predictions are stored."""
    from driftlog.contract.names import check_model_name
    from driftlog.contract.records import ModelRecord
    from driftlog.store import models, templates

    moment = session.now()
    record = ModelRecord(
        name=check_model_name(model),
        task=task,
        owner=owner,
        description=description,
        registered=moment,
        registered_by="configuration",
    )
    with session.store() as store:
        templates.check(store)
        new = models.register(store, record)
        models.ensure_indices(store, model, moment)
        before = "" if new else models.registered(store)[model].task
    session.console.print(f"{model}: {f'was registered before, as {before}' if before else 'registered'}", markup=False)
    if before and before != task:
        session.messages.print(f"To watch it as {task}, set models.{model}.task in driftlog.yml.", markup=False)
