"""A cycle over predictions with the names and values that nobody should send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pandas as pd
import pytest

from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.reference import active, save
from driftlog.profile.reference_frame import reference_from_frame
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.results import find_measurements
from driftlog.store.templates import install
from driftlog.store.values import BulkAction
from driftlog.worker.cycle import run_cycle
from driftlog.worker.evaluation import Evaluator

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
CITIES = ("EWR", "a&b=c%25", "[1,2)", "Zürich ☃", "<script>", "x|y", "*", "' OR 1")
VERSIONS = ("*", "1|*", "2&=%", "../../_search", "")
SETTINGS = ModelSettings(
    name="credit",
    segments=(("city",), ("city", "amount")),
    protected=("city",),
    min_segment_rows=10,
    min_rows=10,
    joint_measures=("pca_reconstruction",),
)


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        register(store, ModelRecord(name="credit", task="binary", registered=START))
        yield store


def rows(days: int, n: int = 320) -> pd.DataFrame:
    rng = np.random.default_rng(days)
    score = rng.random(n * days)
    return pd.DataFrame(
        {
            "@timestamp": [START + DAY * i / n for i in range(n * days)],
            "features.amount": rng.normal(100, 10, n * days),
            "features.city": [CITIES[i % len(CITIES)] for i in range(n * days)],
            "prediction.score": score,
            "prediction.label": np.where(score >= 0.5, "1", "0"),
            "outcome.actual": np.where(rng.random(n * days) < score, "1", "0"),
        }
    )


def send(store: Store, frame: pd.DataFrame) -> None:
    actions = []
    for i, row in enumerate(frame.to_dict("records")):
        at = row["@timestamp"] + 20 * DAY
        document = {
            "@timestamp": at.isoformat(),
            "event": {"id": f"p{i}", "dataset": "driftlog.prediction", "ingested": at.isoformat()},
            "service": {"environment": "production"},
            "model": {"name": "credit", "version": VERSIONS[i // 8 % 5], "variant": VERSIONS[i // 32 % 2]},
            "features": {"amount": row["features.amount"] if i % 5 else "N/A", "city": row["features.city"]},
            "prediction": {"task": "binary", "score": row["prediction.score"], "label": row["prediction.label"]},
        }
        actions.append(BulkAction("create", store.names.predictions("credit", at), f"p{i}", document, None))
        truth = {
            "@timestamp": at.isoformat(),
            "event": {"id": f"f{i}", "dataset": "driftlog.feedback", "ingested": at.isoformat()},
            "model": {"name": "credit"},
            "feedback": {"prediction_id": f"p{i}", "actual": row["outcome.actual"]},
        }
        actions.append(BulkAction("create", store.names.monthly("feedback", at), f"f{i}", truth, None))
    assert not store.bulk(actions, refresh=True).failures


def test_each_measurement_has_an_id_of_its_own_and_the_whole_model_stays_whole(store: Store) -> None:
    """A version that is called ``*`` is counted once, under a name of its own, beside what all versions have."""
    save(store, *reference_from_frame(rows(12), SETTINGS, origin="a test", created=START))
    send(store, rows(1))
    now = START + 22 * DAY

    record = run_cycle(store, SETTINGS, as_of=now, worker_id="w", term=1, now=lambda: now, verify=True)

    assert record.status == "ok", record.error
    found = active(store, "credit", "production")
    assert found is not None
    day = Window(START + 20 * DAY, START + 21 * DAY)
    judged = Evaluator(store, SETTINGS, *found, "r").window(day, computed=now).judged
    assert [series for series, count in Counter(one.series for one in judged).items() if count > 1] == []
    stored = find_measurements(store, "credit", since=day.start, until=day.end, segment=None)
    assert {one.id for one in stored} == {one.id for one in judged}
    whole = [one for one in stored if one.metric == "throughput_per_hour" or one.metric == "accuracy"]
    assert {one.n_current for one in whole if (one.version, one.variant, one.segment) == ("*", "*", "")} == {320}
    assert {one.version for one in stored} == {"*", "%2A", "1|*", "2&=%", "../../_search"}
    assert {f"features.city={name}" for name in ("a%26b%3Dc%2525", "%5B1,2)", "Zürich ☃", "<script>")} <= {
        one.segment for one in stored
    }
    estimates = [one for one in judged if one.purpose == "estimated_performance" and one.value is not None]
    told = "calibrated on the reference of all versions and variants"
    assert {one.version for one in estimates} >= {"*", "%2A"}
    assert all((told in one.note) == ((one.version, one.variant) != ("*", "*")) for one in estimates)
    assert msgspec.json.encode(judged)
