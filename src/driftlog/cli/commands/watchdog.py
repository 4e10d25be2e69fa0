"""``driftlog watchdog``."""

from __future__ import annotations

import socket
import time

import click

from driftlog.cli import exits
from driftlog.cli.app import start_logging
from driftlog.cli.base import Command
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json
from driftlog.cli.session import Session

PATIENCE = 1.2
"""Lease times between the two looks at heartbeats and leases."""


@click.command(
    cls=Command,
    examples=[
        "driftlog watchdog                  # in cron: exits with 1 when something is silent",
        "driftlog watchdog --quick --json   # without the half minute that watching heartbeats takes",
        "driftlog watchdog --here           # health check of a container: does the worker of this host live?",
    ],
)
@click.option("--quick", is_flag=True, help="Only cycles and arrivals; whether workers live is not looked at.")
@click.option("--here", is_flag=True, help="Only whether a worker of this host, or the one of worker.id, lives.")
@as_json
@click.pass_obj
def watchdog(session: Session, quick: bool, here: bool, as_json: bool) -> int:
    """Say which workers, models and senders are silent; exit code 1 when any is.

    Every worker looks at the others by itself and raises alerts. This command is for where no worker may be left: run
    it from cron on another machine. It writes nothing. Heartbeats and leases carry no times, so that clocks need not
    agree: they are looked at twice, a lease time apart. With --here only the heartbeat of a worker of this host is
    looked at, until it moves (a third of worker.lease at most); an Elasticsearch that is away ends with 3, not 1.
    """
    if here:
        return _worker_here(session, as_json=as_json)
    from driftlog.contract.measurement import SEVERITY
    from driftlog.present.silence_table import silence_table
    from driftlog.worker.backfill import models_to_watch
    from driftlog.worker.watchdog import Beats, Observer, look

    start_logging(session)
    settings = session.settings
    with session.store() as store:
        beats = Beats()
        if not quick:
            observer = Observer(store, time.monotonic)
            watched = models_to_watch(store, settings)
            observer.look(watched)
            patience_s = PATIENCE * settings.worker.lease.total_seconds()
            with session.messages.status(f"Watching heartbeats for {patience_s:.0f} s"):
                time.sleep(patience_s)
            beats = observer.look(watched)
        found = look(store, settings, now=session.now(), beats=beats)
    silent = [measurement for measurement in found if SEVERITY[measurement.verdict]]
    if as_json:
        print_json_lines(found)
    else:
        session.console.print(silence_table(silent, looked_at=found))
    return exits.FAILED if silent else exits.OK


def _worker_here(session: Session, *, as_json: bool) -> int:
    from driftlog.worker.heartbeat import beating, belongs_to

    start_logging(session)
    host, lease = socket.gethostname(), session.settings.worker.lease
    mine = belongs_to(host, session.settings.worker.id)
    with session.store() as store:
        name = beating(store, mine, lease=lease, patience=PATIENCE * lease, monotonic=time.monotonic, sleep=time.sleep)
    if as_json:
        print_json_lines([{"host": host, "worker": name, "lives": name is not None}])
    elif name is not None:
        session.console.print(f"The worker {name} lives.", markup=False)
    else:
        who = session.settings.worker.id or f"of {host}"
        session.console.print(
            f"No worker {who} gave a sign within {PATIENCE * lease.total_seconds():.0f} s.", markup=False
        )
    return exits.OK if name is not None else exits.FAILED
