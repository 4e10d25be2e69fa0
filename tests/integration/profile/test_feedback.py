"""Ratings, comments and answers meet their predictions: late, early, changed, repeated; and are summed by window."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftlog.contract.feedback import ClusterSums
from driftlog.contract.settings import ModelSettings
from driftlog.contract.surveying import QuestionSettings, SurveySettings
from driftlog.contract.window import Window
from driftlog.profile.feedback_join import OpinionReport, join_opinions
from driftlog.profile.feedback_query import summarise_feedback
from driftlog.profile.outcomes import forget_waiting, join_feedback
from driftlog.store.client import Store
from driftlog.store.feedback import find_orphans

pytestmark = pytest.mark.elasticsearch

DAY0 = datetime(2026, 3, 3, tzinfo=UTC)
NOW = datetime(2026, 3, 6, tzinfo=UTC)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
DAY = Window(DAY0, DAY0 + timedelta(days=1))
SETTINGS = ModelSettings(
    name="churn",
    positive_label="yes",
    survey=SurveySettings(
        questions=(
            QuestionSettings(name="helpful", text="?"),
            QuestionSettings(name="tone", text="?"),
            QuestionSettings(name="why", text="?", kind="choice", choices=("price", "other")),
            QuestionSettings(name="truth", text="?", kind="label", choices=("yes", "no")),
        )
    ),
)
Write = Callable[[Iterable[dict[str, Any]]], None]


def prediction(number: int, *, subject: str = "", **rest: Any) -> dict[str, Any]:
    return {
        "@timestamp": (DAY0 + timedelta(minutes=number)).isoformat(),
        "event": {"id": f"p{number}", "ingested": NOW.isoformat()},
        "service": {"environment": "production"},
        "model": {"name": "churn", "version": "1"},
        "prediction": {"score": 0.7, "label": "yes"},
        **({"subject": {"id": subject}} if subject else {}),
    } | rest


def said(
    number: int, *, hours: float = 24, name: str = "", ingested: datetime = NOW, **feedback: Any
) -> dict[str, Any]:
    return {
        "@timestamp": (DAY0 + timedelta(minutes=number, hours=hours)).isoformat(),
        "event": {
            "id": name or f"f{number}-{hours}-{feedback.get('source', '')}",
            "dataset": "driftlog.feedback",
            "ingested": ingested.isoformat(),
        },
        "model": {"name": "churn"},
        "feedback": {"prediction_id": f"p{number}", **feedback},
    }


def join(store: Store, since: datetime = LONG_AGO, as_of: datetime = NOW) -> OpinionReport:
    store.refresh(store.names.everything)
    return join_opinions(store, SETTINGS, since=since, as_of=as_of)


def test_ratings_belong_to_the_window_of_their_prediction(store: Store, write: Write) -> None:
    """However late they come; by subject; satisfied and complaints as the settings say."""
    write([prediction(n, subject=f"s{n // 2}") for n in range(6)])
    write([said(n, rating=rating, hours=48) for n, rating in enumerate((5, 4, 1, 2, 3))])
    report = join(store)
    assert (report.read, report.waiting, report.newest_ingested) == (5, 0, NOW)
    assert [bucket.start for bucket in report.buckets] == [DAY0]
    summary = summarise_feedback(store, SETTINGS, DAY)
    assert summary.responses == 5
    [rating] = summary.ratings
    of = ClusterSums.of_cluster
    assert rating.ratings == of(2, 9.0) + of(2, 3.0) + of(1, 3.0)
    assert (rating.satisfied.total, rating.complaints.total) == (2, 2)
    later = Window(DAY.end, DAY.end + timedelta(days=2))
    assert summarise_feedback(store, SETTINGS, later).ratings == ()


def test_the_newest_rating_of_a_source_wins_and_sources_stand_side_by_side(store: Store, write: Write) -> None:
    """In any order of arrival, and looking again changes nothing."""
    write([prediction(0)])
    write([said(0, rating=5, hours=9, source="app"), said(0, rating=1, hours=5, source="app")])
    join(store)
    write([said(0, rating=2, hours=7, source="app"), said(0, rating=3, source="mail")])
    join(store)
    assert join(store).read == 4
    [rating] = summarise_feedback(store, SETTINGS, DAY).ratings
    assert (rating.ratings.n, rating.ratings.total) == (2, 8.0)
    assert summarise_feedback(store, SETTINGS, DAY).responses == 1


def test_a_second_form_takes_the_place_of_the_first(store: Store, write: Write) -> None:
    """Also where it leaves a question open; further questions are apart from the first."""
    write([prediction(0), prediction(1)])
    write(
        [
            said(0, hours=1, source="survey", rating=5, answers={"tone": "4", "why": "price"}, actual="no"),
            said(1, hours=1, source="survey", rating=4, answers={"tone": "2"}),
        ]
    )
    join(store)
    before = {one.question: one.ratings.total for one in summarise_feedback(store, SETTINGS, DAY).ratings}
    assert before == {"": 9.0, "tone": 6.0}
    write([said(0, hours=2, source="survey", comment="never mind")])
    join(store)
    after = {
        one.question: (one.ratings.n, one.ratings.total) for one in summarise_feedback(store, SETTINGS, DAY).ratings
    }
    assert after == {"": (1, 4.0), "tone": (1, 2.0)}


def test_a_rating_waits_for_its_prediction_and_is_listed(store: Store, write: Write) -> None:
    """Kept, reported once though it holds a truth too, and matched when the prediction comes."""
    write([said(0, rating=5, actual="yes", source="app"), said(1, rating=1), said(2, actual="no")])
    assert join(store).waiting == 2
    assert join_feedback(store, SETTINGS, since=LONG_AGO, as_of=NOW).waiting == 2
    store.refresh(store.names.state)
    found = find_orphans(store, SETTINGS)
    assert (found.count, found.feedback, found.oldest) == (3, 3, DAY0 + timedelta(days=1))
    assert [(each.prediction_id, each.source) for each in found.examples] == [("p0", "app"), ("p1", ""), ("p2", "")]
    of_feedback = Window(DAY0 + timedelta(days=1), DAY0 + timedelta(days=2))
    assert (summarise_feedback(store, SETTINGS, of_feedback).unmatched) == 3
    write([prediction(0), prediction(1)])
    later = NOW + timedelta(hours=5)
    report = join(store, since=later, as_of=later)
    assert (report.read, report.waiting) == (2, 0)
    assert [bucket.start for bucket in report.buckets] == [DAY0]
    join_feedback(store, SETTINGS, since=later, as_of=later)
    store.refresh(store.names.state)
    assert [each.prediction_id for each in find_orphans(store, SETTINGS).examples] == ["p2"]
    [rating] = summarise_feedback(store, SETTINGS, DAY).ratings
    assert rating.ratings.total == 6.0
    assert forget_waiting(store, SETTINGS) == 1


def test_a_users_label_counts_until_there_is_another(store: Store, write: Write) -> None:
    """Whatever the order, and however late the user: the truth of another source stays; the two are compared."""
    write([prediction(n, subject=f"s{n}") for n in range(4)])
    write(
        [
            said(0, source="survey", actual="no", hours=50),
            said(0, source="billing", actual="yes", hours=5),
            said(1, source="survey", actual="yes", hours=1),
            said(2, source="survey", actual="no", hours=1),
        ]
    )
    join(store)
    join_feedback(store, SETTINGS, since=LONG_AGO, as_of=NOW)
    write([said(1, source="label", actual="yes", hours=2), said(2, source="survey", actual="yes", hours=3)])
    write([said(3, source="billing", actual="no", hours=2), said(3, source="survey", actual="no", hours=90)])
    join(store)
    join_feedback(store, SETTINGS, since=LONG_AGO, as_of=NOW)
    store.refresh(store.names.every("outcomes"))
    outcomes = {
        hit["_source"]["outcome"]["prediction_id"]: hit["_source"]["outcome"]
        for hit in store.scan(store.names.every("outcomes"))
    }
    assert {id: (one["actual"], one["source"]) for id, one in outcomes.items()} == {
        "p0": ("yes", "billing"),
        "p1": ("yes", "label"),
        "p2": ("yes", "survey"),
        "p3": ("no", "billing"),
    }
    labels = summarise_feedback(store, SETTINGS, DAY).labels
    assert (labels.n, labels.total, labels.clusters) == (3, 1.0, 3)


def test_other_environments_and_labels_that_were_asked_for_are_no_opinions(store: Store, write: Write) -> None:
    """Staging's predictions are not production's; a labeller's comment is no user's."""
    write([prediction(0, service={"environment": "staging"}), prediction(1)])
    write([said(0, rating=1), said(1, source="label", actual="yes", comment="unclear")])
    report = join(store)
    assert (report.written, report.waiting) == (0, 0)


def test_ratings_of_one_version_can_be_told_apart(store: Store, write: Write) -> None:
    """The prediction says which version it was."""
    write([prediction(0), prediction(1, model={"name": "churn", "version": "2"})])
    write([said(0, rating=1), said(1, rating=5)])
    join(store)
    [rating] = summarise_feedback(store, SETTINGS, DAY, version="2").ratings
    assert (rating.ratings.n, rating.ratings.total) == (1, 5.0)


def test_any_order_of_arrival_ends_in_the_same_opinions(store: Store, write: Write) -> None:
    """Eighty statements of three sources on six predictions, shuffled, in six batches of which two are joined twice and
    some come before their predictions: the newest of each source counts, as a table says."""
    rng = random.Random(7)
    statements = []
    for at in range(80):
        source, number = rng.choice(["app", "mail", "survey"]), rng.randrange(6)
        rating = rng.choice([1.0, 2.0, 3.0, 4.0, 5.0, None])
        content: dict[str, Any] = {} if rating is None else {"rating": rating}
        statements.append((at, source, number, content | {"comment": "x"}))
    arrival = rng.sample(statements, len(statements))
    moment = NOW
    for batch in range(6):
        if batch == 2:
            write([prediction(n, subject=f"s{n % 2}") for n in range(6)])
        part = arrival[batch::6]
        moment += timedelta(hours=30)
        write(
            [
                said(n, hours=at, name=f"f{at}", ingested=moment, source=source, **content)
                for at, source, n, content in part
            ]
        )
        for _ in range(2 if batch in (1, 4) else 1):
            join(store, since=moment - timedelta(minutes=2), as_of=moment)
    join(store, since=moment, as_of=moment + timedelta(days=10))

    newest: dict[tuple[str, int], float | None] = {}
    for _, source, number, content in sorted(statements, key=lambda one: (one[0] + one[2] / 60, one[0])):
        if "rating" in content or source == "survey":
            newest[source, number] = content.get("rating")
    summary = summarise_feedback(store, SETTINGS, DAY)
    [rating] = summary.ratings
    known = [value for value in newest.values() if value is not None]
    assert (rating.ratings.n, rating.ratings.total) == (len(known), sum(known))
    assert (rating.ratings.clusters, summary.responses) == (2, 6)
