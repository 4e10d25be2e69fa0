"""What was said of the predictions of one window, summed by Elasticsearch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from driftlog.contract.feedback import ClusterSums, FeedbackSummary, RatingSums
from driftlog.contract.settings import ModelSettings
from driftlog.contract.surveying import SURVEY
from driftlog.contract.window import Window
from driftlog.profile.feedback_join import OPINIONS
from driftlog.profile.outcome_row import same_label
from driftlog.profile.outcomes import outcome_id
from driftlog.profile.scope import ANY, VARIANT, VERSION, during, equals, in_environment
from driftlog.profile.waiting import once
from driftlog.store.client import Store

PAGE: Final = 20_000
"""Subjects a page: each page passes over all ratings; three buckets a subject stay below 65,536."""
IDS: Final = 1000
QUESTIONS: Final = 50
_SUBJECT: Final = "subject.id"
_RATED: Final[list[dict[str, Any]]] = [{"term": {"opinion.aspect": "rating"}}, {"exists": {"field": "opinion.rating"}}]

Document = dict[str, Any]


def summarise_feedback(
    store: Store, settings: ModelSettings, window: Window, *, version: str = ANY, variant: str = ANY
) -> FeedbackSummary:
    """Ratings, responses and users' labels of the predictions of `window`, and the feedback of that time.

    One search tells what there is; ratings are summed by subject, 20,000 a page; users' labels are read page by
    page and compared with the truth of their predictions. What is not there costs no further search.
    """
    where = _scope(settings, window, version, variant)
    answer = store.search(store.names.every(OPINIONS), overview_query(where, settings))
    found = answer.get("aggregations", {})
    questions = sorted(found.get("rated", {}).get("questions", {}).get("buckets", ()), key=lambda one: str(one["key"]))
    labelled = found.get("labelled", {}).get("doc_count", 0)
    feedback, unmatched = _unmatched(store, settings, window) if (version, variant) == (ANY, ANY) else (0, 0)
    return FeedbackSummary(
        window=window,
        responses=found.get("responses", {}).get("doc_count", 0),
        ratings=tuple(_rating(store, settings, where, question) for question in questions),
        labels=_labels(store, settings, where) if labelled else ClusterSums(),
        feedback=feedback,
        unmatched=unmatched,
    )


def _scope(settings: ModelSettings, window: Window, version: str, variant: str) -> list[Document]:
    return [
        during(window),
        {"term": {"model.name": settings.name}},
        *in_environment(settings.environment),
        *equals(VERSION, version),
        *equals(VARIANT, variant),
    ]


def overview_query(where: Sequence[Document], settings: ModelSettings) -> Document:
    """What there is, and the sums of ratings that name no subject.

    ::

        {"size": 0, "track_total_hits": false, "query": {"bool": {"filter": [...]}},
         "aggs": {"responses": {"filter": {"term": {"opinion.aspect": "response"}}},
                  "labelled": {"filter": {"term": {"opinion.aspect": "label"}}},
                  "rated": {"filter": {"bool": {"filter": [{"term": {"opinion.aspect": "rating"}},
                                                           {"exists": {"field": "opinion.rating"}}]}},
                            "aggs": {"questions": {
                                "terms": {"field": "opinion.question", "size": 50},
                                "aggs": {"alone": {"missing": {"field": "subject.id"},
                                                   "aggs": {"rating": {"extended_stats": {...}},
                                                            "satisfied": {...}, "complaints": {...}}}}}}}}}
    """
    stats = {"rating": {"extended_stats": {"field": "opinion.rating"}}}
    alone = {"alone": {"missing": {"field": _SUBJECT}, "aggs": stats | _levels(settings)}}
    aggs = {
        "responses": {"filter": {"term": {"opinion.aspect": "response"}}},
        "labelled": {"filter": {"bool": {"filter": _labelled()}}},
        "rated": {
            "filter": {"bool": {"filter": _RATED}},
            "aggs": {"questions": {"terms": {"field": "opinion.question", "size": QUESTIONS}, "aggs": alone}},
        },
    }
    return {"size": 0, "track_total_hits": False, "query": {"bool": {"filter": list(where)}}, "aggs": aggs}


def _labelled() -> list[Document]:
    known = [{"exists": {"field": f"opinion.{name}"}} for name in ("label", "value")]
    return [{"term": {"opinion.aspect": "label"}}, {"bool": {"should": known, "minimum_should_match": 1}}]


# -- ratings -----------------------------------------------------------------------------------------------------------


def subjects_query(
    where: Sequence[Document], question: str, settings: ModelSettings, after: Document | None = None
) -> Document:
    """One page of a question's ratings by subject, of those that name one.

    ::

        {"size": 0, "query": {...},
         "aggs": {"subjects": {
             "composite": {"size": 20000, "sources": [{"subject": {"terms": {"field": "subject.id"}}}]},
             "aggs": {"rating": {"sum": {"field": "opinion.rating"}},
                      "satisfied": {"filter": {"range": {"opinion.rating": {"gte": 4}}}},
                      "complaints": {"filter": {"range": {"opinion.rating": {"lte": 2}}}}}}}}
    """
    composite: Document = {"size": PAGE, "sources": [{"subject": {"terms": {"field": _SUBJECT}}}]}
    if after is not None:
        composite["after"] = after
    aggs = {"rating": {"sum": {"field": "opinion.rating"}}} | _levels(settings)
    filters = [*where, *_RATED, {"term": {"opinion.question": question}}]
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": filters}},
        "aggs": {"subjects": {"composite": composite, "aggs": aggs}},
    }


def _levels(settings: ModelSettings) -> Document:
    survey = settings.survey
    return {
        "satisfied": {"filter": {"range": {"opinion.rating": {"gte": survey.satisfied_from}}}},
        "complaints": {"filter": {"range": {"opinion.rating": {"lte": survey.complaint_below}}}},
    }


def _rating(store: Store, settings: ModelSettings, where: Sequence[Document], question: Document) -> RatingSums:
    """Sums of one question, from its bucket of the overview."""
    alone = question["alone"]
    n, stats = alone["doc_count"], alone["rating"]
    ratings = ClusterSums.apart(n, float(stats["sum"] or 0), float(stats["sum_of_squares"] or 0))
    satisfied, complaints = (
        ClusterSums.apart(n, count, count)
        for count in (alone["satisfied"]["doc_count"], alone["complaints"]["doc_count"])
    )
    if question["doc_count"] > n:
        for bucket in _by_subject(store, settings, where, question["key"]):
            n = bucket["doc_count"]
            ratings += ClusterSums.of_cluster(n, float(bucket["rating"]["value"] or 0))
            satisfied += ClusterSums.of_cluster(n, bucket["satisfied"]["doc_count"])
            complaints += ClusterSums.of_cluster(n, bucket["complaints"]["doc_count"])
    return RatingSums(question["key"], ratings, satisfied, complaints)


def _by_subject(store: Store, settings: ModelSettings, where: Sequence[Document], question: str) -> Iterator[Document]:
    after: Document | None = None
    while True:
        body = subjects_query(where, question, settings, after)
        found = store.search(store.names.every(OPINIONS), body).get("aggregations", {}).get("subjects", {})
        buckets = found.get("buckets", ())
        yield from buckets
        after = found.get("after_key")
        if after is None or len(buckets) < PAGE:
            return


# -- users' labels -----------------------------------------------------------------------------------------------------


def _labels(store: Store, settings: ModelSettings, where: Sequence[Document]) -> ClusterSums:
    """Users' labels against the truth, in order of subject, so that one subject's are together."""
    hits = store.scan(
        store.names.every(OPINIONS),
        {"bool": {"filter": [*where, *_labelled()]}},
        sort=[{_SUBJECT: {"order": "asc", "missing": "_last"}}],
        source=["opinion", _SUBJECT],
        size=IDS,
    )
    sums = ClusterSums()
    subject, n, total = "", 0, 0.0
    for found, difference in _differences(store, settings, hits):
        if not found:
            sums += ClusterSums.of_cluster(1, difference)
            continue
        if found != subject:
            sums += ClusterSums.of_cluster(n, total)
            subject, n, total = found, 0, 0.0
        n, total = n + 1, total + difference
    return sums + ClusterSums.of_cluster(n, total)


def _differences(store: Store, settings: ModelSettings, hits: Iterator[Document]) -> Iterator[tuple[str, float]]:
    """(subject, how much user and truth differ) of those whose truth is known from elsewhere."""
    source = ["outcome.actual", "outcome.actual_value", "outcome.source"]
    while page := [hit["_source"] for hit in islice(hits, IDS)]:
        ids = {outcome_id(settings.name, each["opinion"]["prediction_id"]): each for each in page}
        query = {"constant_score": {"filter": {"ids": {"values": list(ids)}}}}
        body = {"query": query, "size": 10 * IDS, "_source": source, "track_total_hits": False, "sort": ["_doc"]}
        answer = store.search(store.names.every("outcomes"), body)["hits"]["hits"]
        truths = {hit["_id"]: hit["_source"].get("outcome", {}) for hit in answer}
        for id, each in ids.items():
            difference = _difference(each["opinion"], truths.get(id, {}), settings)
            if difference is not None:
                yield each.get("subject", {}).get("id") or "", difference


def _difference(opinion: Document, truth: Document, settings: ModelSettings) -> float | None:
    if truth.get("source") == SURVEY:
        return None
    if settings.task == "regression":
        said, known = opinion.get("value"), truth.get("actual_value")
        return abs(said - known) if said is not None and known is not None else None
    label, actual = opinion.get("label"), truth.get("actual")
    return None if label is None or actual is None else float(not same_label(label, actual))


# -- feedback without its prediction -----------------------------------------------------------------------------------


def _unmatched(store: Store, settings: ModelSettings, window: Window) -> tuple[int, int]:
    """(feedback documents of the model in this time, those of them that wait for their prediction)."""
    of_model = [during(window), {"term": {"model.name": settings.name}}]
    n = store.count(store.names.every("feedback"), {"bool": {"filter": of_model}})
    if not n:
        return 0, 0
    return n, store.count(store.names.state, {"bool": {"filter": [*once(settings), during(window)]}})
