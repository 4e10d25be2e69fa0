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
======================================  ==========================================================================

Events are created under deterministic ids before the halves are marked, so a worker that dies between the two, and two
workers at once, make nothing twice.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, cast

import msgspec

from driftlog.contract.errors import EventRefused
from driftlog.contract.events import ModelGroup
from driftlog.contract.payloads import PayloadDocument, PayloadGroup, half_id
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.intake.arrival import Accepted, Arrival, Rules
from driftlog.intake.quarantine import quarantine
from driftlog.store.bulk import require_stored
from driftlog.store.client import BulkAction, Store
from driftlog.store.cursors import read_cursor, write_cursor
from driftlog.store.values import BulkReport, Document, Hit
from driftlog.worker import pairing_events
from driftlog.worker.pairing_events import SOURCE, HalfRefused

log = logging.getLogger("driftlog.worker")

PERIOD: Final = timedelta(seconds=5)
CURSOR: Final = "payloads"
PAGE: Final = 1000
MAX_HALVES: Final = 20_000
"""New halves looked at in one pass: cycles of other models wait for it."""
MAX_FETCH_BYTES: Final = 8_000_000
MAX_FETCH: Final = 1000
"""Halves read, and made predictions of, at once."""
MATE: Final = {"request": "response", "response": "request"}
_LIGHT: Final = [f"payload.{name}" for name in ("kind", "state", "reason", "request_id", "size_bytes")] + [
    "event.ingested"
]


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


@dataclass(frozen=True, slots=True)
class Half:
    """One half without its body."""

    index: str
    id: str
    kind: str
    state: str
    request_id: str
    ingested: datetime
    size_bytes: int

    @property
    def key(self) -> tuple[str, str]:
        return self.index, self.id


