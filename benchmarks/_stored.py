"""Stored predictions for the evaluation benchmarks: a server, fast loading, one shape of event."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pandas as pd

from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.store.client import Store
from driftlog.store.templates import install, uninstall

NUMERIC = 20
START = datetime(2026, 3, 1, tzinfo=UTC)
MONTH = timedelta(days=30)
SETTINGS = ModelSettings(name="bench")
_CITIES = [f"city-{number}" for number in range(30)]
_PLANS = ["basic", "plus", "pro"]
_FLAGS = ["false", "true"]
_BATCH = 5_000


@contextmanager
def empty_store() -> Iterator[Store]:
    """A store under a prefix of its own on `DRIFTLOG_TEST_ELASTICSEARCH`, else on a local server for this run."""
    given = os.environ.get("DRIFTLOG_TEST_ELASTICSEARCH")
    server = None
    if not given:
        from driftlog.store.local.server import LocalServer, LocalSettings
        from driftlog.store.local.settings import base_folder

        settings = LocalSettings(port=0, home=base_folder() / "benchmarks")
        server = LocalServer()
        given = server.start(settings).url
    connection = ElasticsearchSettings(urls=(given,), timeout_s=300)
    store = Store.connect(connection, IndexNames(f"bench-{secrets.token_hex(3)}"))
    try:
        install(store)
        yield store
    finally:
        for info in store.list_indices():
            store.drop_index(info.name)
        uninstall(store)
        store.close()
        if server is not None:
            server.stop(settings)


def make_rows(n: int, seed: int, *, drift: float = 0.0) -> pd.DataFrame:
    """n rows of 20 numeric features (normal, skewed, tied, large), 3 categorical ones, a score and a label."""
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    for number in range(NUMERIC):
        columns[f"features.n{number:02}"] = _feature(rng, n, number) + drift * (number % 4 == 3)
    columns["features.city"] = np.asarray(_CITIES, dtype=object)[np.minimum(rng.geometric(0.12, n), 30) - 1]
    columns["features.plan"] = np.asarray(_PLANS, dtype=object)[rng.integers(0, 3, n)]
    columns["features.flag"] = np.asarray(_FLAGS, dtype=object)[rng.integers(0, 2, n)]
    score = rng.beta(2, 6, n)
    columns["prediction.score"] = score
    columns["prediction.label"] = np.where(score >= 0.5, "1", "0")
    return pd.DataFrame(columns)


def _feature(rng: np.random.Generator, n: int, number: int) -> np.ndarray:
    kind = number % 5
    if kind == 0:
        return rng.normal(size=n)
    if kind == 1:
        return rng.lognormal(3, 1, n)
    if kind == 2:
        return np.where(rng.random(n) < 0.3, 0.0, rng.exponential(10, n))
    if kind == 3:
        return rng.random(n) * 1000
    return np.round(rng.normal(50, 12, n))


def load(store: Store, rows: pd.DataFrame, *, start: datetime = START, span: timedelta = MONTH, base: int = 0) -> float:
    """Store `rows` as predictions spread evenly over `span`, numbered from `base`; seconds it took."""
    began = time.perf_counter()
    step = span / max(1, len(rows))
    names = [name.removeprefix("features.") for name in rows if name.startswith("features.")]
    encode = msgspec.json.Encoder().encode
    for first in range(0, len(rows), _BATCH):
        part = rows.iloc[first : first + _BATCH]
        features = [part[f"features.{name}"].tolist() for name in names]
        scores, labels = part["prediction.score"].tolist(), part["prediction.label"].tolist()
        body = bytearray()
        for offset, values in enumerate(zip(*features, strict=True)):
            number = first + offset
            at = start + number * step
            document = {
                "@timestamp": at,
                "event": {
                    "id": f"p{base + number}",
                    "dataset": "driftlog.prediction",
                    "ingested": at,
                    "duration": 1_000_000 + number % 9_000_000,
                    "outcome": "success",
                },
                "service": {"environment": "production", "name": "bench"},
                "model": {"name": "bench", "version": "1"},
                "features": dict(zip(names, values, strict=True)),
                "prediction": {"task": "binary", "score": scores[offset], "label": labels[offset]},
            }
            index = store.names.predictions("bench", at)
            body += encode({"create": {"_index": index, "_id": f"p{base + number}"}}) + b"\n" + encode(document) + b"\n"
        answer = store.request("POST", "/_bulk", params={"filter_path": "errors"}, body=bytes(body))
        assert not answer["errors"]
    store.refresh(store.names.all_predictions("bench"))
    return time.perf_counter() - began
