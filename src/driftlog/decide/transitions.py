"""Writing an alert's history: one more entry, never another word in those that are there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from driftlog.contract.alert import Alert
from driftlog.contract.handling import Transition, TransitionKind

MAX_TEXT: int = 2000
DRIFTLOG = "driftlog"


def moved(
    alert: Alert,
    kind: TransitionKind,
    at: datetime,
    *,
    by: str = DRIFTLOG,
    text: str = "",
    until: datetime | None = None,
    request: str = "",
    **changes: Any,
) -> Alert:
    """`alert` with `changes` and a transition that tells of them.

    The number is one more than the last one's. `Alert.updated` never goes back, whatever clocks do.
    """
    transition = Transition(
        number=len(alert.history) + 1,
        kind=kind,
        at=at,
        by=by,
        text=text[:MAX_TEXT],
        until=until,
        request=request,
        severity=changes.get("severity", alert.severity),
    )
    changes = {"updated": max(alert.updated, at)} | changes
    return msgspec.structs.replace(alert, history=(*alert.history, transition), **changes)


def last_of(alert: Alert, *kinds: TransitionKind) -> Transition | None:
    """The newest transition of one of `kinds`."""
    return next((one for one in reversed(alert.history) if one.kind in kinds), None)
