"""A message past the outbox: tests of a channel, reviews, heads of the audit trail. One attempt, with a hard limit."""

from __future__ import annotations

from driftlog.act.notify.dispatch import Deliver, deliver_by_apprise
from driftlog.act.notify.limited import Hands
from driftlog.contract.notification import Message, Sent
from driftlog.contract.notifying import ChannelSettings
from driftlog.contract.strict import Secret


def tell(channel: ChannelSettings, message: Message, *, deliver: Deliver = deliver_by_apprise) -> list[Sent]:
    """Send `message` to every address of `channel`; what became of it, in the order of the addresses.

    An address that takes longer than the channel's `timeout_s` is left behind, whatever it does.
    """
    hands: Hands[Sent] = Hands()
    found = []
    for position, url in enumerate(channel.urls):

        def attempt(url: Secret = url) -> Sent:
            return deliver(url, message, channel)

        answer = hands.run(f"{channel.name}/{position}", attempt, channel.timeout_s)
        found.append(answer or Sent(ok=False, reason=f"no answer within {channel.timeout_s:g} s"))
    return found
