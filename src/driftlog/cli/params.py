"""Options that several commands share, each defined once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from driftlog.cli.times import Moment, parse_moment, parse_time
from driftlog.config.durations import parse_duration
from driftlog.contract.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


class MomentType(click.ParamType[Any]):
    """A time or a duration before the latest data."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Moment:  # noqa: ARG002
        return parse_moment(value, option=param.opts[0] if param else "") if isinstance(value, str) else value


class DurationType(click.ParamType[Any]):
    """A length of time: 30m, 2h, 7d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        if not isinstance(value, str):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            option = param.opts[0] if param else "the duration"
            raise UsageError(f"{option}: {value[:80]!r} {error}", remedy="write 30m, 2h or 7d") from None


class TimeType(click.ParamType[Any]):
    """A time."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        return parse_time(value, option=param.opts[0] if param else "") if isinstance(value, str) else value


def as_json(command: F) -> F:
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object a line (NDJSON) instead of a table."
    )(command)


def since_until(command: F) -> F:
    command = click.option(
        "--until", type=MomentType(), help="Before this time (2026-03-01T12:00Z), or this long before the latest data."
    )(command)
    return click.option(
        "--since", type=MomentType(), help="From this time on, or 7d: that far back from the latest data."
    )(command)


def environment(command: F) -> F:
    return click.option("--environment", "-e", help="Only this service.environment.")(command)


def optional_model(command: F) -> F:
    return click.argument("model", required=False)(command)


def required_model(command: F) -> F:
    return click.argument("model")(command)


def output_file(command: F) -> F:
    return click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it.")(
        command
    )


def limit(default: int) -> Callable[[F], F]:
    return click.option(
        "--limit", type=click.IntRange(1, 10_000), default=default, show_default=True, help="At most so many."
    )


def exit_code(command: F) -> F:
    return click.option("--exit-code", is_flag=True, help="Exit with 1 when there is an open alert.")(command)


def file_format(command: F) -> F:
    """``--encoding`` and ``--delimiter`` of a file that is read."""
    command = click.option(
        "--delimiter", metavar="CHARACTER", help="Between the cells of a CSV file: ';' or tab  [default: a comma]"
    )(command)
    return click.option("--encoding", help="Of a text file: latin-1, cp1252  [default: utf-8]")(command)


def peer_mappings(command: F) -> F:
    """``--from-evidently`` and ``--from-nannyml``: a file's columns as a peer names them."""
    file = click.Path(path_type=Path, exists=True, dir_okay=False)
    command = click.option(
        "--from-nannyml", "nannyml", type=file, metavar="FILE", help="Columns as these arguments of NannyML name them."
    )(command)
    return click.option(
        "--from-evidently",
        "evidently",
        type=file,
        metavar="FILE",
        help="Columns as this DataDefinition or ColumnMapping of Evidently names them.",
    )(command)
