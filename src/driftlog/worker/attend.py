"""Looking after alerts between cycles: what people asked for, snoozes that end, mutes, silences, reminders."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from driftlog.contract.alert import Alert
from driftlog.contract.handling import AlertRequest, Silence
from driftlog.contract.settings import ModelSettings
from driftlog.decide.alert_steps import between_windows
from driftlog.store.alert_requests import remove_requests, requests_body, requests_in
from driftlog.store.alerts import alerts_by_id, find_query, last_episodes, load_open, write_alerts
from driftlog.store.client import Store
from driftlog.store.documents import alert_of
from driftlog.store.silences import silences_body, silences_in

log = logging.getLogger("driftlog.worker")

PERIOD: Final = timedelta(seconds=15)
"""How often a worker attends to the alerts of each model it holds."""
_PAGE: Final = 1000


def attend(store: Store, settings: ModelSettings, *, term: int, now: datetime) -> list[Alert]:
    """Alerts of the model that requests and `now` change; they are stored, and the requests taken away.

    One multi-search where there is nothing to do. A crash between storing and taking away changes nothing: a request
    whose id is in a history is not carried out again.

    Raises
    ------
    StoreConflict
        A worker with a newer term looks after the model.
    """
    requests, silences, active = _look(store, settings, now)
    if not requests and not active:
        return []
    alerts = {alert.id: alert for alert in active}
    named = {request.alert_id for request in requests} - alerts.keys()
    alerts |= {alert.id: alert for alert in alerts_by_id(store, sorted(named))} if named else {}
    _warn_of_unknown(requests, alerts)
    reopening = any(request.kind == "reopen" for request in requests)
    episodes = last_episodes(store, settings.name, settings.environment) if reopening else {}
    changed = between_windows(alerts.values(), episodes, requests, settings, silences, now)
    write_alerts(store, changed, term=term)
    remove_requests(store, requests)
    return changed


def _look(
    store: Store, settings: ModelSettings, now: datetime
) -> tuple[list[AlertRequest], list[Silence], list[Alert]]:
    """Requests, silences and active alerts, by one multi-search."""
    name, environment = settings.name, settings.environment
    query = find_query(name, environment=environment, status="open")
    state = store.names.state
    asked, silenced, opened = store.msearch(
        [
            (state, requests_body(name, environment)),
            (state, silences_body(now)),
            (store.names.alerts, {"query": query, "size": _PAGE, "track_total_hits": False}),
        ]
    )
    hits = opened["hits"]["hits"]
    active = [alert_of(hit["_source"]) for hit in hits] if len(hits) < _PAGE else load_open(store, name, environment)
    return requests_in(asked), silences_in(silenced), active


def _warn_of_unknown(requests: Sequence[AlertRequest], alerts: dict[str, Alert]) -> None:
    for request in requests:
        if request.alert_id not in alerts:
            log.warning("%s by %s is dropped: there is no alert %s", request.kind, request.by, request.alert_id)
