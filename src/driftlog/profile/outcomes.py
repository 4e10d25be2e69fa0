"""Late truth: feedback meets its prediction and becomes an outcome document.

Feedback is read by time of ingestion, in one point in time, page by page; its predictions are fetched by id from the
model's indices; each pair becomes one `OutcomeDocument` whose id is model and prediction and whose version is the
feedback's own time. So the newest label wins whatever the order of arrival, a repetition changes nothing, and all
outcomes can be rebuilt from feedback and predictions (`since` at the beginning of time).

Labels that users give in a survey count until there is another one: they never take the place of a truth from any
other source, however late they come.

Feedback that comes before its prediction waits, see `driftlog.profile.waiting`. Feedback that names no model is tried
with every model once, and waits nowhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec

from driftlog.contract.binning import Binning
from driftlog.contract.errors import StoreUnavailable
from driftlog.contract.events import EventGroup, ModelGroup, OutcomeDocument, ServiceGroup, SubjectGroup
from driftlog.contract.segment import fields_of
from driftlog.contract.settings import ModelSettings
from driftlog.contract.surveying import SURVEY
from driftlog.profile.columns import dotted
from driftlog.profile.documents import parse_instant
from driftlog.profile.layout import class_bins
from driftlog.profile.outcome_row import join_outcome
from driftlog.profile.scope import DEFAULT_ENVIRONMENT, instant
from driftlog.profile.segments import segments_of
from driftlog.profile.waiting import PAGE, TRUTH, due, forget_waiting, is_expired, waiting_actions
from driftlog.store.client import Store
from driftlog.store.values import BulkAction

__all__ = ["JoinReport", "Label", "forget_waiting", "join_feedback", "outcome_document", "outcome_id"]

IDS: Final = 1000
MAX_ID_BYTES: Final = 512
_PREDICTION_FIELDS: Final = (
    "@timestamp",
    "event.id",
    "service.environment",
    "service.version",
    "service.name",
    "model",
    "subject.id",
    "prediction.task",
    "prediction.label",
    "prediction.score",
    "prediction.value",
)

T = TypeVar("T")
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class JoinReport:
    """What a join did.

    Attributes
    ----------
    read
        Feedback documents looked at, waiting ones included.
    joined
        Outcomes written: new ones and those whose label changed.
    unchanged
        Already joined with the same or a newer label.
    waiting
        Feedback of this join whose prediction is not there (yet).
    given_up
        Waited longer than the look-back.
    newest_ingested
        Newest ``event.ingested`` of the feedback read.
    """

    read: int = 0
    joined: int = 0
    unchanged: int = 0
    waiting: int = 0
    given_up: int = 0
    newest_ingested: datetime | None = None

    def __add__(self, other: JoinReport) -> JoinReport:
        times = [time for time in (self.newest_ingested, other.newest_ingested) if time is not None]
        return JoinReport(
            read=self.read + other.read,
            joined=self.joined + other.joined,
            unchanged=self.unchanged + other.unchanged,
            waiting=self.waiting + other.waiting,
            given_up=self.given_up + other.given_up,
            newest_ingested=max(times, default=None),
        )


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of one feedback document."""

    id: str
    prediction_id: str
    at: datetime
    actual: str | None = None
    actual_value: float | None = None
    named: bool = True
    """The feedback names its model."""
    ingested: datetime | None = None
    since: datetime | None = None
    """Waiting since this instant."""
    source: str = ""

    @property
    def version(self) -> int:
        """External version of its outcome: milliseconds of the feedback's time, but seconds of a user's.

        So the newest of the users' labels wins among these, and any other label over all of them.
        """
        return max(0, int(self.at.timestamp() * (1 if self.source == SURVEY else 1000)))

    @property
    def rank(self) -> tuple[bool, datetime, str]:
        """What decides between labels of one prediction."""
        return (self.source != SURVEY, self.at, self.id)


