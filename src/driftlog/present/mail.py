"""Messages about alerts: text for every channel, HTML with the chart for emails, a line for telephones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from driftlog.contract.alert import Alert, AlertMember
from driftlog.contract.measurement import Measurement
from driftlog.contract.notification import Message, Notice, Tone
from driftlog.present.charts.picture import line_picture
from driftlog.present.pages import template
from driftlog.present.sections.parts import point
from driftlog.present.sections.performance import levels
from driftlog.present.text import clean, field_name, number, period, plural, title_of, titled, value_text

MOST_MEMBERS: Final = 10
MOST_CAUSES: Final = 5
MOST_ALERTS: Final = 40
"""Alerts that a digest names."""
SHORT_CHARS: Final = 300
_MENTION: Final = re.compile(r"(?<![\w.@])@(?=\w)|<(?=[!@#])")
_SAID: Final = {
    "opened": "New alert",
    "reopened": "Open again",
    "worsened": "It got worse",
    "escalated": "Nobody has acknowledged it",
    "resolved": "Resolved",
    "acknowledged": "Acknowledged",
    "assigned": "Assigned",
    "commented": "New comment",
    "snoozed": "Snoozed",
    "unsnoozed": "The snooze is over",
    "silenced": "Silenced",
    "unsilenced": "The silence is over",
    "muted": "Muted",
    "unmuted": "No longer muted",
}


@dataclass(frozen=True)
class Item:
    """One alert in a message: what is told of it, and what is known besides.

    `series` is the alert's metric over its last windows, the oldest first.
    """

    alert: Alert
    notices: tuple[Notice, ...]
    series: tuple[Measurement, ...] = ()
    owner: str = ""
    link: str = ""


@dataclass(frozen=True)
class Fact:
    """One line of "what, where, when"."""

    name: str
    value: str
    strong: bool = False


def alert_message(item: Item, *, key: str) -> Message:
    """One message about one alert; where several transitions are told at once the newest gives it its name."""
    alert = item.alert
    notice = max(item.notices, key=lambda one: one.transition)
    tone = tone_of(alert, notice.kind)
    title = f"[{_label(notice.kind, tone)}] {clean(alert.title, 160)}"
    facts, commands = _facts(item), _commands(alert, notice.kind)
    said = _what_happened(alert, notice)
    causes = [clean(text, 300) for text in alert.suggested[:MOST_CAUSES]]
    links = _links(item)
    picture = chart(item)
    html = template("mail_alert.html.j2").render(
        title=clean(alert.title, 200),
        tone=tone,
        label=_label(notice.kind, tone),
        said=said,
        earlier=[_what_happened(alert, one) for one in sorted(item.notices, key=lambda n: n.transition)[:-1]],
        when=_moment(notice.at),
        message=clean(alert.message, 1500),
        facts=facts,
        members=[_member(member) for member in alert.members[:MOST_MEMBERS]],
        more=max(0, len(alert.members) - MOST_MEMBERS),
        causes=causes,
        links=links,
        commands=commands,
        picture=picture is not None,
        picture_words=_picture_words(item),
        caption=_caption(item),
        preview=clean(alert.message, 140),
        id=clean(alert.id, 200),
        handle=alert.handle,
    )
    return Message(
        key=key,
        thread=alert.id,
        kind=notice.kind,
        tone=tone,
        title=plain(title),
        text=_text(alert, title, said, notice, facts, causes, links, commands),
        html=html,
        short=_short(item, title),
        picture=picture,
        facts=_for_programs(item, notice),
    )


def digest_message(items: Sequence[Item], *, key: str, why: str) -> Message:
    """One message about many alerts, the worst first."""
    ranked = sorted(items, key=_rank)
    tones = [tone_of(item.alert, max(item.notices, key=lambda one: one.transition).kind) for item in ranked]
    counts = [(tone, tones.count(tone)) for tone in ("critical", "warning", "info", "resolved") if tone in tones]
    summary = ", ".join(f"{count} {tone}" for tone, count in counts)
    title = f"[digest] {plural(len(ranked), 'alert')}: {summary}"
    rows = [_row(item, tone) for item, tone in zip(ranked, tones, strict=True)][:MOST_ALERTS]
    more = len(ranked) - len(rows)
    html = template("mail_digest.html.j2").render(
        title=plural(len(ranked), "alert"), tone=tones[0], counts=counts, rows=rows, more=more, why=why, preview=summary
    )
    lines = [f"{row['label'].upper()}  {row['title']}\n    {row['said']}; {row['command']}" for row in rows]
    tail = [f"and {more} more: driftlog alerts"] if more else []
    text = "\n".join([title, why, "", *lines, *tail])
    short = f"{title}. " + "; ".join(row["title"] for row in rows)
    return Message(
        key=key,
        thread="",
        kind="digest",
        tone=tones[0],
        title=plain(title),
        text=plain(text),
        html=html,
        short=_cut(plain(short)),
        facts={"alerts": str(len(ranked)), "handles": ",".join(item.alert.handle for item in ranked[:MOST_ALERTS])},
    )


def trial_message(channel: str, *, key: str, by: str, now: datetime) -> Message:
    """What ``driftlog notify test`` sends: it says that it is a test, in title and text."""
    title = f"[TEST] driftlog reaches the channel {channel}"
    body = "This is a test message. Nothing is wrong, and there is nothing to do."
    when = f"Sent by {clean(by, 100)} at {_moment(now)}."
    html = template("mail_trial.html.j2").render(title=title, tone="info", body=body, when=when, preview=body)
    return Message(
        key=key,
        thread="",
        kind="test",
        tone="info",
        title=title,
        text=plain(f"{title}\n\n{body}\n{when}"),
        html=html,
        short=_cut(plain(f"{title}. {body}")),
        picture=None,
        facts={"test": "true", "channel": channel},
    )


def tone_of(alert: Alert, kind: str) -> Tone:
    """Colour of a message: that of the severity, or of being well again."""
    return "resolved" if kind == "resolved" else alert.severity


def plain(text: str) -> str:
    """`text` without what chat services would make a call to everybody of.

    >>> plain("@here: <!channel> by ada@example.org") == "@\\u200bhere: <\\u200b!channel> by ada@example.org"
    True
    """
    return _MENTION.sub(lambda match: match.group() + "\u200b", text)


def chart(item: Item) -> bytes | None:
    """The metric over the last windows with its limits, as PNG; None with fewer than two values."""
    series = item.series
    if sum(m.value is not None for m in series) < 2:
        return None
    values = [m.value for m in series if m.value is not None]
    from_zero = 0 <= min(values) < max(values) / 4
    return line_picture(
        [point(m) for m in series],
        levels(series),
        form=lambda value: value_text(series[-1], value),
        floor=0.0 if from_zero else None,
    )


def _label(kind: str, tone: Tone) -> str:
    if kind == "escalated":
        return f"escalated, {tone}"
    return tone


def _what_happened(alert: Alert, notice: Notice) -> str:
    transition = next((one for one in alert.history if one.number == notice.transition), None)
    said = _SAID.get(notice.kind, notice.kind)
    if transition is None or transition.kind != notice.kind:
        return said
    by = f" by {clean(transition.by, 80)}" if transition.by != "driftlog" else ""
    text = f": {clean(transition.text, 200)}" if transition.text else ""
    return f"{said}{by}{text}"


def _facts(item: Item) -> list[Fact]:
    alert, m = item.alert, item.alert.latest
    name = titled(m) + (f" of {field_name(m.field)}" if m.field else "")
    where = [alert.environment]
    where += [f"version {clean(alert.version)}"] if alert.version not in ("*", "") else []
    where += [f"variant {clean(alert.variant)}"] if alert.variant not in ("*", "") else []
    where += [clean(alert.segment.replace("features.", ""))] if alert.segment else []
    facts = [
        Fact(name, value_text(m, m.value), strong=True),
        *_limit_facts(m),
        Fact("Window", f"{period(m.window)} (UTC), {m.n_current:,} rows"),
        Fact("Model", f"{alert.model}, {', '.join(where)}"),
        Fact("Since", f"{_moment(alert.opened)}, {plural(alert.windows, 'window')} outside the limits"),
    ]
    if alert.resolved is not None:
        facts.append(Fact("Resolved", f"{_moment(alert.resolved)}: {clean(alert.resolution, 200)}".removesuffix(": ")))
    for title, value in (
        ("Owner", item.owner),
        ("Assigned to", alert.assignee),
        ("Acknowledged by", alert.acknowledged_by),
        ("Objectives", ", ".join(alert.objectives)),
    ):
        if value:
            facts.append(Fact(title, clean(value, 120)))
    return facts


def _limit_facts(m: Measurement) -> list[Fact]:
    facts = []
    if m.limit is not None:
        words = [
            f"{name} {value_text(m, value)}"
            for name, value in (("warning", m.limit.warning), ("critical", m.limit.critical))
            if value is not None
        ]
        if words:
            facts.append(Fact("Limit", f"{m.limit.direction} {', '.join(words)}"))
    if m.reference_value is not None:
        facts.append(Fact("Reference", value_text(m, m.reference_value)))
    return facts


def _member(member: AlertMember) -> dict[str, str]:
    metric = title_of(member.metric)
    return {
        "name": field_name(member.field, 48) if member.field else metric,
        "about": metric if member.field else "whole model",
        "value": number(member.value),
        "limit": number(member.limit),
        "severity": member.severity,
    }


def _commands(alert: Alert, kind: str) -> list[tuple[str, str]]:
    """What to type, with the alert's handle: it consists of hexadecimal digits, so nothing has to be quoted."""
    handle = alert.handle
    if kind == "resolved" or alert.status == "resolved":
        return [("What happened", f"driftlog alerts show {handle}")]
    return [
        ("I look after it", f"driftlog alerts ack {handle}"),
        ("Details", f"driftlog alerts show {handle}"),
        ("It is over", f"driftlog alerts resolve {handle}"),
    ]


