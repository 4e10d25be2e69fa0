"""The present state of all models as readings: one read, shared by every metric exporter.

::

    reader = Reader(store, unpack, ExportSettings())
    reader.read(now=now())          # as often as you like: only what changed is read again

What it reads, in a handful of searches whatever the number of models: results, alerts, profiles and models, which the
viewer may read; run records, leases and quarantine, where it may, too. A source that is denied is left out, and
``driftlog_export_source_up`` says so. A value that is not known has no reading: never 0 in its place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from driftlog.contract.errors import StoreAccessDenied, StoreNotFound
from driftlog.contract.exporting import ExportSettings
from driftlog.present.export.counts import Counts, Unpack, stock_body, stocks_in, stored_readings
from driftlog.present.export.health import (
    Cycles,
    Leases,
    NothingToRead,
    alert_readings,
    alerts_body,
    looked,
    model_readings,
    note_quarantine,
    quarantine_body,
    quarantine_counters,
)
from driftlog.present.export.labels import capped, unique
from driftlog.present.export.latest import Latest
from driftlog.present.export.measured import measured_readings
from driftlog.present.export.reading import Reading
from driftlog.present.export.totals import Totals
from driftlog.store.client import Store
from driftlog.store.models import registered

log = logging.getLogger("driftlog.export")

OPTIONAL: Final = ("runs", "state", "quarantine")


def read(
    store: Store,
    models: Collection[str] | None,
    *,
    now: datetime,
    unpack: Unpack,
    settings: ExportSettings | None = None,
) -> list[Reading]:
    """One read by itself: counters are 0 (see `driftlog.present.export.totals`), everything else is as it is."""
    return Reader(store, unpack, settings or ExportSettings()).read(now=now, models=models)


class Reader:
    """Reads again and again; remembers what has not changed, and how far counters have come.

    Parameters
    ----------
    unpack
        Reads the packed counts of a profile document.
    state
        File in which counters go on over restarts.
    """

    def __init__(self, store: Store, unpack: Unpack, settings: ExportSettings, *, state: Path | None = None) -> None:
        self._store = store
        self._settings = settings
        self._totals = Totals(state)
        self._counts = Counts(store, self._totals, unpack, max_errors=settings.max_errors)
        self._latest = Latest(store)
        self._cycles = Cycles(store)
        self._leases = Leases(store)
        self._denied: dict[str, bool] = {}

    def read(self, *, now: datetime, models: Collection[str] | None = None) -> list[Reading]:
        """Everything there is to say now, most important first; of `models`, by default of all.

        Raises
        ------
        StoreError
            Elasticsearch does not answer, or does not let this one read results, alerts, profiles or models.
        """
        self._totals.begin()
        names = self._store.names
        stock, alerts = self._store.msearch([(names.every("profiles"), stock_body()), (names.alerts, alerts_body())])
        stocks = stocks_in(stock)
        known = registered(self._store)
        self._counts.note(stocks)
        quarantined = self._optional("quarantine", self._quarantine)
        self._totals.settle()
        pairs = {*stocks, *((name, "") for name in known if all(name != model for model, _ in stocks))}
        found = [
            *model_readings(known),
            *alert_readings(alerts, pairs),
            *self._optional("runs", lambda: self._cycles.readings(now)),
            *self._optional("state", self._leases.readings),
            *quarantined,
            *quarantine_counters(self._totals),
            *stored_readings(stocks),
            *self._counts.readings(),
            *measured_readings(
                self._latest.look(now),
                max_features=self._settings.max_features,
                max_errors=self._settings.max_errors,
            ),
        ]
        if models is not None:
            found = [one for one in found if one.labels.get("model") is None or one.labels["model"] in models]
        return [*self._capped(found)]

    def _capped(self, found: list[Reading]) -> Iterator[Reading]:
        most = self._settings
        kept, dropped = capped(unique(found), a_model=most.max_series, total=most.max_total_series)
        if dropped:
            log.warning("series above the limit are left out: %s", ", ".join(f"{m} {n}" for m, n in dropped.items()))
        help_ = "Series left out because a model, or all together, have too many."
        yield Reading("driftlog_export_dropped_series", "gauge", float(sum(dropped.values())), {}, help_)
        help_ = "Whether a source that is not needed is there and could be read."
        for source in OPTIONAL:
            readable = not self._denied.get(source, False)
            yield Reading("driftlog_export_source_up", "gauge", float(readable), {"source": source}, help_)
        yield from kept

    def _quarantine(self) -> list[Reading]:
        answer = looked(self._store.search(self._store.names.every("quarantine"), quarantine_body()))
        return note_quarantine(answer, self._totals)

    def _optional(self, source: str, ask: Callable[[], list[Reading]]) -> list[Reading]:
        try:
            found = ask()
        except (NothingToRead, StoreAccessDenied, StoreNotFound):
            if not self._denied.get(source):
                log.info("%s: there is nothing, or this account may not read it; it is left out", source)
            self._denied[source] = True
            return []
        self._denied[source] = False
        return found
