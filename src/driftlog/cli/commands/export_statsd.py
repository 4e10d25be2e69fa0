"""``driftlog export statsd``."""

from __future__ import annotations

from datetime import timedelta

import click

from driftlog.cli.base import Command
from driftlog.cli.pushing import check_option, push_options, push_to
from driftlog.cli.session import Session


@click.command(
    cls=Command,
    examples=[
        "driftlog export statsd                               # to export.statsd.address, every 60 s",
        "driftlog export statsd --to tcp://graphite:8125 --every 10s",
        "driftlog export statsd --once --dry-run | head",
    ],
)
@click.option("--to", "address", metavar="ADDRESS", help="udp://HOST:PORT or tcp://HOST:PORT.")
@push_options
@click.pass_obj
def statsd(session: Session, address: str | None, once: bool, every: timedelta, dry_run: bool, as_json: bool) -> int:
    """Send the state of all models to a StatsD server.

    Counters as what came since the last time, gauges, and latency as timers. Every label is part of the name:
    driftlog.MODEL.ENVIRONMENT.METRIC. Datadog's agent takes tags: `driftlog export datadog`.
    """
    from driftlog.present.export.datagrams import Datagrams

    settings = session.settings.export.statsd
    if address is not None:
        check_option(address, ("udp", "tcp"), "--to")
    destination = Datagrams(address or settings.address, settings.prefix)
    return push_to(session, destination, "statsd", once=once, every=every, dry_run=dry_run, as_json=as_json)
