"""A cycle on a real Elasticsearch: events in, results and alerts out, and the same again after anything late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from driftlog.contract.measurement import Measurement
from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord, RunRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings, Settings
from driftlog.contract.window import Window
from driftlog.profile.reference import save
from driftlog.profile.reference_frame import reference_from_frame
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.store.cursors import write_cursor
from driftlog.store.models import register
from driftlog.store.results import find_measurements
from driftlog.store.runs import find_runs
from driftlog.store.templates import install
from driftlog.store.values import BulkAction
from driftlog.worker.backfill import run_once
from driftlog.worker.cycle import run_cycle

pytestmark = pytest.mark.elasticsearch

SETTINGS = ModelSettings(name="credit", environment="test", positive_label="1")
START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
ROWS = 240


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        register(store, ModelRecord(name="credit", task="binary", registered=START))
        yield store


def now() -> datetime:
    return datetime.now(UTC)


def rows(day: int, *, shift: float = 0.0, n: int = ROWS) -> pd.DataFrame:
    """A day of predictions with their truth; the truth follows the score."""
    rng = np.random.default_rng(day + 100)
    score = rng.uniform(size=n)
    return pd.DataFrame(
        {
            "@timestamp": [START + day * DAY + DAY * i / n for i in range(n)],
            "features.amount": rng.normal(100 + shift, 10, n),
            "features.plan": rng.choice(["basic", "plus"], n),
            "prediction.score": score,
            "prediction.label": np.where(score >= 0.5, "1", "0"),
            "outcome.actual": np.where(rng.uniform(size=n) < score, "1", "0"),
        }
    )


def send_predictions(store: Store, day: int, frame: pd.DataFrame, *, ids: str = "p") -> None:
    def action(i: int, row: dict[str, Any]) -> BulkAction:
        document = {
            "@timestamp": row["@timestamp"].isoformat(),
            "event": {
                "id": f"{ids}{day}-{i}",
                "dataset": "driftlog.prediction",
                "outcome": "success",
                "duration": 10**6,
            },
            "service": {"environment": "test"},
            "model": {"name": "credit", "version": "1"},
            "features": {"amount": row["features.amount"], "plan": row["features.plan"]},
            "prediction": {"task": "binary", "score": row["prediction.score"], "label": row["prediction.label"]},
        }
        document["event"]["ingested"] = now().isoformat()
        return BulkAction(
            "create", store.names.predictions("credit", row["@timestamp"]), f"{ids}{day}-{i}", document, None
        )

    report = store.bulk([action(i, row) for i, row in enumerate(frame.to_dict("records"))], refresh=True)
    assert not report.failures


def send_feedback(store: Store, day: int, frame: pd.DataFrame) -> None:
    def action(i: int, row: dict[str, Any]) -> BulkAction:
        known = row["@timestamp"] + timedelta(hours=5)
        document = {
            "@timestamp": known.isoformat(),
            "event": {"id": f"f{day}-{i}", "dataset": "driftlog.feedback", "ingested": now().isoformat()},
            "model": {"name": "credit"},
            "feedback": {"prediction_id": f"p{day}-{i}", "actual": row["outcome.actual"]},
        }
        return BulkAction("create", store.names.monthly("feedback", known), f"f{day}-{i}", document, None)

    report = store.bulk([action(i, row) for i, row in enumerate(frame.to_dict("records"))], refresh=True)
    assert not report.failures


def cycle(store: Store, day: int, *, term: int = 1, settings: ModelSettings = SETTINGS) -> RunRecord:
    record = run_cycle(store, settings, as_of=START + day * DAY, worker_id="w", term=term, now=now)
    assert record.status == "ok", record.error
    return record


def reference(store: Store) -> None:
    """Twenty days before START."""
    frame = pd.concat([rows(day) for day in range(-20, 0)], ignore_index=True)
    save(store, *reference_from_frame(frame, SETTINGS, origin="test", created=START))


def results(store: Store, metric: str) -> list[Measurement]:
    """What was measured of the whole model, estimates apart."""
    measured = ["performance", "operational", "data_drift", "prediction_drift", "quality"]
    return find_measurements(store, "credit", metric=metric, purpose=measured)


def test_a_day_is_counted_measured_and_judged(store: Store) -> None:
    """Predictions, truth, one cycle: drift, performance and traffic of the day."""
    reference(store)
    frame = rows(0)
    send_predictions(store, 0, frame)
    send_feedback(store, 0, frame)
    record = cycle(store, 1)
    assert (record.windows, record.outcomes, record.alerts_opened) == (1, ROWS, 0)
    (traffic,) = results(store, "predictions")
    (area,) = results(store, "roc_auc")
    assert traffic.value == ROWS and area.maturity == 1.0
    from sklearn.metrics import roc_auc_score

    assert area.value == pytest.approx(
        roc_auc_score(frame["outcome.actual"] == "1", frame["prediction.score"]), abs=0.01
    )
    assert [m.verdict for m in results(store, "kolmogorov_smirnov")] == ["ok", "ok"]


def test_a_shift_opens_one_alert_updates_it_and_closes_it(store: Store) -> None:
    """Two of three windows open it; windows like the reference end it; the evidence stays."""
    reference(store)
    for day in range(7):
        send_predictions(store, day, rows(day, shift=40.0 if 1 <= day <= 3 else 0.0))
        cycle(store, day + 1)
    (alert,) = find_alerts(store, "credit")
    assert alert.status == "resolved" and alert.purpose == "data_drift"
    assert alert.opened == START + 3 * DAY
    assert alert.evidence.field == "features.amount" and alert.evidence.window.end == START + 3 * DAY
    assert [member.field for member in alert.members] == ["features.amount"]


def test_a_second_cycle_over_the_same_data_changes_nothing(store: Store) -> None:
    """Idempotent: same documents, same alerts; only what is recounted is revised."""
    reference(store)
    send_predictions(store, 0, rows(0))
    cycle(store, 1)
    before = {m.id: m.value for m in find_measurements(store, "credit")}
    again = cycle(store, 1)
    assert {m.id: m.value for m in find_measurements(store, "credit")} == before
    assert again.alerts_opened == again.alerts_updated == 0


def test_late_events_and_late_labels_reopen_their_window(store: Store) -> None:
    """A week later the day's result is updated in place, and its revision counted up."""
    reference(store)
    frame = rows(0)
    send_predictions(store, 0, frame.iloc[:200])
    cycle(store, 1)
    assert results(store, "predictions")[0].value == 200
    assert [m.value for m in results(store, "accuracy")] in ([], [None])

    send_predictions(store, 0, frame.iloc[200:], ids="late-p")
    send_feedback(store, 0, frame.iloc[:200])
    record = cycle(store, 8)
    assert Window(START, START + DAY) in record.windows_evaluated
    first = [m for m in results(store, "predictions") if m.window.start == START]
    assert [(m.value, m.revision) for m in first] == [(240, 2)]
    (accuracy,) = [m for m in results(store, "accuracy") if m.window.start == START]
    truth = (frame["prediction.label"] == frame["outcome.actual"]).iloc[:200].mean()
    assert accuracy.value == pytest.approx(truth) and accuracy.maturity == pytest.approx(200 / 240)


