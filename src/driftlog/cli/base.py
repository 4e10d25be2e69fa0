"""Base of every command: common options, examples in ``--help``, and commands loaded when they are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from driftlog.cli.session import Session


def common_options() -> list[click.Option]:
    """Options that every command has, on either side of its name."""
    return [
        click.Option(
            ["--config", "-c"],
            type=click.Path(path_type=Path, dir_okay=False),
            expose_value=False,
            callback=_set("config"),
            help="Settings file  [default: DRIFTLOG_CONFIG, else ./driftlog.yml]",
        ),
        click.Option(
            ["--verbose", "-v"], is_flag=True, expose_value=False, callback=_set("verbose"), help="Log what is done."
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            callback=_set("debug"),
            help="Log everything; show tracebacks.",
        ),
    ]


def _set(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        if value:
            setattr(context.ensure_object(Session), name, value)
        return value

    return callback


class Command(click.Command):
    """A command with examples.

    Parameters
    ----------
    examples
        Lines for the end of ``--help``, without the leading ``$``.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.params += common_options()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        _write_examples(self.examples, formatter)


class Group(click.Group):
    """A group whose commands are `Command`, with examples of its own."""

    command_class = Command

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        _write_examples(self.examples, formatter)


class DefaultGroup(Group):
    """A group that may be called without naming a command: what is no command's name goes to `default`.

    ``driftlog alerts churn`` is ``driftlog alerts list churn``.
    """

    def __init__(self, *args: Any, default: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first not in self.commands and first not in ctx.help_option_names:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


class LazyGroup(Group):
    """A group that imports a command's module when the command is asked for.

    Parameters
    ----------
    lazy
        Name -> ``module:attribute``, in the order of ``--help``.
    """

    def __init__(self, *args: Any, lazy: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy
        self.params += common_options()

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._lazy[cmd_name]} is no command")
        return command


def _write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    if not examples:
        return
    with formatter.section("Examples"):
        for example in examples:
            formatter.write(f"{'':>{formatter.current_indent}}$ {example}\n")
