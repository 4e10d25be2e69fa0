"""``driftlog intake``."""

from __future__ import annotations

from pathlib import Path

import click

from driftlog.cli.app import start_logging
from driftlog.cli.base import Command
from driftlog.cli.session import Session


@click.command(
    cls=Command,
    examples=[
        "driftlog intake",
        "driftlog intake --file /var/log/app.log",
        "driftlog intake --file a.log --file b.log",
    ],
)
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also follow this log file of an app from its beginning, remembering the position. May be repeated.",
)
@click.pass_obj
def intake(session: Session, files: tuple[Path, ...]) -> None:
    """Receive events and store them, in place of Logstash.

    Listens for HTTP (one event, an array, NDJSON) and TCP (JSON lines).
    """
    from driftlog.intake.server import serve

    start_logging(session, quiet=False)
    settings = session.settings

    def ready() -> None:
        where = f"http://{settings.intake.host}:{settings.intake.http_port}"
        session.messages.print(f"The intake listens at {where}; Ctrl-C ends it.", markup=False)

    serve(settings, ready=ready, files=files)
