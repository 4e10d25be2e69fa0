"""Deliveries: what an alert remembers of who was told."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from driftlog.contract.alert import Alert
from driftlog.contract.handling import Delivery
from driftlog.contract.notification import Notice


def delivery_of(notice: Notice) -> Delivery:
    """A notice as the alert keeps it."""
    return Delivery(
        transition=notice.transition,
        channel=notice.channel,
        status="waiting" if notice.status == "sending" else notice.status,
        at=notice.finished or notice.at,
        attempts=notice.attempts,
        reason=notice.reason,
    )


def with_deliveries(alert: Alert, deliveries: Iterable[Delivery]) -> Alert:
    """`alert` with what became of telling; a delivery replaces the one of the same transition and channel."""
    found = {(one.transition, one.channel): one for one in (*alert.deliveries, *deliveries)}
    return msgspec.structs.replace(alert, deliveries=tuple(found[key] for key in sorted(found)))
