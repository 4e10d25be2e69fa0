"""Erasure in Elasticsearch: jobs and the list in ``<prefix>-state``, a subject's documents, their removal.

Documents are found by search and deleted by id in bulk requests of bounded size: that works on every server, and each
step can be repeated until nothing is found.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

import msgspec

from driftlog.contract.erasure import ErasedEvent, ErasureJob, ErasureList, event_hash
from driftlog.contract.errors import StoreConflict
from driftlog.contract.line_names import line_names
from driftlog.store.bulk import require_stored
from driftlog.store.client import BulkAction, Store
from driftlog.store.searching import parts
from driftlog.store.values import Document, Hit

JOB: Final = "erasure"
EVENTS: Final = "erased_events"
MARK: Final = "erased_buckets"
READY: Final = "ready"
SALT: Final = "erasure-salt"
WAITING: Final = ("waiting_feedback", "waiting_opinion")
"""Kinds of feedback that waits for its prediction, kept by the joins."""
JOINED: Final = {"outcomes": "outcome", "opinions": "opinion"}
"""What was joined with predictions: kind of index -> group of fields."""
IDS_A_DOCUMENT: Final = 5_000
IDS_A_QUERY: Final = 1_000
PHRASES_A_QUERY: Final = 64
SURE_CHARS: Final = 8
"""An id of so many characters is taken for itself wherever it stands in a refused line."""
OVERLAP: Final = timedelta(minutes=10)
_SWEPT: Final = "erasure-swept"


# The list


def salt_of(store: Store, chance: Callable[[int], bytes] | None = None) -> bytes:
    """The installation's salt; empty where there is none and no `chance` to make one."""
    hit = store.get(store.names.state, SALT)
    if hit is None and chance is not None:
        store.create(store.names.state, SALT, {"kind": SALT, "value": {"salt": chance(16).hex()}}, refresh=True)
        hit = store.get(store.names.state, SALT)
    return bytes.fromhex(hit.source["value"]["salt"]) if hit is not None else b""


def read_list(store: Store, known: ErasureList | None = None, since: datetime | None = None) -> ErasureList:
    """The erasure list; with `known`, that one and what was added from `since` on (less ten minutes: clocks differ)."""
    kinds: Document = {"terms": {"kind": [JOB, EVENTS]}}
    filters = [kinds]
    if known is None or not known.salt:
        known, since = ErasureList(salt_of(store)), None
    if not known.salt:
        return known
    if since is not None:
        filters.append({"range": {"updated": {"gte": _instant(since - OVERLAP)}}})
    for hit in store.scan(store.names.state, {"bool": {"filter": filters}}, source=["kind", "value"]):
        value = hit["_source"]["value"]
        if hit["_source"]["kind"] == JOB:
            known.add_subject(value["hash"], value.get("model", ""))
        else:
            known.add_events(value["ids"])
    return known


def remember_events(store: Store, job: ErasureJob, ids: Iterable[str], now: datetime) -> None:
    """Add erased predictions to the list; their hashes, sorted, so that a repetition writes the same documents."""
    salt = salt_of(store)
    hashed = sorted({event_hash(salt, id) for id in ids})
    actions = []
    for at in range(0, len(hashed), IDS_A_DOCUMENT):
        part = hashed[at : at + IDS_A_DOCUMENT]
        name = hashlib.blake2b("".join(part).encode(), digest_size=12).hexdigest()
        document = {"kind": EVENTS, "updated": _instant(now), "value": {"job": job.id, "ids": part}}
        actions.append(BulkAction("index", store.names.state, f"{EVENTS}|{name}", document))
    if actions:
        require_stored(store.bulk(actions, refresh=True), "the list of erased predictions")


def going_events(store: Store) -> ErasureList:
    """The erasure list where an erasure was begun and is not finished; empty where none is under way."""
    under_way = {"bool": {"filter": [{"term": {"kind": JOB}}, {"term": {"name": "under_way"}}]}}
    return read_list(store) if store.count(store.names.state, under_way) else ErasureList()


# Jobs


def load_job(store: Store, id: str) -> tuple[ErasureJob, Hit] | None:
    hit = store.get(store.names.state, id)
    return (msgspec.convert(hit.source["value"], ErasureJob), hit) if hit is not None else None


