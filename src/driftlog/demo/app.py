"""A serving app as a user would write it: a Flask service with one model, watched by driftlog.

Its own process: ``python -m driftlog.demo.app --port 8000 --intake http://127.0.0.1:9280 --spool FOLDER``. What
driftlog adds are the lines with `log`; everything else would be there without it. One thing is special: the time of a
prediction is the simulated one, taken from the request (``at``), where a real app leaves `timestamp` out.

``POST /predict``   ``[{"id": "0401-UA1545-EWR", "at": "2013-04-01T09:15:00Z", "features": {...}}, ...]`` -> scores
``POST /model``     ``{"version": "20130715-1", "uri": "FOLDER", ...}``: the deploy hook, for the next request on
``POST /feedback``  ``[{"id": "0401-UA1545-EWR", "at": "2013-04-01T14:02:00Z", "late": true}, ...]``
``GET /health``     whether it serves, and what waits in the spool
``POST /flush``     wait until everything logged so far is stored
"""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from flask import Flask, request
from werkzeug.serving import WSGIRequestHandler, make_server

from driftlog.demo.data import LATE, ON_TIME, load_flights, training_part
from driftlog.demo.model import VERSION, Features, FlightModel, label_of
from driftlog.demo.scenarios import SCENARIOS, FaultyModel
from driftlog.demo.training import load_version
from driftlog.shipping import PredictionLogger

FLUSH_TIMEOUT_S = 60.0


class Served:
    """The model that answers and its version's name; both change at once, while requests are served."""

    def __init__(self, model: Scorer, version: str) -> None:
        self._now = (model, version)

    @property
    def now(self) -> tuple[Scorer, str]:
        return self._now

    def swap(self, model: Scorer, version: str) -> None:
        self._now = (model, version)


class Scorer(Protocol):
    """Anything that gives each request its probability of arriving late."""

    def score(self, requests: Sequence[Features]) -> list[float]: ...


def create_app(served: Served, log: PredictionLogger) -> Flask:
    """The service: `served` answers, `log` tells driftlog."""
    app = Flask("flights")

    @app.post("/predict")
    def predict() -> dict[str, Any]:
        flights = request.get_json()
        model, version = served.now
        started = time.perf_counter_ns()
        scores = model.score([flight["features"] for flight in flights])
        duration_ns = time.perf_counter_ns() - started
        for flight, score in zip(flights, scores, strict=True):
            log.log_prediction(
                flight["features"],
                label=label_of(score),
                score=score,
                duration_ns=duration_ns,
                version=version,
                event_id=flight["id"],
                timestamp=datetime.fromisoformat(flight["at"]),
            )
        return {"scores": scores}

    @app.post("/feedback")
    def feedback() -> dict[str, Any]:
        arrivals = request.get_json()
        for arrival in arrivals:
            actual = LATE if arrival["late"] else ON_TIME
            known = datetime.fromisoformat(arrival["at"])
            log.log_feedback(arrival["id"], actual, timestamp=known, event_id=f"{log.model}-{arrival['id']}")
        return {"received": len(arrivals)}

    @app.post("/model")
    def deploy() -> dict[str, Any]:
        wanted = request.get_json()
        if wanted["version"] != served.now[1]:
            served.swap(load_version(Path(wanted["uri"])), wanted["version"])
        return {"version": served.now[1]}

    @app.get("/health")
    def health() -> dict[str, Any]:
        return {"status": "ok", "shipping": log.stats()}

    @app.post("/flush")
    def flush() -> dict[str, Any]:
        return {"flushed": log.flush(FLUSH_TIMEOUT_S), "shipping": log.stats()}

    return app


class _Quiet(WSGIRequestHandler):
    """No line a request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the model, serve until SIGTERM or SIGINT, then hand over what is still in the spool."""
    options = _parse(arguments)
    model: Scorer = FlightModel().fit(training_part(load_flights()))
    log = PredictionLogger(
        options.model,
        version=VERSION,
        environment=options.environment,
        task="binary",
        positive_label=LATE,
        service=options.service,
        url=options.intake,
        spool=options.spool,
    )
    if options.scenario:
        model = FaultyModel(model, SCENARIOS[options.scenario])
    app = create_app(Served(model, VERSION), log)
    if isinstance(model, FaultyModel):
        app.before_request(lambda faulty=model: faulty.set_clock(request.get_json(silent=True)))
    server = make_server("127.0.0.1", options.port, app, threaded=True, request_handler=_Quiet)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    try:
        server.serve_forever()
    finally:
        log.close()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m driftlog.demo.app", description="The demo's serving app.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--intake", default="http://127.0.0.1:9280", help="where the events go")
    parser.add_argument("--spool", type=Path, required=True, help="folder of the durable spool")
    parser.add_argument("--model", default="flights", help="name under which the predictions are logged")
    parser.add_argument("--environment", default="demo")
    parser.add_argument("--service", default="flights-app", help="service.name of this process")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), help="the fault to inject")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
