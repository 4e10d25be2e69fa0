"""Thresholds of kind anomaly: how often they alarm where nothing happens, and what they catch.

    python -m benchmarks.anomaly_rule            # some minutes
    python -m benchmarks.anomaly_rule --quick    # short series, to see that it works

Each series is judged window after window by `driftlog.decide.judge.judge`, every verdict part of the history of the
next, with the default limits (4 and 6 robust standard deviations, both sides, a floor of 5 % of the median). Rates
are of the windows that had enough history. An alert opens at the first breach, or at 2 of 3 windows; a run of breaches
is one alert. The flights are those of New York in 2013 as they were, with their holidays and storms: what alarms there
is no error, but it is what somebody would have been called for.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ModelSettings, ThresholdSettings
from driftlog.contract.window import Schedule
from driftlog.decide.judge import judge
from driftlog.decide.past import PastValue, PastValues, past_value, span_of
from driftlog.demo.data import load_flights

Floats = NDArray[np.float64]
START = datetime(2013, 1, 7, tzinfo=UTC)
ZONE = "America/New_York"
MONTH_DAYS = 30.4
STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
RULE = ThresholdSettings(metric="*", kind="anomaly", direction="both")
CHANGES = (0.5, 0.8, 1.25, 2.0)
EVERY = {"hour": 11, "day": 1, "week": 1}
"""Every so many windows a change is tried; hours in turn."""
FEWEST = 10
"""Events of a window that is changed."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values by window; `rows` behind each; `unit` events for counts."""

    name: str
    step: str
    values: Floats
    rows: int = 100
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """Verdicts of the windows with enough history, and how many of the changes that were `tried` were a breach."""

    windows: int
    warning: int
    critical: int
    alerts: int
    confirmed: int
    days: float
    caught: tuple[int, ...]
    tried: int


def run(series: Series, *, planted: bool = False) -> Judged:
    """Judge a series from its first window to its last."""
    settings = ModelSettings(name="m", environment="e", timezone=ZONE, thresholds=(RULE,))
    span = span_of(RULE, STEPS[series.step])
    windows = Schedule(STEPS[series.step], ZONE).windows(START, START + len(series.values) * STEPS[series.step])
    held: list[PastValue] = []
    breaches: list[bool] = []
    critical = 0
    caught, tried = [0] * len(CHANGES), 0
    for window, value in zip(windows, series.values, strict=False):
        measurement = Measurement(
            model="m",
            environment="e",
            metric="x",
            purpose="custom",
            window=window,
            value=float(value),
            n_current=series.rows,
            unit=series.unit,
        )
        held = [past for past in held if past.window.start >= window.start - span]
        past = PastValues({measurement.series: held})
        judged = judge(measurement, settings, past)
        if judged.verdict in ("ok", "warning", "critical"):
            breaches.append(judged.verdict != "ok")
            critical += judged.verdict == "critical"
            if planted and len(breaches) % EVERY[series.step] == 0 and (value >= FEWEST or not series.unit):
                tried += 1
                for i, change in enumerate(CHANGES):
                    moved = msgspec.structs.replace(measurement, value=float(value) * change)
                    caught[i] += judge(moved, settings, past).verdict in ("warning", "critical")
        kept = past_value(judged)
        held = [*held, kept] if kept is not None else held
    opened = sum(now and not before for before, now in zip([False, *breaches], breaches, strict=False))
    days = len(breaches) * STEPS[series.step] / timedelta(days=1)
    return Judged(len(breaches), sum(breaches), critical, opened, confirmed(breaches), days, tuple(caught), tried)


def confirmed(breaches: Sequence[bool]) -> int:
    """Alerts with ``of_windows: [2, 3]``: opened at the second breach of three windows, over after three good ones."""
    opened, is_open = 0, False
    for i in range(len(breaches)):
        recent = breaches[max(0, i - 2) : i + 1]
        if not is_open and breaches[i] and sum(recent) >= 2:
            opened, is_open = opened + 1, True
        elif is_open and not any(recent):
            is_open = False
    return opened


# -- series ------------------------------------------------------------------------------------------------------------


def simulated(generator: np.random.Generator, *, quick: bool) -> Iterator[tuple[str, list[Series]]]:
    """Nothing happens in any of them."""
    many, days = (2, 200) if quick else (30, 365)
    hours = 24 * 7 * (12 if quick else 22)

    def daily(name: str, draw: object) -> tuple[str, list[Series]]:
        return name, [Series(name, "day", np.asarray(draw(days), dtype=np.float64)) for _ in range(many)]  # type: ignore[operator]

    yield daily("i.i.d. normal", lambda n: generator.normal(100, 10, n))
    yield daily("i.i.d. t, 3 degrees of freedom", lambda n: 100 + 10 * generator.standard_t(3, n))
    yield daily("i.i.d. lognormal, sigma 0.5", lambda n: generator.lognormal(3, 0.5, n))
    yield daily("autocorrelated normal, 0.7 a day", lambda n: 100 + 10 * autocorrelated(n, 0.7, generator))
    yield daily("constant, one in ten off by 1 %", lambda n: np.where(generator.random(n) < 0.1, 101.0, 100.0))
    few = 1 if quick else 4
    yield "i.i.d. normal", [Series("", "hour", generator.normal(100, 10, hours)) for _ in range(few)]
    for mean in (3, 30, 300):
        counts = [seasonal_counts(hours, mean, generator) for _ in range(few)]
        name = f"counts with a day and a week, {mean} an hour"
        yield name, [Series(name, "hour", values, rows=int(mean), unit="events") for values in counts]


