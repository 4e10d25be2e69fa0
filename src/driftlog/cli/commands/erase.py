"""``driftlog erase``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from driftlog.cli.base import Command
from driftlog.cli.janitor import eraser_of, janitor_store
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError


@click.command(
    cls=Command,
    examples=[
        "driftlog erase --subject customer-4711           # what there is; erases nothing",
        "driftlog erase --subject customer-4711 --yes",
        "driftlog erase --hashed 6f1e0c... --model churn --yes   # the id as events carry it",
        "driftlog erase --list",
        "driftlog erase --resume                          # go on with what was interrupted",
    ],
)
@click.option("--subject", metavar="ID", help="Id as the serving app knows it, hashed as the app does; - reads a line.")
@click.option("--hashed", metavar="ID", help="Id as stored in subject.id, instead.")
@click.option("--model", "-m", help="Only predictions of this model  [default: all]")
@click.option(
    "--spool",
    type=click.Path(path_type=Path, file_okay=False),
    help="Spool folder of this machine's apps  [default: DRIFTLOG_SPOOL, else the user's]",
)
@click.option("--yes", is_flag=True, help="Erase; without it, only count.")
@click.option("--list", "show_list", is_flag=True, help="Show all erasures.")
@click.option("--resume", "go_on", is_flag=True, help="Go on with erasures that were interrupted.")
@as_json
@click.pass_obj
def erase(
    session: Session,
    subject: str | None,
    hashed: str | None,
    model: str | None,
    spool: Path | None,
    yes: bool,
    show_list: bool,
    go_on: bool,
    as_json: bool,
) -> None:
    """Erase a subject: its predictions, outcomes, feedback, refused events, and copies in this machine's spools.

    The audit trail keeps a proof without the id. Whatever is sent about the subject later is not stored. Snapshots,
    queues of Logstash, spools of other machines and exported files are out of reach; docs/privacy.md says for how long.
    """
    from driftlog.present.janitor_tables import jobs_table
    from driftlog.store.erasures import list_jobs
    from driftlog.worker.erasure import resume

    if sum((subject is not None, hashed is not None, show_list, go_on)) != 1:
        raise UsageError("one of --subject, --hashed, --list and --resume is needed", remedy="driftlog erase --help")
    with janitor_store(session) as store:
        if show_list or go_on:
            jobs = resume(eraser_of(session, store, spool=spool)) if go_on else list_jobs(store)
            if as_json:
                print_json_lines(_shown(job) for job in jobs)
            else:
                session.console.print(jobs_table(jobs))
            return
    _erase(session, _stored(session, subject, hashed, spool), model or "", spool, yes=yes, as_json=as_json)


def _stored(session: Session, subject: str | None, hashed: str | None, spool: Path | None) -> str:
    from driftlog.shipping.erasing import stored_subject

    given = subject if subject is not None else hashed or ""
    if given == "-":
        given = sys.stdin.readline().strip()
    if not given.strip():
        raise UsageError("the id of the subject is empty", remedy="driftlog erase --subject ID")
    return given if hashed is not None else stored_subject(given, session.environ, spool)


def _erase(session: Session, stored: str, model: str, spool: Path | None, *, yes: bool, as_json: bool) -> None:
    from driftlog.contract.names import check_model_name
    from driftlog.present.janitor_tables import found_table
    from driftlog.worker.erasure import count_subject, request_erasure

    if model:
        check_model_name(model)
    with janitor_store(session) as store:
        eraser = eraser_of(
            session, store, spool=spool, reached=lambda step: None if as_json else session.messages.print(f"  {step}")
        )
        if yes:
            job = request_erasure(store, stored, model=model, by=session.actor, now=session.now())
            job = eraser.carry_out(job.id)
        else:
            job = count_subject(eraser, stored, model)
    if as_json:
        print_json_lines([_shown(job)])
        return
    session.console.print(found_table(job))
    for each in session.settings.models:
        if each.source.index and model in ("", each.name):
            text = (
                f"{each.name}: its predictions lie in {each.source.index}, which driftlog only reads: erase them there."
            )
            session.messages.print(text, markup=False)
    if not yes:
        session.console.print(
            "Nothing is erased yet; `--yes` erases it, and keeps out what is sent later.", markup=False
        )
        return
    text = f"The proof is in the audit trail as subject {job.hash}. What is sent later is not stored."
    if job.found:
        text += " The worker counts the buckets anew in its next cycle."
    session.console.print(text, markup=False)
    out_of_reach = eraser.spools.out_of_reach() if eraser.spools is not None else []
    for path in out_of_reach:
        session.messages.print(f"{path} is corrupt and may hold copies: delete it by hand.", markup=False)


def _shown(job: object) -> object:
    """A job without the id it is under way for."""
    import msgspec

    from driftlog.contract.erasure import ErasureJob

    return msgspec.structs.replace(job, subject="") if isinstance(job, ErasureJob) else job
