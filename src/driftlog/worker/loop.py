"""`driftlog worker`: cycles on a timetable, models shared with other workers by leases."""

from __future__ import annotations

import logging
import threading
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from driftlog.contract.errors import DriftlogError
from driftlog.contract.names import INSTALLATION
from driftlog.contract.records import RunRecord
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.store.client import Store
from driftlog.store.leases import LeaseBoard
from driftlog.worker.backfill import check_measures, models_to_watch
from driftlog.worker.cycle import run_cycle
from driftlog.worker.duties import ANCHOR_PERIOD, Duties, Duty
from driftlog.worker.memory import Memory
from driftlog.worker.notify import PERIOD as NOTIFY_PERIOD
from driftlog.worker.notify import Notifier, NotifyThread
from driftlog.worker.timetable import Timetable

log = logging.getLogger("driftlog.worker")

LEASES: Final = "follow leases"
NOTIFYING: Final = "notify people"
WATCHING: Final = "watch the others"
ANCHORING: Final = "anchor the audit trail"
"""Jobs of the process; the others are named by model, or by duty and model (a space is in no model's name)."""
STOP_S: Final = 15.0
"""A worker that stops waits so long for the messages that it is sending."""
VERIFY_PERIOD = timedelta(days=1)
"""How often all counts are compared with the raw events, beside once after each takeover."""


class Worker:
    """One worker process.

    A thread of its own keeps the leases alive while a long cycle runs; the calling thread runs the cycles. A model
    whose lease was lost in the middle of a cycle cannot be harmed: its term is too old for every later write.

    Parameters
    ----------
    on_cycle
        Called with each run record (the command line prints them).
    """

    def __init__(
        self,
        store: Store,
        lease_store: Store,
        settings: Settings,
        *,
        worker_id: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        on_cycle: Callable[[RunRecord], None] = lambda record: None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._worker_id = worker_id
        self._now = now
        self._on_cycle = on_cycle
        self._board = LeaseBoard(lease_store, worker_id, settings.worker.lease, monotonic)
        self._timetable = Timetable(monotonic)
        self._stop = threading.Event()
        self._held: dict[str, int] = {}
        self._verified: dict[str, float] = {}
        self._memories: dict[str, Memory] = {}
        self._monotonic = monotonic
        self._watched: dict[str, ModelSettings] = {}
        self._notifier = Notifier(store, settings, holder=worker_id, now=now)
        self._duties = Duties(store, settings, worker_id=worker_id, memory=self._memory, now=now, monotonic=monotonic)
        self._working: set[str] = set()

    def stop(self) -> None:
        """Finish the cycle at hand and return from `run`. Safe in a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop` is called; then release the leases."""
        period = self._settings.worker.lease / 3
        keeper = threading.Thread(target=self._keep_leases, args=(period.total_seconds(),), name="driftlog-leases")
        keeper.start()
        told = NotifyThread(self._notifier, self._stop)
        try:
            every = timedelta(seconds=max(1.0, period.total_seconds()))
            self._timetable.add(LEASES, every, self._follow_leases)
            first_s = self._settings.worker.lease.total_seconds()  # the first cycles may be all that lacked
            self._timetable.add(WATCHING, every, self._duties.of_installation, delay_s=first_s)
            self._timetable.add(ANCHORING, ANCHOR_PERIOD, self._duties.anchor)
            if self._settings.notifications.channels:
                self._timetable.add(NOTIFYING, NOTIFY_PERIOD, self._notify)
                told.start()
            while not self._stop.is_set():
                self._timetable.run_pending()
                self._timetable.wait(self._stop)
        finally:
            self._stop.set()
            keeper.join()
            told.join(STOP_S)
            self._release()

    def _keep_leases(self, period_s: float) -> None:
        """Announce this worker, renew what it holds, claim its share; Elasticsearch being away is waited out."""
        while True:
            try:
                self._watched = models_to_watch(self._store, self._settings)
                self._board.heartbeat()
                self._held = self._board.claim(sorted(self._watched))
            except DriftlogError as error:
                log.warning("leases: %s", error)
            if self._stop.wait(period_s):
                return

    def _follow_leases(self) -> None:
        """Give each held model a job, and take the jobs of the others away."""
        held = {name for name in self._held if name in self._watched}
        for name in sorted(self._working - held):
            for job in (name, *(f"{duty.name} {name}" for duty in self._duties.of_models)):
                self._timetable.remove(job)
            log.info("%s: now with another worker", name)
        for name in sorted(held - self._working):
            model = self._watched[name]
            log.info("%s: held by this worker, term %s; a cycle every %s", name, self._held[name], model.cycle)
            self._timetable.add(name, model.cycle, partial(self._cycle, name))
            for duty in self._duties.of_models:
                run = partial(self._carry_out, duty, name)
                period = duty.period(model)
                self._timetable.add(f"{duty.name} {name}", period, run, delay_s=period.total_seconds() / 2)
        self._working = held

    def _carry_out(self, duty: Duty, name: str) -> None:
        """A duty towards one model, while it is held."""
        term = self._board.holds(name)
        if term is not None and not self._stop.is_set():
            self._duties.carry_out(duty, self._watched[name], term)

    def _notify(self) -> None:
        """Between cycles: what alerts call for goes into the outbox, what became of it comes back to them."""
        held = {name: term for name in self._held if (term := self._board.holds(name)) is not None}
        if (watch := self._duties.watch_term) is not None:
            held[INSTALLATION] = watch
        try:
            self._notifier.spread(held)
            self._notifier.note(held, self._duties.chain)
        except DriftlogError as error:
            log.warning("notifications: %s; tried again in %d s", error, NOTIFY_PERIOD.seconds)

    def _cycle(self, name: str) -> None:
        term = self._board.holds(name)
        if term is None or self._stop.is_set():
            return
        model = self._watched[name]
        record = run_cycle(
            self._store,
            model,
            as_of=self._now(),
            worker_id=self._worker_id,
            term=term,
            now=self._now,
            overlap=self._settings.worker.overlap,
            verify=self._verification_due(name),
            memory=self._memory(name),
        )
        if record.status == "failed":
            self._verified.pop(name, None)  # after an outage all counts are compared again
        else:
            self._duties.after_cycle(model, term, record)
        self._on_cycle(record)

    def _memory(self, name: str) -> Memory:
        return self._memories.setdefault(name, Memory())

    def _verification_due(self, name: str) -> bool:
        moment = self._monotonic()
        phase = zlib.crc32(name.encode()) % 3600
        if name in self._verified and moment - self._verified[name] < VERIFY_PERIOD.total_seconds() + phase:
            return False
        self._verified[name] = moment
        return True

    def _release(self) -> None:
        self._duties.release()
        try:
            self._board.release_all()
        except DriftlogError as error:
            log.warning("the leases could not be released, they expire by themselves: %s", error)


def run_worker(
    store: Store,
    lease_store: Store,
    settings: Settings,
    *,
    worker_id: str,
    on_cycle: Callable[[RunRecord], None] = lambda record: None,
    on_start: Callable[[Worker], None] = lambda worker: None,
) -> None:
    """Run a worker in the calling thread until it is stopped (`on_start` gets it, to wire signals to `stop`).

    Raises
    ------
    ConfigError
        Settings that could not judge anything: they are refused before the first lease is taken.
    """
    check_measures(settings)
    worker = Worker(store, lease_store, settings, worker_id=worker_id, on_cycle=on_cycle)
    on_start(worker)
    worker.run()
