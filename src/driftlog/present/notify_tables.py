"""Channels, routes and notices as tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from driftlog.contract.notification import ChannelState, Explained, Notice, Tried
from driftlog.contract.notifying import RouteSettings
from driftlog.present.text import clean

_STYLES: Final = {"sent": "green", "failed": "bold red", "suppressed": "dim", "waiting": "", "sending": "cyan"}


def channels_view(channels: Sequence[ChannelState], routes: Sequence[RouteSettings]) -> RenderableType:
    """Channels with what they have sent, and the routes below; no address is shown."""
    if not channels:
        return Text("Nobody is told of anything: there are no notifications.channels in the settings.")
    table = _table("channel", "service", "routes", "digest", "an hour", "fallback")
    for name in ("waiting", "sent", "failed", "suppressed"):
        table.add_column(name, justify="right")
    for one in channels:
        numbers = ", ".join(str(number) for number in one.routes) or "none"
        failed = Text(str(one.failed), style="bold red" if one.failed else "")
        table.add_row(
            Text(one.name, style="bold"),
            Text(", ".join(one.services)),
            Text(numbers, style="" if one.routes else "yellow"),
            Text(one.digest or "at once"),
            Text(str(one.rate_per_hour)),
            Text(one.fallback or "none"),
            Text(str(one.waiting)),
            Text(str(one.sent)),
            failed,
            Text(str(one.suppressed)),
        )
    return Group(table, _routes(routes))


def _routes(routes: Sequence[RouteSettings]) -> RenderableType:
    if not routes:
        return Text("There are no notifications.routes: nothing reaches these channels.", style="yellow")
    table = _table("route", "models", "owners", "from", "kinds", "when", "channels")
    for number, route in enumerate(routes, 1):
        when = " ".join(part for part in (route.days, route.hours) if part)
        when = f"{when} {route.timezone}, else {route.outside}" if when else "always"
        table.add_row(
            str(number),
            Text(", ".join(route.models)),
            Text(", ".join(route.owners)),
            Text(route.severity),
            Text(", ".join(route.kinds)),
            Text(when),
            Text(", ".join(route.channels)),
        )
    return table


def explanation_view(title: str, found: Sequence[Explained], notices: Sequence[Notice]) -> RenderableType:
    """What each route says of each transition, and how far the notices are that came of it."""
    parts: list[RenderableType] = [Text(clean(title, 200), style="bold")]
    if found:
        table = _table("transition", "at", "route", "tells", "because")
        for one in found:
            told = one.due is not None
            channels = Text(", ".join(one.channels) if told else "nobody", style="green" if told else "dim")
            kind = f"{one.transition} {one.kind} ({one.severity})"
            table.add_row(Text(kind), Text(_moment(one.at)), str(one.route), channels, Text(clean(one.why, 160)))
        parts.append(table)
    else:
        parts.append(Text("Nobody is told: there are no routes, or the alert has no history.", style="yellow"))
    parts.append(notices_table(notices, nothing="Nothing about it is in the outbox."))
    return Group(*parts)


def notices_table(notices: Sequence[Notice], *, nothing: str) -> RenderableType:
    """Notices with their status, attempts and reason."""
    if not notices:
        return Text(nothing)
    table = _table("told", "channel", "status", "attempts", "when", "reason")
    for one in notices:
        when = f"due {_moment(one.due)}" if one.finished is None else _moment(one.finished)
        table.add_row(
            Text(f"{one.model}: {one.transition} {one.kind}"),
            Text(one.channel),
            Text(one.status, style=_STYLES[one.status]),
            str(one.attempts),
            Text(when),
            Text(clean(one.reason, 160)),
        )
    return table


def tried_view(tried: Sequence[Tried]) -> RenderableType:
    """One line for each address."""
    lines = []
    for one in tried:
        mark, style = ("✓", "green") if one.ok else ("▲▲", "bold red")
        said = "took the test message" if one.ok else f"did not take it: {one.reason}"
        note = f" ({one.reason})" if one.ok and one.reason else ""
        lines.append(Text(f"{mark} {one.channel}, address {one.address} ({one.service}): {said}{note}", style=style))
    return Group(*lines)


def _table(*columns: str) -> Table:
    return Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M}"
