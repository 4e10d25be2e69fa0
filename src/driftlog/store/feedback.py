"""Feedback documents: made, stored once, and those that wait for their prediction."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

import msgspec

from driftlog.contract.errors import EventRefused, StoreUnavailable
from driftlog.contract.events import (
    DATASET_FEEDBACK,
    MAX_ID_BYTES,
    DriftlogGroup,
    EventGroup,
    FeedbackEvent,
    FeedbackGroup,
    ModelGroup,
    ServiceGroup,
)
from driftlog.contract.settings import ModelSettings
from driftlog.store.client import Store
from driftlog.store.values import BulkAction, BulkFailure, Document

SLICE: Final = 2000
RETRIES: Final = 6
MAX_COMMENT_CHARS: Final = 100_000
WAITING: Final = ("waiting_feedback", "waiting_opinion")
"""Kinds of the documents of feedback that waits; see `driftlog.profile.waiting`, which writes them."""
_LATER: Final = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Written:
    """What became of feedback: stored now, stored before, refused by Elasticsearch (id and reason)."""

    stored: int = 0
    duplicates: int = 0
    refused: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: Written) -> Written:
        return Written(self.stored + other.stored, self.duplicates + other.duplicates, (*self.refused, *other.refused))


@dataclass(frozen=True, slots=True)
class Orphan:
    """One feedback document whose prediction is not there."""

    id: str
    prediction_id: str
    at: datetime
    source: str
    waiting_since: datetime


@dataclass(frozen=True, slots=True)
class Orphans:
    """Feedback of a model whose prediction is not there, as the last cycle found it.

    `feedback` is the number of the model's feedback documents, of any environment.
    """

    count: int
    feedback: int
    oldest: datetime | None
    examples: tuple[Orphan, ...]


def truth_group(actual: object, settings: ModelSettings) -> FeedbackGroup:
    """A true label, or of a regression a true value, as feedback; None is none.

    Raises
    ------
    EventRefused
        It is no number (regression), or no single value.

    >>> truth_group(1.0, ModelSettings(name="m")).actual
    '1'
    """
    group = FeedbackGroup()
    if actual is None or actual == "":
        return group
    if settings.task == "regression":
        group.actual_value = number_of(actual, "actual")
    elif isinstance(actual, bool):
        group.actual = "true" if actual else "false"
    elif isinstance(actual, float) and actual.is_integer():
        group.actual = str(int(actual))
    elif isinstance(actual, (str, int, float)):
        group.actual = str(actual)
    else:
        raise EventRefused("illegal_field", f"actual: {actual!r:.80} is no label", field="feedback.actual")
    return group


def number_of(value: object, name: str) -> float:
    """A finite number, also from text; else `EventRefused`."""
    number = math.nan
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
    if not math.isfinite(number):
        raise EventRefused("illegal_field", f"{name}: {value!r:.80} is no number", field=f"feedback.{name}")
    return number


def feedback_event(
    settings: ModelSettings,
    prediction_id: str,
    group: FeedbackGroup,
    *,
    at: datetime,
    came: str,
    id: str = "",
) -> FeedbackEvent:
    """A feedback document that can be stored.

    Parameters
    ----------
    group
        What is said, and its source.
    came
        How it came, for ``driftlog.source``: import, api, survey.
    id
        By default a digest of everything that is said, about what, when and by whom: said again it is the same.

    Raises
    ------
    EventRefused
        No prediction id, or nothing said.
    """
    if not prediction_id or len(prediction_id.encode()) > MAX_ID_BYTES:
        problem = f"prediction_id has more than {MAX_ID_BYTES} bytes" if prediction_id else "prediction_id is empty"
        raise EventRefused("missing_prediction_id", problem, field="feedback.prediction_id")
    said = (group.actual, group.actual_value, group.rating, group.comment, group.answers)
    if all(part is None for part in said):
        raise EventRefused("missing_feedback", "neither actual, rating nor comment", field="feedback")
    if group.comment is not None and len(group.comment) > MAX_COMMENT_CHARS:
        raise EventRefused(
            "too_large", f"comment has more than {MAX_COMMENT_CHARS} characters", field="feedback.comment"
        )
    content = msgspec.json.encode((settings.name, settings.environment, prediction_id, at, group.source, said))
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    group = msgspec.structs.replace(group, prediction_id=prediction_id)
    return FeedbackEvent(
        timestamp=at,
        event=EventGroup(id=id or digest, dataset=DATASET_FEEDBACK, hash=digest),
        service=ServiceGroup(environment=settings.environment),
        model=ModelGroup(name=settings.name),
        driftlog=DriftlogGroup(source=came),
        feedback=group,
    )


def write_feedback(
    store: Store,
    events: Iterable[FeedbackEvent],
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
) -> Written:
    """Store feedback, each document once; what Elasticsearch has no room for now is tried again after a pause.

    Raises
    ------
    StoreUnavailable
        Elasticsearch stayed away through all retries; what was stored stays, and is found again.
    """
    done = Written()
    iterator = iter(events)
    while part := list(islice(iterator, SLICE)):
        done += _write(store, list(_actions(store, part, now())), sleep)
    return done


def _actions(store: Store, events: Iterable[FeedbackEvent], ingested: datetime) -> Iterator[BulkAction]:
    for event in events:
        assert event.timestamp is not None and event.event.id is not None  # noqa: S101 - `feedback_event`
        event.event.ingested = ingested
        yield BulkAction("create", store.names.monthly("feedback", event.timestamp), event.event.id, event)


def _write(store: Store, actions: list[BulkAction], sleep: Callable[[float], None]) -> Written:
    done = Written()
    for attempt in range(RETRIES):
        try:
            report = store.bulk(actions)
        except StoreUnavailable:
            if attempt == RETRIES - 1:
                raise
            sleep(2.0**attempt)
            continue
        later = {failure.id for failure in report.failures if failure.status in _LATER}
        refused = tuple(_refused(report.failures, later))
        done += Written(report.stored, report.conflicts, refused)
        actions = [action for action in actions if action.id in later]
        if not actions:
            return done
        sleep(2.0**attempt)
    raise StoreUnavailable(
        f"Elasticsearch had no room for {len(actions)} feedback documents",
        remedy="send them again later; what is stored is skipped",
    )


def _refused(failures: Iterable[BulkFailure], later: set[str]) -> Iterator[tuple[str, str]]:
    for failure in failures:
        if failure.id not in later:
            yield failure.id, failure.reason


def find_orphans(store: Store, settings: ModelSettings, *, examples: int = 10) -> Orphans:
    """Feedback of a model and environment whose prediction is not there, oldest first."""
    query = {
        "bool": {
            "filter": [
                {"terms": {"kind": list(WAITING)}},
                {"term": {"model.name": settings.name}},
                {"term": {"service.environment": settings.environment}},
            ],
            "must_not": [{"term": {"name": "with_truth"}}],
        }
    }
    body: Document = {
        "query": query,
        "size": examples,
        "track_total_hits": True,
        "sort": [{"@timestamp": {"order": "asc", "unmapped_type": "date"}}],
        "aggs": {"oldest": {"min": {"field": "@timestamp"}}},
    }
    hits = store.search(store.names.state, body)["hits"]
    found = tuple(_orphan(hit["_source"]["value"]) for hit in hits["hits"])
    n = store.count(store.names.every("feedback"), {"term": {"model.name": settings.name}})
    return Orphans(int(hits["total"]["value"]), n, found[0].at if found else None, found)


def _orphan(value: dict[str, Any]) -> Orphan:
    return Orphan(
        id=value["id"],
        prediction_id=value["prediction_id"],
        at=msgspec.convert(value["at"], datetime),
        source=value.get("source", ""),
        waiting_since=msgspec.convert(value["since"], datetime),
    )
