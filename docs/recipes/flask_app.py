"""Flask: `gunicorn flask_app:app`. The extension times requests, takes over traces, and logs what a view raises."""

import os

from flask import Flask, request

from driftlog.shipping import PredictionLogger
from driftlog.shipping.flask import Driftlog

app = Flask(__name__)
log = PredictionLogger("churn", version="1.4", url=os.environ.get("DRIFTLOG_URL", "http://127.0.0.1:9280"))
driftlog = Driftlog(app, log, endpoints={"predict"})


def score(features: dict[str, float]) -> float:
    return min(1.0, 10 / features["tenure"])  # your model


@app.post("/predict")
def predict() -> dict[str, object]:
    driftlog.request.features = features = request.get_json()  # known even if the model fails
    probability = score(features)
    id = driftlog.log(features, int(probability > 0.5), score=probability)
    return {"id": id, "probability": probability}


@app.post("/truth/<id>")
def truth(id: str) -> dict[str, str]:
    return {"id": driftlog.log_feedback(id, int(request.get_json()["churned"]))}
