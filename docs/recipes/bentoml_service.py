"""BentoML: `bentoml serve bentoml_service:Churn`. The decorator goes under `bentoml.api`: each call is logged."""

import os

import bentoml

from driftlog.shipping import PredictionLogger, monitor

log = PredictionLogger("churn", version="1.4", url=os.environ.get("DRIFTLOG_URL", "http://127.0.0.1:9280"))


@bentoml.service
class Churn:
    @bentoml.api
    @monitor(log, features="features")
    def predict(self, features: dict[str, float]) -> dict[str, float]:
        return {"score": min(1.0, 10 / features["tenure"])}  # your model
