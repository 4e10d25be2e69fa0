"""``driftlog export datadog``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from driftlog.cli.base import Command
from driftlog.cli.pushing import check_option, push_options, push_to
from driftlog.cli.session import Session
from driftlog.contract.errors import ConfigError
from driftlog.contract.exporting import DatadogSettings

if TYPE_CHECKING:
    from driftlog.present.export.push import Destination


@click.command(
    cls=Command,
    examples=[
        "driftlog export datadog --agent udp://127.0.0.1:8125   # through the agent of this host",
        "driftlog export datadog                                # with export.datadog.api_key: to the HTTP API",
        "driftlog export datadog --once --dry-run | head",
    ],
)
@click.option("--agent", metavar="ADDRESS", help="udp://HOST:PORT or unix:///PATH  [default: export.datadog.agent]")
@push_options
@click.pass_obj
def datadog(session: Session, agent: str | None, once: bool, every: timedelta, dry_run: bool, as_json: bool) -> int:
    """Send the state of all models to Datadog, and its alerts as events.

    Through Datadog's agent (DogStatsD) where export.datadog.agent or --agent names one, else to the HTTP API with
    export.datadog.api_key. Counters as what came since the last time, latency as a distribution, labels as tags.
    """

    settings = session.settings.export.datadog
    if agent is not None:
        check_option(agent, ("udp", "unix"), "--agent")
    destination = _destination(settings, agent or settings.agent)
    return push_to(
        session,
        destination,
        "datadog",
        once=once,
        every=every,
        dry_run=dry_run,
        as_json=as_json,
        tags=settings.tags,
    )


def _destination(settings: DatadogSettings, agent: str) -> Destination:
    from driftlog.present.export.datadog import DatadogApi
    from driftlog.present.export.datagrams import Datagrams

    if agent:
        return Datagrams(agent, settings.namespace, tagged=True, tags=settings.tags, events=settings.events)
    if not settings.api_key:
        raise ConfigError(
            "is missing",
            path="export.datadog.api_key",
            remedy="set DRIFTLOG_EXPORT__DATADOG__API_KEY, or name an agent: --agent udp://127.0.0.1:8125",
        )
    url = settings.url or f"https://api.{settings.site}"
    return DatadogApi(url, settings.api_key, settings.namespace, settings.tags, settings.events)
