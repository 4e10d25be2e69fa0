"""From an alert's history to what people may want to hear: which transitions, and which of them hidden by what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from driftlog.contract.handling import Transition
from driftlog.contract.notification import Telling

OPENING: Final = frozenset({"opened", "reopened", "worsened", "escalated"})
"""Transitions that call for somebody; one that was hidden is told when what hid it ends."""
_HIDE: Final = {"muted": "mute", "silenced": "silence", "snoozed": "snooze"}
_SHOW: Final = {"unmuted": "mute", "unsilenced": "silence", "unsnoozed": "snooze"}
AT_ONCE: Final = timedelta(seconds=10)
"""What hides an alert so soon after it opened hid it from the start: both come from one look of the worker."""
_NEVER_HIDDEN: Final = frozenset({*_HIDE, *_SHOW, "acknowledged", "assigned", "commented"})
"""What people did is told, where a route asks for it, whatever hides the alert itself."""


@dataclass
class _Fold:
    """State of the alert while its history is read."""

    hidden: dict[str, tuple[datetime | None, str]]
    severity: str = ""
    active: bool = False
    told: bool = False
    """Its opening, or something after it that calls for somebody, was told in this episode."""
    owed: bool = False
    """Something that calls for somebody was hidden."""

    def why(self, at: datetime) -> str:
        """Why nobody is told at `at`; empty: nothing hides the alert."""
        for kind, (until, text) in self.hidden.items():
            if until is None or at < until:
                named = {"mute": "muted", "silence": "silenced", "snooze": "snoozed"}[kind]
                return f"{named}{': ' + text if text else ''}"[:200]
        return ""


def tellings(history: Sequence[Transition]) -> list[Telling]:
    """One `Telling` for every transition, in order.

    - Hidden by a mute, a silence or a snooze: `suppressed` says so.
    - The end of what hid it, while the alert is still active: its kind is ``opened``, as the opening is told now.
    - A resolution of what nobody was told of: suppressed.
    - An opening that is hidden within `AT_ONCE` was hidden from the start.

    >>> from datetime import UTC
    >>> start, kinds = datetime(2026, 3, 3, tzinfo=UTC), ("opened", "muted", "worsened", "unmuted", "resolved")
    >>> at = [start + timedelta(hours=hours) for hours in range(5)]
    >>> history = [Transition(number=n, kind=kind, at=at[n - 1]) for n, kind in enumerate(kinds, 1)]
    >>> [(telling.kind, telling.suppressed) for telling in tellings(history)]
    [('opened', ''), ('muted', ''), ('worsened', 'muted'), ('opened', ''), ('resolved', '')]
    """
    state = _Fold(hidden={})
    return [_next(state, transition, history[index + 1 :]) for index, transition in enumerate(history)]


def hidden_now(history: Sequence[Transition], now: datetime) -> str:
    """Why nobody is told of the alert at `now`; empty: nothing hides it."""
    state = _Fold(hidden={})
    for transition in history:
        _next(state, transition, ())
    return state.why(now)


def _next(state: _Fold, transition: Transition, later: Sequence[Transition]) -> Telling:
    state.severity = transition.severity or state.severity or "warning"
    kind: str = transition.kind
    suppressed = ""
    if kind in _HIDE:
        state.hidden[_HIDE[kind]] = (transition.until, transition.text)
    elif kind in _SHOW:
        state.hidden.pop(_SHOW[kind], None)
        if state.owed and state.active and not state.why(transition.at):
            kind, state.owed, state.told = "opened", False, True
    elif kind in OPENING:
        state.active = True
        suppressed = state.why(transition.at) or _hidden_at_once(transition, later)
        state.owed |= bool(suppressed)
        state.told |= not suppressed
    elif kind == "resolved":
        state.active = False
        suppressed = "" if state.told else state.why(transition.at) or "its opening was not told"
        state.owed, state.told = False, False
    return Telling(
        number=transition.number,
        kind=kind,
        at=transition.at,
        severity=state.severity,
        suppressed="" if kind in _NEVER_HIDDEN else suppressed,
    )


def _hidden_at_once(transition: Transition, later: Sequence[Transition]) -> str:
    state = _Fold(hidden={})
    for other in later:
        if other.at > transition.at + AT_ONCE:
            break
        if other.kind in _HIDE:
            state.hidden[_HIDE[other.kind]] = (other.until, other.text)
        elif other.kind in _SHOW:
            state.hidden.pop(_SHOW[other.kind], None)
    return state.why(transition.at)
