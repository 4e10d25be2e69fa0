"""Doing something again whenever the results of a model changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from driftlog.cli.session import Session
from driftlog.contract.errors import ActionUnavailable, StoreError, UsageError
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.store.results import last_change

LEAST = timedelta(seconds=1)


def while_changing(
    session: Session,
    store: Store,
    model: str,
    environment: str,
    work: Callable[[], bool],
    *,
    every: timedelta | None,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Call `work` once and give back what it says; with `every` go on for ever, with each change of results or alerts.

    An Elasticsearch or a receiver that is away is told and tried again, where it goes on.

    Raises
    ------
    UsageError
        `every` is shorter than a second.
    """
    if every is None:
        return work()
    if every < LEAST:
        raise UsageError("--every: is too short", remedy="write 1s or longer")
    before: object = None
    while True:
        try:
            alerts = [(alert.id, alert.updated, len(alert.history)) for alert in find_alerts(store, model)]
            seen = last_change(store, model, environment=environment), alerts
            if seen != before:
                work()
                before = seen
        except (StoreError, ActionUnavailable) as error:
            session.messages.print(f"{error.message}; trying again in {every.total_seconds():g} s", markup=False)
        sleep(every.total_seconds())