def _links(item: Item) -> list[tuple[str, str]]:
    """Name and address; addresses that are not http are left out."""
    alert = item.alert
    shown = item.link.replace("{model}", quote(alert.model, safe="")).replace("{alert}", quote(alert.id, safe=""))
    found = [("Show the alert", shown), ("Runbook", alert.runbook)]
    return [(name, clean(url, 1000)) for name, url in found if url.startswith(("https://", "http://"))]


def _caption(item: Item) -> str:
    m = item.alert.latest
    about = titled(m) + (f" of {field_name(m.field)}" if m.field else "")
    return f"{about}, the last {plural(len(item.series), 'window')}"


def _picture_words(item: Item) -> str:
    """What the chart shows, for those who do not see it."""
    m = item.alert.latest
    limit = f", limit {value_text(m, m.limit.warning)}" if m.limit is not None and m.limit.warning is not None else ""
    return f"Chart: {_caption(item)}; now {value_text(m, m.value)}{limit}"


def _text(
    alert: Alert,
    title: str,
    said: str,
    notice: Notice,
    facts: Sequence[Fact],
    causes: Sequence[str],
    links: Sequence[tuple[str, str]],
    commands: Sequence[tuple[str, str]],
) -> str:
    lines = [title, f"{said}, {_moment(notice.at)}", "", clean(alert.message, 1500), ""]
    lines += [f"{fact.name}: {fact.value}" for fact in facts]
    if alert.members:
        lines += ["", "What is outside its limits:"]
        rows = [_member(member) for member in alert.members[:MOST_MEMBERS]]
        lines += [
            f"- {row['name']}: {row['value']} (limit {row['limit']}, {row['severity']}; {row['about']})" for row in rows
        ]
        if len(alert.members) > MOST_MEMBERS:
            lines.append(f"- and {len(alert.members) - MOST_MEMBERS} more")
    if causes:
        lines += ["", "Likely causes:", *(f"- {cause}" for cause in causes)]
    lines += ["", *(f"{name}: {url}" for name, url in links), *(f"{name}: {command}" for name, command in commands)]
    return plain("\n".join(lines))


