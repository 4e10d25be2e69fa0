"""What a prediction takes on disk, by its features and the settings of its index; and what a model adds each day.

Every index of a table holds the same documents, force-merged to one segment. They are loaded by bulk requests of 1,000,
in turn into one index after the other, so that all meet the same disturbances. "count" is the product's own search: a
month, every feature over its bins; median of 9, caches cleared, in turn. Ratios are to Elasticsearch's default codec
(LZ4) in the same run; above 1 is slower.

    python -m benchmarks.storage            # about 8 minutes
    python -m benchmarks.storage --quick
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
import pandas as pd

from benchmarks._storage_daily import daily
from benchmarks._storage_events import SPAN, START, events, flights, mixed
from benchmarks._stored import empty_store
from driftlog.contract.binning import Binning
from driftlog.contract.profile import ProfileKey
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.query import bucket_queries, parse_bucket
from driftlog.profile.raw import search_parts
from driftlog.profile.reference_frame import reference_from_frame
from driftlog.store.client import Store
from driftlog.store.values import BulkAction

ROUNDS: Final = 9
BATCH: Final = 1_000
VARIANTS: Final[Mapping[str, dict[str, Any]]] = {
    "default": {"index.codec": "default"},
    "best": {"index.codec": "best_compression"},
    "best-sorted": {
        "index.codec": "best_compression",
        "index.sort.field": ["model.version", "@timestamp"],
        "index.sort.order": ["asc", "desc"],
    },
    "logsdb": {"index.mode": "logsdb", "index.mapping.source.mode": "stored"},
}
SHOWN: Final = {
    "default": "standard, LZ4",
    "best": "standard, best_compression",
    "best-sorted": "the same, sorted by version and time",
    "logsdb": "logsdb, stored source",
}
Rows = list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--quick", action="store_true", help="2,000 predictions")
    arguments = parser.parse_args()
    n = 2_000 if arguments.quick else arguments.rows
    print(f"load {os.getloadavg()[0]:.1f}")
    for title, rows in (
        ("flights: 11 numbers, 3 categories", flights(n)),
        ("20 features: 16 numbers, 4 categories", mixed(n, 20)),
        ("100 features: 80 numbers, 20 categories", mixed(n // 3, 100)),
    ):
        with empty_store() as store:
            by_settings(store, title, rows)
    with empty_store() as store:
        by_period(store, mixed(n, 20))
    for features in (20, 100):
        with empty_store() as store:
            daily(store, finish, stored_bytes, features=features, a_day=100 if arguments.quick else 2_000)


def by_settings(store: Store, title: str, rows: Rows) -> None:
    """One table: the same documents under each variant's settings."""
    for name, settings in VARIANTS.items():
        store.request("PUT", f"/{index_of(store, name)}", body={"settings": settings})
    sent, seconds = load(store, rows)
    for name in VARIANTS:
        finish(store, index_of(store, name))
    searching = search_times(store, rows)
    print(f"\n{title}; {len(rows):,} predictions, {sent / len(rows):.0f} bytes each as JSON")
    print(f"{'':<38}{'bytes':>7}{'of JSON':>9}{'loaded, events/s':>18}{'ratio':>7}{'count, ms':>11}{'ratio':>7}")
    for name in VARIANTS:
        size = stored_bytes(store, index_of(store, name)) / len(rows)
        print(
            f"{SHOWN[name]:<38}{size:>7.0f}{size * len(rows) / sent:>9.2f}{len(rows) / seconds[name]:>18,.0f}"
            f"{seconds[name] / seconds['default']:>7.2f}{searching[name] * 1e3:>11.1f}"
            f"{searching[name] / searching['default']:>7.2f}",
            flush=True,
        )
    by_part(store, index_of(store, "best"), len(rows))


def by_period(store: Store, rows: Rows) -> None:
    """What small indices cost: the same documents, ever fewer in one index."""
    print("\n20 features, by the number of predictions in one index (a period of a model)")
    for n in (30, 300, 3_000, 30_000):
        index, part = store.names.predictions(f"part-{n}", START), rows[:n]
        if len(part) < n:
            return
        store.bulk(BulkAction("create", index, id, document) for id, document in events(part, model="part"))
        finish(store, index)
        print(f"{n:>10,}{stored_bytes(store, index) / n:>8.0f} bytes each", flush=True)


