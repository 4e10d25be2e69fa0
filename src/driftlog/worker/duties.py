"""What a worker does beside its cycles: payloads, alerts between windows, the audit trail, maintenance, reviews, the
watchdog.

Each duty is a function that can be called again at any time and goes on where it stood; one that fails is logged, and
none of the others waits for it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Final

from driftlog.act.notify.direct import tell
from driftlog.audit.chain import Chain
from driftlog.contract.errors import DriftlogError
from driftlog.contract.notification import Message
from driftlog.contract.records import RunRecord
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.store.client import Store
from driftlog.store.cursors import read_cursor, write_cursor
from driftlog.worker.attend import PERIOD as ATTEND_PERIOD
from driftlog.worker.attend import attend
from driftlog.worker.audit import anchor, record_alerts, seal
from driftlog.worker.audit_settings import record_settings
from driftlog.worker.erasure import returned
from driftlog.worker.maintain_build import maintain_model
from driftlog.worker.maintain_once import maintain_folder
from driftlog.worker.memory import Memory
from driftlog.worker.notify import changed_alerts
from driftlog.worker.pairing import PERIOD as PAIRING_PERIOD
from driftlog.worker.pairing import Pairing
from driftlog.worker.review import review_due
from driftlog.worker.watchdog import Watchdog

log = logging.getLogger("driftlog.worker")

LOOK_PERIOD: Final = timedelta(seconds=30)
"""Maintenance and seals are looked at as often as there are cycles, but not oftener than this."""
ERASURE_PERIOD: Final = timedelta(minutes=10)
REVIEW_PERIOD: Final = timedelta(minutes=15)
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
ANCHOR_PERIOD: Final = timedelta(minutes=5)
OVERLAP: Final = timedelta(minutes=5)
"""How far before its cursor the audit trail looks again for alerts that changed."""


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty towards each model that is held: a name for the timetable, how often, what (of a model and its term)."""

    name: str
    period: Callable[[ModelSettings], timedelta]
    run: Callable[[ModelSettings, int], object]


class Duties:
    """The duties of one worker process.

    Parameters
    ----------
    memory
        What the cycles of a model keep.
    now, monotonic
        Clocks.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        worker_id: str,
        memory: Callable[[str], Memory],
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._actor = f"worker {worker_id}"
        self._worker_id = worker_id
        self._memory = memory
        self._now = now
        self._environ = os.environ if environ is None else environ
        self._watchdog = Watchdog(store, settings, worker_id=worker_id, monotonic=monotonic)
        self._pairing = Pairing(store, settings, now=now, monotonic=monotonic)
        self._recorded = False
        self._told: dict[tuple[str, str], int] = {}
        """Model and environment whose alerts' transitions are all in the audit trail, and the term in which they were:
        another worker may have written some between two terms of this one."""
        self.chain = Chain(store, now=now)
        self.of_models = (
            Duty("payloads", lambda _: PAIRING_PERIOD, self._pairing.run),
            Duty("alerts", lambda _: ATTEND_PERIOD, self._attend),
            Duty("maintenance", lambda model: max(LOOK_PERIOD, model.cycle), self._maintain),
            Duty("seals", lambda model: max(LOOK_PERIOD, model.cycle), self._seal),
            Duty("review", lambda _: REVIEW_PERIOD, self._review),
            Duty("erasures", lambda _: ERASURE_PERIOD, self._returned),
        )

    @property
    def watch_term(self) -> int | None:
        """Term of the watch over the installation, where this process keeps it."""
        return self._watchdog.term

    def after_cycle(self, model: ModelSettings, term: int, record: RunRecord) -> None:
        """What a cycle has opened, changed or resolved goes into the audit trail."""
        if record.alerts_opened or record.alerts_updated or record.alerts_resolved:
            self._told.pop((model.name, model.environment), None)
            self._try(model.name, "audit of alerts", lambda: self._record_alerts(model, term))

    def of_installation(self) -> None:
        """Look at the other workers and the intake, tell the trail of changed settings, anchor its head."""
        self._try("installation", "watchdog", lambda: self._watchdog.look(self._now()))
        if not self._recorded:
            self._recorded = self._try(
                "installation",
                "audit of settings",
                lambda: record_settings(self._store, self.chain, self._settings, self._actor),
            )

    def anchor(self) -> None:
        """Sign the head of the audit trail when it is time, and send it to where nobody can take it back."""
        self._try("installation", "anchor of the audit trail", self._anchor)

    def carry_out(self, duty: Duty, model: ModelSettings, term: int) -> None:
        """One duty towards one model; a failure is logged."""
        self._try(model.name, duty.name, lambda: duty.run(model, term))

    def release(self) -> None:
        """Give the watch over the others back."""
        self._try("installation", "watchdog", self._watchdog.release)

    def _try(self, whose: str, what: str, run: Callable[[], object]) -> bool:
        try:
            run()
        except DriftlogError as error:
            log.warning("%s: %s: %s; tried again", whose, what, error)
            return False
        except Exception:
            log.exception("%s: %s failed in an unforeseen way", whose, what)
            return False
        return True

    def _attend(self, model: ModelSettings, term: int) -> None:
        if attend(self._store, model, term=term, now=self._now()):
            self._told.pop((model.name, model.environment), None)
        if (
            self._told.get((model.name, model.environment)) != term
        ):  # also what a worker wrote and died before recording
            self._record_alerts(model, term)

    def _record_alerts(self, model: ModelSettings, term: int) -> None:
        """Transitions of alerts that changed since the last time; keys make a repetition harmless."""
        began = self._now()
        stored = read_cursor(self._store, model.name, model.environment, "audit of alerts")
        since = datetime.fromisoformat(stored["until"]) - OVERLAP if stored else BEGINNING
        record_alerts(self._store, self.chain, changed_alerts(self._store, [model.name], since))
        value = {"until": began.isoformat()}
        write_cursor(self._store, model.name, model.environment, "audit of alerts", value, term=term)
        self._told[model.name, model.environment] = term

    def _maintain(self, model: ModelSettings, term: int) -> None:
        maintain_model(
            self._store,
            model,
            folder=maintain_folder(self._environ),
            recorder=self.chain,
            term=term,
            now=self._now(),
            worker_id=self._worker_id,
            memory=self._memory(model.name),
            environ=self._environ,
        )

    def _seal(self, model: ModelSettings, _term: int) -> None:
        seal(self._store, model, self._settings.audit, self.chain, now=self._now, actor=self._actor)

    def _returned(self, model: ModelSettings, _term: int) -> None:
        """Erased subjects that came back: told in the log, removed by the janitor, who may."""
        returned(self._store, model, since=self._now() - ERASURE_PERIOD - OVERLAP)

    def _review(self, model: ModelSettings, _term: int) -> None:
        made = review_due(self._store, self._settings, model, now=self._now, recorder=self.chain, actor=self._actor)
        if made:
            log.info("%s: review %s made", model.name, made)

    def _anchor(self) -> None:
        head = anchor(self._store, self._settings.audit, self.chain, now=self._now, actor=self._actor)
        if head is None:
            return
        channels = {channel.name: channel for channel in self._settings.notifications.channels}
        text = head.text()
        message = Message(
            key=f"head-{head.sequence}",
            thread="",
            kind="head",
            tone="info",
            title="Head of the audit trail",
            text=text,
            html=f"<pre>{escape(text)}</pre>",
            short=text,
        )
        for name in self._settings.audit.anchor_to:
            for sent in tell(channels[name], message) if name in channels else ():
                if not sent.ok:
                    log.warning("the head of the audit trail did not reach %s: %s", name, sent.reason)
