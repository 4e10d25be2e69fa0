"""Alert evaluation of 10,000 series a cycle: verdicts, N of M, grouping, episodes, mutes, documents.

    python -m benchmarks.alert_evaluation
    python -m benchmarks.alert_evaluation --series 1000

A wide model: a drift and a quality measurement of each feature, in the whole and in its segments, with five windows of
history behind each series. Three cycles: all is well; one series in twenty is in breach for the first time; the same
window evaluated again, which changes nothing. In the time is everything a worker does with judged measurements, but for
Elasticsearch: N of M, grouping, likely causes, objectives, runbooks, mutes, silences. What judging takes stands beside
it. Milliseconds are of the process's own CPU time: nothing here waits.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
import numpy as np

from driftlog.contract.alert import Alert
from driftlog.contract.alerting import AlertSettings, MaintenanceWindowSettings
from driftlog.contract.handling import Silence
from driftlog.contract.measurement import Chunks, Measurement, Verdict
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.alert_steps import after_window, between_windows
from driftlog.decide.judge import judge
from driftlog.store.documents import alert_document

T = TypeVar("T")
START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
NOW = START + DAY
SEGMENTS = (10, 200)
ROUNDS = 7
TARGET_MS = 1000
SETTINGS = ModelSettings(
    name="bench",
    alerts=AlertSettings(
        escalate_after=timedelta(hours=1),
        cooldown=DAY,
        maintenance=(MaintenanceWindowSettings(name="backup", cron="0 3 * * *"),),
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="1,000 series")
    arguments = parser.parse_args()
    series = 1_000 if arguments.quick else arguments.series
    for segments in SEGMENTS:
        measure(series, segments)


def measure(series: int, segments: int) -> None:
    """The cycles of a model with so many segments."""
    measurements = make(series, segments)
    judged, judging = timed(lambda: [judge(one, SETTINGS) for one in measurements], 1)
    well = measured(judged, "ok")
    bad = breached(judged)
    history: dict[str, list[Verdict]] = {one.series: ["ok"] * 5 for one in judged}
    print(f"\n{series:,} series, {segments} segments, {len(causes(bad, history)):,} causes; median of {ROUNDS}")
    print(f"judging them                              {judging:8.0f} ms")
    _, quiet = timed(lambda: after_window({}, {}, well, history, SETTINGS, [], NOW))
    report("all is well", quiet)
    opened, opening = timed(lambda: after_window({}, {}, bad, history, SETTINGS, [], NOW))
    report(f"one series in 20 in breach, {len(opened):,} alerts", opening)
    alerts = {alert.key: alert for alert in opened}
    episodes = dict.fromkeys(alerts, 1)
    again, same = timed(lambda: after_window(alerts, episodes, bad, history, SETTINGS, [], NOW))
    report("the same again, nothing changes", same)
    assert again == []
    silences = [Silence(id=f"s{n}", by="b", why="", start=START, until=NOW, metric=f"m{n}") for n in range(20)]
    changed, idle = timed(lambda: between_windows(opened, episodes, [], SETTINGS, silences, NOW))
    assert changed == []
    print(f"between cycles, {len(opened):,} alerts, 20 silences   {idle:8.1f} ms")
    _, written = timed(lambda: [alert_document(alert, term=1) for alert in opened])
    print(f"their documents                           {written:8.1f} ms")


def make(series: int, segments: int) -> list[Measurement]:
    """Half drift, half quality; features in the whole model, then in segments."""
    window = Window(START, START + DAY)
    found = []
    for number in range(series):
        feature, part = divmod(number // 2, segments + 1)
        purpose, metric = ("data_drift", "kolmogorov_smirnov") if number % 2 else ("quality", "missing_share")
        found.append(
            Measurement(
                model="bench",
                environment="production",
                metric=metric,
                purpose=purpose,  # type: ignore[arg-type]
                field=f"features.n{feature:04}",
                segment=f"features.carrier={part}" if part else "",
                window=window,
                value=0.01,
                n_current=10_000,
                chunks=Chunks(k=20, mean=0.02, sd=0.005) if number % 2 else None,
            )
        )
    return found


def measured(judged: list[Measurement], verdict: Verdict) -> list[Measurement]:
    return [msgspec.structs.replace(one, verdict=verdict) for one in judged]


def breached(judged: list[Measurement]) -> list[Measurement]:
    """One series in twenty, at random."""
    rng = random.Random(1)
    chosen = set(rng.sample(range(len(judged)), len(judged) // 20))
    bad, good = measured(judged, "warning"), measured(judged, "ok")
    return [bad[n] if n in chosen else good[n] for n in range(len(judged))]


def causes(judged: list[Measurement], history: dict[str, list[Verdict]]) -> list[Alert]:
    """An alert of every cause."""
    return after_window({}, {}, measured(judged, "warning"), history, SETTINGS, [], NOW)


def timed(action: Callable[[], T], rounds: int = ROUNDS) -> tuple[T, float]:
    """(result, median milliseconds of CPU time)."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        result = action()
        times.append((time.process_time() - began) * 1000)
    return result, float(np.median(times))


def report(what: str, ms: float) -> None:
    print(f"{what:40s}  {ms:8.0f} ms  target <= {TARGET_MS}")


if __name__ == "__main__":
    main()
