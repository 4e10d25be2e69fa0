"""``driftlog setup``."""

from __future__ import annotations

import click

from driftlog.cli.base import Command
from driftlog.cli.session import Session


@click.command(cls=Command, examples=["driftlog setup --dry-run", "driftlog setup"])
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.pass_obj
def setup(session: Session, dry_run: bool) -> None:
    """Install the index templates and register configured models.

    May be run again at any time; what is there and unchanged stays as it is.
    """
    from driftlog.contract.audit import AuditEntry
    from driftlog.contract.records import ModelRecord
    from driftlog.present.tables import changes_table
    from driftlog.store import models, templates

    with session.store() as store:
        changes = templates.plan(store) if dry_run else templates.install(store)
        session.console.print(changes_table(changes))
        if dry_run:
            session.console.print("Nothing was changed.")
            return
        moment = session.now()
        for model in session.settings.models:
            record = ModelRecord(
                name=model.name, task=model.task, owner=model.owner, registered=moment, registered_by="configuration"
            )
            new = models.register(store, record)
            models.ensure_indices(store, model.name, moment)
            if new:
                session.recorder(store).record(
                    AuditEntry(
                        action="model.registered",
                        object=model.name,
                        actor=session.actor,
                        model=model.name,
                        summary=f"{model.name} registered ({model.task})",
                    )
                )
            session.console.print(
                f"model {model.name}: {'registered' if new else 'was registered before'}", markup=False
            )
    session.console.print("Ready. Next: `driftlog intake` (or Logstash), `driftlog worker`.", markup=False)
