"""Requests and responses that a serving platform logged -> predictions, one an instance of a request.

Whichever half comes first, or never comes. A pass looks at halves that arrived since the last one (with an overlap),
and at those that have waited longer than ``payloads.pair_timeout``; never at what is done.

======================================  ==========================================================================
halves of a request                     then
======================================  ==========================================================================
request and response                    predictions; both halves are marked ``paired``
request, and the time is over           failed predictions (``no_response``); the request is marked ``expired``
response, and the time is over          quarantine (``no_request``); should its request come still, they are paired
response after its request expired      quarantine (``late_response``): a prediction that is stored does not change
neither can be read                     quarantine with the reason; looked at again when the settings change
reading one fails in any other way      the same (``illegal_payload``): nothing behind it waits
======================================  ==========================================================================

Events are created under deterministic ids before the halves are marked, so a worker that dies between the two, and two
workers at once, make nothing twice.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, cast

import msgspec

from driftlog.contract.errors import EventRefused, StoreError
from driftlog.contract.payloads import PayloadDocument, half_id
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.intake.arrival import Accepted, Arrival, Rules
from driftlog.intake.quarantine import quarantine
from driftlog.store.bulk import require_stored
from driftlog.store.client import BulkAction, Store
from driftlog.store.cursors import read_cursor, write_cursor
from driftlog.store.values import BulkReport, Document
from driftlog.worker import pairing_events
from driftlog.worker.pairing_events import SOURCE, HalfRefused
from driftlog.worker.pairing_halves import LIGHT, Half, groups, light, marking, waiting_filters, with_body

log = logging.getLogger("driftlog.worker")

PERIOD: Final = timedelta(seconds=5)
CURSOR: Final = "payloads"
PAGE: Final = 1000
MAX_HALVES: Final = 20_000
"""New halves looked at in one pass: cycles of other models wait for it."""
MAX_WORK_BYTES: Final = 16_000_000
"""Events held in memory before they are written; those of one request are never cut."""
MATE: Final = {"request": "response", "response": "request"}


@dataclass
class Paired:
    """What a pass did."""

    predictions: int = 0
    """Created by this pass; those that were there already are not counted."""
    pairs: int = 0
    expired: int = 0
    feedback: int = 0
    refused: int = 0
    waiting: int = 0

    def add(self, other: Paired) -> None:
        """Count what `other` did too."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass
class _Work:
    """What some tasks come to: events to create, then marks to set."""

    events: list[tuple[Accepted, tuple[Half, ...]]] = field(default_factory=list)
    refused: list[Accepted] = field(default_factory=list)
    marks: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """State and reason by half."""
    counts: Paired = field(default_factory=Paired)

    def mark(self, halves: Iterable[Half], state: str, reason: str = "") -> None:
        for half in halves:
            self.marks[half.key] = state, reason


