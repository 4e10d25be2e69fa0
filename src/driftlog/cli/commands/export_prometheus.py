"""``driftlog export prometheus``."""

from __future__ import annotations

import click

from driftlog.cli.base import Command
from driftlog.cli.session import Session


@click.command(cls=Command, examples=["driftlog export prometheus"])
@click.pass_obj
def prometheus(session: Session) -> None:
    """Serve the state of all models to Prometheus."""
    session.messages.print("The page is being built.")
