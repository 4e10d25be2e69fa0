"""``driftlog init``."""

from __future__ import annotations

from pathlib import Path

import click

from driftlog.cli.base import Command
from driftlog.cli.session import Session


@click.command(
    cls=Command, examples=["driftlog init", "driftlog init /etc/driftlog/driftlog.yml", "driftlog init --force"]
)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default=Path("driftlog.yml"))
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.pass_obj
def init(session: Session, path: Path, force: bool) -> None:
    """Write a commented driftlog.yml with every setting."""
    from driftlog.config.template import write_template

    write_template(path, force=force)
    session.console.print(f"Wrote {path}. Name your models in it, then run `driftlog setup`.", markup=False)
