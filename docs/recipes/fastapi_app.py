"""FastAPI: `uvicorn fastapi_app:app`. The middleware times requests, takes over traces, and logs what raises."""

import os

from fastapi import FastAPI, Request

from driftlog.shipping import PredictionLogger
from driftlog.shipping.asgi import DriftlogMiddleware

log = PredictionLogger("churn", version="1.4", url=os.environ.get("DRIFTLOG_URL", "http://127.0.0.1:9280"))
app = FastAPI()
app.add_middleware(DriftlogMiddleware, logger=log)


def score(features: dict[str, float]) -> float:
    return min(1.0, 10 / features["tenure"])  # your model


@app.post("/predict")
def predict(features: dict[str, float], request: Request) -> dict[str, object]:
    request.scope["driftlog"].features = features  # known even if the model fails
    probability = score(features)
    id = request.scope["driftlog"].log(features, int(probability > 0.5), score=probability)
    return {"id": id, "probability": probability}


@app.post("/truth/{id}")
def truth(id: str, churned: bool) -> dict[str, str]:
    return {"id": log.log_feedback(id, int(churned))}
