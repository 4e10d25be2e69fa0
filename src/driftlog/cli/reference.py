"""docs/cli.md, generated from ``--help``: ``python -m driftlog.cli.reference docs/cli.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from driftlog.cli.app import app
from driftlog.cli.exits import EXIT_CODES

WIDTH: Final = 100

HEAD: Final = """\
# Command line

Generated from `--help` by `python -m driftlog.cli.reference docs/cli.md`.

Every command takes `--config FILE`, `--verbose` and `--debug`. Settings are explained in
[configuration.md](configuration.md). Tables go to standard output, progress and errors to standard error. Colours
follow the terminal and `NO_COLOR`.

## Times

`--since` and `--until` take an ISO time (`2026-03-01`, `2026-03-01T12:00:00Z`; UTC where no zone is named) or a
duration (`12h`, `7d`, `4w`). A duration counts back from the latest data in the store, not from today, so that
history is looked at like the present. Times lie between 1900 and 2200.

Stretches of time (`--current`, `--reference`, `--window`) are `A/B`, `A/7d` (seven days from A), `2026-03-02` (that
day), `7d` (the latest seven days) or `14d/7d` (the seven days before those).

## JSON

`--json` prints one JSON object a line (NDJSON), every field present, times in ISO 8601, missing numbers as `null`:
measurements (`results`, `compare`), alerts (`alerts`), events (`predictions`), run records (`run`), model records
(`models list`), references (`reference list`), findings (`doctor`). Fields are only ever added. Nothing found prints
nothing.

## Exit codes

| code | meaning |
|---|---|
"""


def walk(
    command: click.Command, path: tuple[str, ...] = ("driftlog",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its path, groups first."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from walk(inner, (*path, name))


def help_text(path: tuple[str, ...], command: click.Command) -> str:
    """``--help`` of one command."""
    context = click.Context(
        command,
        info_name=" ".join(path),
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    return command.get_help(context)


def render_page() -> str:
    """The whole page."""
    parts = [HEAD + "".join(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items())]
    for path, command in walk(app):
        parts.append(f"\n## {' '.join(path)}\n\n```text\n{help_text(path, command)}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_page(), encoding="utf-8")
