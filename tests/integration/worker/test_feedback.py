"""Late ratings re-open the window of their prediction, and files become feedback, on a real Elasticsearch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from driftlog.contract.measurement import Measurement
from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord, RunRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings, ThresholdSettings
from driftlog.profile.feedback_file import open_feedback
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.results import find_measurements
from driftlog.store.templates import install
from driftlog.store.values import BulkAction
from driftlog.worker.cycle import run_cycle
from driftlog.worker.feedback_import import FeedbackImport, import_feedback

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
SETTINGS = ModelSettings(
    name="credit",
    environment="test",
    min_rows=10,
    thresholds=(ThresholdSettings(metric="complaint_rate", warning=0.2, critical=0.6),),
)


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        register(store, ModelRecord(name="credit", task="binary", registered=START))
        yield store


def now() -> datetime:
    return datetime.now(UTC)


def send_predictions(store: Store, day: int, n: int = 40) -> None:
    def action(i: int) -> BulkAction:
        at = START + day * DAY + i * timedelta(minutes=10)
        document: dict[str, Any] = {
            "@timestamp": at.isoformat(),
            "event": {"id": f"p{day}-{i}", "outcome": "success", "ingested": now().isoformat()},
            "service": {"environment": "test"},
            "model": {"name": "credit", "version": "1"},
            "prediction": {"score": 0.7, "label": "1"},
        }
        return BulkAction("create", store.names.predictions("credit", at), f"p{day}-{i}", document)

    assert not store.bulk([action(i) for i in range(n)], refresh=True).failures


def load(store: Store, file: Path, text: str, **options: Any) -> FeedbackImport:
    file.write_text(text)
    lines = open_feedback(file, zone=ZoneInfo("UTC")).lines()
    return import_feedback(store, SETTINGS, lines, source="app", default_at=START + 9 * DAY, now=now, **options)


def cycle(store: Store, day: int) -> RunRecord:
    record = run_cycle(store, SETTINGS, as_of=START + day * DAY, worker_id="w", term=1, now=now)
    assert record.status == "ok", record.error
    store.refresh(store.names.everything)
    return record


def found(store: Store, metric: str) -> list[Measurement]:
    return find_measurements(store, "credit", metric=metric)


def test_late_ratings_reopen_the_window_of_their_prediction(store: Store, tmp_path: Path) -> None:
    """Rated a week later: the day of the predictions is judged again, in place, and no other; the next cycle leaves
    it alone once nothing more comes in."""
    send_predictions(store, 0)
    send_predictions(store, 1)
    cycle(store, 3)
    assert found(store, "complaint_rate") == []
    ratings = "".join(f"p0-{i},{1 if i < 10 else 5},2026-03-11T08:00:00Z\n" for i in range(20))
    load(store, tmp_path / "ratings.csv", "prediction_id,rating,at\n" + ratings)
    cycle(store, 10)
    [rate] = found(store, "complaint_rate")
    assert (rate.window.start, rate.value, rate.verdict) == (START, 0.5, "warning")
    [mean] = found(store, "satisfaction")
    assert (mean.value, mean.n_current) == (3.0, 20)
    [responses] = [m for m in found(store, "response_rate") if m.window.start == START]
    assert responses.value == 0.5
    more = "".join(f"p0-{i},1,2026-03-12T08:00:00Z\n" for i in range(10, 20))
    load(store, tmp_path / "more.csv", "prediction_id,rating,at\n" + more)
    cycle(store, 11)
    [again] = found(store, "complaint_rate")
    assert (again.value, again.verdict, again.revision > rate.revision) == (1.0, "critical", True)


def test_feedback_without_prediction_is_measured_in_its_own_time(store: Store, tmp_path: Path) -> None:
    """Half of the day's labels find no prediction: an integrity measurement of that day, and a warning."""
    send_predictions(store, 0)
    labels = [f"p0-{i},1,2026-03-02T20:00:00Z" for i in range(20)]
    labels += [f"other-{i},1,2026-03-02T21:00:00Z" for i in range(20)]
    load(store, tmp_path / "truth.csv", "prediction_id,actual,at\n" + "\n".join(labels) + "\n")
    cycle(store, 2)
    [share] = [m for m in found(store, "unmatched_feedback") if m.window.start == START]
    assert (share.value, share.purpose, share.details["unmatched"]) == (0.5, "integrity", 20.0)
    assert share.verdict == "warning"


def test_bad_lines_are_told_with_their_number_and_the_rest_is_stored_once(store: Store, tmp_path: Path) -> None:
    """Quoted line breaks, missing cells, words for numbers, times ahead: each with its line; twice is once."""
    text = (
        "prediction_id,actual,rating,comment,at\n"
        'a,1,5,"two\nlines",2026-03-02\n'
        ",1,,,2026-03-02\n"
        "b,1\n"
        "c,,five,,2026-03-02\n"
        "d,,,,2026-03-02\n"
        "\n"
        "e,0,,,soon\n"
        "f,0,,,2999-01-01\n"
        "g,0,,,\n"
    )
    bad: list[int] = []
    file = tmp_path / "all.csv"
    report = load(store, file, text, reject=lambda number, reason, row: bad.append(number))
    assert (report.lines, report.stored) == (8, 2)
    assert report.rejected == [
        (4, "prediction_id is empty"),
        (5, "2 cells, the header has 5"),
        (6, "rating: 'five' is no number"),
        (7, "neither actual, rating nor comment"),
        (9, "at: 'soon' is no time"),
        (10, "at: 2999-01-01T00:00:00+00:00 lies in the future"),
    ]
    assert bad == [number for number, _ in report.rejected]
    again = load(store, file, text)
    assert (again.stored, again.duplicates) == (0, 2)
    stored = {
        hit["_source"]["feedback"]["prediction_id"]: hit["_source"] for hit in store.scan(store.names.every("feedback"))
    }
    assert stored["a"]["feedback"]["comment"] == "two\nlines"
    assert stored["g"]["@timestamp"].startswith("2026-03-11")
