"""``driftlog version``."""

from __future__ import annotations

import platform

import click

import driftlog
from driftlog.cli.base import Command


@click.command(cls=Command, examples=["driftlog version"])
def version() -> None:
    """Print the versions of driftlog and Python."""
    click.echo(f"driftlog {driftlog.__version__} (Python {platform.python_version()}, {platform.system()})")