def test_a_corrected_label_replaces_the_first(store: Store) -> None:
    """The newest feedback of a prediction wins, whatever arrives last."""
    reference(store)
    frame = rows(0)
    send_predictions(store, 0, frame)
    send_feedback(store, 0, frame)
    cycle(store, 1)
    wrong = frame.assign(**{"@timestamp": frame["@timestamp"] + DAY, "outcome.actual": "0"})
    actions = []
    for i, row in enumerate(wrong.to_dict("records")):
        document = {
            "@timestamp": (row["@timestamp"] + timedelta(hours=6)).isoformat(),
            "event": {"id": f"c{i}", "dataset": "driftlog.feedback", "ingested": now().isoformat()},
            "model": {"name": "credit"},
            "feedback": {"prediction_id": f"p0-{i}", "actual": "0"},
        }
        actions.append(BulkAction("create", store.names.monthly("feedback", START), f"c{i}", document, None))
    store.bulk(actions, refresh=True)
    cycle(store, 3)
    (recall,) = [m for m in results(store, "accuracy") if m.window.start == START]
    assert recall.value == pytest.approx((frame["prediction.label"] == "0").mean())


def test_silence_is_measured(store: Store) -> None:
    """Days without events have zero predictions, and one alert says so."""
    reference(store)
    send_predictions(store, 0, rows(0))
    cycle(store, 1)
    cycle(store, 3)
    assert [m.value for m in sorted(results(store, "predictions"), key=lambda m: m.window)] == [ROWS, 0, 0]
    assert [alert.purpose for alert in find_alerts(store, "credit", status="open")] == ["operational"]