def autocorrelated(n: int, share: float, generator: np.random.Generator) -> Floats:
    """Standard normal values of which each keeps `share` of the one before."""
    values = np.empty(n)
    values[0] = generator.standard_normal()
    noise = generator.standard_normal(n) * np.sqrt(1 - share**2)
    for i in range(1, n):
        values[i] = share * values[i - 1] + noise[i]
    return values


def seasonal_counts(n: int, mean: float, generator: np.random.Generator) -> Floats:
    """Negative binomial counts (variance mean + mean^2 / 50) around a day that sleeps and a weekend at 60 %."""
    hour = np.arange(n)
    rate = mean * (1 + 0.8 * np.sin((hour % 24 - 9) / 24 * 2 * np.pi)) * np.where(hour // 24 % 7 < 5, 1.0, 0.6)
    rate = np.maximum(rate, 0.01)
    return generator.poisson(generator.gamma(50, rate / 50)).astype(np.float64)


def flights(*, quick: bool) -> Iterator[Series]:
    """Counts an hour, a day and a week, and a simple model's performance a day."""
    frame = load_flights()
    times = pd.DatetimeIndex(frame["departure"])
    since = (times - pd.Timestamp(START)) / pd.Timedelta(hours=1)
    known = np.asarray(since) >= 0
    hour = np.asarray(since, dtype=np.float64)[known].astype(np.int64)
    weeks = 16 if quick else 51
    hours = weeks * 168
    counts = np.bincount(hour, minlength=hours)[:hours].astype(np.float64)
    if not quick:
        yield Series("flights an hour", "hour", counts, rows=40, unit="events")
    yield Series("flights a day", "day", counts.reshape(-1, 24).sum(axis=1), rows=900, unit="events")
    yield Series("flights a week", "week", counts.reshape(-1, 168).sum(axis=1), rows=6000, unit="events")
    late = frame["late"].to_numpy()[known] == 1.0
    yield from performance(hour, late, np.floor(frame["hour"].to_numpy()[known]), weeks * 7)


def performance(hour: NDArray[np.int64], late: NDArray[np.bool_], of_day: Floats, days: int) -> Iterator[Series]:
    """ROC AUC and Brier score a day of the share of late flights at that hour in the first twelve weeks."""
    first = hour < 12 * 168
    shares = pd.Series(late[first].astype(float)).groupby(of_day[first]).mean()
    score = pd.Series(of_day).map(shares).fillna(late[first].mean()).to_numpy()
    day = hour // 24
    areas, briers = np.full(days, 0.5), np.zeros(days)
    for i in range(days):
        chosen = day == i
        truth = late[chosen]
        if truth.any() and not truth.all():
            areas[i] = roc_auc_score(truth, score[chosen])
        briers[i] = float(np.mean((score[chosen] - truth) ** 2))
    yield Series("ROC AUC a day", "day", areas, rows=900)
    yield Series("Brier score a day", "day", briers, rows=900)
    yield Series(
        "share of late flights a day",
        "day",
        np.bincount(day, late, minlength=days)[:days] / np.maximum(1, np.bincount(day, minlength=days)[:days]),
        rows=900,
    )


# -- report ------------------------------------------------------------------------------------------------------------


def line(name: str, step: str, found: Sequence[Judged]) -> str:
    """One row of the table."""
    windows = sum(one.windows for one in found)
    days = sum(one.days for one in found)

    def month(count: int) -> float:
        return count / days * MONTH_DAYS if days else float("nan")

    warning, critical = (sum(getattr(one, n) for one in found) / max(1, windows) for n in ("warning", "critical"))
    once, twice = (month(sum(getattr(one, n) for one in found)) for n in ("alerts", "confirmed"))
    return f"{name:<44} {step:<5} {windows:>7,} {warning:>9.3%} {critical:>9.3%} {once:>9.2f} {twice:>9.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short series, to see that it works")
    arguments = parser.parse_args()
    generator = np.random.default_rng(2013)
    print(f"{'':<44} {'':<5} {'':>7} {'beyond':>9} {'beyond':>9} {'alerts a':>9} {'2 of 3,':>9}")
    print(f"{'series':<44} {'each':<5} {'windows':>7} {'warning':>9} {'critical':>9} {'month':>9} {'a month':>9}")
    for name, several in simulated(generator, quick=arguments.quick):
        print(line(name, several[0].step, [run(one) for one in several]), flush=True)
    powers = []
    for series in flights(quick=arguments.quick):
        found = run(series, planted=True)
        print(line(series.name, series.step, [found]), flush=True)
        powers.append((series, found))
    print("\ncaught, where the value of one window (of 10 events or more) is multiplied:")
    print(f"{'series':<44} " + " ".join(f"{'x ' + format(change, 'g'):>8}" for change in CHANGES))
    for series, found in powers:
        print(f"{series.name:<44} " + " ".join(f"{count / max(1, found.tried):>8.0%}" for count in found.caught))


if __name__ == "__main__":
    main()
