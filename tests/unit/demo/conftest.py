"""The flights and the model, made once; alerts as the tests need them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pandas as pd
import pytest

from driftlog.contract.alert import Alert
from driftlog.contract.measurement import Measurement
from driftlog.contract.window import WEEK, Schedule
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


@pytest.fixture(scope="session")
def alert() -> Callable[..., Alert]:
    """Makes alerts: see `make_alert`."""
    return make_alert


def make_alert(opened: datetime, *, weeks: int = 3, metric: str = "data_drift", **changes: Any) -> Alert:
    """An alert opened by the week that ends at `opened`, resolved `weeks` later."""
    first = Schedule(WEEK).window_at(opened - WEEK)
    measurement = Measurement(
        model="flights", environment="demo", metric="m", purpose="data_drift", window=first, value=0.4
    )
    made = Alert(
        key=f"flights|demo||{metric}",
        episode=1,
        model="flights",
        environment="demo",
        purpose="data_drift",
        metric=metric,
        status="resolved",
        severity="warning",
        title="",
        message="",
        opened=opened,
        updated=opened,
        evidence=measurement,
        latest=measurement,
        first_window=first,
        last_window=first,
        resolved=opened + weeks * WEEK,
    )
    return msgspec.structs.replace(made, **changes)