def _short(item: Item, title: str) -> str:
    """One line, the handle always at its end."""
    m = item.alert.latest
    limit = f" (limit {value_text(m, m.limit.warning)})" if m.limit is not None and m.limit.warning is not None else ""
    about = f"{titled(m)} {value_text(m, m.value)}{limit}, {period(m.window)}"
    end = f" driftlog alerts show {item.alert.handle}"
    return _cut(plain(f"{title}. {about}."), SHORT_CHARS - len(end)) + end


def _cut(text: str, limit: int = SHORT_CHARS) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _row(item: Item, tone: Tone) -> dict[str, str]:
    alert = item.alert
    told = sorted(item.notices, key=lambda one: one.transition)
    said = ", then ".join(dict.fromkeys(_SAID.get(one.kind, one.kind).lower() for one in told))
    links = _links(item)
    return {
        "tone": tone,
        "label": tone,
        "title": clean(alert.title, 160),
        "said": f"{said}, {_moment(told[-1].at)}",
        "message": clean(alert.message, 220),
        "command": f"driftlog alerts show {alert.handle}",
        "link": links[0][1] if links and links[0][0] == "Show the alert" else "",
    }


def _rank(item: Item) -> tuple[int, datetime]:
    over = max(item.notices, key=lambda one: one.transition).kind == "resolved"
    severity = {"critical": 0, "warning": 1, "info": 2}[item.alert.severity]
    return (3 if over else severity, item.alert.opened)


def _for_programs(item: Item, notice: Notice) -> dict[str, str]:
    """Fields of a webhook; every one is there in every message."""
    alert, m = item.alert, item.alert.latest
    links = dict(_links(item))
    limit = None if m.limit is None else m.limit.warning if m.limit.warning is not None else m.limit.critical
    return {
        "alert_id": alert.id,
        "handle": alert.handle,
        "model": alert.model,
        "environment": alert.environment,
        "severity": alert.severity,
        "status": alert.status,
        "transition": str(notice.transition),
        "metric": alert.metric,
        "purpose": alert.purpose,
        "field": alert.field,
        "segment": alert.segment,
        "value": "" if m.value is None else repr(m.value),
        "limit": "" if limit is None else repr(limit),
        "window_start": m.window.start.isoformat(),
        "window_end": m.window.end.isoformat(),
        "owner": item.owner,
        "assignee": alert.assignee,
        "link": links.get("Show the alert", ""),
        "runbook": links.get("Runbook", ""),
    }


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
