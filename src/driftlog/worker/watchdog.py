"""The dead man's switch: workers, models without a worker, cycles that fail, and an intake from which nothing comes.

Who is silent cannot say so. So every live worker looks at the others, one of them at a time (a lease of its own says
which), and `driftlog watchdog` looks from outside, where no worker is left.

What is found is measurements of the installation itself: model `INSTALLATION`, no environment, `field` the model or
worker they are about. They are judged by `driftlog.decide.judge` and become alerts by `driftlog.decide.alerts` like any
other; documents nobody else writes, under the term of the watch's own lease.

==================== ===================================================== ===================== =============
metric               value                                                 source                warning above
==================== ===================================================== ===================== =============
worker_silent_leases lease times since a worker's heartbeat moved          its heartbeat         1
unheld_leases        lease times since the lease of a model moved          its lease             2
cycles_missed        age of a model's last good cycle, in cycles           run records           3
events_missed        fewest events of the last weeks in the stretch of     ``event.ingested``    10
                     time in which now there is none
no_data_s            seconds since the last event                          ``event.ingested``    no_data_after
==================== ===================================================== ===================== =============

Heartbeats and leases are watched on this process's own monotonic clock; a worker that was killed is noticed by the
others within two lease times (a minute, by default).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from driftlog.contract.alert import Alert
from driftlog.contract.errors import StoreConflict
from driftlog.contract.measurement import SEVERITY, Measurement
from driftlog.contract.names import INSTALLATION
from driftlog.contract.settings import ModelSettings, Settings, ThresholdSettings
from driftlog.contract.window import Window
from driftlog.decide.alerts import advance
from driftlog.decide.defaults import NO_DATA_CRITICAL
from driftlog.decide.judge import judge
from driftlog.profile.arrivals import Arrivals, arrivals_of
from driftlog.store.alerts import find_alerts, last_episodes, write_alerts
from driftlog.store.client import Store
from driftlog.store.leases import LeaseBoard, state_body
from driftlog.store.models import registered
from driftlog.store.results import write_measurements
from driftlog.store.runs import find_runs, last_good_runs
from driftlog.worker.attend import attend
from driftlog.worker.backfill import models_to_watch

__all__ = ["INSTALLATION", "LEASE", "Beats", "Observer", "Watchdog", "installation_settings", "look"]

log = logging.getLogger("driftlog.worker")

LEASE: Final = "(watchdog)"
"""No name of a model: who holds it keeps the watch."""
EVERY: Final = timedelta(minutes=1)
FEWEST_WEEKS: Final = 3


@dataclass(frozen=True, slots=True)
class Beats:
    """Seconds for which heartbeats (by worker) and leases (by model) have not moved, and who holds each lease."""

    workers: Mapping[str, float] = field(default_factory=dict)
    leases: Mapping[str, float] = field(default_factory=dict)
    holders: Mapping[str, str] = field(default_factory=dict)


class Observer:
    """Watches heartbeats and leases move; what has not moved since the first look is only known to be that old."""

    def __init__(self, store: Store, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._monotonic = monotonic
        self._started = monotonic()
        self._moved: dict[str, tuple[int, float]] = {}

    def look(self, models: Iterable[str] = ()) -> Beats:
        """What has moved since the last look; `models` without a lease have none since the first one."""
        state = self._store.names.state
        self._store.refresh(state)
        moment = self._monotonic()
        seen: dict[str, tuple[int, float]] = {}
        workers: dict[str, float] = {}
        leases = dict.fromkeys(models, moment - self._started)
        holders: dict[str, str] = {}
        for hit in self._store.search(state, state_body())["hits"]["hits"]:
            id, number, source = hit["_id"], int(hit["_seq_no"]), hit["_source"]
            before = self._moved.get(id)
            seen[id] = before if before is not None and before[0] == number else (number, moment)
            still_s = moment - seen[id][1]
            if source["kind"] == "worker":
                holder = source["holder"]
                workers[holder] = min(still_s, workers.get(holder, still_s))
            elif source["model"]["name"] in leases:
                leases[source["model"]["name"]] = still_s
                holders[source["model"]["name"]] = source["holder"]
        self._moved = seen
        return Beats(workers, leases, holders)


class Watchdog:
    """The watch of one worker process.

    Parameters
    ----------
    worker_id
        Name of the worker; the lease of the watch says who keeps it.
    every
        How often the holder of the watch looks at everything; windows of this length are what is judged.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        worker_id: str,
        monotonic: Callable[[], float] = time.monotonic,
        every: timedelta = EVERY,
    ) -> None:
        self._store = store
        self._settings = settings
        self._board = LeaseBoard(store, worker_id, settings.worker.lease, monotonic)
        self._observer = Observer(store, monotonic)
        self._every = every
        self._looked: Window | None = None

    @property
    def term(self) -> int | None:
        """Term of the watch where this process keeps it; for whoever else writes alerts of `INSTALLATION`."""
        return self._board.holds(LEASE)

    def look(self, now: datetime) -> list[Alert]:
        """Look at the others; call it every third of a lease time.

        Returns
        -------
        list of Alert
            Opened, changed and resolved ones, already stored. Nothing where another process keeps the watch.
        """
        self._board.renew()
        self._board.take(LEASE)
        watched = models_to_watch(self._store, self._settings)
        beats = self._observer.look(watched)
        term = self.term
        if term is None:
            return []
        attended = self._attend(watched.values(), term, now)
        window = _window(now, self._every)
        if window == self._looked:
            return attended
        judged = look(self._store, self._settings, now=now, beats=beats, window=window)
        changed = self._advance(judged, now)
        try:
            write_measurements(self._store, [one for one in judged if SEVERITY[one.verdict]], term=term)
            write_alerts(self._store, changed, term=term)
        except StoreConflict as error:
            log.warning("watchdog: another worker keeps the watch now: %s", error)
            return attended
        self._looked = window
        for alert in changed:
            log.warning("watchdog: %s (%s): %s", alert.title, alert.status, alert.message)
        return [*attended, *changed]

    def release(self) -> None:
        """Give the watch to the others; they need not wait for it."""
        self._board.release(LEASE)

    def _attend(self, watched: Iterable[ModelSettings], term: int, now: datetime) -> list[Alert]:
        """What people ask for, silences, escalation: of the installation's alerts as of any model's."""
        try:
            return attend(self._store, installation_settings(watched), term=term, now=now)
        except StoreConflict as error:
            log.warning("watchdog: another worker keeps the watch now: %s", error)
            return []

    def _advance(self, judged: Sequence[Measurement], now: datetime) -> list[Alert]:
        known = find_alerts(self._store, INSTALLATION, environment="")
        episodes = last_episodes(self._store, INSTALLATION, "")
        return advance(known, episodes, judged, {}, now)


