"""``driftlog worker``."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING

import click

from driftlog.cli.app import start_logging
from driftlog.cli.base import Command
from driftlog.cli.session import Session
from driftlog.contract.settings import Settings

if TYPE_CHECKING:
    from driftlog.worker.loop import Worker


@click.command(cls=Command, examples=["driftlog worker", "driftlog worker --config driftlog.yml --verbose"])
@click.option("--id", "worker_id", help="Name of this worker  [default: worker.id, else host name and process id]")
@click.pass_obj
def worker(session: Session, worker_id: str | None) -> None:
    """Evaluate the models again and again. Start as many as you like; they share the models."""
    from driftlog.present.tables import run_line
    from driftlog.store import templates
    from driftlog.worker.loop import run_worker

    start_logging(session, quiet=False)
    settings = session.settings
    with session.store() as store, session.store() as lease_store:
        templates.check(store)
        run_worker(
            store,
            lease_store,
            settings,
            worker_id=worker_id or own_id(settings),
            on_cycle=lambda record: session.console.print(run_line(record)),
            on_start=_stop_on_signals,
        )


def own_id(settings: Settings) -> str:
    """Name of this process among the workers."""
    return settings.worker.id or f"{socket.gethostname()}-{os.getpid()}"


def _stop_on_signals(worker: Worker) -> None:
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: worker.stop())
