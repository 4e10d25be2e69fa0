"""What the commands that push metrics share: options, state, one pass or many, and what is printed of them."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from driftlog.cli import exits
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import DurationType, as_json
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError

if TYPE_CHECKING:
    from driftlog.present.export.push import Destination, Push, Pushed
    from driftlog.store.client import Store

F = TypeVar("F", bound=Callable[..., Any])
COUNTERS: Final = "counters.json"
SENT: Final = "sent.json"


def push_options(command: F) -> F:
    """--once, --every, --dry-run, --json."""
    command = as_json(command)
    command = click.option(
        "--dry-run", is_flag=True, help="Only print what would be sent; nothing is sent or written down."
    )(command)
    command = click.option(
        "--every", type=DurationType(), default="60s", show_default=True, help="Send so often. Ctrl-C ends it."
    )(command)
    return click.option("--once", is_flag=True, help="Send once and end, for cron; counters go on the next time.")(
        command
    )


def check_option(address: str, schemes: tuple[str, ...], option: str) -> None:
    """Refuse what is no address.

    Raises
    ------
    UsageError
        With examples.
    """
    from driftlog.config.decode import SettingRefused
    from driftlog.config.exporting_push_rules import check_address

    try:
        check_address(address, schemes, (option,))
    except SettingRefused as error:
        raise UsageError(f"{option}: {address[:80]!r} is no address", remedy=error.remedy) from None


def push_to(
    session: Session,
    destination: Destination,
    kind: str,
    *,
    once: bool,
    every: timedelta,
    dry_run: bool,
    as_json: bool,
    tags: Sequence[str] = (),
) -> int:
    """Send once, or until it is ended; what was sent is printed, a line a pass.

    Parameters
    ----------
    kind
        Name of the destination's state: ``datadog``, ``statsd``, ``otlp``.
    """
    from driftlog.cli.app import start_logging
    from driftlog.present.export.ledger import alone
    from driftlog.present.export.push import run

    if every < timedelta(seconds=1):
        raise UsageError("--every: is too short", remedy="write 1s or longer")
    start_logging(session, quiet=once or dry_run)
    folder = _folder(session, kind)
    with ExitStack() as stack:
        store = stack.enter_context(session.store())
        if dry_run:
            folder = _copied(folder, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="driftlog-"))))
        else:
            stack.enter_context(alone(folder, kind))
        push = _push(session, store, destination, folder, tags)
        if dry_run:
            for line in push.preview(session.now()):
                click.echo(line)
            return exits.OK
        if once:
            done = push.once(session.now())
            _print(session, done, as_json=as_json)
            return exits.FAILED if done.error else exits.OK
        stop = threading.Event()
        for wanted in (signal.SIGTERM, signal.SIGINT):
            signal.signal(wanted, lambda *_: stop.set())
        run(push, every, now=session.now, stop=stop, on_pass=lambda done: _print(session, done, as_json=as_json))
    return exits.OK


def _push(session: Session, store: Store, destination: Destination, folder: Path, tags: Sequence[str]) -> Push:
    from driftlog.present.export.ledger import Ledger
    from driftlog.present.export.push import Push
    from driftlog.store.alerts import find_alerts
    from driftlog.worker.export_source import reader_of

    reader = reader_of(store, session.settings.export, state=folder / COUNTERS)

    def alerts(since: datetime) -> list[Any]:
        return find_alerts(store, since=since)

    return Push(
        read=lambda now: reader.read(now=now),
        alerts=alerts,
        ledger=Ledger(folder / SENT, unsure=destination.unsure),
        destination=destination,
        tags=tags,
    )


def _folder(session: Session, kind: str) -> Path:
    """The folder of a destination's state, of this installation."""
    from driftlog.store.local.settings import base_folder

    given = session.settings.export.folder
    home = Path(given).expanduser() if given else base_folder(session.environ) / "export"
    return home / session.settings.prefix / kind


def _copied(folder: Path, into: Path) -> Path:
    for name in (COUNTERS, SENT):
        if (folder / name).is_file():
            shutil.copy(folder / name, into / name)
    return into


def _print(session: Session, done: Pushed, *, as_json: bool) -> None:
    if as_json:
        print_json_lines([done])
        return
    at = f"{done.at:%Y-%m-%d %H:%M:%S}Z"
    if done.error:
        text = f"{at}  not everything was sent; counters are made up for later: {done.error}"
        session.messages.print(text, markup=False, soft_wrap=True)
        if done.remedy:
            session.messages.print(f"  -> {done.remedy}", markup=False, soft_wrap=True)
        return
    more = f", {done.events} events" if done.events else ""
    more += f", {done.dropped} series refused or too long" if done.dropped else ""
    session.console.print(
        f"{at}  {done.to}: {done.series} series in {done.requests} requests, {done.size_bytes} bytes{more}",
        markup=False,
        soft_wrap=True,
    )