def look(
    store: Store, settings: Settings, *, now: datetime, beats: Beats, window: Window | None = None
) -> list[Measurement]:
    """Everything that can be silent, measured and judged.

    Parameters
    ----------
    now
        The present, by the clock that intake and workers go by as well.
    beats
        From an `Observer` that has watched for a lease time at least.
    window
        What the measurements say they are of; by default the minute before `now`.
    """
    window = window or _window(now, EVERY)
    watched = models_to_watch(store, settings)
    lease_s = settings.worker.lease.total_seconds()
    found = [
        _measured("worker_silent_leases", worker, still_s / lease_s, window, details={"silent_s": still_s})
        for worker, still_s in sorted(beats.workers.items())
    ]
    for model, still_s in sorted(beats.leases.items()):
        held_by = beats.holders.get(model) or "no worker"
        note = f"held by {held_by}, not renewed for {still_s:.0f} s"
        found.append(_measured("unheld_leases", model, still_s / lease_s, window, note=note))
    found += _cycles(store, settings, watched, now, window)
    for model, arrivals in arrivals_of(store, list(watched.values()), now=now).items():
        found += _arrivals(watched[model], arrivals, now, window)
    own = installation_settings(watched.values())
    return [judge(measurement, own) for measurement in found]


def installation_settings(watched: Iterable[ModelSettings]) -> ModelSettings:
    """Settings by which what is measured of the installation is judged: defaults, and what models say of silence."""
    thresholds = []
    for model in watched:
        if model.alerts.no_data_after is not None:
            silent_s = model.alerts.no_data_after.total_seconds()
            thresholds.append(
                ThresholdSettings(
                    metric="no_data_s", field=model.name, warning=silent_s, critical=NO_DATA_CRITICAL * silent_s
                )
            )
    return ModelSettings(name=INSTALLATION, environment="", thresholds=tuple(thresholds))


def _window(now: datetime, every: timedelta) -> Window:
    """The last whole stretch of this length, on a grid of its own."""
    number = int(now.timestamp() // every.total_seconds())
    end = datetime.fromtimestamp(number * every.total_seconds(), UTC)
    return Window(end - every, end)


def _measured(
    metric: str,
    about: str,
    value: float | None,
    window: Window,
    *,
    note: str = "",
    details: dict[str, float] | None = None,
) -> Measurement:
    return Measurement(
        model=INSTALLATION,
        environment="",
        metric=metric,
        purpose="integrity",
        field=about,
        window=window,
        value=value,
        note=note,
        details=details or {},
    )


def _cycles(
    store: Store, settings: Settings, watched: Mapping[str, ModelSettings], now: datetime, window: Window
) -> list[Measurement]:
    """Age of each model's last good cycle, in cycles (in lease times, where these are longer: a take-over takes one).

    A model that never had one counts from its registration; one that is not registered yet has nothing to miss.
    """
    last = last_good_runs(store)
    since = {name: record.registered for name, record in registered(store).items()}
    found = []
    for name, model in sorted(watched.items()):
        start = last.get(name) or since.get(name)
        if start is None:
            continue
        cycle = max(model.cycle, settings.worker.lease)
        missed = max(0.0, (now - start) / cycle)
        note = _why(store, name, last.get(name)) if missed > 1 else ""
        found.append(_measured("cycles_missed", name, missed, window, note=note))
    return found


def _why(store: Store, model: str, good: datetime | None) -> str:
    """The last good cycle, and what the last one said, if it failed."""
    text = f"{model} never had a good cycle"
    if good is not None:
        text = f"the last good cycle of {model} ended {good:%Y-%m-%d %H:%M:%S} UTC"
    last = next(iter(find_runs(store, model, size=1)), None)
    return f"{text}; the last one failed: {last.error[:200]}" if last is not None and last.status == "failed" else text


def _arrivals(model: ModelSettings, arrivals: Arrivals, now: datetime, window: Window) -> list[Measurement]:
    if arrivals.newest is None:
        return []
    silent_s = max(0.0, (now - arrivals.newest).total_seconds())
    note = f"the last event of {model.name} was ingested {arrivals.newest:%Y-%m-%d %H:%M:%S} UTC"
    details = {"silent_s": silent_s}
    enough = len(arrivals.before) >= FEWEST_WEEKS
    missed = float(min(arrivals.before)) if enough else None
    found = [_measured("events_missed", model.name, missed, window, note=note, details=details)]
    if model.alerts.no_data_after is not None:
        found.append(_measured("no_data_s", model.name, silent_s, window, note=note))
    return found
