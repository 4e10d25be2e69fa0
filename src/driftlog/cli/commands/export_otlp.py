"""``driftlog export otlp``."""

from __future__ import annotations

from datetime import timedelta

import click

from driftlog.cli.base import Command
from driftlog.cli.pushing import push_options, push_to
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError


@click.command(
    cls=Command,
    examples=[
        "driftlog export otlp                                # to export.otlp.endpoint, every 60 s",
        "driftlog export otlp --to https://collector.example.org:4318",
        "driftlog export otlp --once --dry-run | jq .",
    ],
)
@click.option("--to", "endpoint", metavar="URL", help="Receiver; /v1/metrics is added where it has no path.")
@click.option("--temporality", type=click.Choice(["cumulative", "delta"]), help="How sums are sent.")
@push_options
@click.pass_obj
def otlp(
    session: Session,
    endpoint: str | None,
    temporality: str | None,
    once: bool,
    every: timedelta,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Send the state of all models to an OpenTelemetry receiver.

    OTLP over HTTP, as protobuf: gauges, sums, and latency as a histogram with explicit bounds. Receivers that want
    deltas get them with --temporality delta.
    """
    from driftlog.present.export.otlp import Otlp, require_messages

    require_messages()
    settings = session.settings.export.otlp
    if endpoint is not None and not endpoint.startswith(("http://", "https://")):
        raise UsageError(f"--to: {endpoint[:80]!r} is no address", remedy="write http://127.0.0.1:4318")
    destination = Otlp(
        endpoint or settings.endpoint,
        settings.headers,
        temporality or settings.temporality,  # type: ignore[arg-type]
        settings.resource,
        settings.ca_cert,
    )
    return push_to(session, destination, "otlp", once=once, every=every, dry_run=dry_run, as_json=as_json)
