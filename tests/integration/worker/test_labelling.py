"""Predictions out to be labelled and labels back, on a real Elasticsearch."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.contract.surveying import LabellingSettings
from driftlog.contract.window import Window
from driftlog.evaluate.sampling import weighted_mean
from driftlog.profile.buckets import recompute
from driftlog.profile.dirty import dirty_buckets
from driftlog.profile.outcomes import join_feedback
from driftlog.profile.reference import save
from driftlog.profile.reference_frame import reference_from_frame
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.templates import install, uninstall
from driftlog.store.values import BulkAction
from driftlog.worker.labelling import LabelLine, Sample, draw_sample, import_labels

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOW = Window(START, START + DAY)
NOW = START + 3 * DAY
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
SETTINGS = ModelSettings(name="credit", environment="test", labelling=LabellingSettings())
N = 600


def rows(n: int, seed: int, *, plus: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.uniform(size=n)
    return pd.DataFrame(
        {
            "@timestamp": [START + DAY * i / n for i in range(n)],
            "features.amount": rng.normal(100, 10, n),
            "features.plan": np.where(rng.uniform(size=n) < plus, "plus", "basic"),
            "prediction.score": score,
            "prediction.label": np.where(score >= 0.5, "1", "0"),
            "outcome.actual": np.where(rng.uniform(size=n) < score, "1", "0"),
        }
    )


CURRENT = rows(N, 1, plus=0.5)


@pytest.fixture(scope="module")
def store(elasticsearch_url: str) -> Iterator[Store]:
    """A day of predictions, of which the first hundred have their label; half of them are of a plan that was rare."""
    with Store.connect(
        ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(f"test-{secrets.token_hex(4)}")
    ) as store:
        install(store)
        register(store, ModelRecord(name="credit", task="binary", registered=START))
        binning, reference = reference_from_frame(rows(2000, 2, plus=0.1), SETTINGS, origin="test", created=START)
        save(store, binning, reference)
        store.bulk([prediction(store, i, row) for i, row in enumerate(CURRENT.to_dict("records"))], refresh=True)
        store.bulk([truth(store, i) for i in range(100)], refresh=True)
        join_feedback(store, SETTINGS, since=LONG_AGO, as_of=NOW, binning=binning)
        dirty = dirty_buckets(store, SETTINGS, binning, since=LONG_AGO, as_of=NOW)
        recompute(store, SETTINGS, binning, dirty.prediction_keys, dirty.outcome_keys, term=1)
        store.refresh(store.names.everything)
        yield store
        uninstall(store)
        for info in store.list_indices():
            store.drop_index(info.name)


def prediction(store: Store, i: int, row: dict[str, Any]) -> BulkAction:
    document = {
        "@timestamp": row["@timestamp"].isoformat(),
        "event": {"id": f"p{i}", "outcome": "success", "ingested": NOW.isoformat()},
        "service": {"environment": "test"},
        "model": {"name": "credit", "version": "1"},
        "features": {"amount": row["features.amount"], "plan": row["features.plan"]},
        "prediction": {"score": row["prediction.score"], "label": row["prediction.label"]},
    }
    return BulkAction("create", store.names.predictions("credit", row["@timestamp"]), f"p{i}", document)


def truth(store: Store, i: int) -> BulkAction:
    document = {
        "@timestamp": (START + 2 * DAY).isoformat(),
        "event": {"id": f"f{i}", "ingested": NOW.isoformat()},
        "model": {"name": "credit"},
        "feedback": {"prediction_id": f"p{i}", "actual": CURRENT["outcome.actual"][i]},
    }
    return BulkAction("create", store.names.monthly("feedback", START + 2 * DAY), f"f{i}", document)


def ids(sample: Sample) -> list[str]:
    return [row.prediction_id for row in sample.rows]


def number(id: str) -> int:
    return int(id.removeprefix("p"))


def test_a_sample_has_its_parts_and_says_why(store: Store) -> None:
    """No labelled prediction is in it; the uncertain ones are the nearest to the threshold; the drifted ones are of
    the plan that grew; and a repetition draws the same in the same order."""
    sample = draw_sample(store, SETTINGS, WINDOW, 100, seed=5)
    assert sample.notes == ()
    assert sample.counts["uncertain"] == 40
    assert 0.8 * 100 <= len(sample.rows) <= 1.15 * 100
    assert all(number(id) >= 100 for id in ids(sample))
    nearest = (CURRENT["prediction.score"] - 0.5).abs()[100:].nsmallest(40).index
    assert {f"p{i}" for i in nearest} == {
        row.prediction_id for row in sample.rows if row.why[0].startswith("uncertain")
    }
    drifted = [row for row in sample.rows if any(why.startswith("drifted") for why in row.why)]
    assert drifted
    assert all(row.document["features"]["plan"] == "plus" for row in drifted)
    assert all("drifted: plan=plus " in " ".join(row.why) for row in drifted)
    assert draw_sample(store, SETTINGS, WINDOW, 100, seed=5) == sample
    assert ids(draw_sample(store, SETTINGS, WINDOW, 100, seed=6)) != ids(sample)


@pytest.fixture(scope="module")
def samples(store: Store) -> list[Sample]:
    """Twenty draws of about 150."""
    return [draw_sample(store, SETTINGS, WINDOW, 150, seed=seed) for seed in range(20)]


def test_every_row_carries_the_probability_of_its_draw(samples: list[Sample]) -> None:
    """Over many seeds predictions are drawn as often as their probability says."""
    told = {row.prediction_id: row.probability for sample in samples for row in sample.rows}
    times = pd.Series([id for sample in samples for id in ids(sample)]).value_counts()
    plus = CURRENT["features.plan"] == "plus"
    nearest = (CURRENT["prediction.score"] - 0.5).abs()[100:].nsmallest(60).index
    groups = {
        "certain": [f"p{i}" for i in nearest],
        "grown": [f"p{i}" for i in range(100, N) if plus[i] and i not in nearest],
        "elsewhere": [f"p{i}" for i in range(100, N) if not plus[i] and i not in nearest],
    }
    probabilities = []
    for members in groups.values():
        [probability] = {round(told[id], 9) for id in members if id in told}
        probabilities.append(probability)
        share = sum(times.get(id, 0) for id in members) / (len(samples) * len(members))
        error = np.sqrt(probability * (1 - probability) / (len(samples) * len(members)))
        assert abs(share - probability) <= 5 * error
    assert 1 == probabilities[0] > probabilities[1] > probabilities[2] > 0


def test_weighted_labels_tell_the_truth_about_all_and_the_bare_mean_does_not(samples: list[Sample]) -> None:
    """The accuracy of the predictions without label, estimated from samples: unbiased, and the interval holds."""
    correct = (CURRENT["prediction.label"] == CURRENT["outcome.actual"]).to_numpy(dtype=float)
    truth = correct[100:].mean()
    estimates, plain, covered = [], [], 0
    for sample in samples:
        values = [correct[number(id)] for id in ids(sample)]
        mean, low, high = weighted_mean(values, [row.probability for row in sample.rows])
        estimates.append(mean)
        plain.append(float(np.mean(values)))
        covered += low <= truth <= high
    error = np.std(estimates, ddof=1) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - truth) < 7 * error
    assert np.mean(plain) < truth - 0.03  # uncertain ones are wrong more often: 0.06 below in 400 draws
    assert covered >= 13  # 94.5 % of 400 intervals; the draws differ with the name of the index


def test_what_cannot_be_drawn_is_drawn_at_random_and_told(store: Store) -> None:
    """No reference in this environment, no scores of a regression: the random part takes the rest."""
    regression = msgspec.structs.replace(SETTINGS, task="regression")
    sample = draw_sample(store, regression, WINDOW, 50)
    assert sample.counts["uncertain"] == 0
    assert "a regression has no scores" in sample.notes[0]
    empty = draw_sample(store, SETTINGS, Window(START + 9 * DAY, START + 10 * DAY), 50)
    assert (empty.rows, empty.population) == ((), 0)


def test_labels_come_back_once_and_what_cannot_be_right_is_skipped(store: Store) -> None:
    """Stored as feedback of source label with their sample; unknown predictions and labels, and contradictions, are
    reported by line; a repetition stores nothing; a user's claim is replaced."""
    lines = [
        LabelLine(2, "p200", "1", "sure", "abc", "0.25"),
        LabelLine(3, "p201", ""),
        LabelLine(4, "p202", "yess"),
        LabelLine(5, "nobody", "1"),
        LabelLine(6, "p200", "0"),
        LabelLine(7, "p203", "0.0"),
        LabelLine(8, "p203", "0.0"),
    ]
    at = START + 2 * DAY
    report = import_labels(store, SETTINGS, lines, at=at, now=lambda: NOW)
    assert (report.lines, report.stored, report.duplicates, report.unlabelled) == (7, 2, 1, 1)
    assert [number for number, _ in report.skipped] == [4, 5, 6]
    again = import_labels(store, SETTINGS, lines, at=at, now=lambda: NOW)
    assert (again.stored, again.duplicates) == (0, 3)
    query = {"term": {"feedback.source": "label"}}
    found = {
        hit["_source"]["feedback"]["prediction_id"]: hit["_source"]
        for hit in store.scan(store.names.every("feedback"), query)
    }
    assert set(found) == {"p200", "p203"}
    assert found["p200"]["labels"] == {"sample": "abc", "inclusion_probability": "0.25"}
    join_feedback(store, SETTINGS, since=LONG_AGO, as_of=NOW)
    assert "p200" not in ids(draw_sample(store, SETTINGS, WINDOW, 400))
