"""``driftlog alerts silence|silences|unsilence``: for a while nobody is told of what fits some patterns."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

import click
import msgspec

from driftlog.cli.base import Command
from driftlog.cli.commands.alert_handling import until_of
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import DurationType, TimeType, as_json
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError
from driftlog.contract.handling import Silence

ID_CHARS: Final = 8


@click.command(
    cls=Command,
    examples=[
        'driftlog alerts silence 3f9c --for 1d --why "known, fixed on Monday"',
        'driftlog alerts silence --model churn --metric "latency_*" --for 2h --why "load test"',
        'driftlog alerts silence --segment "carrier=UA*" --until 2026-03-09 --why "strike"',
        'driftlog alerts silence --model "*" --from 2026-03-02T22:00Z --for 3h --why "network work"',
    ],
)
@click.argument("alert", required=False)
@click.option("--model", default=None, help="Models, as a shell pattern.")
@click.option("--environment", "-e", default=None, help="service.environment, as a shell pattern.")
@click.option("--purpose", default=None, help="Purposes, as a shell pattern: data_drift, performance, *_drift.")
@click.option("--metric", default=None, help="Causes or metrics, as a shell pattern: latency_*, roc_auc.")
@click.option("--segment", default=None, help="Segments, as a shell pattern: carrier=UA*.")
@click.option("--from", "start", type=TimeType(), help="From this time on  [default: now]")
@click.option("--for", "length", type=DurationType(), help="So long: 2h, 3d.")
@click.option("--until", type=TimeType(), help="Until this time.")
@click.option("--why", required=True, help="For those who wonder.")
@as_json
@click.pass_obj
def silence(
    session: Session,
    alert: str | None,
    model: str | None,
    environment: str | None,
    purpose: str | None,
    metric: str | None,
    segment: str | None,
    start: datetime | None,
    length: timedelta | None,
    until: datetime | None,
    why: str,
    as_json: bool,
) -> None:
    """Tell nobody of alerts that fit, for a while; they open, change and resolve as ever.

    Of one ALERT, or of all that fit every pattern given, those still to come included. When it is over, people are told
    of what is still open.
    """
    from driftlog.present.alert_view import silences_table
    from driftlog.store.silences import create_silence
    from driftlog.worker.pending import choose_alert

    patterns = {
        name: value
        for name, value in (
            ("model", model),
            ("environment", environment),
            ("purpose", purpose),
            ("metric", metric),
            ("segment", segment),
        )
        if value is not None
    }
    if (alert is None) == (not patterns):
        raise UsageError(
            "name what is to be silenced: an alert, or patterns, not both",
            remedy='--model "*" silences everything',
        )
    if not why.strip():
        raise UsageError("--why is empty", remedy="say in a few words why")
    now = session.now()
    begin = start or now
    end = until_of(begin, length, until)
    if end <= now:
        raise UsageError("the silence would be over already", remedy="give an end that is still to come")
    with session.store() as store:
        made = Silence(
            id=uuid.uuid4().hex[:ID_CHARS],
            by=session.actor,
            why=why.strip(),
            start=begin,
            until=end,
            alert_id=choose_alert(store, alert).id if alert is not None else "",
        )
        made = msgspec.structs.replace(made, **patterns)
        create_silence(store, made)
    if as_json:
        print_json_lines([made])
    else:
        session.console.print(silences_table([made], now))


@click.command(cls=Command, examples=["driftlog alerts silences", "driftlog alerts silences --all --json"])
@click.option("--all", "every", is_flag=True, help="Those that are over, too.")
@as_json
@click.pass_obj
def silences(session: Session, every: bool, as_json: bool) -> None:
    """Show silences that go on or are still to come."""
    from driftlog.present.alert_view import silences_table
    from driftlog.store.silences import load_silences

    now = session.now()
    with session.store() as store:
        found = load_silences(store, now=None if every else now)
    if as_json:
        print_json_lines(found)
    else:
        session.console.print(silences_table(found, now))


@click.command(cls=Command, examples=["driftlog alerts unsilence 41d0c2aa"])
@click.argument("silence")
@as_json
@click.pass_obj
def unsilence(session: Session, silence: str, as_json: bool) -> None:
    """End SILENCE now, by its id or the beginning of it."""
    from driftlog.present.alert_view import silences_table
    from driftlog.store.silences import end_silence, load_silences

    now = session.now()
    with session.store() as store:
        known = [one.id for one in load_silences(store, now=now) if one.id.startswith(silence)]
        chosen = [silence] if silence in known else known
        if len(chosen) != 1:
            raise UsageError(
                f"{silence[:80]} is {'several silences' if chosen else 'no silence that goes on'}",
                remedy="`driftlog alerts silences` shows them",
            )
        ended = end_silence(store, chosen[0], now)
    if as_json:
        print_json_lines([ended])
    elif ended is not None:
        session.console.print(silences_table([ended], now))


COMMANDS: Final = (silence, silences, unsilence)
