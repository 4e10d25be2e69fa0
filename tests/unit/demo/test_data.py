"""The flights are those of the package, on one time axis, split without overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from driftlog.contract.errors import UsageError
from driftlog.demo.data import (
    FEATURES,
    LIVE_START,
    data_folder,
    live_part,
    load_flights,
    reference_part,
    training_part,
)


def raw() -> pd.DataFrame:
    """The package's own file."""
    return pd.read_csv(data_folder() / "flights.csv.zip")


def test_every_flight_of_2013_is_there_once(flights: pd.DataFrame) -> None:
    """336,776 rows, as the data set is known to have, each with an id of its own."""
    assert (len(flights), flights["id"].nunique()) == (336_776, 336_776)


def test_loading_twice_gives_the_same(flights: pd.DataFrame) -> None:
    """Nothing is drawn at random, and the order is total."""
    pd.testing.assert_frame_equal(load_flights(), flights)


def test_flights_that_never_arrived_have_no_truth(flights: pd.DataFrame) -> None:
    """9,430 flights of the year were cancelled or diverted (2.8 %); 2.6 % of April to December."""
    missing = flights["late"].isna()
    assert int(missing.sum()) == 9_430
    assert (missing == flights["known"].isna()).all()
    assert round(live_part(flights)["late"].isna().mean(), 3) == 0.026


def test_departures_are_local_times_in_utc(flights: pd.DataFrame) -> None:
    """UA1545 left Newark at 5:15 Eastern Standard Time; in July the same wall clock is an hour less behind UTC."""
    first = flights[flights["id"] == "0101-UA1545-EWR"]
    assert first["departure"].item() == pd.Timestamp("2013-01-01T10:15:00Z")
    local = flights["departure"].dt.tz_convert("America/New_York")
    wall = (local.dt.hour + local.dt.minute / 60).rename("hour")
    pd.testing.assert_series_equal(wall, flights["hour"], check_dtype=False)


def test_truth_is_known_after_the_flight(flights: pd.DataFrame) -> None:
    """Actual departure + time in the air + half an hour; UA1545 left 2 minutes late and flew 227 minutes."""
    first = flights[flights["id"] == "0101-UA1545-EWR"]
    assert first["known"].item() == pd.Timestamp("2013-01-01T10:15:00Z") + timedelta(minutes=2 + 227 + 30)
    assert (flights["known"].dropna() > flights["departure"][flights["known"].notna()]).all()


def test_late_means_more_than_a_quarter_of_an_hour(flights: pd.DataFrame) -> None:
    """The number of late arrivals is that of the raw column."""
    assert flights["late"].sum() == (raw()["arr_delay"] > 15).sum()


def test_weather_is_that_of_the_origin_in_the_hour_of_departure(flights: pd.DataFrame) -> None:
    """Newark at five on January 1: 39.02 degrees, as in weather.csv; half a per cent of the flights have none."""
    weather = pd.read_csv(data_folder() / "weather.csv")
    row = weather[(weather["origin"] == "EWR") & (weather["time_hour"] == "2013-01-01T10:00:00Z")].iloc[0]
    first = flights[flights["id"] == "0101-UA1545-EWR"].iloc[0]
    assert (first["temp"], first["humid"], first["wind_speed"]) == (row["temp"], row["humid"], row["wind_speed"])
    assert round(flights["temp"].isna().mean(), 4) == 0.0047


def test_training_and_reference_share_no_day(flights: pd.DataFrame) -> None:
    """Every other day each; the reference covers twelve whole weeks from a Monday on."""
    training, reference = training_part(flights), reference_part(flights)
    days = [set(part["departure"].dt.floor("D")) for part in (training, reference)]
    assert days[0].isdisjoint(days[1])
    assert (len(days[0]), len(days[1])) == (45, 42)
    weeks = (reference["departure"] - pd.Timestamp("2013-01-07", tz="UTC")) // timedelta(days=7)
    assert sorted(weeks.unique()) == list(range(12))
    assert max(part["departure"].max() for part in (training, reference)) < LIVE_START


def test_live_events_are_spread_evenly_over_the_flights(flights: pd.DataFrame) -> None:
    """Each month has its share of the sample to within one flight in a hundred."""
    every = live_part(flights)
    sample = live_part(flights, 20_000)
    assert (len(every), len(sample), sample["id"].is_unique) == (256_001, 20_000, True)
    shares = [part["departure"].dt.month.value_counts(normalize=True).sort_index() for part in (every, sample)]
    assert (shares[0] - shares[1]).abs().max() < 0.0005
    assert sample["departure"].is_monotonic_increasing


def test_live_weeks_begin_where_the_reference_ends(flights: pd.DataFrame) -> None:
    """The first live flight leaves on Monday, April 1, UTC."""
    assert live_part(flights)["departure"].min() == datetime(2013, 4, 1, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("events", [0, -1, 256_002])
def test_an_impossible_number_of_events_is_refused(flights: pd.DataFrame, events: int) -> None:
    """The message says how many there are."""
    with pytest.raises(UsageError, match="256,001"):
        live_part(flights, events)


def test_all_features_are_there(flights: pd.DataFrame) -> None:
    """Fourteen: schedule, route, carrier and weather."""
    assert set(FEATURES) <= set(flights.columns) and len(FEATURES) == 14


def test_a_missing_file_is_an_error_of_the_reader(tmp_path: Path) -> None:
    """No half table is made up."""
    with pytest.raises(FileNotFoundError):
        load_flights(tmp_path)
