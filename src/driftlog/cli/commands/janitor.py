"""``driftlog janitor``."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import click

from driftlog.cli.app import start_logging
from driftlog.cli.base import Group
from driftlog.cli.janitor import SizeType, eraser_of, janitor_store, recorder_of
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json
from driftlog.cli.session import Session
from driftlog.contract.errors import DriftlogError

if TYPE_CHECKING:
    from driftlog.store.client import Store


@click.group(
    cls=Group,
    examples=[
        "driftlog janitor list                # what is kept how long, and what has expired",
        "driftlog janitor list --free 10GB    # the oldest periods that would free so much",
        "driftlog janitor run --yes           # drop what has expired; for cron",
        "driftlog janitor loop                # the same every hour, as a service",
    ],
)
def janitor() -> None:
    """Drop what has expired, and erase again what came back.

    Whole periods go, as retention.* says; each is recorded in the audit trail before and after. It needs credentials of
    its own (janitor.*): the worker may not delete predictions.
    """


@janitor.command(
    "list", examples=["driftlog janitor list", "driftlog janitor list --free 10GB", "driftlog janitor list --json"]
)
@click.option("--free", type=SizeType(), metavar="SIZE", help="The oldest periods that would free this much: 10GB.")
@as_json
@click.pass_obj
def list_periods(session: Session, free: int | None, as_json: bool) -> None:
    """Show what has expired, or with --free what would make room; drops nothing."""
    from driftlog.present.janitor_tables import periods_table, policy_table
    from driftlog.present.text import size
    from driftlog.store.retention import expired, freeing, kept

    settings, keep = session.settings, kept(session.settings.retention)
    with janitor_store(session) as store:
        indices = store.list_indices()
        going = expired(store, keep, session.now())
        if free is not None:
            reach = {model.name: model.look_back for model in settings.models}
            going = freeing(indices, settings.prefix, free, session.now(), look_back=reach)
    if as_json:
        print_json_lines(going)
        return
    if free is None:
        session.console.print(policy_table(indices, settings.prefix, keep, going))
        if going:
            session.console.print(periods_table(going, settings.prefix))
            session.console.print("`driftlog janitor run --yes` drops them.", markup=False)
        return
    session.console.print(periods_table(going, settings.prefix))
    total = sum(info.size_bytes for info in going)
    if total < free:
        session.console.print(
            f"That is all that may go: {size(total)} of {size(free)}. The rest is younger than the look-back of the "
            "models, or not over.",
            markup=False,
        )
    session.console.print(
        "Nothing is dropped by itself: shorten retention.*, then `driftlog janitor run`.", markup=False
    )


@janitor.command(examples=["driftlog janitor run", "driftlog janitor run --yes", "driftlog janitor run --yes --json"])
@click.option("--yes", is_flag=True, help="Do it; without it, only show what would go.")
@click.option("--thorough", is_flag=True, help="Look for erased subjects in everything: after restoring a snapshot.")
@as_json
@click.pass_obj
def run(session: Session, yes: bool, thorough: bool, as_json: bool) -> None:
    """Drop what has expired, finish erasures, and erase again what came back."""
    from driftlog.present.janitor_tables import periods_table
    from driftlog.store.retention import expired, kept

    with janitor_store(session) as store:
        if not yes:
            going = expired(store, kept(session.settings.retention), session.now())
            if as_json:
                print_json_lines(going)
                return
            session.console.print(periods_table(going, session.settings.prefix))
            session.console.print("This was a trial; `--yes` drops them.", markup=False)
            return
        report = clean_up(session, store, thorough=thorough)
    if as_json:
        print_json_lines([report])
        return
    for line in told(report):
        session.console.print(line, markup=False)


@janitor.command(examples=["driftlog janitor loop", "driftlog janitor loop --verbose"])
@click.pass_obj
def loop(session: Session) -> None:
    """Do what `run --yes` does, every janitor.every, until stopped."""
    start_logging(session, quiet=False)
    stop = threading.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: stop.set())
    with janitor_store(session) as store:
        while not stop.is_set():
            try:
                for line in told(clean_up(session, store)):
                    session.console.print(f"{session.now():%Y-%m-%dT%H:%M:%SZ} {line}", markup=False)
            except DriftlogError as error:
                session.messages.print(f"error: {error.message}; tried again in {session.settings.janitor.every}")
            stop.wait(session.settings.janitor.every.total_seconds())


def clean_up(session: Session, store: Store, *, thorough: bool = False) -> dict[str, object]:
    """One run: what was dropped, erased, and erased again."""
    from driftlog.audit.chain import Chain
    from driftlog.audit.checkpoint import drop_before
    from driftlog.audit.erase import unfinished_drops
    from driftlog.store.retention import kept
    from driftlog.worker.erasure import resume, sweep
    from driftlog.worker.janitor import drop_periods

    eraser = eraser_of(session, store)
    finished = resume(eraser)
    swept = sweep(eraser, thorough=thorough)
    dropped = drop_periods(
        store,
        recorder_of(session, store),
        kept(session.settings.retention),
        now=session.now,
        actor=session.actor,
        unfinished=lambda: unfinished_drops(store),
    )
    kept_records = session.settings.retention.audit
    checkpoint = None
    if kept_records is not None:
        before = session.now() - kept_records
        chain = Chain(store, now=session.now)
        checkpoint = drop_before(store, chain, session.settings.audit, before, actor=session.actor, now=session.now())
    return {
        "dropped": dropped,
        "erasures_finished": [job.hash for job in finished],
        "erased_again": [job.hash for job in swept.jobs],
        "late_feedback": swept.feedback,
        "audit_checkpoint": checkpoint.sequence if checkpoint is not None else None,
    }


def told(report: dict[str, object]) -> list[str]:
    """A run in sentences."""
    from driftlog.present.text import size

    dropped = report["dropped"]
    assert isinstance(dropped, list)  # noqa: S101
    lines = [f"dropped {each.index}: {each.documents:,} documents, {size(each.size_bytes)}" for each in dropped]
    lines += [f"finished the erasure of {hash}" for hash in _list(report["erasures_finished"])]
    lines += [f"erased {hash} again, which had come back" for hash in _list(report["erased_again"])]
    if report["late_feedback"]:
        lines.append(f"erased {report['late_feedback']} late feedback on erased predictions")
    if report["audit_checkpoint"] is not None:
        lines.append(f"audit records up to {report['audit_checkpoint']} gave way to a signed checkpoint")
    return lines or ["nothing has expired"]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
