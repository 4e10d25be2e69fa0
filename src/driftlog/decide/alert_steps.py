"""The two steps in which a worker moves alerts: after a window was judged, and between windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from driftlog.contract.alert import Alert, Decomposition
from driftlog.contract.handling import AlertRequest, Silence
from driftlog.contract.measurement import Measurement, Verdict
from driftlog.contract.settings import ModelSettings
from driftlog.decide.alerts import advance
from driftlog.decide.lifecycle import fold, is_active
from driftlog.decide.runbooks import runbook_of
from driftlog.decide.suggest import with_context
from driftlog.decide.tending import tend


def after_window(
    alerts: Mapping[str, Alert],
    episodes: Mapping[str, int],
    judged: Sequence[Measurement],
    history: Mapping[str, Sequence[Verdict]],
    settings: ModelSettings,
    silences: Sequence[Silence],
    now: datetime,
    *,
    explain: Mapping[str, Decomposition] | None = None,
) -> list[Alert]:
    """Alerts that a judged window changes: advanced, linked, and muted or silenced before anybody can be told of them.

    Parameters
    ----------
    alerts
        By key, the last episode of each: all that are active, and the resolved ones that `advance` asks for.
    episodes, judged, history, explain
        As `driftlog.decide.alerts.advance` has them.
    silences
        Those that may be current.

    The same call on its own result returns nothing.
    """
    moved = advance(
        list(alerts.values()), episodes, judged, history, now, explain=explain, cooldown=settings.alerts.cooldown
    )
    known = with_context(moved, judged, settings, explained=explain)
    changed = {alert.key: _linked(alert, settings) for alert in known}
    present = {**alerts, **changed}
    for alert in tend(present.values(), settings.alerts, silences, now, timezone=settings.timezone):
        changed[alert.key] = alert
    return list(changed.values())


def between_windows(
    alerts: Iterable[Alert],
    episodes: Mapping[str, int],
    requests: Iterable[AlertRequest],
    settings: ModelSettings,
    silences: Sequence[Silence],
    now: datetime,
) -> list[Alert]:
    """Alerts that `requests` of people and `now` change.

    Parameters
    ----------
    alerts
        All that are active, and those the requests name.
    episodes
        Alert key -> number of its last episode, of the alerts that are asked to be reopened at least.

    The same call on its own result returns nothing.
    """
    present = {alert.id: alert for alert in alerts}
    changed = {alert.id: alert for alert in fold(present.values(), requests, episodes)}
    present |= changed
    for alert in tend(present.values(), settings.alerts, silences, now, timezone=settings.timezone):
        changed[alert.id] = alert
    return list(changed.values())


def _linked(alert: Alert, settings: ModelSettings) -> Alert:
    """The alert, while it lasts, with what the settings link it to now."""
    if not is_active(alert):
        return alert
    return msgspec.structs.replace(alert, runbook=runbook_of(alert, settings.alerts.runbooks))
