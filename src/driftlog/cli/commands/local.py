"""``driftlog local``: the Elasticsearch of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from driftlog.cli import exits
from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json
from driftlog.cli.session import Session

if TYPE_CHECKING:
    from driftlog.store.local.settings import LocalSettings


@click.group(cls=Group, examples=["driftlog local start", "driftlog local status", "driftlog local stop"])
def local() -> None:
    """Start and stop a real Elasticsearch on this machine."""


@local.command(
    examples=[
        "driftlog local start",
        "driftlog local start --port 9290 --heap 2g",
        "driftlog local start --distribution ~/elasticsearch-9.5.3",
    ]
)
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 takes a free one.")
@click.option("--heap", help="Memory of its Java heap: 512m, 1g.")
@click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), help="Folder of its data, logs and configuration."
)
@click.option(
    "--distribution",
    type=click.Path(path_type=Path, exists=True),
    help="A full Elasticsearch (folder, zip or tar.gz) to run instead of the fetched one.",
)
@click.option("--offline", is_flag=True, help="Never reach for the network.")
@click.pass_obj
def start(
    session: Session, port: int | None, heap: str | None, home: Path | None, distribution: Path | None, offline: bool
) -> None:
    """Start it, fetching Elasticsearch (132 MB) and where needed Java the first time."""
    from driftlog.store.local.server import LocalServer

    wanted = _settings(session, offline=offline, port=port, heap=heap, home=home, distribution=distribution)
    with session.messages.status("Starting Elasticsearch") as status:
        info = LocalServer().start(wanted, status.update)
    session.console.print(f"Elasticsearch {info.version} answers at {info.url} (pid {info.pid})", markup=False)


@local.command(examples=["driftlog local stop"])
@click.pass_obj
def stop(session: Session) -> None:
    """Stop it; its data stay."""
    from driftlog.store.local.server import LocalServer

    stopped = LocalServer().stop(_settings(session))
    session.console.print("Elasticsearch is stopped." if stopped else "Elasticsearch was not running.")


@local.command(examples=["driftlog local status", "driftlog local status --json"])
@as_json
@click.pass_obj
def status(session: Session, as_json: bool) -> int:
    """Say whether it runs and where; exit code 1 when it does not."""
    from driftlog.present.tables import facts_table
    from driftlog.store.local.server import LocalServer

    info = LocalServer().status(_settings(session))
    if as_json:
        print_json_lines([info] if info is not None else [])
    elif info is None:
        session.console.print("Elasticsearch is not running. Start it with `driftlog local start`.")
    else:
        facts = {"address": info.url, "health": info.health, "version": info.version, "process": info.pid}
        places = {"data": info.data_path, "log": info.log_path, "Java": info.java, "certificate": info.ca_cert}
        session.console.print(facts_table(facts | places))
    return exits.OK if info is not None else exits.FAILED


@local.command(examples=["driftlog local reset", "driftlog local reset --yes"])
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def reset(session: Session, yes: bool) -> None:
    """Stop it and delete all its data; what was fetched stays."""
    from driftlog.store.local.server import LocalServer

    wanted = _settings(session)
    if not yes:
        click.confirm(f"Delete all data of the local Elasticsearch in {wanted.home}?", abort=True, err=True)
    deleted = LocalServer().reset(wanted, stop=True)
    session.console.print("Its data are deleted." if deleted else "There were no data.")


def _settings(session: Session, *, offline: bool = False, **given: Any) -> LocalSettings:
    from driftlog.store.local.settings import LocalSettings

    named = {
        name: str(value) if isinstance(value, Path) else value for name, value in given.items() if value is not None
    }
    return LocalSettings.configured(msgspec.structs.replace(session.settings.local, **named), offline=offline)
