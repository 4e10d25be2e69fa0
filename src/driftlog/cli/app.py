"""``driftlog``: the command line's root, and the one place that turns errors into exit codes."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Final

import click

import driftlog
from driftlog.cli import exits
from driftlog.cli.base import LazyGroup
from driftlog.cli.session import Session

_COMMANDS: Final = "driftlog.cli.commands"
LAZY: Final[dict[str, str]] = {
    "demo": f"{_COMMANDS}.demo:demo",
    "init": f"{_COMMANDS}.init:init",
    "setup": f"{_COMMANDS}.setup:setup",
    "keys": f"{_COMMANDS}.setup_keys:keys",
    "doctor": f"{_COMMANDS}.doctor:doctor",
    "local": f"{_COMMANDS}.local:local",
    "intake": f"{_COMMANDS}.intake:intake",
    "worker": f"{_COMMANDS}.worker:worker",
    "watchdog": f"{_COMMANDS}.watchdog:watchdog",
    "run": f"{_COMMANDS}.run:run",
    "models": f"{_COMMANDS}.models:models",
    "reference": f"{_COMMANDS}.reference:reference",
    "vocabulary": f"{_COMMANDS}.vocabulary:vocabulary",
    "import": f"{_COMMANDS}.imports:import_",
    "results": f"{_COMMANDS}.results:results",
    "segments": f"{_COMMANDS}.segments:segments",
    "alerts": f"{_COMMANDS}.alerts:alerts",
    "notify": f"{_COMMANDS}.notify:notify",
    "thresholds": f"{_COMMANDS}.thresholds:thresholds",
    "objectives": f"{_COMMANDS}.objectives:objectives",
    "compare": f"{_COMMANDS}.compare:compare",
    "scenario": f"{_COMMANDS}.scenario:scenario",
    "predictions": f"{_COMMANDS}.predictions:predictions",
    "report": f"{_COMMANDS}.report:report",
    "review": f"{_COMMANDS}.review:review",
    "handbook": f"{_COMMANDS}.handbook:handbook",
    "maintain": f"{_COMMANDS}.maintain:maintain",
    "retrain": f"{_COMMANDS}.retrain:retrain",
    "versions": f"{_COMMANDS}.versions:versions",
    "export-training": f"{_COMMANDS}.export_training:export_training",
    "experiment": f"{_COMMANDS}.experiment:experiment",
    "feedback": f"{_COMMANDS}.feedback:feedback",
    "survey": f"{_COMMANDS}.survey:survey",
    "label": f"{_COMMANDS}.label:label",
    "janitor": f"{_COMMANDS}.janitor:janitor",
    "erase": f"{_COMMANDS}.erase:erase",
    "kibana": f"{_COMMANDS}.kibana:kibana",
    "export": f"{_COMMANDS}.export:export",
    "note": f"{_COMMANDS}.note:note",
    "audit": f"{_COMMANDS}.audit:audit",
    "config": f"{_COMMANDS}.config:config",
    "version": f"{_COMMANDS}.version:version",
}
"""Every command, in the order of ``driftlog --help``."""


@click.group(
    cls=LazyGroup,
    lazy=LAZY,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    examples=[
        "driftlog demo                      # nine months of real flights, start to finish",
        "driftlog local start && driftlog setup",
        "driftlog intake & driftlog worker &",
        "driftlog alerts --exit-code        # 1 when something is open",
    ],
)
@click.version_option(driftlog.__version__, message="driftlog %(version)s")
@click.pass_context
def app(context: click.Context) -> None:
    """Monitor machine-learning models in production on the ELK stack."""
    context.ensure_object(Session)


def run(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code; `argv` without the program's name."""
    session = Session()
    try:
        result = app.main(args=argv, prog_name="driftlog", standalone_mode=False, obj=session)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        session.messages.print("interrupted")
        return exits.INTERRUPTED
    except BrokenPipeError:  # `driftlog results | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK
    except Exception as error:  # noqa: BLE001 - the last resort: one line instead of a traceback
        return _failed(error, session)
    return result if isinstance(result, int) else exits.OK


def _failed(error: Exception, session: Session) -> int:
    if session.debug:
        session.messages.print_exception()
    exits.show_error(error, session.messages)
    return exits.exit_code(error)


def start_logging(session: Session, *, quiet: bool = True) -> None:
    """Log to standard error in UTC: warnings (`quiet`) or information, everything of driftlog with ``--debug``."""
    formatter = logging.Formatter("%(asctime)sZ %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    level = logging.DEBUG if session.debug else logging.WARNING if quiet and not session.verbose else logging.INFO
    logging.getLogger("driftlog").setLevel(level)
    if not session.debug:  # it warns of every attempt, with a traceback; what comes of them is told once, as an error
        logging.getLogger("elastic_transport").setLevel(logging.ERROR)
