"""The flights, read once."""

from __future__ import annotations

import pandas as pd
import pytest

from driftlog.demo.data import load_flights, training_part
from driftlog.demo.model import FlightModel


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    """All flights of 2013."""
    return load_flights()


@pytest.fixture(scope="session")
def model(flights: pd.DataFrame) -> FlightModel:
    """The model of the demo."""
    return FlightModel().fit(training_part(flights))
