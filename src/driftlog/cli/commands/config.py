"""``driftlog config``."""

from __future__ import annotations

import click

from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json
from driftlog.cli.session import Session


@click.group(cls=Group, examples=["driftlog config show"])
def config() -> None:
    """Look at the settings."""


@config.command(examples=["driftlog config show", "DRIFTLOG_PREFIX=team driftlog config show --json"])
@as_json
@click.pass_obj
def show(session: Session, as_json: bool) -> None:
    """Print the settings in force, with secrets masked."""
    import yaml

    from driftlog.config.load import find_config
    from driftlog.config.masked import masked

    settings = masked(session.settings)
    if as_json:
        print_json_lines([settings])
        return
    file = find_config(session.config, session.environ)
    click.echo(f"# from {file or 'the defaults'} and environment variables")
    click.echo(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True).rstrip())
