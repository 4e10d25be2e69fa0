"""Exit codes, and errors as one red line with the remedy below it."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from driftlog.contract.errors import (
    ConfigError,
    DriftlogError,
    KibanaUnavailable,
    NameRefused,
    StoreUnavailable,
    UsageError,
)

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
CONFIG: Final = 4
INTERRUPTED: Final = 130

EXIT_CODES: Final[dict[int, str]] = {
    OK: "done",
    FAILED: "something failed; with --exit-code also: open alerts were found",
    USAGE: "the command was called in a way that cannot be carried out, or its extra is not installed",
    UNREACHABLE: "Elasticsearch (or Kibana) cannot be reached, or is overloaded",
    CONFIG: "driftlog.yml or an environment variable cannot be used",
    INTERRUPTED: "interrupted (Ctrl-C)",
}
"""What the exit codes of `driftlog` mean, as documented in docs/cli.md."""


def exit_code(error: BaseException) -> int:
    """Exit code of an error.

    >>> exit_code(ConfigError("is empty", path="prefix")), exit_code(StoreUnavailable("down")), exit_code(KeyError("x"))
    (4, 3, 1)
    """
    if isinstance(error, ConfigError):
        return CONFIG
    if isinstance(error, UsageError | NameRefused):
        return USAGE
    return UNREACHABLE if isinstance(error, StoreUnavailable | KibanaUnavailable) else FAILED


def show_error(error: BaseException, console: Console) -> None:
    """Print `error`: what was wrong in red, what to do below it."""
    if isinstance(error, DriftlogError):
        message, remedy = error.message, error.remedy
    elif isinstance(error, ModuleNotFoundError):
        message = f"the Python package {error.name} is not installed"
        remedy = 'pip install "driftlog[all]", or the extra that docs/cli.md names for this command'
    else:
        message = f"unexpected error: {type(error).__name__}: {error}"
        remedy = "run the command again with --debug, and report the traceback"
    console.print(Text(f"error: {message}", style="bold red"), soft_wrap=True)
    if remedy:
        console.print(Text(f"  -> {remedy}"), soft_wrap=True)
