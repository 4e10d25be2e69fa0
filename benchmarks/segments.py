"""How long Elasticsearch takes to count one bucket with 0, 5 and 30 segments.

200,000 predictions of one day with 20 numeric features of 100 bins, segmented by categorical fields of 5 and of 15
values. Counted are one hour and the whole day; searches, answers and parsing are in the time.

    python -m benchmarks.segments [--rows 200000] [--repeat 3]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._stored import empty_store
from driftlog.contract.profile import ProfileKey
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.binning import build_binning
from driftlog.profile.query import bucket_queries, parse_segments
from driftlog.profile.raw import search_parts
from driftlog.store.client import Store
from driftlog.store.values import BulkAction

DAY = datetime(2026, 3, 3, tzinfo=UTC)
SEGMENTS: dict[int, tuple[tuple[str, ...], ...]] = {0: (), 5: (("five",),), 30: (("fifteen",), ("other",))}


def rows(n: int, seed: int = 1) -> pd.DataFrame:
    """Features as columns; two fields of 15 values and one of 5."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"features.f{i:02}": rng.normal(size=n) for i in range(20)})
    for name, values in (("five", 5), ("fifteen", 15), ("other", 15)):
        frame[f"features.{name}"] = [f"{name}{value}" for value in rng.integers(0, values, n)]
    return frame


def actions(store: Store, frame: pd.DataFrame) -> Iterator[BulkAction]:
    """Prediction events spread over the day."""
    names = [str(name).removeprefix("features.") for name in frame.columns]
    step = timedelta(days=1) / len(frame)
    index = store.names.predictions("wide", DAY)
    for number, values in enumerate(frame.itertuples(index=False, name=None)):
        document = {
            "@timestamp": (DAY + number * step).isoformat(),
            "event": {"id": str(number), "duration": 1_000_000},
            "model": {"name": "wide", "version": "1"},
            "features": dict(zip(names, values, strict=True)),
        }
        yield BulkAction("index", index, str(number), document)


def measure(store: Store, frame: pd.DataFrame, segments: int, bucket: Window, repeat: int) -> dict[str, Any]:
    """Milliseconds to count `bucket`, all segments included."""
    settings = ModelSettings(name="wide", segments=SEGMENTS[segments])
    binning = build_binning(frame, settings, created=DAY)
    key = ProfileKey("wide", "production", "1", "", "", binning.id, bucket)
    bodies = bucket_queries(binning, key)
    spent = []
    for turn in range(repeat):  # a second less each time: no answer from the request cache
        key = replace(key, bucket=Window(bucket.start, bucket.end - timedelta(seconds=turn + 1)))
        bodies = bucket_queries(binning, key)
        started = time.perf_counter()
        [(_, answers)] = search_parts(store, [(key, bodies)])
        profiles = parse_segments(answers, binning, key)
        spent.append((time.perf_counter() - started) * 1000)
    return {
        "segments": len(binning.segments),
        "hours": bucket.length // timedelta(hours=1),
        "n": profiles[""].n,
        "searches": len(bodies),
        "median_ms": round(statistics.median(spent)),
        "best_ms": round(min(spent)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="20,000 predictions")
    options = parser.parse_args()
    frame = rows(20_000 if options.quick else options.rows)
    print(f"{'bucket':>8}{'segments':>10}{'predictions':>13}{'searches':>10}{'median ms':>11}{'best ms':>9}")
    with empty_store() as store:
        report = store.bulk(actions(store, frame), refresh=True)
        assert not report.failures
        for hours in (1, 24):
            for segments in SEGMENTS:
                bucket = Window(DAY, DAY + timedelta(hours=hours))
                found = measure(store, frame.head(50_000), segments, bucket, options.repeat)
                print(
                    f"{hours:>6} h{found['segments']:>10}{found['n']:>13,}{found['searches']:>10}"
                    f"{found['median_ms']:>11,}{found['best_ms']:>9,}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