def test_without_a_reference_operations_and_performance_are_measured(store: Store) -> None:
    """Marked no_reference; nothing is guessed."""
    frame = rows(0)
    send_predictions(store, 0, frame)
    send_feedback(store, 0, frame)
    cycle(store, 1)
    (accuracy,) = results(store, "accuracy")
    assert accuracy.value == pytest.approx((frame["prediction.label"] == frame["outcome.actual"]).mean())
    assert "no_reference" in accuracy.marks and results(store, "kolmogorov_smirnov") == []


def test_a_new_reference_recounts_the_past_in_its_bins(store: Store) -> None:
    """The window judged before there was a reference is judged against it now."""
    send_predictions(store, 0, rows(0))
    cycle(store, 1)
    reference(store)
    cycle(store, 1)
    assert len(results(store, "kolmogorov_smirnov")) == 2


def test_an_older_term_cannot_overwrite(store: Store) -> None:
    """A worker that was paused and lost its lease fails instead of writing."""
    reference(store)
    send_predictions(store, 0, rows(0))
    cycle(store, 1, term=5)
    record = run_cycle(store, SETTINGS, as_of=START + DAY, worker_id="old", term=4, now=now)
    assert record.status == "failed" and record.error
    store.refresh(store.names.every("runs"))
    assert {run.status for run in find_runs(store, "credit")} == {"ok", "failed"}


def test_a_back_fill_judges_what_the_look_back_has_frozen(store: Store) -> None:
    """`run --from --to` a year later."""
    reference(store)
    send_predictions(store, 0, rows(0))
    settings = Settings(prefix=store.names.prefix, models=(SETTINGS,))
    span = Window(START, START + DAY)
    (record,) = run_once(store, settings, models=["credit"], as_of=START + 400 * DAY, span=span, now=now, worker_id="w")
    assert (record.status, record.windows) == ("ok", 1)
    assert results(store, "predictions")[0].value == ROWS


def test_a_mistake_fails_the_cycle_and_not_the_worker(store: Store) -> None:
    """A damaged document, say: the record tells what happened, and the next model has its turn."""
    write_cursor(store, "credit", "test", "cycle", {"ingested": "never"}, term=1)
    record = run_cycle(store, SETTINGS, as_of=START, worker_id="w", term=1, now=now)

    assert (record.status, record.error.split(":")[:2]) == ("failed", ["unforeseen", " ValidationError"])
    store.refresh(store.names.every("runs"))
    assert [run.status for run in find_runs(store, "credit")] == ["failed"]


def test_each_cycle_leaves_a_record(store: Store) -> None:
    """Stages with their durations, counts, and the delay from event to result."""
    reference(store)
    send_predictions(store, 0, rows(0))
    record = cycle(store, 1)
    store.refresh(store.names.every("runs"))
    (stored,) = find_runs(store, "credit")
    assert msgspec.to_builtins(stored) == msgspec.to_builtins(record)
    assert set(stored.durations_ms) == {"join", "discover", "profile", "evaluate", "decide", "write"}
    assert stored.event_to_result_s is not None and 0 < stored.event_to_result_s < 120
