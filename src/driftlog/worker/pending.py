"""Alerts as people see them: with the requests that no worker has taken into the history yet."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from driftlog.contract.alert import ACTIVE, Alert
from driftlog.contract.errors import UsageError
from driftlog.contract.handling import AlertRequest
from driftlog.decide.lifecycle import fold
from driftlog.store.alert_requests import load_requests
from driftlog.store.alerts import STATUSES, alerts_by_handle, alerts_by_id, find_alerts, last_episodes
from driftlog.store.client import Store

_SHOWN: Final = 5


def find_handled(
    store: Store,
    model: str | None = None,
    *,
    environment: str | None = None,
    status: str | None = None,
    severity: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Alert]:
    """As `driftlog.store.alerts.find_alerts`, with pending requests folded in, in order of their opening.

    Requests are read first: one that a worker takes into the history in between is seen twice, and counts once.
    """
    requests = load_requests(store, model, environment)
    found = {
        alert.id: alert
        for alert in find_alerts(
            store, model, environment=environment, status=status, severity=severity, since=since, until=until
        )
    }
    if not requests:
        return list(found.values())
    others = {request.alert_id for request in requests} - found.keys()
    after = found | {alert.id: alert for alert in alerts_by_id(store, sorted(others))}
    after |= {alert.id: alert for alert in handled(store, list(after.values()), requests)}
    kept = [alert for alert in after.values() if _matches(alert, status, severity, since, until)]
    return sorted(kept, key=lambda alert: (alert.opened, alert.id))


def handled(store: Store, alerts: list[Alert], requests: list[AlertRequest]) -> list[Alert]:
    """Those of `alerts` that `requests` change, as they will be."""
    episodes: dict[str, int] = {}
    if any(request.kind == "reopen" for request in requests):
        for model in {alert.model for alert in alerts}:
            episodes |= last_episodes(store, model)
    return fold(alerts, requests, episodes)


def choose_alert(store: Store, name: str) -> Alert:
    """The alert that `name` means, pending requests folded in: an id, the beginning of a handle, or a key (its last
    episode).

    Raises
    ------
    UsageError
        None or several.
    """
    found = alerts_by_handle(store, name) or [
        alert
        for alert in find_alerts(store)
        if alert.handle.startswith(name.lower())  # written before handles were
    ]
    exact = [alert for alert in found if alert.id == name] or [alert for alert in found if alert.key == name][:1]
    chosen = exact or found
    if not chosen:
        raise UsageError(
            f"there is no alert {name[:80]}",
            remedy="`driftlog alerts list --status all` shows them, with their handles",
        )
    if len(chosen) > 1:
        shown = ", ".join(f"{alert.handle} ({alert.title[:60]})" for alert in chosen[:_SHOWN])
        raise UsageError(f"{name[:80]} may be any of {shown}", remedy="give the whole handle, or the id in quotes")
    requests = load_requests(store, chosen[0].model, chosen[0].environment)
    alert = alerts_by_id(store, [chosen[0].id])[0]
    return next(iter(handled(store, [alert], requests)), alert)


def _matches(
    alert: Alert, status: str | None, severity: str | None, since: datetime | None, until: datetime | None
) -> bool:
    return (
        (status is None or alert.status in STATUSES[status])
        and (severity is None or alert.severity == severity)
        and (until is None or alert.opened < until)
        and (since is None or alert.status in ACTIVE or (alert.resolved is not None and alert.resolved >= since))
    )