def save_job(store: Store, job: ErasureJob, before: Hit, now: datetime) -> Hit:
    """Keep the job; `before` is the document it replaces.

    Raises
    ------
    StoreConflict
        Somebody else works on it.
    """
    document = {"kind": JOB, "name": job.status, "updated": _instant(now), "value": msgspec.to_builtins(job)}
    return store.put(
        store.names.state,
        job.id,
        document,
        if_seq_no=before.seq_no,
        if_primary_term=before.primary_term,
        refresh=True,
    )


def create_job(store: Store, job: ErasureJob, now: datetime) -> bool:
    """Keep a new job; False when the subject has one."""
    document = {"kind": JOB, "name": job.status, "updated": _instant(now), "value": msgspec.to_builtins(job)}
    return store.create(store.names.state, job.id, document, refresh=True)


def list_jobs(store: Store) -> list[ErasureJob]:
    """All jobs, the newest first."""
    hits = store.scan(store.names.state, {"term": {"kind": JOB}}, source=["value"])
    jobs = [msgspec.convert(hit["_source"]["value"], ErasureJob) for hit in hits]
    return sorted(jobs, key=lambda job: (job.started, job.id), reverse=True)


# A subject's documents


def events_of(store: Store, subject: str, model: str = "", *, source: Sequence[str] = ()) -> Iterator[Document]:
    """Hits of the predictions about a subject; `source` names further fields to read."""
    fields = ["@timestamp", "model.version", "model.variant", "service.environment", *source]
    return store.scan(_predictions(store, model), about(subject), source=fields)


def _predictions(store: Store, model: str) -> str:
    return store.names.all_predictions(model or None)


def about(subject: str) -> Document:
    """The query for a subject's documents.

    >>> about("4f1a")
    {'bool': {'filter': [{'term': {'subject.id': '4f1a'}}]}}
    """
    return {"bool": {"filter": [{"term": {"subject.id": subject}}]}}


def event_of(hit: Document, prefix: str) -> ErasedEvent:
    """What is noted of one prediction. The model is that of its index."""
    source = hit["_source"]
    named = source.get("model", {})
    return ErasedEvent(
        index=hit["_index"],
        id=hit["_id"],
        at=datetime.fromisoformat(source["@timestamp"]).astimezone(UTC),
        model=str(hit["_index"]).removeprefix(f"{prefix}-predictions.").partition(".")[0],
        environment=source.get("service", {}).get("environment") or "",
        version=named.get("version") or "",
        variant=named.get("variant") or "",
    )


def feedback_of(store: Store, subject: str, ids: Sequence[str], model: str) -> Iterator[Document]:
    """Hits of feedback about a subject or on its predictions; of one model where it names one."""
    fields = ["feedback.prediction_id", "model.name"]
    yield from (
        hit
        for hit in store.scan(store.names.every("feedback"), about(subject), source=fields)
        if not model or hit["_source"].get("model", {}).get("name", model) == model
    )
    for part in parts(ids, IDS_A_QUERY):
        query = {"bool": {"filter": [{"terms": {"feedback.prediction_id": part}}]}}
        yield from store.scan(store.names.every("feedback"), query, source=fields)


def joined_of(store: Store, subject: str, ids: Sequence[str], model: str) -> Iterator[Document]:
    """Hits of outcomes and opinions about a subject, or on its predictions."""
    of_model: list[Document] = [{"term": {"model.name": model}}] if model else []
    for kind, group in JOINED.items():
        pattern = store.names.every(kind)
        yield from store.scan(
            pattern, {"bool": {"filter": [*about(subject)["bool"]["filter"], *of_model]}}, source=False
        )
        for part in parts(ids, IDS_A_QUERY):
            filters = [{"terms": {f"{group}.prediction_id": part}}, *of_model]
            yield from store.scan(pattern, {"bool": {"filter": filters}}, source=False)


def quarantined_of(store: Store, subject: str, ids: Sequence[str], model: str) -> Iterator[Document]:
    """Hits of refused lines that name a subject or one of its predictions.

    The raw text is searched as words, and read to be sure. A line that was cut off before the id is found by the id of
    its event alone.
    """
    pattern = store.names.every("quarantine")
    fields = ["quarantine.raw", "event.id", "model.name"]
    wanted = [subject, *ids]
    for part in parts(wanted, PHRASES_A_QUERY):
        phrases = {text for id in part for text in (id, json.dumps(id)[1:-1])}
        should: list[Document] = [{"match_phrase": {"quarantine.raw": text}} for text in sorted(phrases)]
        should.append({"terms": {"event.id": part}})
        query = {"bool": {"filter": [{"bool": {"should": should, "minimum_should_match": 1}}]}}
        for hit in store.scan(pattern, query, source=fields):
            source = hit["_source"]
            if model and source.get("model", {}).get("name", model) != model:
                continue
            raw = source["quarantine"].get("raw", "")
            if source.get("event", {}).get("id") in part or _names(raw, subject, set(part), phrases):
                yield hit


