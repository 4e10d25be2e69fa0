"""``driftlog keys``."""

from __future__ import annotations

import os
import socket
import sys
from datetime import timedelta
from pathlib import Path

import click

from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import DurationType, as_json
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError
from driftlog.store.roles import PURPOSE


@click.group(
    cls=Group,
    examples=[
        "driftlog keys create worker --expires 90d --output worker.key",
        "export DRIFTLOG_ELASTICSEARCH__API_KEY=$(driftlog keys create intake)",
        "driftlog keys list",
        "driftlog keys revoke VuaCfGcBCdbkQm-e5aOx",
    ],
)
def keys() -> None:
    """Make, list and revoke API keys for driftlog's roles.

    A key has the rights of one role (docs/roles.md), and never more than the account that makes it. It is shown once.
    Needs an account with the privilege manage_security.
    """


@keys.command(
    examples=[
        "driftlog keys create shipper --expires 90d",
        "driftlog keys create logstash              # as Logstash takes it: id:key",
        "driftlog keys create viewer --name grafana --output grafana.key",
    ]
)
@click.argument("role", type=click.Choice(list(PURPOSE)))
@click.option("--name", help="Name of the key  [default: driftlog-ROLE@HOST]")
@click.option("--expires", type=DurationType(), metavar="TIME", help="Valid for so long: 90d  [default: for ever]")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the key to a new file that only you can read, instead of standard output.",
)
@as_json
@click.pass_obj
def create(
    session: Session, role: str, name: str | None, expires: timedelta | None, output: Path | None, as_json: bool
) -> None:
    """Make a key with the rights of ROLE and print it, once.

    Nothing but the key goes to standard output. For the role logstash it is id:key, for the others the encoded form
    that driftlog, Kibana and the header "Authorization: ApiKey" take; --json has both.
    """
    from driftlog.store.roles_api import create_key

    if expires is not None and expires <= timedelta(0):
        raise UsageError("--expires: a key has to be valid for some time", remedy="write 90d")
    target = _reserved(output) if output is not None else None
    try:
        with session.store() as store:
            made = create_key(store, role, name=name or f"driftlog-{role}@{socket.gethostname()}", expires=expires)
    except BaseException:
        if target is not None and output is not None:
            os.close(target)
            output.unlink(missing_ok=True)
        raise
    shown = made.pair.reveal() if role == "logstash" else made.encoded.reveal()
    if target is not None:
        with os.fdopen(target, "w", encoding="utf-8") as file:
            file.write(shown + "\n")
    facts = {"id": made.id, "name": made.name, "role": made.role, "expires": made.expires}
    if as_json:
        secret = {} if target is not None else {"encoded": made.encoded.reveal(), "pair": made.pair.reveal()}
        print_json_lines([facts | secret])
        return
    until = f"until {made.expires:%Y-%m-%d %H:%M} UTC" if made.expires is not None else "for ever"
    session.messages.print(f"key {made.id} ({made.name}, role {made.role}) is valid {until}", markup=False)
    if target is None:
        sys.stdout.write(shown + "\n")
    else:
        session.messages.print(f"Wrote it to {output}; it cannot be shown again.", markup=False)


@keys.command("list", examples=["driftlog keys list", "driftlog keys list --json"])
@as_json
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """Show the keys made for this prefix, without the keys themselves."""
    from driftlog.present.tables import new_table
    from driftlog.store.roles_api import find_keys

    with session.store() as store:
        found = find_keys(store, session.now())
    if as_json:
        print_json_lines(found)
        return
    table = new_table("id", "name", "role", "made", "valid until", "status")
    for key in found:
        until = f"{key.expires:%Y-%m-%d %H:%M}" if key.expires is not None else "for ever"
        table.add_row(key.id, key.name, key.role, f"{key.created:%Y-%m-%d %H:%M}", until, key.status)
    session.console.print(table)


@keys.command(examples=["driftlog keys revoke VuaCfGcBCdbkQm-e5aOx"])
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def revoke(session: Session, ids: tuple[str, ...]) -> None:
    """Revoke keys; whatever uses them is refused from now on."""
    from driftlog.store.roles_api import revoke_keys

    with session.store() as store:
        revoked = revoke_keys(store, ids, session.now())
    for id in ids:
        session.console.print(f"{id}: {'revoked' if id in revoked else 'was revoked before'}", markup=False)


def _reserved(path: Path) -> int:
    """A new file that only its owner can read, opened before the key is made: a key that cannot be kept is not made."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", remedy="name a file that is not there yet"
        ) from error
