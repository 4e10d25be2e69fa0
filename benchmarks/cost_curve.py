"""What evaluating costs, over the number of predictions and over the number of buckets.

    python -m benchmarks.cost_curve                          # 1e5, 1e6 and 1e7 predictions; 1, 30 and 365 days
    python -m benchmarks.cost_curve --events 100000 1000000

First table: one window of 30 days that holds ever more predictions (20 numeric features, 3 categorical). Counting it
from the events is one search; what a running worker counts anew is the last hour; evaluating reads stored profiles.
Second table: 100,000 predictions over ever more days of hourly buckets, and their window evaluated from the profiles.
Medians of 5; Elasticsearch's request cache is cleared before each.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pandas as pd

from benchmarks._stored import MONTH, SETTINGS, START, empty_store, make_rows
from driftlog.contract.binning import Binning
from driftlog.contract.profile import ProfileKey, Reference
from driftlog.contract.window import Window
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.chunks import ChunkCache
from driftlog.evaluate.drift.window import drift_measurements
from driftlog.evaluate.quality.window import quality_measurements
from driftlog.profile.buckets import load_window, recompute
from driftlog.profile.dirty import dirty_buckets
from driftlog.profile.query import bucket_queries, parse_bucket
from driftlog.profile.raw import search_parts
from driftlog.profile.reference_frame import reference_from_frame
from driftlog.store.client import Store

ROUNDS = 5
TEMPLATES = 50_000
BATCH = 5_000
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--days", type=int, nargs="+", default=[1, 30, 365])
    parser.add_argument("--quick", action="store_true", help="20,000 predictions; 1 and 3 days")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.events, arguments.days = [20_000], [1, 3]
    frame = make_rows(100_000, seed=1)
    step = timedelta(days=60) / len(frame)
    times = pd.Series([START - timedelta(days=60) + i * step for i in range(len(frame))])
    binning, reference = reference_from_frame(
        frame.assign(**{"@timestamp": times}), SETTINGS, origin="benchmark", created=START
    )
    print(f"load {os.getloadavg()[0]:.1f}")
    by_events(sorted(arguments.events), binning, reference)
    by_days(sorted(arguments.days), min(100_000, min(arguments.events)), binning, reference)


def by_events(numbers: Sequence[int], binning: Binning, reference: Reference) -> None:
    print(f"{'predictions':>12}{'all counted, s':>16}{'last hour, ms':>15}{'evaluated, ms':>15}{'stored in, s':>14}")
    window, hour = Window(START, START + MONTH), Window(START + MONTH - timedelta(hours=1), START + MONTH)
    with empty_store() as store:
        held = 0
        for number in numbers:
            began = time.perf_counter()
            store_events(store, held, number, MONTH)
            stored_s, held = time.perf_counter() - began, number
            count_all(store, binning)
            whole = median(store, lambda: count(store, binning, window))
            last = median(store, lambda: count(store, binning, hour))
            judged = median(store, lambda: evaluate(store, binning, reference, window))
            print(f"{number:>12,}{whole:>16.2f}{last * 1e3:>15.0f}{judged * 1e3:>15.0f}{stored_s:>14.0f}", flush=True)


def by_days(numbers: Sequence[int], events: int, binning: Binning, reference: Reference) -> None:
    print(f"{'days':>12}{'hourly buckets':>16}{'loaded, ms':>15}{'evaluated, ms':>15}{'counted in, s':>14}")
    for days in numbers:
        window = Window(START, START + timedelta(days=days))
        with empty_store() as store:
            store_events(store, 0, events, window.length)
            began = time.perf_counter()
            buckets = count_all(store, binning)
            counted_s = time.perf_counter() - began
            where = ("bench", "production", binning.id, window)
            loaded = median(store, lambda store=store, where=where: load_window(store, *where))
            judged = median(store, lambda store=store, window=window: evaluate(store, binning, reference, window))
            print(f"{days:>12}{buckets:>16,}{loaded * 1e3:>15.1f}{judged * 1e3:>15.0f}{counted_s:>14.1f}", flush=True)


def store_events(store: Store, first: int, last: int, span: timedelta) -> None:
    """Predictions `first` to `last`, spread at random over `span`; their content repeats after 50,000."""
    rows = make_rows(min(TEMPLATES, last - first), seed=2, drift=0.3)
    names = [name for name in rows if name.startswith("features.")]
    features = rows[names].rename(columns=lambda name: name.removeprefix("features.")).to_dict("records")
    scores, labels = rows["prediction.score"].tolist(), rows["prediction.label"].tolist()
    tails = [
        msgspec.json.encode(
            {
                "service": {"environment": "production", "name": "bench"},
                "model": {"name": "bench", "version": "1"},
                "features": values,
                "prediction": {"task": "binary", "score": score, "label": label},
            }
        )[1:]
        for values, score, label in zip(features, scores, labels, strict=True)
    ]
    rng = np.random.default_rng(first)
    for start in range(first, last, BATCH):
        numbers = range(start, min(start + BATCH, last))
        offsets = rng.random(len(numbers)).tolist()
        body = bytearray()
        for number, offset in zip(numbers, offsets, strict=True):
            at = START + offset * span
            text = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            index = store.names.predictions("bench", at)
            body += b'{"create":{"_index":"%s","_id":"p%d"}}\n' % (index.encode(), number)
            body += (
                b'{"@timestamp":"%s","event":{"id":"p%d","dataset":"driftlog.prediction","ingested":"%s",'
                b'"duration":%d,"outcome":"success"},'
                % (text.encode(), number, text.encode(), 1_000_000 + number % 9_000_000)
            )
            body += tails[number % len(tails)] + b"\n"
        answer = store.request("POST", "/_bulk", params={"filter_path": "errors"}, body=bytes(body))
        assert not answer["errors"]
    store.refresh(store.names.all_predictions("bench"))


def count_all(store: Store, binning: Binning) -> int:
    """Count every hour, as the worker's first cycle does; how many there were."""
    settings = msgspec.structs.replace(SETTINGS, look_back=timedelta(days=20_000))
    dirty = dirty_buckets(store, settings, binning, since=LONG_AGO, as_of=START + timedelta(days=800))
    return recompute(store, settings, binning, dirty.prediction_keys, term=1)


def count(store: Store, binning: Binning, window: Window) -> None:
    key = ProfileKey("bench", "production", "*", "*", "", binning.id, window)
    ((_, answers),) = search_parts(store, [(key, bucket_queries(binning, key))])
    assert parse_bucket(answers, binning, key).n


def evaluate(store: Store, binning: Binning, reference: Reference, window: Window) -> None:
    """Drift of 25 fields and quality, from stored profiles; the chunk statistics are computed anew."""
    current = load_window(store, "bench", "production", binning.id, window)
    assert current is not None
    context = SeriesContext("bench", "production", window, reference_id=reference.id)
    found = drift_measurements(reference, current, binning, SETTINGS, context, cache=ChunkCache())
    found += quality_measurements(reference, current, binning, SETTINGS, context)
    assert len(found) >= 25


def median(store: Store, work: Callable[[], object]) -> float:
    """Seconds, the median of `ROUNDS`."""
    taken = []
    for _ in range(ROUNDS):
        pattern = store.names.all_predictions("bench")
        store.request("POST", f"/{pattern}/_cache/clear", params={"request": "true"})
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[ROUNDS // 2]


if __name__ == "__main__":
    main()