def _names(raw: str, subject: str, ids: set[str], phrases: Iterable[str]) -> bool:
    """Whether a raw line is about the subject or one of its predictions, or holds such an id as a whole word.

    Short words prove nothing: the subject 42 is not meant by ``"age": 42``.
    """
    named = line_names(raw)
    if named.subject == subject or not ids.isdisjoint(named.event_ids):
        return True
    return any(len(text) >= SURE_CHARS and _has_word(raw, text) for text in phrases)


def _has_word(raw: str, text: str) -> bool:
    at = raw.find(text)
    while at >= 0:
        around = raw[max(0, at - 1) : at], raw[at + len(text) : at + len(text) + 1]
        if not any(character.isalnum() for character in around):
            return True
        at = raw.find(text, at + 1)
    return False


def waiting_of(store: Store, subject: str, ids: set[str]) -> Iterator[Document]:
    """Hits of waiting feedback; its content has no index, so all that waits is read."""
    for hit in store.scan(store.names.state, {"terms": {"kind": list(WAITING)}}, source=["value"]):
        value = hit["_source"]["value"]
        if value.get("prediction_id") in ids or value.get("subject") == subject:
            yield hit


def delete_hits(store: Store, hits: Iterable[Document]) -> Counter[str]:
    """Delete documents by id, a page at a time; how many of each index. A document found twice counts once."""
    deleted: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    iterator = iter(hits)
    while page := list(islice(iterator, IDS_A_QUERY)):
        named = {(hit["_index"], hit["_id"]) for hit in page} - seen
        seen |= named
        report = store.bulk(BulkAction("delete", index, id) for index, id in sorted(named))
        require_stored(report, "erasure")
        deleted.update(index for index, _ in named)
    for index in deleted:
        store.refresh(index)
    return deleted


# Who came back


def returned_subjects(store: Store, known: ErasureList, since: datetime) -> set[tuple[str, str]]:
    """(stored subject id, model or empty) of erased subjects with documents ingested from `since` on.

    Subjects of the new documents are listed page by page and looked up in the list: their ids stand nowhere else.
    """
    found: set[tuple[str, str]] = set()
    if not known:
        return found
    for pattern in (store.names.all_predictions(), *(store.names.every(kind) for kind in ("feedback", *JOINED))):
        for subject, model in _new_subjects(store, pattern, since):
            if known.covers(model, subject=subject):
                found.add((subject, model))
    return found


def _new_subjects(store: Store, pattern: str, since: datetime, model: str = "") -> Iterator[tuple[str, str]]:
    filters: list[Document] = [{"range": {"event.ingested": {"gte": _instant(since)}}}]
    if model:
        filters.append({"term": {"model.name": model}})
    sources: list[Any] = [
        {"subject": {"terms": {"field": "subject.id"}}},
        {"model": {"terms": {"field": "model.name", "missing_bucket": True}}},
    ]
    composite: Document = {"size": 10_000, "sources": sources}
    while True:
        body = {
            "size": 0,
            "track_total_hits": False,
            "query": {"bool": {"filter": filters}},
            "aggs": {"subjects": {"composite": dict(composite)}},
        }
        found = store.search(pattern, body).get("aggregations", {}).get("subjects")
        if found is None:
            return
        for bucket in found["buckets"]:
            yield bucket["key"]["subject"], bucket["key"]["model"] or ""
        composite["after"] = found.get("after_key")
        if composite["after"] is None:
            return


def returned_feedback(store: Store, known: ErasureList, since: datetime) -> Iterator[Document]:
    """Hits of feedback ingested from `since` on that is about an erased subject or prediction."""
    if not known:
        return
    query = {"bool": {"filter": [{"range": {"event.ingested": {"gte": _instant(since)}}}]}}
    fields = ["feedback.prediction_id", "subject.id", "model.name"]
    for hit in store.scan(store.names.every("feedback"), query, source=fields):
        source = hit["_source"]
        if known.covers(
            source.get("model", {}).get("name", ""),
            subject=source.get("subject", {}).get("id", ""),
            event_ids=(source.get("feedback", {}).get("prediction_id", ""),),
        ):
            yield hit


