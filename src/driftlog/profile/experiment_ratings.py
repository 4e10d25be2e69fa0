"""Ratings of an experiment's predictions, summed by subject in a temporary file."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from driftlog.profile.experiment_scope import RATING, SUBJECT, ExperimentScope, Query
from driftlog.profile.experiment_target import number_of
from driftlog.profile.scope import instant
from driftlog.store.values import Document

IDS: Final = 1000


def rated(scope: ExperimentScope, file: sqlite3.Connection) -> Iterable[tuple[str, int, float, float, float]]:
    """(subject, n, sum, low, high) of the ratings of the experiment's predictions, in order of subject."""
    file.execute("CREATE TABLE rating (subject TEXT, value REAL)")
    filters: list[Query] = [{"term": {"model.name": scope.settings.name}}, {"exists": {"field": RATING}}]
    if scope.start is not None:
        filters.append({"range": {"@timestamp": {"gte": instant(scope.start)}}})
    hits = scope.store.scan(
        scope.store.names.every("feedback"),
        {"bool": {"filter": filters}},
        source=["feedback.prediction_id", RATING, SUBJECT],
    )
    while page := list(islice(hits, IDS)):
        file.executemany("INSERT INTO rating VALUES (?, ?)", _join_ratings(scope, [hit["_source"] for hit in page]))
    return file.execute(
        "SELECT subject, count(*), sum(value), min(value), max(value) FROM rating GROUP BY subject ORDER BY subject"
    )


def _join_ratings(scope: ExperimentScope, feedback: Sequence[Document]) -> list[tuple[str, float]]:
    """(subject, rating) of those whose prediction belongs to the experiment; the prediction says whose it is."""
    ids = sorted({document["feedback"]["prediction_id"] for document in feedback})
    query = {"bool": {"filter": [*scope.filters(), {"ids": {"values": ids}}]}}
    body = {"query": query, "size": 10 * IDS, "_source": [SUBJECT], "track_total_hits": False, "sort": ["_doc"]}
    hits = scope.store.search(scope.pattern("ratings"), body)["hits"]["hits"]
    subjects = {hit["_id"]: hit["_source"].get("subject", {}).get("id") for hit in hits}
    joined = []
    for document in feedback:
        id = document["feedback"]["prediction_id"]
        value = number_of(document["feedback"].get("rating"))
        subject = subjects.get(id) or document.get("subject", {}).get("id")
        if id in subjects and subject and math.isfinite(value):
            joined.append((subject, value))
    return joined
