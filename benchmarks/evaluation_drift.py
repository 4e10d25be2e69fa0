"""Drift of 20 numeric features over stored predictions: counted by Elasticsearch v read out and tested with scipy.

    python -m benchmarks.evaluation_drift                 # 1,000,000 predictions, reference of 100,000 rows
    python -m benchmarks.evaluation_drift --events 50000

Both ways start from the same index and end with a Kolmogorov-Smirnov distance for each of the 20 features:
one search of the bucket query over these features and the measure on its counts; `helpers.scan` of these features
into pandas and `scipy.stats.ks_2samp`.
Also checked: D - bound <= D_exact <= D + bound, and |D - D_exact| <= 0.01.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace

import numpy as np
import pandas as pd
from elasticsearch import helpers
from scipy.stats import ks_2samp

from benchmarks._stored import MONTH, NUMERIC, SETTINGS, START, empty_store, load, make_rows
from driftlog.contract.binning import Binning
from driftlog.contract.profile import PredictionProfile, ProfileKey
from driftlog.contract.window import Window
from driftlog.evaluate.drift.registry import DRIFT_MEASURES
from driftlog.profile.binning import build_binning
from driftlog.profile.count import count_frame
from driftlog.profile.query import bucket_query, parse_bucket
from driftlog.store.client import Store

FEATURES = [f"features.n{number:02}" for number in range(NUMERIC)]
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="20,000 predictions")
    arguments = parser.parse_args()
    n = 20_000 if arguments.quick else arguments.events
    reference = make_rows(100_000, seed=1)
    whole = build_binning(reference, SETTINGS, created=START)
    binning = build_binning(reference[FEATURES], SETTINGS, created=START)
    window = Window(START, START + MONTH)
    key = ProfileKey("bench", "production", "1", "", "", binning.id, window)
    expected = count_frame(reference, binning, key)
    with empty_store() as store:
        seconds = load(store, make_rows(n, seed=2, drift=0.3))
        print(f"{n:,} predictions stored in {seconds:.0f} s ({n / seconds:,.0f}/s), load {os.getloadavg()[0]:.1f}")
        whole_key = replace(key, binning_id=whole.id)
        whole_s = [count(store, whole, whole_key, everything=True)[1] for _ in range(ROUNDS)]
        counted_s, distances = [], {}
        for _ in range(ROUNDS):
            current, search_s = count(store, binning, key, everything=False)
            began = time.perf_counter()
            distances = {
                name: DRIFT_MEASURES["kolmogorov_smirnov"](
                    expected.fields[name], current.fields[name], binning.fields[name], seed=1
                )
                for name in FEATURES
            }
            counted_s.append(search_s + time.perf_counter() - began)
        assert current.n == n
        began = time.perf_counter()
        frame = read_out(store)
        read_s = time.perf_counter() - began
        began = time.perf_counter()
        exact = {name: ks_2samp(reference[name], frame[name], method="asymp").statistic for name in FEATURES}
        scipy_s = time.perf_counter() - began
    report(counted_s, whole_s, read_s, scipy_s, distances, exact)


def count(store: Store, binning: Binning, key: ProfileKey, *, everything: bool) -> tuple[PredictionProfile, float]:
    """(profile of the whole window by one search, seconds), not from Elasticsearch's request cache."""
    store.request("POST", f"/{store.names.all_predictions('bench')}/_cache/clear", params={"request": "true"})
    began = time.perf_counter()
    query = bucket_query(binning, key, shared=everything, moments=everything)
    profile = parse_bucket(store.search(store.names.all_predictions("bench"), query), binning, key)
    return profile, time.perf_counter() - began


def read_out(store: Store) -> pd.DataFrame:
    """All 20 features of all predictions, by `helpers.scan`."""
    from elasticsearch import Elasticsearch

    with Elasticsearch(list(store.urls), request_timeout=300) as client:
        hits = helpers.scan(
            client,
            index=store.names.all_predictions("bench"),
            query={"query": {"match_all": {}}, "_source": FEATURES},
            size=5_000,
        )
        return pd.DataFrame({f"features.{k}": v for k, v in h["_source"]["features"].items()} for h in hits)


def report(
    counted_s: list[float], whole_s: list[float], read_s: float, scipy_s: float, distances: dict, exact: dict
) -> None:
    best, typical = min(counted_s), sorted(counted_s)[len(counted_s) // 2]
    ratio = (read_s + scipy_s) / typical
    worst = max(abs(distances[name].value - exact[name]) for name in FEATURES)
    inside = sum(
        distances[name].value - distances[name].details["bound"] - 1e-12
        <= exact[name]
        <= distances[name].value + distances[name].details["bound"] + 1e-12
        for name in FEATURES
    )
    widest = max(distances[name].details["bound"] for name in FEATURES)
    print(f"counts: one search, 20 KS distances     {typical:8.3f} s (median of {len(counted_s)}, best {best:.3f})")
    print(f"the whole profile by one search         {np.median(whole_s):8.3f} s (best {min(whole_s):.3f})")
    print(f"scan into pandas                        {read_s:8.2f} s")
    print(f"scipy ks_2samp                          {scipy_s:8.2f} s")
    print(f"ratio                                   {ratio:8.1f}   target >= 50")
    print(f"largest |D - D_exact|                   {worst:8.5f}   target <= 0.01")
    print(f"D_exact within D +- bound               {inside:5d}/20   target 20/20 (widest bound {widest:.4f})")


if __name__ == "__main__":
    main()
