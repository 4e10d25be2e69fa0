"""Ratings, comments and answers meet their prediction and become opinions: documents at the time of the prediction.

An opinion is one thing that one source says about one prediction: its rating, its label, its comment, one answer of a
form. Its id is made of these, its version is the feedback's own time: what the same source says later takes its place,
in whatever order it arrives, and a repetition changes nothing. What is sent by a form is a whole: a question left open
in a second sending takes back the first answer. A further document a prediction says that somebody said anything.

So the ratings of a window are one search over the predictions' time, however late they come. Labels that were asked for
(``feedback.source: label``) are truth and no opinions.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

import msgspec

from driftlog.contract.errors import StoreUnavailable
from driftlog.contract.events import EventGroup, ModelGroup, OpinionDocument, OpinionGroup, ServiceGroup, SubjectGroup
from driftlog.contract.settings import ModelSettings
from driftlog.contract.surveying import LABELLED, SURVEY
from driftlog.contract.window import Window
from driftlog.profile.dirty import look_back_start
from driftlog.profile.documents import parse_instant
from driftlog.profile.outcome_row import as_label
from driftlog.profile.scope import DEFAULT_ENVIRONMENT, in_environment, instant
from driftlog.profile.waiting import BOTH, OPINION, PAGE, due, is_expired, waiting_actions
from driftlog.store.client import Store
from driftlog.store.values import BulkAction

IDS: Final = 1000
BUCKETS: Final = 10_000
OPINIONS: Final = "opinions"
_PREDICTION: Final = ("@timestamp", "service", "model", "subject.id")
_FEEDBACK: Final = ("prediction_id", "source", "actual", "actual_value", "rating", "comment", "answers")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OpinionReport:
    """What a join of opinions did.

    Attributes
    ----------
    read
        Feedback documents looked at, waiting ones included.
    written
        Opinions stored.
    waiting
        Feedback of this join whose prediction is not there (yet).
    buckets
        Buckets of predictions whose opinions changed since then, within the look-back: their windows open again.
    newest_ingested
        Newest ``event.ingested`` of the feedback read.
    """

    read: int = 0
    written: int = 0
    waiting: int = 0
    buckets: tuple[Window, ...] = ()
    newest_ingested: datetime | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of one feedback document."""

    id: str
    prediction_id: str
    at: datetime
    source: str = ""
    label: str | None = None
    value: float | None = None
    rating: float | None = None
    comment: bool = False
    answers: dict[str, str] = {}
    subject: str = ""
    truth: bool = False
    """It counts as a truth, too."""
    named: bool = True
    ingested: datetime | None = None
    since: datetime | None = None

    @property
    def version(self) -> int:
        """External version of its opinions: milliseconds of its time."""
        return max(0, int(self.at.timestamp() * 1000))


def join_opinions(store: Store, settings: ModelSettings, *, since: datetime, as_of: datetime) -> OpinionReport:
    """Join opinions ingested at or after `since`, and those that wait and are due at `as_of`.

    They are searchable when this returns. As in `driftlog.profile.outcomes.join_feedback`, only predictions of the
    settings' environment count, and ``event.ingested`` of what is written is the feedback's, or `since` where that is
    later; so the buckets found here are all that changed, also after a crash between two steps.
    """
    source = ["@timestamp", "event.ingested", "model.name", "subject.id", *(f"feedback.{name}" for name in _FEEDBACK)]
    hits = store.scan(store.names.every("feedback"), opinion_query(settings, since), source=source, size=PAGE)
    read = written = waiting = 0
    newest: list[datetime] = []
    pages = ((page, False) for page in _pages(map(said_in, hits)))
    late = ((page, True) for page in _pages(_due(store, settings, as_of)))
    for part in (pages, late):
        for page, retry in part:
            done = _join_page(store, settings, page, since=since, as_of=as_of, retry=retry)
            read, written, waiting = read + len(page), written + done[0], waiting + done[1]
            newest += [said.ingested for said in page if said.ingested is not None and not retry]
            newest = [max(newest)] if newest else []
    if written:
        store.refresh(store.names.every(OPINIONS))
    if waiting or written:
        store.refresh(store.names.state)  # what waits is counted in the same cycle
    buckets = tuple(_dirty(store, settings, since=since, as_of=as_of))
    return OpinionReport(read, written, waiting, buckets, newest[0] if newest else None)


