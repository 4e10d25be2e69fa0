"""The audit trail: records written a second, sealing and deep verification of 1,000,000 predictions.

Writers are processes of their own against one Elasticsearch; "each alone" waits for every record, "in batches" hands
over 100 at a time. Predictions have 20 numeric features and lie in 240 hourly buckets; verified are the chain, every
seal and every prediction, each read from Elasticsearch and hashed anew.

    python -m benchmarks.audit [--rows 1000000] [--quick]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks._stored import empty_store
from driftlog.audit.chain import Chain
from driftlog.audit.verify import verify
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.settings import ModelSettings
from driftlog.store.client import Store
from driftlog.store.values import BulkAction
from driftlog.worker.audit import seal

START = datetime(2026, 3, 1, tzinfo=UTC)
SPAN = timedelta(days=10)
MODEL = ModelSettings(name="bench")
WRITER = """
import sys, time
from driftlog.audit.chain import Chain
from driftlog.contract.audit import AuditEntry
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
url, prefix, name, batch, keyed, seconds = sys.argv[1:]
with Store.connect(ElasticsearchSettings(urls=(url,)), IndexNames(prefix)) as store:
    chain, n, batch = Chain(store), 0, int(batch)
    chain.head()
    sys.stdin.readline()
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        chain.record_many([
            AuditEntry(action="note", object="benchmark", actor=name, model="bench", summary="one of many",
                       details={"i": n + i}, key=f"{name}-{batch}-{n + i}" if keyed == "keyed" else "")
            for i in range(batch)
        ])
        n += batch
    print(n)
"""


def appends(store: Store, writers: int, batch: int, keyed: bool, seconds: float) -> tuple[float, list[int]]:
    """(records a second over all writers, records of each)."""
    kind = "keyed" if keyed else "plain"
    name = f"w{writers}-{kind}"
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                WRITER,
                store.urls[0],
                store.names.prefix,
                f"{name}-{i}",
                str(batch),
                kind,
                str(seconds),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(writers)
    ]
    time.sleep(3)  # they have started and read the head
    for process in running:
        if process.stdin is not None:
            process.stdin.write("go\n")
            process.stdin.flush()
    counts = [int(process.communicate()[0]) for process in running]
    return sum(counts) / seconds, counts


def events(store: Store, n: int) -> Iterator[BulkAction]:
    """Predictions as the intake stores them."""
    rng = np.random.default_rng(1)
    names = [f"f{i:02}" for i in range(20)]
    for start in range(0, n, 5000):
        size = min(5000, n - start)
        features, scores = rng.normal(size=(size, 20)).tolist(), rng.random(size).tolist()
        for i in range(size):
            number = start + i
            at = START + SPAN * number / n
            yield BulkAction(
                "create",
                store.names.predictions("bench", at),
                f"{number:08x}-7a3c-4d55-9c11-{number:012x}",
                {
                    "@timestamp": at.isoformat(),
                    "event": {"ingested": (at + timedelta(seconds=2)).isoformat(), "dataset": "driftlog.prediction"},
                    "service": {"environment": "production"},
                    "model": {"name": "bench", "version": "1"},
                    "features": dict(zip(names, features[i], strict=True)),
                    "prediction": {"task": "binary", "score": scores[i], "label": "1"},
                },
            )


def deep(store: Store, n: int) -> None:
    """Load, seal and verify `n` predictions."""
    started = time.perf_counter()
    store.bulk(events(store, n))
    store.refresh(store.names.all_predictions("bench"))
    told("predictions loaded", n, time.perf_counter() - started)

    chain, now = Chain(store), lambda: START + SPAN + timedelta(hours=2)
    started, sealed = time.perf_counter(), 0
    while more := seal(store, MODEL, AuditSettings(), chain, now=now):
        sealed += more
    told("predictions sealed", sealed, time.perf_counter() - started)

    started = time.perf_counter()
    found = verify(store, now=now())
    told("records verified", found.records, time.perf_counter() - started)

    started = time.perf_counter()
    found = verify(store, now=now(), deep=True)
    spent = time.perf_counter() - started
    told("predictions verified (deep)", found.predictions, spent)
    assert found.ok and found.predictions == n == sealed, found.problems[:5]
    store.refresh(store.names.everything)
    sizes = {
        kind: sum(i.size_bytes for i in store.list_indices(f"{store.names.prefix}-{kind}*"))
        for kind in ("predictions", "seals")
    }
    print(f"on disk: predictions {sizes['predictions'] / n:.0f} bytes each, seals {sizes['seals'] / n:.0f} bytes each")
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    print(f"deep verify of {n:,} predictions in {found.seals} buckets: {spent:.0f} s, no problem found")


def told(what: str, n: int, seconds: float) -> None:
    print(f"{what:<30} {n:>10,} in {seconds:7.1f} s  {n / seconds:>9,.0f} a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    rows, seconds = (20_000, 2.0) if arguments.quick else (arguments.rows, arguments.seconds)
    with empty_store() as store:
        print(f"{'writers':>7}  {'records':<28} {'a second':>9}  least and most of one writer")
        for writers in (1, 4):
            for batch, keyed, label in (
                (1, False, "each alone"),
                (1, True, "each alone, with a key"),
                (100, False, "in batches of 100"),
            ):
                rate, counts = appends(store, writers, batch, keyed, seconds)
                print(f"{writers:>7}  {label:<28} {rate:>9,.0f}  {min(counts):,} to {max(counts):,}")
        print()
        deep(store, rows)


if __name__ == "__main__":
    main()