def index_of(store: Store, variant: str) -> str:
    return store.names.predictions(variant, START)


def load(store: Store, rows: Rows) -> tuple[int, dict[str, float]]:
    """Bytes of the documents as JSON; seconds of each variant's bulk requests."""
    encode = msgspec.json.Encoder().encode
    seconds, sent = dict.fromkeys(VARIANTS, 0.0), 0
    streams = [events(rows, model=name) for name in VARIANTS]
    for turn, batches in enumerate(zip(*(pages(stream) for stream in streams), strict=True)):
        bodies = {}
        for name, batch in zip(VARIANTS, batches, strict=True):
            lines = []
            for id, document in batch:
                text = encode(document)
                sent += len(text) if name == "default" else 0
                lines += [encode({"create": {"_index": index_of(store, name), "_id": id}}), text]
            bodies[name] = b"\n".join(lines) + b"\n"
        for name in rotated(tuple(VARIANTS), turn):
            began = time.perf_counter()
            answer = store.request("POST", "/_bulk", params={"filter_path": "errors"}, body=bodies[name])
            seconds[name] += time.perf_counter() - began
            assert not answer["errors"]
    return sent, seconds


def pages(stream: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    while page := list(islice(stream, BATCH)):
        yield page


def rotated(names: Sequence[str], turn: int) -> Sequence[str]:
    """Nobody is always first."""
    first = turn % len(names)
    return (*names[first:], *names[:first])


def finish(store: Store, index: str) -> None:
    """One segment, on disk."""
    store.refresh(index)
    store.request("POST", f"/{index}/_forcemerge", params={"max_num_segments": 1}, timeout_s=600)
    store.request("POST", f"/{index}/_flush", params={"force": "true"})


def stored_bytes(store: Store, index: str) -> int:
    """Bytes of the segments (the translog, which a flush empties, not counted)."""
    answer = store.request("POST", f"/{index}/_disk_usage", params={"run_expensive_tasks": "true"}, timeout_s=600)
    return int(answer[index]["store_size_in_bytes"])


def by_part(store: Store, index: str, n: int) -> None:
    """Where the bytes of one index are."""
    answer = store.request("POST", f"/{index}/_disk_usage", params={"run_expensive_tasks": "true"}, timeout_s=600)
    fields = answer[index]["fields"]
    groups = {
        "the document itself (_source)": ("_source",),
        "features": ("features.",),
        "event.id and _id": ("_id", "event.id"),
    }
    told, rest = [], float(answer[index]["store_size_in_bytes"])
    for title, starts in groups.items():
        size = sum(f["total_in_bytes"] for name, f in fields.items() if name.startswith(starts))
        rest -= size
        told.append(f"{title} {size / n:.0f}")
    print(f"  bytes with best_compression: {', '.join(told)}, the rest {rest / n:.0f}", flush=True)


def search_times(store: Store, rows: Rows) -> dict[str, float]:
    """Seconds to count the month, the median of `ROUNDS` for each variant."""
    binning = binning_of(rows)
    window = Window(START, START + SPAN)
    taken: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for turn in range(ROUNDS):
        for name in rotated(tuple(VARIANTS), turn):
            store.request("POST", f"/{index_of(store, name)}/_cache/clear")
            taken[name].append(timed(lambda name=name: count(store, binning, name, window, len(rows))))
    return {name: sorted(values)[ROUNDS // 2] for name, values in taken.items()}


def binning_of(rows: Rows) -> Binning:
    frame = pd.DataFrame(
        [
            {"@timestamp": pd.Timestamp(document["@timestamp"]), "prediction.score": document["prediction"]["score"]}
            | {f"features.{name}": value for name, value in document["features"].items()}
            for _, document in events(rows[:20_000], model="any")
        ]
    )
    return reference_from_frame(frame, ModelSettings(name="any"), origin="benchmark", created=START)[0]


def count(store: Store, binning: Binning, model: str, window: Window, n: int) -> None:
    key = ProfileKey(model, "production", "*", "*", "", binning.id, window)
    ((_, answers),) = search_parts(store, [(key, bucket_queries(binning, key))])
    assert parse_bucket(answers, binning, key).n == n


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
