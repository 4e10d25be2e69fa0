"""``driftlog note``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
import msgspec

from driftlog.cli.base import Command
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import TimeType, as_json
from driftlog.cli.session import Session
from driftlog.contract.audit import NOTE_KINDS
from driftlog.contract.errors import UsageError

if TYPE_CHECKING:
    from driftlog.contract.audit import NoteKind


@click.command(
    cls=Command,
    examples=[
        'driftlog note "changed the scaler" --kind architecture --model churn',
        'driftlog note "price list of April is live" --kind data-source --at 2026-04-01T00:00Z',
        'driftlog note "public holiday" --kind external-event',
        'driftlog note "new feature store client" --kind procedure --model churn --repository /srv/churn',
    ],
)
@click.argument("text")
@click.option("--kind", type=click.Choice(NOTE_KINDS), default="general", show_default=True, help="What it is about.")
@click.option("--model", "-m", help="Which model it concerns  [default: all]")
@click.option("--environment", "-e", help="Which environment it concerns  [default: all]")
@click.option("--at", type=TimeType(), help="When it happened  [default: now]")
@click.option(
    "--repository",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Keep the Git commit, branch, tag and remote of this folder with the note.",
)
@as_json
@click.pass_obj
def note(
    session: Session,
    text: str,
    kind: str,
    model: str | None,
    environment: str | None,
    at: datetime | None,
    repository: Path | None,
    as_json: bool,
) -> None:
    """Write TEXT into the audit trail, where charts and reviews show it.

    For what no program can see: a change of architecture, of a data source or a procedure, an event outside.
    """
    from driftlog.act.git import git_state
    from driftlog.audit.notes import note_entry
    from driftlog.cli.known import choose_model

    if not text.strip():
        raise UsageError("the note is empty", remedy='write driftlog note "changed the scaler"')
    git = git_state(repository) if repository is not None else None
    if repository is not None and git is None:
        raise UsageError(f"{repository} is no Git repository with a commit", remedy="commit first, or name its folder")
    with session.store() as store:
        name = choose_model(store, session.settings, model).name if model is not None else ""
        entry = note_entry(
            text.strip(),
            kind=cast("NoteKind", kind),
            actor=session.actor,
            model=name,
            environment=environment or "",
            at=at or session.now(),
            details={"git": msgspec.to_builtins(git)} if git is not None else None,
        )
        record = session.recorder(store).record(entry)
    if as_json:
        print_json_lines([record])
    elif record is not None:
        where = f" at commit {git.commit[:12]}{', with uncommitted changes' if git.dirty else ''}" if git else ""
        session.console.print(f"noted: record {record.sequence}{where}", markup=False)