def opinion_query(settings: ModelSettings, since: datetime) -> Document:
    """Feedback that holds an opinion.

    ::

        {"bool": {"filter": [{"range": {"event.ingested": {"gte": since}}},
                             {"exists": {"field": "feedback.prediction_id"}},
                             {"bool": {"should": [{"exists": {"field": "feedback.rating"}}, ...,
                                                  {"term": {"feedback.source": "survey"}}]}},
                             {"bool": {"should": [{"term": {"model.name": "churn"}}, {...names no model...}]}}],
                  "must_not": [{"term": {"feedback.source": "label"}}]}}
    """
    unnamed = {"bool": {"must_not": [{"exists": {"field": "model.name"}}]}}
    held: list[Document] = [{"exists": {"field": f"feedback.{name}"}} for name in ("rating", "comment", "answers")]
    held.append({"term": {"feedback.source": SURVEY}})
    named = [{"term": {"model.name": settings.name}}, unnamed]
    return {
        "bool": {
            "filter": [
                {"range": {"event.ingested": {"gte": instant(since)}}},
                {"exists": {"field": "feedback.prediction_id"}},
                {"bool": {"should": held, "minimum_should_match": 1}},
                {"bool": {"should": named, "minimum_should_match": 1}},
            ],
            "must_not": [{"term": {"feedback.source": LABELLED}}],
        }
    }


def said_in(hit: Document) -> Said:
    """What a stored feedback document says."""
    source = hit["_source"]
    feedback = source["feedback"]
    ingested = source.get("event", {}).get("ingested")
    actual, value = feedback.get("actual"), _finite(feedback.get("actual_value"))
    answers = feedback.get("answers")
    return Said(
        id=hit["_id"],
        prediction_id=str(feedback["prediction_id"]),
        at=parse_instant(source["@timestamp"]),
        source=str(feedback.get("source") or ""),
        label=None if actual is None else as_label(actual),
        value=value,
        rating=_finite(feedback.get("rating")),
        comment=bool(feedback.get("comment")),
        answers={str(k): str(v) for k, v in answers.items()} if isinstance(answers, dict) else {},
        subject=str(source.get("subject", {}).get("id") or ""),
        truth=actual is not None or value is not None,
        named="model" in source,
        ingested=parse_instant(ingested) if ingested else None,
    )


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def _due(store: Store, settings: ModelSettings, as_of: datetime) -> Iterator[Said]:
    for value in due(store, settings, as_of, kind=OPINION):
        yield msgspec.convert(value, Said)


def _pages(items: Iterator[Said]) -> Iterator[list[Said]]:
    while page := list(islice(items, PAGE)):
        yield page


def _join_page(
    store: Store, settings: ModelSettings, page: Sequence[Said], *, since: datetime, as_of: datetime, retry: bool
) -> tuple[int, int]:
    """(opinions written, feedback that waits)."""
    predictions = _find(store, settings, sorted({said.prediction_id for said in page}))
    actions = [
        action
        for said in page
        if (prediction := predictions.get(said.prediction_id)) is not None and _is_own(prediction, settings)
        for action in opinion_actions(store, settings, said, prediction, since)
    ]
    found = set(predictions)
    state = [
        action
        for both in (True, False)
        for action in waiting_actions(
            store,
            settings,
            [said for said in page if said.truth is both],
            found,
            as_of,
            kind=OPINION,
            retry=retry,
            name=BOTH if both else "",
        )
    ]
    report = store.bulk([*actions, *state])
    if report.failures:
        failure = report.failures[0]
        raise StoreUnavailable(f"opinion {failure.id} was not stored: {failure.reason}")
    absent = [said for said in page if said.prediction_id not in found and said.named]
    return len(actions), sum(not is_expired(said, settings, as_of) for said in absent)


def _find(store: Store, settings: ModelSettings, ids: Sequence[str]) -> dict[str, Document]:
    """Sources of the predictions by event id."""
    requests = []
    for at in range(0, len(ids), IDS):
        query = {"constant_score": {"filter": {"ids": {"values": list(ids[at : at + IDS])}}}}
        body = {"query": query, "size": 10 * IDS, "_source": list(_PREDICTION), "track_total_hits": False}
        requests.append((store.names.all_predictions(settings.name), body | {"sort": ["_doc"]}))
    answers = store.msearch(requests) if requests else []
    return {hit["_id"]: hit["_source"] for answer in answers for hit in answer["hits"]["hits"]}


