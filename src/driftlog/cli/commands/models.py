"""``driftlog models``."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from driftlog.cli import exits
from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json, required_model
from driftlog.cli.session import Session
from driftlog.contract.events import TASKS

if TYPE_CHECKING:
    from driftlog.store.mapped import MappedStore


@click.group(cls=Group, examples=["driftlog models list", "driftlog models register churn --task binary"])
def models() -> None:
    """List, register and check models."""


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


@models.command(examples=["driftlog models check churn", "driftlog models check churn --json"])
@required_model
@as_json
@click.pass_obj
def check(session: Session, model: str, as_json: bool) -> int:
    """Check the field mapping of MODEL, whose predictions lie in an index of your own.

    Shows each mapped field's type, how many predictions of the newest window have it, and values that do not fit. Reads
    only. Exit code 1 when there is a problem.
    """
    from driftlog.contract.errors import UsageError
    from driftlog.present.tables import findings_table
    from driftlog.store.mapped_check import check_source

    settings = next((each for each in session.settings.models if each.name == model), None)
    if settings is None or not settings.source.index:
        raise UsageError(
            f"{model}: its predictions lie in driftlog's own index",
            remedy=f"for an index of your own, write models.{model}.source into driftlog.yml: see docs/own-indices.md",
        )
    with session.store() as store:
        findings = check_source(cast("MappedStore", store), settings, session.now())  # as a model has a source
    if as_json:
        print_json_lines(findings)
    else:
        session.console.print(findings_table(findings))
    return exits.FAILED if any(finding.status == "problem" for finding in findings) else exits.OK