def count_returned(store: Store, known: ErasureList, model: str, since: datetime) -> int:
    """Subjects of `model` that were erased and have predictions ingested from `since` on."""
    if not known:
        return 0
    subjects = _new_subjects(store, store.names.all_predictions(model), since)
    return sum(known.covers(model, subject=subject) for subject, _ in subjects)


def swept_until(store: Store) -> datetime | None:
    """Up to when (of ``event.ingested``) the last sweep has looked; None before the first."""
    hit = store.get(store.names.state, _SWEPT)
    return datetime.fromisoformat(hit.source["value"]["until"]) if hit is not None else None


def write_swept(store: Store, until: datetime) -> None:
    store.put(store.names.state, _SWEPT, {"kind": _SWEPT, "value": {"until": until.isoformat()}})


# Marks: buckets whose counts still hold what was erased


def mark_buckets(store: Store, job: ErasureJob, events: Sequence[ErasedEvent], now: datetime) -> None:
    """Note which buckets these events are part of, one document a model and environment, before they are deleted.

    ``{"kind": "erased_buckets", "name": "pending", "holder": job and round, "value": {"minutes": [["2026-03-03T10:05",
    version, variant], ...]}}``, times rounded down to a minute. The worker looks at them once they are released.
    """
    groups: dict[tuple[str, str], set[tuple[str, str, str]]] = {}
    for event in events:
        minute = event.at.strftime("%Y-%m-%dT%H:%M")
        groups.setdefault((event.model, event.environment), set()).add((minute, event.version, event.variant))
    actions = []
    for (model, environment), minutes in sorted(groups.items()):
        name = hashlib.blake2b(f"{_round(job)}|{environment}".encode(), digest_size=12).hexdigest()
        document = {
            "kind": MARK,
            "name": "pending",
            "holder": _round(job),
            "updated": _instant(now),
            "model": {"name": model},
            "service": {"environment": environment},
            "value": {"minutes": sorted(minutes)},
        }
        actions.append(BulkAction("index", store.names.state, f"{MARK}|{model}|{name}", document))
    if actions:
        require_stored(store.bulk(actions, refresh=True), "the buckets to count anew")


def release_marks(store: Store, job: ErasureJob) -> None:
    """The events are gone: have the worker count their buckets anew."""
    store.refresh(store.names.state)
    query = {"bool": {"filter": [{"term": {"kind": MARK}}, {"term": {"holder": _round(job)}}]}}
    actions = [
        BulkAction("index", hit["_index"], hit["_id"], hit["_source"] | {"name": READY})
        for hit in store.scan(store.names.state, query)
    ]
    if actions:
        require_stored(store.bulk(actions, refresh=True), "the buckets to count anew")


def _round(job: ErasureJob) -> str:
    return f"{job.id}|{job.round}"


def read_marks(store: Store, model: str, environments: Sequence[str]) -> list[Hit]:
    """Released marks of a model in these environments (``""``: of events that name none), at most 1,000."""
    filters = [{"term": {"kind": MARK}}, {"term": {"model.name": model}}, {"term": {"name": READY}}]
    body = {"query": {"bool": {"filter": filters}}, "size": 1_000, "seq_no_primary_term": True, "version": True}
    hits = store.search(store.names.state, body)["hits"]["hits"]
    return [
        Hit(hit["_id"], hit["_source"], hit["_seq_no"], hit["_primary_term"], hit["_version"], hit["_index"])
        for hit in hits
        if hit["_source"].get("service", {}).get("environment", "") in environments
    ]


def drop_marks(store: Store, marks: Iterable[Hit]) -> None:
    """Forget marks whose buckets were counted anew; one that was written again in the meantime stays."""
    for mark in marks:
        try:
            store.delete(mark.index, mark.id, if_seq_no=mark.seq_no, if_primary_term=mark.primary_term)
        except StoreConflict:
            continue


def digest_of(events: Iterable[ErasedEvent]) -> str:
    """SHA-256 over the sorted index and id of events."""
    lines = sorted(f"{event.index}/{event.id}" for event in events)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