class Pairing:
    """The pairing of one worker process, over the models it holds.

    Parameters
    ----------
    now, monotonic
        Clocks.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._settings = settings
        self._rules = Rules.of(settings)
        self._now = now
        self._monotonic = monotonic
        self._pattern = store.names.every("payloads")
        self._waiting: set[str] = set()
        self._refused: set[str] = set()
        self._settled: set[str] = set()
        """Requests that the present pass is done with."""
        self._looked: float | None = None

    def run(self, model: ModelSettings, term: int) -> Paired:
        """One pass over the halves of `model`; nothing where none wait.

        Raises
        ------
        StoreError
            Elasticsearch cannot take it; the next pass goes on from there.
        """
        done = Paired()
        self._look()
        if model.name not in self._waiting and model.name not in self._refused:
            return done
        cursor = read_cursor(self._store, model.name, model.environment, CURSOR)
        digest = _digest(model)
        changed = cursor is not None and cursor["settings"] != digest
        if model.name not in self._waiting and not changed:
            return done
        until = datetime.fromisoformat(cursor["until"]) if cursor and cursor["until"] and not changed else None
        self._settled.clear()
        newest = self._new(model, until, changed, done)
        value = {"until": newest.isoformat() if newest else None, "settings": digest}
        self._expired(model, done)
        if value != cursor:
            write_cursor(self._store, model.name, model.environment, CURSOR, value, term=term)
        if done.predictions or done.refused or done.feedback:
            log.info("%s: payloads: %s", model.name, done)
        return done

    def _look(self) -> None:
        """Which models have halves that wait, or were refused: one search for all, as often as there are passes."""
        moment = self._monotonic()
        if self._looked is not None and moment - self._looked < PERIOD.total_seconds() / 2:
            return
        self._store.refresh(self._pattern)
        body = {
            "size": 0,
            "track_total_hits": False,
            "query": {"terms": {"payload.state": ["waiting", "refused"]}},
            "aggs": {
                "models": {
                    "terms": {"field": "model.name", "size": 10_000},
                    "aggs": {"waiting": {"filter": {"term": {"payload.state": "waiting"}}}},
                }
            },
        }
        found = self._store.search(self._pattern, body).get("aggregations", {}).get("models", {}).get("buckets", ())
        self._waiting = {str(bucket["key"]) for bucket in found if bucket["waiting"]["doc_count"]}
        self._refused = {str(bucket["key"]) for bucket in found} - self._waiting
        self._looked = moment

    def _new(self, model: ModelSettings, until: datetime | None, changed: bool, done: Paired) -> datetime | None:
        """Halves that arrived since `until`; where the settings have changed, all that wait or were refused."""
        filters = waiting_filters(model, ["waiting", "refused"] if changed else ["waiting"])
        if until is not None:
            filters.append({"range": {"event.ingested": {"gte": (until - self._settings.worker.overlap).isoformat()}}})
        newest, fresh = until, 0
        for page in self._pages(model, filters, done):
            self._pair(model, page, done)
            fresh += sum(until is None or half.ingested > until for half in page)
            newest = page[-1].ingested if newest is None else max(newest, page[-1].ingested)
            if fresh >= MAX_HALVES and not changed:
                break
        return newest

    def _expired(self, model: ModelSettings, done: Paired) -> None:
        """Halves that have waited too long, whenever they came."""
        self._store.refresh(self._pattern)
        before = self._now() - model.payloads.pair_timeout
        filters = [*waiting_filters(model, ["waiting"]), {"range": {"event.ingested": {"lt": before.isoformat()}}}]
        for page in islice(self._pages(model, filters, done), MAX_HALVES // PAGE):
            self._pair(model, page, done)

    def _pages(self, model: ModelSettings, filters: list[Document], done: Paired) -> Iterator[list[Half]]:
        """Halves, oldest first; what cannot be read even without its body is refused on the way."""
        hits = self._store.scan(
            self._pattern, {"bool": {"filter": filters}}, sort=[{"event.ingested": "asc"}], source=LIGHT, size=PAGE
        )
        while page := list(islice(hits, PAGE)):
            halves = [light(hit) for hit in page]
            unread = [(hit["_index"], hit["_id"], "") for hit, half in zip(page, halves, strict=True) if half is None]
            if unread:
                text = "event.ingested is no time with a zone, or another field of the half is not what it should be"
                self._refuse(model, unread, EventRefused("illegal_payload", text))
                done.refused += len(unread)
            if readable := [half for half in halves if half is not None]:
                yield readable

    def _pair(self, model: ModelSettings, page: Sequence[Half], done: Paired) -> None:
        """One page: find the mates, read the bodies a few megabytes at a time, write."""
        mates = self._mates(model, page)
        seen: set[str] = set()
        tasks: list[tuple[Half, ...]] = []
        for half in page:
            if half.kind not in MATE:
                tasks.append((half,))
            elif half.request_id not in seen and half.request_id not in self._settled:
                seen.add(half.request_id)
                both = mates[half.request_id]
                tasks.append((both["request"], both["response"]) if len(both) == 2 else (half,))
        due = self._now() - model.payloads.pair_timeout
        ready = [task for task in tasks if len(task) == 2 or task[0].kind == "feedback" or task[0].ingested < due]
        done.waiting += len(tasks) - len(ready)
        for group in groups(ready):
            self._write(model, group, done)
            self._settled.update(task[0].request_id for task in group if task[0].kind in MATE)

    def _mates(self, model: ModelSettings, page: Sequence[Half]) -> dict[str, dict[str, Half]]:
        """Halves by request id and kind: those of `page`, and the other one of each wherever it is."""
        found: dict[str, dict[str, Half]] = {}
        for half in page:
            if half.kind in MATE:
                found.setdefault(half.request_id, {})[half.kind] = half
        missing = [
            half_id(model.name, request_id, MATE[next(iter(halves))])
            for request_id, halves in found.items()
            if len(halves) == 1
        ]
        if missing:
            body = {"query": {"ids": {"values": missing}}, "size": 3 * PAGE, "_source": LIGHT}
            for hit in self._store.search(self._pattern, body)["hits"]["hits"]:
                mate = light(hit)
                if mate is not None and mate.kind in MATE and mate.request_id in found:
                    found[mate.request_id].setdefault(mate.kind, mate)
        return found

    def _write(self, model: ModelSettings, tasks: Sequence[tuple[Half, ...]], done: Paired) -> None:
        """All of `tasks`; where that fails by what is in them, each half of them, down to the one that is to blame."""
        try:
            self._write_together(model, tasks, done)
            return
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  a payload is anybody's: whatever it raises, those behind it go on
            told = f"{type(error).__name__}: {error}"[:300]
        if len(tasks) > 1:
            middle = len(tasks) // 2
            for part in (tasks[:middle], tasks[middle:]):
                self._write(model, part, done)
            return
        (task,) = tasks
        log.warning("%s: payload %s cannot be read: %s", model.name, task[0].id, told)
        halves = [(half.index, half.id, half.request_id) for half in task if half.state != "expired"]
        self._refuse(model, halves, EventRefused("illegal_payload", f"it cannot be read: {told}"))
        done.refused += 1

    def _write_together(self, model: ModelSettings, tasks: Sequence[tuple[Half, ...]], done: Paired) -> None:
        stored = self._stored([half for task in tasks for half in task])
        arrival = self._arrival()
        work, size_bytes = _Work(), 0
        for task in tasks:
            if all(half.key in stored for half in task):  # else dropped or erased in the meantime
                documents = [with_body(stored[half.key]["_source"], half) for half in task]
                n = len(work.events)
                _settle(task, documents, model, arrival, work)
                size_bytes += sum(len(event.document) + len(event.raw) for event, _ in islice(work.events, n, None))
                if size_bytes > MAX_WORK_BYTES:
                    self._flush(work, stored, arrival, done)
                    work, size_bytes = _Work(), 0
        self._flush(work, stored, arrival, done)

    def _flush(self, work: _Work, stored: dict[tuple[str, str], Document], arrival: Arrival, done: Paired) -> None:
        self._create(work, arrival, done)
        self._mark([marking(stored[key], *mark) for key, mark in work.marks.items()])
        done.add(work.counts)

    def _mark(self, actions: Sequence[BulkAction]) -> None:
        """In a conflict another worker has just marked it; one that is gone, or takes no mark, is passed over."""
        report = self._store.bulk(actions) if actions else BulkReport()
        hard = []
        for failure in report.failures:
            if failure.status == 400:
                log.warning("payload %s cannot be marked: %s", failure.id, failure.reason)
            elif failure.status != 404:
                hard.append(failure)
        require_stored(BulkReport(report.stored, 0, hard), "marks of payloads")

    def _refuse(self, model: ModelSettings, halves: Sequence[tuple[str, str, str]], error: EventRefused) -> None:
        """Tell of halves (index, id, request id) whose bodies cannot be read, and mark them without reading these."""
        arrival = self._arrival()
        self._tell(
            quarantine(error, b"", arrival, position=f"{index}/{id}", index=index, names=(request_id, model.name))
            for index, id, request_id in halves
        )
        body = {
            "query": {"ids": {"values": [id for _, id, _ in halves]}},
            "size": 3 * len(halves),
            "_source": False,
            "seq_no_primary_term": True,
            "track_total_hits": False,
        }
        wanted = {(index, id) for index, id, _ in halves}
        found = self._store.search(",".join(sorted({index for index, _ in wanted})), body)["hits"]["hits"]
        self._mark([marking(hit, "refused", error.reason) for hit in found if (hit["_index"], hit["_id"]) in wanted])

    def _arrival(self) -> Arrival:
        return Arrival(self._rules, now=self._now(), source=SOURCE, batch=lambda: "")

    def _stored(self, halves: Sequence[Half]) -> dict[tuple[str, str], Document]:
        """Hits with bodies, by index and id. (By a search: it takes a twentieth of the time of reading by id.)"""
        body = {
            "query": {"ids": {"values": [half.id for half in halves]}},
            "size": 3 * len(halves),
            "seq_no_primary_term": True,
            "track_total_hits": False,
        }
        found = self._store.search(",".join(sorted({half.index for half in halves})), body)["hits"]["hits"]
        return {(hit["_index"], hit["_id"]): hit for hit in found}

    def _create(self, work: _Work, arrival: Arrival, done: Paired) -> None:
        """Events first; what Elasticsearch refuses of them joins what goes to quarantine."""
        report = self._store.bulk(_creation(event) for event, _ in work.events) if work.events else BulkReport()
        hard = [failure for failure in report.failures if failure.status != 400]
        if hard:
            require_stored(BulkReport(0, 0, hard), "predictions of payloads")
        done.predictions += report.stored
        reasons = {(failure.index, failure.id): failure.reason for failure in report.failures}
        for event, halves in work.events:
            if (event.index, event.id) in reasons:
                error = EventRefused("rejected", reasons[event.index, event.id])
                work.refused.append(quarantine(error, event.raw, arrival, position="", index=event.index))
                work.mark(halves, "refused", "rejected")
                work.counts.refused += 1
        if work.refused:
            self._tell(work.refused)

    def _tell(self, refused: Iterable[Accepted]) -> None:
        report = self._store.bulk(_creation(each) for each in refused)
        require_stored(BulkReport(report.stored, 0, report.failures), "quarantine of payloads")


def _settle(
    task: tuple[Half, ...],
    documents: Sequence[PayloadDocument],
    model: ModelSettings,
    arrival: Arrival,
    work: _Work,
) -> None:
    """What becomes of the halves of one request."""
    try:
        if len(task) == 2:
            request, response = documents
            if task[0].state == "expired":
                raise HalfRefused(EventRefused("late_response", "its request was taken for failed before"), response)
            found, state = pairing_events.paired(request, response, model, arrival), "paired"
            work.counts.pairs += 1
        elif task[0].kind == "feedback":
            found, state = pairing_events.feedback(documents[0], model, arrival), "paired"
            work.counts.feedback += 1
        elif task[0].kind == "request":
            found, state = pairing_events.unanswered(documents[0], model, arrival), "expired"
            work.counts.expired += 1
        else:
            wait_s = model.payloads.pair_timeout.total_seconds()
            raise EventRefused("no_request", f"no request was logged within {wait_s:g} s")
    except EventRefused as error:
        half = error.half if isinstance(error, HalfRefused) else documents[0]
        work.refused.append(pairing_events.refused(half, error, arrival))
        work.mark([each for each in task if each.state != "expired"], "refused", error.reason)
        work.counts.refused += 1
        return
    work.events += [(event, task) for event in found]
    work.mark(task, state)


def _creation(accepted: Accepted) -> BulkAction:
    return BulkAction("create", accepted.index, accepted.id, cast("Document", msgspec.Raw(accepted.document)))


def _digest(model: ModelSettings) -> str:
    """Of the settings by which payloads are read: what was refused is worth another look when they change."""
    read_by = (model.payloads, model.task, model.positive_label, model.decision_threshold)
    return hashlib.blake2b(repr(read_by).encode(), digest_size=8).hexdigest()
