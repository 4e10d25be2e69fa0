"""Small apps that the process tests run: `python apps.py NAME URL SPOOL`."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from driftlog.shipping import PredictionLogger


def stream(url: str, spool: str) -> None:
    """Log for ever; print the id of each event after its call returned."""
    log = PredictionLogger("churn", url=url, spool=spool, linger_s=0.01, resources_s=None)
    number = 0
    while True:
        number += 1
        print(log.log_prediction({"n": float(number)}, 1), flush=True)


def forks(url: str, spool: str) -> None:
    """Log in the parent, fork, log in both, from several threads of the child too."""
    log = PredictionLogger("churn", url=url, spool=spool, linger_s=0.01, resources_s=None)
    for _ in range(50):
        log.log_prediction({"where": "before"}, 1)
    child = os.fork()
    if child == 0:
        threads = [threading.Thread(target=log_some, args=(log, "child", 50)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log.close(timeout_s=10)
        sys.exit(0)
    log_some(log, "parent", 50)
    os.waitpid(child, 0)
    log.close(timeout_s=10)


def log_some(log: PredictionLogger, where: str, count: int) -> None:
    for _ in range(count):
        log.log_prediction({"where": where}, 1)


def disk(url: str, spool: str) -> None:
    """Log beyond the largest file the kernel allows, then with room again; print the counts."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = PredictionLogger("churn", url=url, spool=spool, linger_s=0.01, resources_s=None)
    log_some(log, "before", 10)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    log_some(log, "full", 200)
    failed = log.stats()["in_memory"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    import time

    time.sleep(1.1)
    log_some(log, "after", 10)
    print(failed, log.stats()["in_memory"], log.flush(20), log.stats()["dropped"], log.stats()["failures"])
    log.close(timeout_s=1)


def make_flask_app() -> Any:
    """The four lines of the documentation, in a real app."""
    from flask import Flask, jsonify, request

    from driftlog.shipping.flask import Driftlog

    app = Flask("serving")
    logger = PredictionLogger(
        "churn", version="1.4", url=os.environ["RECEIVER"], spool=os.environ["SPOOL"], linger_s=0.01, resources_s=None
    )
    logger.log_prediction({"where": "preload"}, 1)  # the worst case: threads and files exist before the fork
    driftlog = Driftlog(app, logger)

    @app.post("/predict")
    def predict() -> Any:
        features = request.get_json()
        driftlog.request.features = features
        score = 1 / features["x"]
        return jsonify(id=driftlog.log(features, score > 0.5, score=score), pid=os.getpid())

    return app


if __name__ == "__main__":
    {"stream": stream, "forks": forks, "disk": disk}[sys.argv[1]](sys.argv[2], sys.argv[3])
