"""What MonitoredEstimator adds to a prediction: time of a call, wrapped and bare, into a real spool.

    python -m benchmarks.estimator
    python -m benchmarks.estimator --quick

A pipeline of a scaler and a logistic regression, and a forest of 100 trees, over 20 numeric features; frames of 1, 100
and 10,000 rows. Nobody receives the events: they stay in the spool, as when the intake is away. Medians of the calls.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from driftlog.shipping.sklearn import MonitoredEstimator

FEATURES = 20
NOWHERE = "http://127.0.0.1:9"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few calls, no large frames")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # that nobody receives is meant
    rng = np.random.default_rng(1)
    names = [f"f{i}" for i in range(FEATURES)]
    train = pd.DataFrame(rng.normal(size=(2_000, FEATURES)), columns=names)
    labels = (train.sum(axis=1) + rng.normal(size=len(train)) > 0).astype(int)
    models = {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
        "forest of 100 trees": RandomForestClassifier(100, random_state=1),
    }
    sizes = {1: 20, 100: 5} if arguments.quick else {1: 400, 100: 60, 10_000: 8}
    print(f"{'estimator':<22} {'rows':>6} {'bare ms':>9} {'wrapped ms':>11} {'ratio':>6} {'us a row':>9}")
    for name, model in models.items():
        model.fit(train, labels)
        for rows, calls in sizes.items():
            frame = pd.DataFrame(rng.normal(size=(rows, FEATURES)), columns=names)
            with tempfile.TemporaryDirectory() as folder:
                options = {"spool": folder, "url": NOWHERE, "resources_s": None}
                wrapped = MonitoredEstimator(model, model=f"bench-{rows}", version=name, options=options)
                bare_ms, wrapped_ms = in_turn(
                    partial(model.predict_proba, frame), partial(wrapped.predict_proba, frame), calls
                )
                wrapped.logger.close(0.1)
            added = (wrapped_ms - bare_ms) * 1000 / rows
            print(
                f"{name:<22} {rows:>6,} {bare_ms:>9.2f} {wrapped_ms:>11.2f} {wrapped_ms / bare_ms:>6.2f} {added:>9.1f}"
            )


def in_turn(one: Callable[[], object], other: Callable[[], object], calls: int) -> tuple[float, float]:
    """Median milliseconds of each, called by turns, so that a busy machine is busy for both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(calls + 1):
        for run, spent in ((one, times[0]), (other, times[1])):
            started = time.perf_counter()
            run()
            spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


if __name__ == "__main__":
    main()