@dataclass
class _Work:
    """What one page comes to: events to create, then marks to set."""

    events: list[tuple[Accepted, tuple[Half, ...]]] = field(default_factory=list)
    refused: list[Accepted] = field(default_factory=list)
    marks: dict[tuple[str, str], Document] = field(default_factory=dict)

    def mark(self, halves: Iterable[Half], state: str, reason: str = "") -> None:
        for half in halves:
            self.marks[half.key] = {"state": state, "reason": reason or None}


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
        filters = _filters(model, ["waiting", "refused"] if changed else ["waiting"])
        if until is not None:
            filters.append({"range": {"event.ingested": {"gte": (until - self._settings.worker.overlap).isoformat()}}})
        newest, fresh = until, 0
        for page in self._pages(filters):
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
        filters = [*_filters(model, ["waiting"]), {"range": {"event.ingested": {"lt": before.isoformat()}}}]
        for page in islice(self._pages(filters), MAX_HALVES // PAGE):
            self._pair(model, page, done)

    def _pages(self, filters: list[Document]) -> Iterator[list[Half]]:
        hits = self._store.scan(
            self._pattern, {"bool": {"filter": filters}}, sort=[{"event.ingested": "asc"}], source=_LIGHT, size=PAGE
        )
        iterator = (_half(hit) for hit in hits)
        while page := list(islice(iterator, PAGE)):
            yield page

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
        for group in _groups(ready):
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
            body = {"query": {"ids": {"values": missing}}, "size": 3 * PAGE, "_source": _LIGHT}
            for hit in self._store.search(self._pattern, body)["hits"]["hits"]:
                half = _half(hit)
                found[half.request_id].setdefault(half.kind, half)
        return found

    def _write(self, model: ModelSettings, tasks: Sequence[tuple[Half, ...]], done: Paired) -> None:
        stored = self._stored([half for task in tasks for half in task])
        arrival = Arrival(self._rules, now=self._now(), source=SOURCE, batch=lambda: "")
        work = _Work()
        for task in tasks:
            if all(half.key in stored for half in task):  # else dropped or erased in the meantime
                documents = [_document(stored[half.key].source, half) for half in task]
                _settle(task, documents, model, arrival, work, done)
        self._create(work, arrival, done)
        marks = [_marked(stored[key], mark) for key, mark in work.marks.items()]
        if marks:  # in a conflict another worker has just marked it
            report = self._store.bulk(marks)
            require_stored(BulkReport(report.stored, 0, report.failures), "marks of payloads")

    def _stored(self, halves: Sequence[Half]) -> dict[tuple[str, str], Hit]:
        """The halves with their bodies. (Read by a search: it takes a twentieth of the time of reading by id.)"""
        body = {
            "query": {"ids": {"values": [half.id for half in halves]}},
            "size": 3 * len(halves),
            "seq_no_primary_term": True,
            "track_total_hits": False,
        }
        found = self._store.search(",".join(sorted({half.index for half in halves})), body)["hits"]["hits"]
        return {
            (hit["_index"], hit["_id"]): Hit(
                hit["_id"], hit["_source"], hit["_seq_no"], hit["_primary_term"], -1, hit["_index"]
            )
            for hit in found
        }

    def _create(self, work: _Work, arrival: Arrival, done: Paired) -> None:
        """Events first; what Elasticsearch refuses of them joins what goes to quarantine."""
        actions = [_creation(event) for event, _ in work.events]
        report = self._store.bulk(actions) if actions else BulkReport()
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
                done.refused += 1
        if work.refused:
            report = self._store.bulk([_creation(each) for each in work.refused])
            require_stored(BulkReport(report.stored, 0, report.failures), "quarantine of payloads")


def _settle(
    task: tuple[Half, ...],
    documents: Sequence[PayloadDocument],
    model: ModelSettings,
    arrival: Arrival,
    work: _Work,
    done: Paired,
) -> None:
    """What becomes of the halves of one request."""
    try:
        if len(task) == 2:
            request, response = documents
            if task[0].state == "expired":
                raise HalfRefused(EventRefused("late_response", "its request was taken for failed before"), response)
            found, state = pairing_events.paired(request, response, model, arrival), "paired"
            done.pairs += 1
        elif task[0].kind == "feedback":
            found, state = pairing_events.feedback(documents[0], model, arrival), "paired"
            done.feedback += 1
        elif task[0].kind == "request":
            found, state = pairing_events.unanswered(documents[0], model, arrival), "expired"
            done.expired += 1
        else:
            wait_s = model.payloads.pair_timeout.total_seconds()
            raise EventRefused("no_request", f"no request was logged within {wait_s:g} s")
    except EventRefused as error:
        half = error.half if isinstance(error, HalfRefused) else documents[0]
        work.refused.append(pairing_events.refused(half, error, arrival))
        work.mark([each for each in task if each.state != "expired"], "refused", error.reason)
        done.refused += 1
        return
    work.events += [(event, task) for event in found]
    work.mark(task, state)


def _filters(model: ModelSettings, states: Sequence[str]) -> list[Document]:
    return [
        {"term": {"model.name": model.name}},
        {"terms": {"payload.state": list(states)}},
        {"terms": {"payload.kind": [*MATE, "feedback"]}},
        {"exists": {"field": "event.ingested"}},
    ]


def _marked(hit: Hit, mark: Document) -> BulkAction:
    payload = {key: value for key, value in (hit.source["payload"] | mark).items() if value is not None}
    source = hit.source | {"payload": payload}
    return BulkAction("index", hit.index, hit.id, source, if_seq_no=hit.seq_no, if_primary_term=hit.primary_term)


def _document(source: Document, half: Half) -> PayloadDocument:
    """The half as it is stored; one that nobody of us wrote has no body, and is refused."""
    try:
        return msgspec.convert(source, PayloadDocument)
    except msgspec.ValidationError:
        payload = PayloadGroup(request_id=half.request_id)
        return PayloadDocument(timestamp=half.ingested, model=ModelGroup(), payload=payload)


def _half(hit: Document) -> Half:
    payload: dict[str, Any] = hit["_source"]["payload"]
    return Half(
        index=hit["_index"],
        id=hit["_id"],
        kind=payload["kind"],
        state=payload["state"],
        request_id=str(payload.get("request_id") or ""),
        ingested=datetime.fromisoformat(hit["_source"]["event"]["ingested"]),
        size_bytes=int(payload.get("size_bytes") or 0),
    )


def _groups(tasks: Sequence[tuple[Half, ...]]) -> Iterator[list[tuple[Half, ...]]]:
    """`tasks` cut so that the bodies of a group fit into `MAX_FETCH_BYTES`, one task at least."""
    group: list[tuple[Half, ...]] = []
    size = 0
    for task in tasks:
        more = sum(half.size_bytes for half in task)
        if group and (size + more > MAX_FETCH_BYTES or 2 * len(group) >= MAX_FETCH):
            yield group
            group, size = [], 0
        group.append(task)
        size += more
    if group:
        yield group


def _creation(accepted: Accepted) -> BulkAction:
    return BulkAction("create", accepted.index, accepted.id, cast("Document", msgspec.Raw(accepted.document)))


def _digest(model: ModelSettings) -> str:
    """Of the settings by which payloads are read: what was refused is worth another look when they change."""
    read_by = (model.payloads, model.task, model.positive_label, model.decision_threshold)
    return hashlib.blake2b(repr(read_by).encode(), digest_size=8).hexdigest()
