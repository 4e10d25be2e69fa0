"""A small model with two weeks of traffic and truth in a real Elasticsearch, counted into profiles."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from tests.conftest import delete_prefix

from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.buckets import recompute
from driftlog.profile.dirty import dirty_buckets
from driftlog.profile.outcomes import join_feedback
from driftlog.profile.reference import reference_from_window, save
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.templates import install
from driftlog.store.values import BulkAction

MODEL = "credit"
SETTINGS = ModelSettings(name=MODEL, environment="test", positive_label="1", bucket=timedelta(hours=6))
START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS, ROWS, BEFORE = 14, 200, 10
"""From day `BEFORE` on the amounts are higher and the model is version 2."""
END = START + DAYS * DAY
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def days(first: int, last: int) -> Window:
    return Window(START + first * DAY, START + last * DAY)


def score(features: pd.DataFrame) -> np.ndarray:
    """The model: probability of the label 1."""
    amount = features["amount"].fillna(100.0).to_numpy(float)
    return 1 / (1 + np.exp(-(0.06 * (amount - 100) + (features["plan"] == "plus") * 0.8 - 0.3)))


def rows(seed: int = 7) -> pd.DataFrame:
    """All rows with their truth."""
    rng = np.random.default_rng(seed)
    n = DAYS * ROWS
    number = np.arange(n)
    late = number // ROWS >= BEFORE
    frame = pd.DataFrame(
        {
            "amount": np.round(rng.normal(np.where(late, 112.0, 100.0), 15.0), 3),
            "plan": rng.choice(["basic", "plus"], n, p=[0.7, 0.3]),
            "country": rng.choice(["DE", "FR", "IT"], n, p=[0.5, 0.3, 0.2]),
        }
    )
    frame["score"] = score(frame)
    frame["label"] = np.where(frame["score"] >= 0.5, "1", "0")
    frame["actual"] = np.where(rng.uniform(size=n) < frame["score"], "1", "0")
    frame["at"] = [START + DAY * (i / ROWS) for i in range(n)]
    frame["version"] = np.where(late, "2", "1")
    frame["variant"] = np.where(number % 4 == 0, "b", "a")
    frame["day"] = number // ROWS
    return frame


@dataclass(frozen=True)
class Traffic:
    """Where it is and what it was."""

    store: Store
    settings: ModelSettings
    frame: pd.DataFrame
    reference_id: str
    url: str

    def between(self, first: int, last: int) -> pd.DataFrame:
        return self.frame[(self.frame["day"] >= first) & (self.frame["day"] < last)]


def prediction(store: Store, number: int, row: dict[str, Any]) -> BulkAction:
    document = {
        "@timestamp": row["at"].isoformat(),
        "event": {
            "id": f"p{number}",
            "dataset": "driftlog.prediction",
            "outcome": "success",
            "duration": 2_000_000,
            "ingested": datetime.now(UTC).isoformat(),
        },
        "service": {"environment": "test"},
        "model": {"name": MODEL, "version": row["version"], "variant": row["variant"]},
        "features": {name: row[name] for name in ("amount", "plan", "country")},
        "prediction": {"task": "binary", "score": row["score"], "label": row["label"]},
    }
    return BulkAction("create", store.names.predictions(MODEL, row["at"]), f"p{number}", document, None)


def feedback(store: Store, number: int, row: dict[str, Any]) -> BulkAction:
    known = row["at"] + timedelta(hours=2)
    document = {
        "@timestamp": known.isoformat(),
        "event": {"id": f"f{number}", "dataset": "driftlog.feedback", "ingested": datetime.now(UTC).isoformat()},
        "model": {"name": MODEL},
        "feedback": {"prediction_id": f"p{number}", "actual": row["actual"]},
    }
    return BulkAction("create", store.names.monthly("feedback", known), f"f{number}", document, None)


def send(store: Store, frame: pd.DataFrame) -> None:
    records = list(frame.to_dict("records"))
    for make in (prediction, feedback):
        report = store.bulk([make(store, i, row) for i, row in zip(frame.index, records, strict=True)], refresh=True)
        assert not report.failures


@contextmanager
def traffic(url: str, settings: ModelSettings = SETTINGS) -> Iterator[Traffic]:
    """Everything stored, the first `BEFORE` days as reference, all buckets counted."""
    prefix = f"test-{secrets.token_hex(4)}"
    try:
        with Store.connect(ElasticsearchSettings(urls=(url,)), IndexNames(prefix)) as store:
            install(store)
            register(store, ModelRecord(name=MODEL, task="binary", registered=START))
            frame = rows()
            send(store, frame)
            join_feedback(store, settings, since=BEGINNING, as_of=END)
            binning, reference = reference_from_window(store, settings, days(0, BEFORE), created=START)
            save(store, binning, reference)
            join_feedback(store, settings, since=BEGINNING, as_of=END, binning=binning)  # outcomes name their segments
            dirty = dirty_buckets(store, settings, binning, since=BEGINNING, as_of=END)
            recompute(store, settings, binning, dirty.prediction_keys, dirty.outcome_keys, term=1)
            yield Traffic(store, settings, frame, reference.id, url)
    finally:
        delete_prefix(url, prefix)
