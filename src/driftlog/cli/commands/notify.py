"""``driftlog notify``."""

from __future__ import annotations

import difflib
import time

import click

from driftlog.cli import exits
from driftlog.cli.app import start_logging
from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError
from driftlog.contract.notifying import ChannelSettings, NotificationSettings


@click.group(
    cls=Group,
    examples=[
        "driftlog notify list                 # channels, routes, what waits and what failed",
        "driftlog notify test team            # a marked test message",
        "driftlog notify explain 3f9c         # who is told of this alert, and why",
        "driftlog notify send                 # one pass, where no worker runs",
    ],
)
def notify() -> None:
    """Tell people of alerts: channels, routes, tests.

    Channels and routes stand in the settings, below notifications. A worker sends by itself.
    """


@notify.command(name="list", examples=["driftlog notify list", "driftlog notify list --json | jq .failed"])
@as_json
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """Channels with what they have sent, and the routes that lead to them. Addresses are not shown."""
    from driftlog.present.notify_tables import channels_view
    from driftlog.worker.notify_overview import channel_states, count_notices

    settings = session.settings.notifications
    with session.store() as store:
        counts = count_notices(store) if settings.channels else {}
    states = channel_states(settings, counts)
    if as_json:
        print_json_lines(states)
    else:
        session.console.print(channels_view(states, settings.routes))


@notify.command(examples=["driftlog notify test team", "driftlog notify test team --json"])
@click.argument("channel")
@as_json
@click.pass_obj
def test(session: Session, channel: str, as_json: bool) -> int:
    """Send a message that says it is a test to every address of CHANNEL, and say what became of it.

    Needs no Elasticsearch. Exit code 1 when an address did not take it.
    """
    from driftlog.present.notify_tables import tried_view
    from driftlog.worker.notify_overview import try_channel

    start_logging(session)
    chosen = choose_channel(session.settings.notifications, channel)
    tried = try_channel(chosen, by=session.actor, now=session.now())
    if as_json:
        print_json_lines(tried)
    else:
        session.console.print(tried_view(tried))
    return exits.OK if all(one.ok for one in tried) else exits.FAILED


@notify.command(examples=["driftlog notify explain 3f9c", "driftlog notify explain 3f9c --json"])
@click.argument("alert")
@as_json
@click.pass_obj
def explain(session: Session, alert: str, as_json: bool) -> None:
    """Who is told of ALERT, and why: every route's answer to every transition, and what became of it.

    Hours are looked at as of now. ALERT is the handle that `driftlog alerts` shows, or an id in quotes.
    """
    from driftlog.present.notify_tables import explanation_view
    from driftlog.worker.notify_overview import explain as explain_alert
    from driftlog.worker.notify_overview import notices_about
    from driftlog.worker.pending import choose_alert

    with session.store() as store:
        chosen = choose_alert(store, alert)
        notices = notices_about(store, chosen)
    found = explain_alert(chosen, session.settings, session.now())
    if as_json:
        print_json_lines([{"alert": chosen.id, "routes": found, "notices": notices}])
    else:
        session.console.print(explanation_view(chosen.title, found, notices))


@notify.command(examples=["driftlog notify send", "*/5 * * * *  driftlog notify send    # in a crontab"])
@as_json
@click.pass_obj
def send(session: Session, as_json: bool) -> int:
    """One pass: send what is due, of all models, and print what changed.

    For where no worker runs all the time; beside workers it does no harm. Exit code 1 when something failed for good.
    """
    from driftlog.cli.commands.worker import own_id
    from driftlog.present.notify_tables import notices_table
    from driftlog.store import templates
    from driftlog.worker.backfill import models_to_watch
    from driftlog.worker.notify_overview import send_once

    start_logging(session)
    settings = session.settings
    if not settings.notifications.channels:
        raise UsageError(
            "there are no channels to send to", remedy="add notifications.channels; see docs/notifications.md"
        )
    with session.store() as store:
        templates.check(store)
        changed = send_once(
            store,
            settings,
            models_to_watch(store, settings),
            holder=own_id(settings),
            now=session.now,
            monotonic=time.monotonic,
        )
    if as_json:
        print_json_lines(changed)
    else:
        session.console.print(notices_table(changed, nothing="Nothing was due."))
    return exits.FAILED if any(notice.status == "failed" for notice in changed) else exits.OK


def choose_channel(settings: NotificationSettings, name: str) -> ChannelSettings:
    """The channel of that name.

    Raises
    ------
    UsageError
        There is none; the nearest one is named.
    """
    names = [channel.name for channel in settings.channels]
    if name in names:
        return settings.channels[names.index(name)]
    near = difflib.get_close_matches(name, names, n=1)
    known = f"did you mean {near[0]}?" if near else f"known are: {', '.join(names) or 'none'}"
    raise UsageError(f"there is no channel {name[:80]}", remedy=f"{known} Channels stand below notifications.channels")