def _is_own(prediction: Document, settings: ModelSettings) -> bool:
    return (prediction.get("service", {}).get("environment") or DEFAULT_ENVIRONMENT) == settings.environment


def opinion_actions(
    store: Store, settings: ModelSettings, said: Said, prediction: Document, since: datetime
) -> Iterator[BulkAction]:
    """The writes of one feedback document on a stored prediction."""
    at = parse_instant(prediction["@timestamp"])
    index = store.names.monthly(OPINIONS, at)
    model, service = prediction.get("model", {}), prediction.get("service", {})
    subject = prediction.get("subject", {}).get("id") or said.subject
    for opinion in opinions_of(said, settings):
        document = OpinionDocument(
            timestamp=at,
            event=EventGroup(id=said.id, ingested=max(since, said.ingested or since)),
            service=ServiceGroup(
                name=service.get("name"), version=service.get("version"), environment=service.get("environment")
            ),
            model=ModelGroup(name=settings.name, version=model.get("version"), variant=model.get("variant")),
            subject=SubjectGroup(id=subject) if subject else None,
            opinion=opinion,
        )
        yield BulkAction("index", index, opinion_id(settings.name, opinion), document, said.version)


def opinions_of(said: Said, settings: ModelSettings) -> Iterator[OpinionGroup]:
    """What a feedback document says, one thing each; of a form also what it leaves open, as an opinion without content.

    >>> said = Said(id="f", prediction_id="p", at=_EPOCH, rating=4.0, comment=True)
    >>> [opinion.aspect for opinion in opinions_of(said, ModelSettings(name="m"))]
    ['response', 'rating', 'comment']
    """
    common: Document = {"prediction_id": said.prediction_id, "source": said.source}
    form = said.source == SURVEY
    yield OpinionGroup(aspect="response", **common)
    if said.rating is not None or form:
        yield OpinionGroup(aspect="rating", question="", rating=said.rating, **common)
    if form:
        yield OpinionGroup(aspect="label", question="", label=said.label, value=said.value, **common)
    if said.comment:
        yield OpinionGroup(aspect="comment", question="", **common)
    own = settings.survey.question("rating")
    for question in settings.survey.questions if form or said.answers else ():
        answer = said.answers.get(question.name)
        if question.kind == "rating" and question is not own:
            yield OpinionGroup(aspect="rating", question=question.name, rating=_number(answer), **common)
        elif question.kind == "choice":
            yield OpinionGroup(aspect="choice", question=question.name, choice=answer, **common)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def opinion_id(model: str, opinion: OpinionGroup) -> str:
    """Id of an opinion: model, prediction, source, aspect and question; of a response model and prediction only."""
    whose = "" if opinion.aspect == "response" else opinion.source
    text = "\0".join((model, opinion.prediction_id or "", whose or "", opinion.aspect or "", opinion.question or ""))
    return hashlib.blake2b(text.encode(), digest_size=24).hexdigest()


def _dirty(store: Store, settings: ModelSettings, *, since: datetime, as_of: datetime) -> Iterator[Window]:
    """Buckets with opinions written at or after `since`, within the look-back."""
    oldest = look_back_start(settings, as_of)
    filters = [
        {"range": {"event.ingested": {"gte": instant(since)}}},
        {"term": {"model.name": settings.name}},
        *in_environment(settings.environment),
    ]
    length = f"{int(settings.bucket.total_seconds())}s"
    start = {"start": {"date_histogram": {"field": "@timestamp", "fixed_interval": length}}}
    composite: Document = {"size": BUCKETS, "sources": [start]}
    while True:
        body = {"size": 0, "query": {"bool": {"filter": filters}}, "aggs": {"buckets": {"composite": composite}}}
        answer = store.search(store.names.every(OPINIONS), body | {"track_total_hits": False}).get("aggregations")
        if answer is None:
            return
        for bucket in answer["buckets"]["buckets"]:
            begin = _EPOCH + timedelta(milliseconds=bucket["key"]["start"])
            if begin + settings.bucket > oldest:
                yield Window(begin, begin + settings.bucket)
        if "after_key" not in answer["buckets"]:
            return
        composite = composite | {"after": answer["buckets"]["after_key"]}
