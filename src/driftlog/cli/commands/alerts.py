"""``driftlog alerts``."""

from __future__ import annotations

from datetime import timedelta

import click

from driftlog.cli import exits
from driftlog.cli.base import Command
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json, environment, exit_code, since_until
from driftlog.cli.session import Session
from driftlog.cli.times import Moment, resolve


@click.command(
    cls=Command,
    examples=[
        "driftlog alerts                       # open ones, of all models",
        "driftlog alerts churn --status all --since 30d",
        "driftlog alerts --severity critical --exit-code   # for scripts and CI",
        "driftlog alerts --json",
    ],
)
@click.argument("model", required=False)
@click.option(
    "--status",
    type=click.Choice(["open", "resolved", "all"]),
    default="open",
    show_default=True,
    help="Which ones.",
)
@click.option("--severity", type=click.Choice(["warning", "critical"]), help="Only this severity.")
@environment
@since_until
@exit_code
@as_json
@click.pass_obj
def alerts(
    session: Session,
    model: str | None,
    status: str,
    severity: str | None,
    environment: str | None,
    since: Moment | None,
    until: Moment | None,
    exit_code: bool,
    as_json: bool,
) -> int:
    """Show alerts, by default the open ones.

    Of MODEL, or of all models. With --exit-code an open alert gives exit code 1.
    """
    from driftlog.cli.known import choose_model
    from driftlog.present.tables import alerts_table
    from driftlog.store.alerts import find_alerts

    with session.store() as store:
        name = choose_model(store, session.settings, model).name if model is not None else None
        latest = None
        if isinstance(since, timedelta) or isinstance(until, timedelta):
            latest = max((alert.updated for alert in find_alerts(store, name)), default=None)
        span = resolve(since, until, latest)
        found = find_alerts(
            store,
            name,
            status=None if status == "all" else status,
            severity=severity,
            since=span.since,
            until=span.until,
        )
    found = [alert for alert in found if environment is None or alert.environment == environment]
    if as_json:
        print_json_lines(found)
    else:
        session.console.print(alerts_table(found, nothing=f"No {'' if status == 'all' else status + ' '}alerts."))
    return exits.FAILED if exit_code and any(alert.status == "open" for alert in found) else exits.OK
