"""What one watched model adds each day beside its predictions: counts, results, run records, outcomes, seals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks._storage_events import START, events, mixed, text
from driftlog.audit.chain import Chain
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ModelSettings
from driftlog.profile.reference import save
from driftlog.profile.reference_frame import reference_from_frame
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.values import BulkAction
from driftlog.worker.audit import seal
from driftlog.worker.cycle import run_cycle

DAYS: Final = 14
"""Of a month of documents, those of the first days are stored."""
KINDS: Final = ("predictions", "feedback", "outcomes", "profiles", "results", "runs", "seals")
CODECS: Final = ("default", "best_compression")


def watch(store: Store, features: int, a_day: int) -> Counter[str]:
    """Days of predictions with their truth, counted and judged each day as a worker does; documents by kind."""
    settings = ModelSettings(name="watched", positive_label="late", min_rows=50)
    register(store, ModelRecord(name="watched", task="binary", registered=START))
    save(store, *reference_from_frame(_reference(features), settings, origin="benchmark", created=START))
    made = list(events(mixed(a_day * 30, features, seed=3), model="watched", seed=4))
    chance = np.random.default_rng(5)
    end = START + timedelta(days=DAYS)
    kept = [(id, document) for id, document in made if document["@timestamp"] < text(end)]
    store.bulk(
        (BulkAction("create", store.names.predictions("watched", START), id, document) for id, document in kept),
        refresh=True,
    )
    store.bulk((_truth(store, id, document, chance) for id, document in kept), refresh=True)
    for day in range(1, DAYS + 1):
        as_of = START + timedelta(days=day, hours=1)
        run = run_cycle(store, settings, as_of=as_of, worker_id="w", term=1, now=lambda: datetime.now(UTC))
        assert run.status == "ok", run.error
    while seal(store, settings, AuditSettings(), Chain(store), now=lambda: end + timedelta(hours=2)):
        pass
    return Counter({kind: store.count(store.names.every(kind)) for kind in KINDS[1:]}) + Counter(predictions=len(kept))


def _reference(features: int) -> pd.DataFrame:
    rows = [
        {
            "@timestamp": pd.Timestamp(document["@timestamp"]) - pd.Timedelta(days=31),
            "prediction.score": document["prediction"]["score"],
            "prediction.label": document["prediction"]["label"],
        }
        | {f"features.{name}": value for name, value in document["features"].items()}
        for _, document in events(mixed(20_000, features, seed=6), model="watched", seed=7)
    ]
    return pd.DataFrame(rows)


def _truth(store: Store, id: str, document: dict[str, Any], chance: np.random.Generator) -> BulkAction:
    moment = datetime.fromisoformat(document["@timestamp"])
    known = text(moment + timedelta(hours=5))
    actual = "late" if chance.random() < document["prediction"]["score"] else "on_time"
    body = {
        "@timestamp": known,
        "event": {"id": f"truth-{id}", "dataset": "driftlog.feedback", "ingested": known, "hash": id.replace("-", "")},
        "model": {"name": "watched"},
        "feedback": {"prediction_id": id, "actual": actual, "source": "arrivals"},
        "driftlog": {"source": "http"},
    }
    return BulkAction("create", store.names.monthly("feedback", START), f"truth-{id}", body)


def copy(store: Store, kind: str, codec: str) -> str:
    """All documents of a kind, in one index with this codec; its name."""
    index = f"{store.names.prefix}-{kind}.copy-{codec.replace('_', '-')}"
    store.request("PUT", f"/{index}", body={"settings": {"index.codec": codec}})
    pattern = f"{store.names.prefix}-{kind}.*2026-*"
    store.bulk(
        BulkAction("create", index, f"{hit['_index']}{hit['_id']}", hit["_source"]) for hit in store.scan(pattern)
    )
    return index


def daily(
    store: Store,
    finish: Callable[[Store, str], None],
    stored_bytes: Callable[[Store, str], int],
    *,
    features: int,
    a_day: int,
) -> None:
    """The table: documents a day, bytes each by codec, bytes a model-day."""
    documents = watch(store, features, a_day)
    print(
        f"\nA model of {features} features, {a_day:,} predictions a day with their truth; {DAYS} days, hourly buckets"
    )
    print(f"{'kind':<14}{'a day':>8}{'bytes each, LZ4':>17}{'best_compression':>18}{'ratio':>7}{'KiB a day':>11}")
    for kind in KINDS:
        sizes = {}
        for codec in CODECS:
            index = copy(store, kind, codec)
            finish(store, index)
            sizes[codec] = stored_bytes(store, index)
        n, best = documents[kind], sizes["best_compression"]
        print(
            f"{kind:<14}{n / DAYS:>8,.0f}{sizes['default'] / n:>17,.0f}{best / n:>18,.0f}"
            f"{best / sizes['default']:>7.2f}{best / DAYS / 1024:>11,.0f}",
            flush=True,
        )
