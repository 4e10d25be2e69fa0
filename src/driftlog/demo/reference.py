"""The reference of the demo's model: its predictions of winter days it was not trained on, and how they came out."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from driftlog.contract.settings import ModelSettings
from driftlog.demo.data import FEATURES, LATE, ON_TIME
from driftlog.demo.model import FlightModel, label_of
from driftlog.profile.reference import reference_from_frame, save
from driftlog.store.client import Store


def reference_frame(flights: pd.DataFrame, model: FlightModel) -> pd.DataFrame:
    """Predictions and outcomes of `flights`, named as the stored events name them."""
    scores = model.scores(flights)
    labels = [label_of(score) for score in scores]
    actual = [LATE if late == 1.0 else ON_TIME for late in flights["late"]]
    columns: dict[str, object] = {"@timestamp": flights["departure"].to_numpy()}
    columns |= {f"features.{name}": flights[name].to_numpy() for name in FEATURES}
    columns |= {"prediction.score": scores, "prediction.label": labels}
    columns |= {"outcome.actual": actual, "outcome.predicted": labels, "outcome.score": scores}
    frame = pd.DataFrame(columns)
    frame["@timestamp"] = pd.to_datetime(frame["@timestamp"], utc=True)
    return frame


def build_reference(
    store: Store, settings: ModelSettings, flights: pd.DataFrame, model: FlightModel, *, created: datetime
) -> None:
    """Make the reference from the demo's winter flights, store it and activate it."""
    binning, reference = reference_from_frame(
        reference_frame(flights, model),
        settings,
        timestamp="@timestamp",
        origin="every other day of January 7 to March 31, 2013 (not those of the training)",
        created=created,
    )
    save(store, binning, reference, activate=True)
