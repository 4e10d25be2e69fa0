"""A Flask app under gunicorn with metrics: SPOOL names its spool."""

from __future__ import annotations

import os

from flask import Flask

from driftlog.shipping import PredictionLogger
from driftlog.shipping.metrics import Metrics


def create_app() -> Flask:
    """The app; its logger opens the spool, so nothing happens before it is asked for."""
    app = Flask("metrics-app")
    spool = os.environ["SPOOL"]
    logger = PredictionLogger("churn", version="1", url="http://127.0.0.1:1", spool=spool, resources_s=None)
    Metrics(logger).init_app(app)

    @app.get("/predict")
    def predict() -> str:
        logger.log_prediction({"age": 1.0}, 1, duration_ns=2_000_000)
        return str(os.getpid())

    return app
