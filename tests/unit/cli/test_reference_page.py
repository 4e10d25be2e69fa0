"""Every command has help, an example and its place in docs/cli.md."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest

from driftlog.cli.app import LAZY, app
from driftlog.cli.base import Command, Group
from driftlog.cli.reference import render_page, walk

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
COMMANDS = list(walk(app))
NAMES = [" ".join(path) for path, _ in COMMANDS]


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=NAMES)
def test_every_command_has_help_and_an_example(path: tuple[str, ...], command: click.Command) -> None:
    """And every option explains itself."""
    assert isinstance(command, Command | Group)
    assert command.help
    assert command.examples
    silent = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert silent == []


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=NAMES)
def test_every_example_names_its_command_and_options_that_exist(path: tuple[str, ...], command: click.Command) -> None:
    """Examples do not rot."""
    assert isinstance(command, Command | Group)
    if isinstance(command, Group):
        return
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"-c", "-h", "--help"}
    for example in command.examples:
        assert " ".join(path) in example
        words = shlex.split(example, comments=True)
        used = {word for word in words if word.startswith("-") and not word[1:2].isdigit()}
        assert used <= known, example


def test_the_page_is_what_help_says() -> None:
    """python -m driftlog.cli.reference docs/cli.md"""
    assert PAGE.read_text(encoding="utf-8") == render_page()


def test_all_commands_are_there() -> None:
    """One more is one more promise: it is written here, too."""
    wanted = "init setup doctor local intake worker run reference import results alerts predictions report models"
    wanted += " compare scenario experiment feedback survey label config demo version vocabulary segments"
    wanted += (
        " thresholds objectives watchdog notify maintain retrain versions export-training audit note erase janitor"
    )
    wanted += " review handbook kibana export keys"
    assert set(wanted.split()) == set(LAZY)
