"""Re-evaluating a 30-day window from stored profiles, fetching included; and how fast outcomes are joined.

    python -m benchmarks.evaluation_window
    python -m benchmarks.evaluation_window --events 20000

Profiles of 720 hours x 20 features x 100 bins are counted from stored predictions, then loaded and added up as a
worker does it: from 30 daily roll-ups, and, for comparison, from the 720 hours. Twice: with few predictions and with
ten times as many, because the time must not depend on their number.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import msgspec
import numpy as np

from benchmarks._stored import MONTH, NUMERIC, SETTINGS, START, empty_store, load, make_rows
from driftlog.contract.binning import Binning
from driftlog.contract.profile import PredictionProfile
from driftlog.contract.window import Window
from driftlog.evaluate.drift.registry import DRIFT_MEASURES
from driftlog.profile import stored
from driftlog.profile.binning import build_binning
from driftlog.profile.buckets import load_window, recompute
from driftlog.profile.count import count_frame
from driftlog.profile.dirty import dirty_buckets
from driftlog.profile.outcomes import join_feedback
from driftlog.profile.scope import during
from driftlog.store.client import Store

WINDOW = Window(START, START + MONTH)
FEATURES = [f"features.n{number:02}" for number in range(NUMERIC)]
ROUNDS = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--quick", action="store_true", help="5,000 predictions")
    arguments = parser.parse_args()
    most = 5_000 if arguments.quick else arguments.events
    for n in (most // 10, most):
        measure(n, outcomes=n == most)


def measure(n: int, *, outcomes: bool) -> None:
    rows = make_rows(100_000, seed=1)
    columns = [name for name in rows if name in FEATURES or name.startswith("prediction.")]
    binning = build_binning(rows[columns], SETTINGS, created=START)
    with empty_store() as store:
        load(store, make_rows(n, seed=2))
        began = time.perf_counter()
        dirty = dirty_buckets(store, SETTINGS, binning, since=START, as_of=WINDOW.end)
        found_s = time.perf_counter() - began
        written = recompute(store, SETTINGS, binning, dirty.prediction_keys, term=1)
        counted_s = time.perf_counter() - began - found_s
        print(f"\n{n:,} predictions, {written} hours: found in {found_s:.2f} s, counted in {counted_s:.1f} s")
        profile, roll_ups = timed(lambda: load_window(store, "bench", "production", binning.id, WINDOW))
        print(f"30-day window from 30 roll-ups, median  {roll_ups * 1000:8.1f} ms  target <= 50")
        hours, by_hour = timed(lambda: load_by_hour(store, binning))
        print(f"the same from 720 hours, median         {by_hour * 1000:8.1f} ms")
        assert profile is not None
        assert hours is not None
        assert profile.n == hours.n == n
        reference = count_frame(rows, binning, profile.key)
        _, drift = timed(lambda: distances(reference, profile, binning))
        print(f"20 Kolmogorov-Smirnov distances, median {drift * 1000:8.1f} ms")
        if outcomes:
            join(store, n)


def timed(action: Callable[[], PredictionProfile | None]) -> tuple[PredictionProfile | None, float]:
    """(result, median seconds)."""
    seconds, result = [], None
    for _ in range(ROUNDS):
        began = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - began)
    return result, float(np.median(seconds))


def load_by_hour(store: Store, binning: Binning) -> PredictionProfile | None:
    """The window without its roll-ups."""
    whole, stored._resolved = (
        stored._resolved,
        lambda window: {"bool": {"filter": [during(window), {"term": {"resolution": "bucket"}}]}},
    )
    try:
        return load_window(store, "bench", "production", binning.id, WINDOW)
    finally:
        stored._resolved = whole


def distances(reference: PredictionProfile, current: PredictionProfile, binning: Binning) -> None:
    for name in FEATURES:
        DRIFT_MEASURES["kolmogorov_smirnov"](reference.fields[name], current.fields[name], binning.fields[name], seed=1)


def join(store: Store, n: int) -> None:
    """Truth for every prediction."""
    encode = msgspec.json.Encoder().encode
    for first in range(0, n, 10_000):
        body = bytearray()
        for number in range(first, min(n, first + 10_000)):
            at = START + number * (MONTH / n) + MONTH
            document = {
                "@timestamp": at,
                "event": {"id": f"f{number}", "dataset": "driftlog.feedback", "ingested": at},
                "model": {"name": "bench"},
                "feedback": {"prediction_id": f"p{number}", "actual": str(number % 2)},
            }
            index = store.names.monthly("feedback", at)
            body += encode({"create": {"_index": index, "_id": f"f{number}"}}) + b"\n" + encode(document) + b"\n"
        store.request("POST", "/_bulk", params={"filter_path": "errors"}, body=bytes(body))
    store.refresh(store.names.every("feedback"))
    began = time.perf_counter()
    report = join_feedback(store, SETTINGS, since=START, as_of=WINDOW.end + MONTH)
    seconds = time.perf_counter() - began
    assert report.joined == n
    print(f"outcomes joined                         {n / seconds:8,.0f}/s  target >= 5,000")


if __name__ == "__main__":
    main()
