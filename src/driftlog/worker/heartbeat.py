"""Whether a worker of one's own lives: what a health check asks, in the container or on the machine of the worker.

A heartbeat carries no time, so that clocks need not agree: it is looked at until it moves. That takes a third of a
lease time at most while the worker lives, and `patience` when it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from driftlog.store.client import Store
from driftlog.store.leases import state_body

LOOKS: Final = 12
"""Looks in a lease time: Elasticsearch is asked so often."""


def belongs_to(host: str, worker_id: str) -> Callable[[str], bool]:
    """Say of a worker's name whether it is of this host: `worker_id` where that is set, else host name and process id.

    >>> mine = belongs_to("ml-1", "")
    >>> mine("ml-1-4711"), mine("ml-1"), mine("ml-11-4711"), mine("ml-1-b-7"), belongs_to("ml-1", "night")("night")
    (True, True, False, False, True)
    """
    if worker_id:
        return lambda name: name == worker_id
    return lambda name: name == host or (name.startswith(f"{host}-") and name.removeprefix(f"{host}-").isdigit())


def beating(
    store: Store,
    mine: Callable[[str], bool],
    *,
    lease: timedelta,
    patience: timedelta,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> str | None:
    """Name of the first worker of `mine` whose heartbeat moves; None when none did within `patience`.

    Parameters
    ----------
    lease
        ``worker.lease``: a living worker beats every third of it.
    patience
        At least a lease time.
    """
    started = monotonic()
    first: dict[str, int] | None = None
    while True:
        now = _beats(store, mine)
        if first is None:
            first = {life: number for life, (_, number) in now.items()}
        for life, (name, number) in now.items():
            if first.get(life) != number:
                return name
        if monotonic() - started >= patience.total_seconds():
            return None
        sleep(lease.total_seconds() / LOOKS)


def _beats(store: Store, mine: Callable[[str], bool]) -> dict[str, tuple[str, int]]:
    """Document id of each heartbeat -> the worker's name, and the number of its last write."""
    state = store.names.state
    store.refresh(state)
    hits = store.search(state, state_body())["hits"]["hits"]
    beats = {
        hit["_id"]: (hit["_source"]["holder"], int(hit["_seq_no"]))
        for hit in hits
        if hit["_source"]["kind"] == "worker"
    }
    return {id: beat for id, beat in beats.items() if mine(beat[0])}
