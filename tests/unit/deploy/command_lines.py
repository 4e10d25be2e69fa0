"""`driftlog` command lines, read by the real command line and not carried out."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

import click

from driftlog.cli.app import app
from driftlog.cli.session import Session


def parse(arguments: Sequence[str]) -> str:
    """Path of the command that `arguments` (without ``driftlog``) name.

    Raises
    ------
    click.ClickException
        No such command or option, or a value that the option does not take.
    """
    command: click.Command = app
    context = click.Context(app, info_name="driftlog", obj=Session(), **app.context_settings)
    rest, path = list(arguments), ["driftlog"]
    while isinstance(command, click.Group):
        if not rest or rest[0] in ("--help", "-h", "--version"):
            return " ".join(path)
        if rest[0].startswith("-"):  # -c FILE, --config FILE, --verbose, before the command
            option = rest.pop(0)
            if option in ("-c", "--config"):
                rest.pop(0)
            elif option not in ("-v", "--verbose", "--debug"):
                raise click.NoSuchOption(option)
            continue
        name = rest.pop(0)
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"no such command: {' '.join([*path, name])}")
        command = found
        path.append(name)
    if "--help" not in rest and "-h" not in rest:
        command.make_context(path[-1], rest, parent=context)
    return " ".join(path)


def of_shell(text: str) -> list[list[str]]:
    """Arguments of every call of ``driftlog`` in shell lines; comments, redirections and what follows are left out."""
    found = []
    for line in joined(text.splitlines()):
        try:
            tokens = shlex.split(line, comments=True)
        except ValueError:
            continue
        for number, token in enumerate(tokens):
            before = tokens[number - 1] if number else ""
            if token == "driftlog" or token.endswith("/bin/driftlog"):
                if before in ("install", "-t", "status", "restart", "-u", "useradd", "cd", "-n", "namespace"):
                    continue
                found.append(_until_end(tokens[number + 1 :]))
            elif token == "cli" and {"compose", "run"} <= set(tokens[:number]):
                found.append(_until_end(tokens[number + 1 :]))
    return found


def _until_end(tokens: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for token in tokens:
        if token in ("&&", "||", "|", "&", ";", ">", ">>", "<", "2>&1") or token.startswith(">"):
            break
        if token.endswith(";"):
            kept.append(token[:-1])
            break
        kept.append(token)
    return [token.rstrip(")") if token.endswith(")") else token for token in kept]


def joined(lines: Iterable[str]) -> list[str]:
    """Lines that end with a backslash, with the next ones."""
    found: list[str] = []
    held = ""
    for line in lines:
        line = line.strip().removeprefix("$ ")
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        found.append(held + line)
        held = ""
    return found
