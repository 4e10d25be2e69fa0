"""Notifications: what is to be told to whom, how far that is, and the message itself."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

NoticeStatus = Literal["waiting", "sending", "sent", "failed", "suppressed"]
FINAL: Final = ("sent", "failed", "suppressed")
"""Statuses after which nothing more happens."""
Tone = Literal["info", "warning", "critical", "resolved"]


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """One transition of an alert that people may want to hear of.

    Attributes
    ----------
    number
        Of the transition.
    kind
        Of what is told: ``opened`` also where a mute, a silence or a snooze that hid the opening has ended.
    suppressed
        Why nobody is told; empty: tell.
    """

    number: int
    kind: str
    at: datetime
    severity: str
    suppressed: str = ""


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Telling one channel of one transition; kept in ``<prefix>-state`` under `id`, so that it exists once.

    Attributes
    ----------
    due
        Not sent before.
    collect
        Sent with everything else that waits for this channel, as one message.
    attempts
        Begun so far.
    expires
        While sending: whoever does so is taken for dead from then on.
    done
        Positions of the channel's addresses that have it already, where another one failed.
    fallback_of
        The channel that could not deliver it.
    noted
        Status and attempts as last written to the alert.
    """

    id: str
    alert_id: str
    transition: int
    kind: str
    channel: str
    model: str
    environment: str
    severity: str
    at: datetime
    due: datetime
    status: NoticeStatus = "waiting"
    collect: bool = False
    attempts: int = 0
    holder: str = ""
    expires: datetime | None = None
    done: tuple[int, ...] = ()
    reason: str = ""
    finished: datetime | None = None
    fallback_of: str = ""
    message_key: str = ""
    """Stable key of the message it went out in."""
    noted: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel gets; the channel's service decides which of the texts it can show.

    Attributes
    ----------
    key
        The same for every attempt: Message-ID of emails, idempotency key of webhooks.
    thread
        Groups messages about one alert: References of emails, deduplication key of PagerDuty; empty for digests.
    kind
        Of the transition, ``digest`` or ``test``.
    short
        For telephones: at most some 300 characters.
    picture
        PNG that `html` shows as ``cid:chart.png``.
    facts
        For programs that read webhooks: plain strings.
    """

    key: str
    thread: str
    kind: str
    tone: Tone
    title: str
    text: str
    html: str
    short: str
    picture: bytes | None = None
    facts: dict[str, str] = {}


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one attempt at one address.

    `reason` is made of our own words and numbers: no addresses, no secrets, nothing that the receiver said.
    """

    ok: bool
    reason: str = ""
    final: bool = False
    """It failed, and another attempt would fail in the same way."""


class ChannelState(msgspec.Struct, frozen=True, kw_only=True):
    """A channel for people to look at: no address, how far its notices are, and the routes that lead to it."""

    name: str
    services: tuple[str, ...]
    rate_per_hour: int
    digest: str = ""
    fallback: str = ""
    routes: tuple[int, ...] = ()
    waiting: int = 0
    sent: int = 0
    failed: int = 0
    suppressed: int = 0


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """What one route says of one transition.

    `due` is None where the route tells nobody; `why` says what decided.
    """

    transition: int
    kind: str
    at: datetime
    severity: str
    route: int
    channels: tuple[str, ...]
    due: datetime | None
    why: str


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a test message at one address, by its position."""

    channel: str
    address: int
    service: str
    ok: bool
    reason: str = ""
