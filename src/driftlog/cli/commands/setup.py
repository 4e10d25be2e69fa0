"""``driftlog setup``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from driftlog.cli import exits
from driftlog.cli.base import Command
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json
from driftlog.cli.session import Session

if TYPE_CHECKING:
    from driftlog.store.client import Store


@click.command(
    cls=Command,
    examples=[
        "driftlog setup --dry-run              # what would change, as a diff",
        "driftlog setup --dry-run --exit-code  # 1 when something would: for CI",
        "driftlog setup",
        "driftlog setup --roles                # the cluster's roles, too",
        "driftlog setup --roles-yml >> config/roles.yml",
    ],
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--roles", is_flag=True, help="Also write driftlog's roles and keys' rights; needs manage_security.")
@click.option("--roles-yml", is_flag=True, help="Only print the roles for the file realm; asks no server.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when something was, or with --dry-run would be, changed.")
@as_json
@click.pass_obj
def setup(session: Session, dry_run: bool, roles: bool, roles_yml: bool, exit_code: bool, as_json: bool) -> int:
    """Install the index templates and register configured models.

    May be run again at any time; what is there and unchanged stays as it is. Indices that are there get the fields they
    lack; a field that changed its type keeps the old one until the next period, and is named. No document is changed.
    """
    from driftlog.store import role_files, roles_api, templates

    if roles_yml:
        sys.stdout.write(role_files.yml(session.settings.prefix))
        return exits.OK
    with session.store() as store:
        changes: list[Any] = list(templates.plan(store) if dry_run else templates.install(store))
        if roles:
            now = session.now()
            changes += roles_api.plan_roles(store) if dry_run else roles_api.install_roles(store)
            changes += roles_api.plan_keys(store, now) if dry_run else roles_api.renew_keys(store, now)
        models = [] if dry_run else _register_models(session, store)
    if as_json:
        print_json_lines([*changes, *models])
    else:
        _show(session, changes, models, dry_run=dry_run)
    changed = any(change.action in ("create", "update") for change in changes) or any(
        m["action"] == "create" for m in models
    )
    return exits.FAILED if exit_code and changed else exits.OK


def _register_models(session: Session, store: Store) -> list[dict[str, str]]:
    """The models of the configuration, with the indices that their events go to."""
    from driftlog.contract.audit import AuditEntry
    from driftlog.contract.records import ModelRecord
    from driftlog.store import models

    done = []
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
        done.append({"name": model.name, "kind": "model", "action": "create" if new else "unchanged"})
    return done


def _show(session: Session, changes: Sequence[Any], models: Sequence[dict[str, str]], *, dry_run: bool) -> None:
    from driftlog.present.setup_view import setup_view

    session.console.print(setup_view(changes))
    if dry_run:
        session.console.print("Nothing was changed.")
        return
    for model in models:
        new = model["action"] == "create"
        session.console.print(
            f"model {model['name']}: {'registered' if new else 'was registered before'}", markup=False
        )
    session.console.print("Ready. Next: `driftlog intake` (or Logstash), `driftlog worker`.", markup=False)