@dataclass(frozen=True, slots=True)
class _Join:
    """What one join works with."""

    store: Store
    settings: ModelSettings
    binning: Binning | None
    since: datetime
    as_of: datetime

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes whose probabilities are kept first."""
        return tuple(class_bins(self.binning)) if self.binning else ()


def join_feedback(
    store: Store, settings: ModelSettings, *, since: datetime, as_of: datetime, binning: Binning | None = None
) -> JoinReport:
    """Join feedback ingested at or after `since`, and feedback that waits and is due at `as_of`.

    Outcomes are searchable when this returns. Only predictions of the settings' environment are joined. An outcome's
    ``event.ingested`` is that of its feedback, or `since` where that is later: so the search for dirty buckets that
    follows with the same `since` finds every outcome written here, on the clock that stamped the events.

    Parameters
    ----------
    binning
        Outcomes name the segments of this binning that their prediction is in. Under another binning they are written
        again as soon as their feedback is read again: with `since` at the beginning of time, all of them.
    """
    join = _Join(store, settings, binning, since, as_of)
    query = {
        "bool": {
            "filter": [
                {"range": {"event.ingested": {"gte": instant(since)}}},
                {"exists": {"field": "feedback.prediction_id"}},
                {"bool": {"should": _has_truth(), "minimum_should_match": 1}},
                {"bool": {"should": _names_model(settings), "minimum_should_match": 1}},
            ]
        }
    }
    fields = ["prediction_id", "actual", "actual_value", "source"]
    source = ["@timestamp", "event.ingested", "model.name", *(f"feedback.{name}" for name in fields)]
    hits = store.scan(store.names.every("feedback"), query, source=source, size=PAGE)
    report = JoinReport()
    for page in _pages(hits, PAGE):
        times = [_ingested(hit) for hit in page]
        report += _join_page(join, [_label(hit) for hit in page])
        report += JoinReport(newest_ingested=max((time for time in times if time is not None), default=None))
    report += _retry_waiting(join)
    if report.joined:
        store.refresh(store.names.every("outcomes"))
    if report.waiting or report.joined:
        store.refresh(store.names.state)  # what waits is counted in the same cycle
    return report


def _has_truth() -> list[Document]:
    return [{"exists": {"field": f"feedback.{name}"}} for name in ("actual", "actual_value")]


def _names_model(settings: ModelSettings) -> list[Document]:
    unnamed = {"bool": {"must_not": [{"exists": {"field": "model.name"}}]}}
    return [{"term": {"model.name": settings.name}}, unnamed]


def _pages(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while page := list(islice(iterator, size)):
        yield page


def _ingested(hit: Document) -> datetime | None:
    text = hit["_source"].get("event", {}).get("ingested")
    return parse_instant(text) if text else None


def _label(hit: Document) -> Label:
    source = hit["_source"]
    feedback = source["feedback"]
    actual = feedback.get("actual")
    if isinstance(actual, bool):
        actual = "true" if actual else "false"
    value = feedback.get("actual_value")
    return Label(
        id=hit["_id"],
        prediction_id=str(feedback["prediction_id"]),
        at=parse_instant(source["@timestamp"]),
        ingested=_ingested(hit),
        actual=None if actual is None else str(actual),
        actual_value=value if isinstance(value, (int, float)) and not isinstance(value, bool) else None,
        named="model" in source,
        source=str(feedback.get("source") or ""),
    )


def _join_page(join: _Join, labels: Sequence[Label], *, retry: bool = False) -> JoinReport:
    """Join one page. `retry`: the labels wait already."""
    store, settings, as_of = join.store, join.settings, join.as_of
    newest: dict[str, Label] = {}
    for label in labels:
        known = newest.get(label.prediction_id)
        if known is None or known.rank < label.rank:
            newest[label.prediction_id] = label
    predictions, hashes = _find(join, newest)
    found = set(predictions)
    actions, unchanged = _outcome_actions(join, newest, predictions, hashes)
    state = list(waiting_actions(store, settings, newest.values(), found, as_of, kind=TRUTH, retry=retry))
    report = store.bulk(actions)
    failures = [*report.failures, *(store.bulk(state).failures if state else [])]
    if failures:
        raise StoreUnavailable(f"outcome {failures[0].id} was not stored: {failures[0].reason}")
    absent = [label for label in newest.values() if label.prediction_id not in found]
    given_up = sum(is_expired(label, settings, as_of) for label in absent)
    return JoinReport(
        read=len(labels),
        joined=report.stored,
        unchanged=unchanged + report.conflicts + len(labels) - len(newest),
        waiting=sum(label.named for label in absent) - given_up,
        given_up=given_up,
    )


def _find(join: _Join, wanted: Iterable[str]) -> tuple[dict[str, Document], dict[str, str]]:
    """(source of each prediction by event id, ``event.hash`` of each outcome there is by its id), in one request."""
    store, settings = join.store, join.settings
    fields = [*_PREDICTION_FIELDS, *(fields_of(join.binning.segments) if join.binning else ())]
    if settings.task == "multiclass":
        fields.append("prediction.probabilities")
    raw, joined = store.names.all_predictions(settings.name), store.names.every("outcomes")
    requests = []
    for ids in _pages(wanted, IDS):
        requests.append((raw, _by_ids(ids, fields)))
        requests.append((joined, _by_ids([outcome_id(settings.name, id) for id in ids], ["event.hash"])))
    hits = [answer["hits"]["hits"] for answer in store.msearch(requests)] if requests else []
    predictions = {hit["_id"]: hit["_source"] for found in hits[::2] for hit in found}
    hashes = {hit["_id"]: hit["_source"].get("event", {}).get("hash", "") for found in hits[1::2] for hit in found}
    return predictions, hashes


def _by_ids(ids: Sequence[str], source: Sequence[str]) -> Document:
    query = {"constant_score": {"filter": {"ids": {"values": list(ids)}}}}
    return {"query": query, "size": 10 * IDS, "_source": list(source), "track_total_hits": False, "sort": ["_doc"]}


def outcome_id(model: str, prediction_id: str) -> str:
    """Id of an outcome: model and prediction, or their digest where that would be too long."""
    text = f"{model}:{prediction_id}"
    if len(text.encode()) <= MAX_ID_BYTES:
        return text
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def _outcome_actions(
    join: _Join, labels: Mapping[str, Label], predictions: Mapping[str, Document], hashes: Mapping[str, str]
) -> tuple[list[BulkAction], int]:
    """(writes, number of outcomes that have this label already: a second look at the same feedback writes nothing)."""
    settings = join.settings
    actions: list[BulkAction] = []
    unchanged = 0
    for prediction_id, prediction in predictions.items():
        environment = prediction.get("service", {}).get("environment") or DEFAULT_ENVIRONMENT
        if environment != settings.environment:
            continue
        label = labels[prediction_id]
        ingested = max(join.since, label.ingested or join.since)
        document = outcome_document(
            prediction, label, settings, joined=ingested, binning=join.binning, classes=join.classes
        )
        id = outcome_id(settings.name, prediction_id)
        if hashes.get(id) == document.event.hash:
            unchanged += 1
        else:
            index = join.store.names.monthly("outcomes", document.timestamp)
            actions.append(BulkAction("index", index, id, document, label.version))
    return actions, unchanged


def outcome_document(
    prediction: Document,
    label: Label,
    settings: ModelSettings,
    *,
    joined: datetime,
    binning: Binning | None = None,
    classes: Sequence[str] = (),
) -> OutcomeDocument:
    """The outcome of a stored prediction and a label.

    ``event.hash`` covers what it was made from: truth, its time, the settings that make a label of a score, and the
    segments and class probabilities that it names.
    """
    at = parse_instant(prediction["@timestamp"])
    model, service = prediction.get("model", {}), prediction.get("service", {})
    truth = {"actual": label.actual, "actual_value": label.actual_value}
    outcome = join_outcome(
        prediction.get("prediction") or {},
        truth,
        settings,
        delay_s=(label.at - at).total_seconds(),
        classes=classes,
    )
    outcome.prediction_id, outcome.source = label.prediction_id, label.source or None
    if binning and binning.segments:
        outcome.segments = segments_of(dotted(prediction), binning) or None
    how = (settings.task, settings.positive_label, settings.decision_threshold)
    made_from = (truth, label.at, *how, outcome.segments, outcome.probabilities, label.source)
    subject = prediction.get("subject", {}).get("id")
    return OutcomeDocument(
        timestamp=at,
        event=EventGroup(
            id=label.id,
            ingested=joined,
            hash=hashlib.blake2b(msgspec.json.encode(made_from), digest_size=12).hexdigest(),
        ),
        service=ServiceGroup(
            name=service.get("name"), version=service.get("version"), environment=service.get("environment")
        ),
        model=ModelGroup(name=settings.name, version=model.get("version"), variant=model.get("variant")),
        subject=SubjectGroup(id=subject) if subject else None,
        outcome=outcome,
    )


def _retry_waiting(join: _Join) -> JoinReport:
    """Try again what waits and is due."""
    report = JoinReport()
    for page in _pages(due(join.store, join.settings, join.as_of, kind=TRUTH), PAGE):
        report += _join_page(join, [msgspec.convert(value, Label) for value in page], retry=True)
    return report
