"""``driftlog alerts ack|assign|comment|snooze|resolve|reopen``: requests that the worker folds into the alert."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import click
import msgspec

from driftlog.cli.base import Command
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import DurationType, TimeType, as_json
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError
from driftlog.contract.handling import AlertRequest, RequestKind

F = TypeVar("F", bound=Callable[..., Any])
several: Final = click.argument("alerts", metavar="ALERT...", nargs=-1, required=True)


def why(command: F) -> F:
    return click.option("--why", default="", help="For those who read the history.")(command)


@click.command(
    cls=Command,
    examples=["driftlog alerts ack 3f9c", 'driftlog alerts ack 3f9c 77b0 --why "looking at the join"'],
)
@several
@why
@as_json
@click.pass_obj
def ack(session: Session, alerts: Sequence[str], why: str, as_json: bool) -> None:
    """Acknowledge ALERT: somebody looks after it, and nobody is reminded any more."""
    _ask(session, alerts, "acknowledge", as_json, text=why)


@click.command(
    cls=Command,
    examples=["driftlog alerts assign 3f9c ann", 'driftlog alerts assign 3f9c "" --why "she is away"'],
)
@click.argument("alert")
@click.argument("person")
@why
@as_json
@click.pass_obj
def assign(session: Session, alert: str, person: str, why: str, as_json: bool) -> None:
    """Assign ALERT to PERSON; an empty name takes the assignment away."""
    _ask(session, [alert], "assign", as_json, text=why, assignee=person.strip())


@click.command(cls=Command, examples=['driftlog alerts comment 3f9c "the new airport codes are not in the reference"'])
@click.argument("alert")
@click.argument("text")
@as_json
@click.pass_obj
def comment(session: Session, alert: str, text: str, as_json: bool) -> None:
    """Add TEXT to the history of ALERT."""
    if not text.strip():
        raise UsageError("the comment is empty", remedy="write a few words")
    _ask(session, [alert], "comment", as_json, text=text)


@click.command(
    cls=Command,
    examples=[
        'driftlog alerts snooze 3f9c --for 2h --why "after the deployment"',
        "driftlog alerts snooze 3f9c --until 2026-03-02T08:00Z",
        "driftlog alerts snooze 3f9c --end",
    ],
)
@several
@click.option("--for", "length", type=DurationType(), help="So long from now: 2h, 3d.")
@click.option("--until", type=TimeType(), help="Until this time.")
@click.option("--end", is_flag=True, help="End the snooze now.")
@why
@as_json
@click.pass_obj
def snooze(
    session: Session,
    alerts: Sequence[str],
    length: timedelta | None,
    until: datetime | None,
    end: bool,
    why: str,
    as_json: bool,
) -> None:
    """Tell nobody of ALERT for a while, this episode only.

    It goes on being measured. When the time is over and it is still open, people are told again.
    """
    if end:
        if length is not None or until is not None:
            raise UsageError("--end stands beside --for or --until", remedy="keep one of them")
        _ask(session, alerts, "unsnooze", as_json, text=why)
    else:
        _ask(session, alerts, "snooze", as_json, text=why, until=until_of(session.now(), length, until))


def until_of(now: datetime, length: timedelta | None, until: datetime | None) -> datetime:
    """The end that ``--for`` or ``--until`` name."""
    if (length is None) == (until is None):
        raise UsageError("the end is missing, or named twice", remedy="give --for 2h, or --until 2026-03-02T08:00Z")
    end = now + length if length is not None else until
    if end is None or end <= now:
        raise UsageError("the end is not after now", remedy="give --for 2h, or a time that is still to come")
    return end


@click.command(
    cls=Command,
    examples=[
        'driftlog alerts resolve 3f9c --cause "the join lost rows" --lesson "count rows after it" --no-false-alarm',
        'driftlog alerts resolve 3f9c --false-alarm --cause "a holiday"',
    ],
)
@several
@click.option("--cause", default="", help="What it was.")
@click.option("--lesson", default="", help="What to do differently from now on.")
@click.option("--false-alarm/--no-false-alarm", default=None, help="Whether nothing was wrong; for the review.")
@why
@as_json
@click.pass_obj
def resolve(
    session: Session,
    alerts: Sequence[str],
    cause: str,
    lesson: str,
    false_alarm: bool | None,
    why: str,
    as_json: bool,
) -> None:
    """Close ALERT, and say what it was.

    The windows it has seen do not open it again; a later window in breach opens the next episode. Of an alert that is
    over already, cause and lesson are added.
    """
    _ask(session, alerts, "resolve", as_json, text=why, cause=cause, lesson=lesson, false_alarm=false_alarm)


@click.command(cls=Command, examples=['driftlog alerts reopen 3f9c --why "it was not the join"'])
@several
@why
@as_json
@click.pass_obj
def reopen(session: Session, alerts: Sequence[str], why: str, as_json: bool) -> None:
    """Open ALERT again that was resolved; the last episode of its cause only.

    The windows that ended it do not end it again; later ones do.
    """
    _ask(session, alerts, "reopen", as_json, text=why)


COMMANDS: Final = (ack, assign, comment, snooze, resolve, reopen)


def _ask(session: Session, names: Sequence[str], kind: RequestKind, as_json: bool, **fields: Any) -> None:
    """Create the requests, after each was found possible; print the alerts as they are now."""
    from driftlog.decide.lifecycle import fold, refusal
    from driftlog.present.alert_view import handled_line
    from driftlog.store.alert_requests import create_request
    from driftlog.store.alerts import last_episodes
    from driftlog.worker.pending import choose_alert

    with session.store() as store:
        chosen = {alert.id: alert for alert in (choose_alert(store, name) for name in names)}
        asked = []
        for alert in chosen.values():
            request = AlertRequest(
                id=uuid.uuid4().hex,
                alert_id=alert.id,
                model=alert.model,
                environment=alert.environment,
                kind=kind,
                by=session.actor,
                at=session.now(),
                **fields,
            )
            episodes = last_episodes(store, alert.model, alert.environment) if kind == "reopen" else {}
            refused = refusal(alert, msgspec.structs.replace(request, text=""), episodes.get(alert.key, alert.episode))
            if refused:
                raise UsageError(
                    f"{alert.handle} ({alert.title[:80]}): {refused}",
                    remedy=f"`driftlog alerts show {alert.handle}` shows how it stands",
                )
            asked.append((alert, request, episodes))
        after = []
        for alert, request, episodes in asked:
            create_request(store, request)
            after += fold([alert], [request], episodes)
    if as_json:
        print_json_lines(after)
    else:
        for alert in after:
            session.console.print(handled_line(alert))
