"""``driftlog alerts``: what is open, what became of it, and what is done about it."""

from __future__ import annotations

from datetime import timedelta

import click

from driftlog.cli import exits
from driftlog.cli.base import DefaultGroup
from driftlog.cli.commands import alert_handling, alert_rehearsal, alert_silences
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json, environment, exit_code, since_until
from driftlog.cli.session import Session
from driftlog.cli.times import Moment, resolve


@click.group(
    cls=DefaultGroup,
    default="list",
    examples=[
        "driftlog alerts                              # open ones, of all models",
        "driftlog alerts --severity critical --exit-code",
        "driftlog alerts show 3f9c                    # everything about one",
        'driftlog alerts ack 3f9c --why "on it"',
        'driftlog alerts silence --model churn --metric "latency_*" --for 2h --why "load test"',
        'driftlog alerts resolve 3f9c --cause "the join lost rows" --lesson "count rows after it" --no-false-alarm',
    ],
)
def alerts() -> None:
    """Show alerts, and say what is done about them.

    Without a command: list. ALERT is the handle that list shows (its first characters will do), or an id in quotes.
    What is asked for here is carried out by the worker that holds the model, within seconds; every command shows it at
    once.
    """


@alerts.command(
    "list",
    examples=[
        "driftlog alerts list                  # open ones, of all models; `list` may be left out",
        "driftlog alerts list churn --status all --since 30d",
        "driftlog alerts list --severity critical --exit-code   # for scripts and CI",
        "driftlog alerts list --status unacknowledged --json",
    ],
)
@click.argument("model", required=False)
@click.option(
    "--status",
    type=click.Choice(["open", "unacknowledged", "acknowledged", "resolved", "all"]),
    default="open",
    show_default=True,
    help="Which ones; open: acknowledged or not.",
)
@click.option("--severity", type=click.Choice(["info", "warning", "critical"]), help="Only this severity.")
@click.option("--assignee", help="Only those assigned to this person.")
@environment
@since_until
@exit_code
@as_json
@click.pass_obj
def list_(
    session: Session,
    model: str | None,
    status: str,
    severity: str | None,
    assignee: str | None,
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
    from driftlog.contract.alert import ACTIVE
    from driftlog.present.tables import alerts_table
    from driftlog.store.alerts import find_alerts
    from driftlog.worker.pending import find_handled

    with session.store() as store:
        name = choose_model(store, session.settings, model).name if model is not None else None
        latest = None
        if isinstance(since, timedelta) or isinstance(until, timedelta):
            latest = max((alert.updated for alert in find_alerts(store, name)), default=None)
        span = resolve(since, until, latest)
        found = find_handled(
            store,
            name,
            environment=environment,
            status=None if status == "all" else status,
            severity=severity,
            since=span.since,
            until=span.until,
        )
    found = [alert for alert in found if assignee is None or alert.assignee == assignee]
    if as_json:
        print_json_lines(found)
    else:
        session.console.print(alerts_table(found, nothing=f"No {'' if status == 'all' else status + ' '}alerts."))
    return exits.FAILED if exit_code and any(alert.status in ACTIVE for alert in found) else exits.OK


@alerts.command(
    examples=["driftlog alerts show 3f9c", 'driftlog alerts show "churn|production||data_drift#2" --json'],
)
@click.argument("alert")
@as_json
@click.pass_obj
def show(session: Session, alert: str, as_json: bool) -> None:
    """Everything about ALERT.

    What opened it, limits, fields and segments, likely causes, the runbook, what people did, and who was told.
    """
    from driftlog.present.alert_view import alert_view
    from driftlog.worker.pending import choose_alert

    with session.store() as store:
        chosen = choose_alert(store, alert)
    if as_json:
        print_json_lines([chosen])
    else:
        session.console.print(alert_view(chosen))


@alerts.command(
    examples=["driftlog alerts history 3f9c", "driftlog alerts history 3f9c --json | jq .text"],
)
@click.argument("alert")
@as_json
@click.pass_obj
def history(session: Session, alert: str, as_json: bool) -> None:
    """What happened to ALERT, when, by whom and why.

    Of all episodes of its cause, the oldest first.
    """
    from driftlog.present.alert_view import history_view
    from driftlog.worker.pending import choose_alert, find_handled

    with session.store() as store:
        chosen = choose_alert(store, alert)
        found = find_handled(store, chosen.model, environment=chosen.environment)
    episodes = sorted((one for one in found if one.key == chosen.key), key=lambda one: one.episode)
    if as_json:
        print_json_lines({"alert": one.id, "transition": entry} for one in episodes for entry in one.history)
    else:
        session.console.print(history_view(episodes))


for command in (*alert_handling.COMMANDS, *alert_silences.COMMANDS, alert_rehearsal.test):
    alerts.add_command(command)
