"""One process logging at a steady rate for a minute, durable, acknowledged, all the way into Elasticsearch.

    python -m benchmarks.shipping_sustained                     # 10,000 events/s for 60 s
    python -m benchmarks.shipping_sustained --rate 5000 --seconds 20

A real intake in a process of its own. The logging process keeps the rate as well as it can; what the intake has not
taken yet waits in the spool. Printed: the rate logged, the rate stored until the last event was acknowledged, and
whether every event is stored once.
"""

from __future__ import annotations

import argparse
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from benchmarks._stored import empty_store
from driftlog.contract.records import ModelRecord
from driftlog.shipping import PredictionLogger, Shipping
from driftlog.store.client import Store
from driftlog.store.models import register

SLICE_S = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--quick", action="store_true", help="2,000 events/s for 5 s")
    arguments = parser.parse_args()
    rate, seconds = (2_000, 5.0) if arguments.quick else (arguments.rate, arguments.seconds)
    with empty_store() as store, tempfile.TemporaryDirectory() as folder:
        register(store, ModelRecord(name="bench", task="binary", registered=datetime.now(UTC)))
        port = free_port()
        config = Path(folder) / "driftlog.yml"
        urls = ", ".join(f"'{url}'" for url in store.urls)
        config.write_text(
            f"prefix: {store.names.prefix}\nelasticsearch:\n  urls: [{urls}]\n"
            f"intake:\n  http_port: {port}\n  tcp_port: null\n"
        )
        command = [sys.executable, "-m", "driftlog", "--config", str(config), "intake"]
        with (Path(folder) / "log").open("wb") as log:
            intake = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_ready(port)
            measure(store, f"http://127.0.0.1:{port}", Path(folder) / "spool", rate, seconds)
        finally:
            intake.terminate()
            intake.wait()


def measure(store: Store, url: str, spool: Path, rate: int, seconds: float) -> None:
    shipping = Shipping(service="bench", url=url, spool=spool, resources_s=None)
    log = PredictionLogger("bench", version="1", shipping=shipping)
    rng = random.Random(1)
    rows = [{f"n{i:02}": rng.random() for i in range(20)} | {"a": "x", "b": "y", "c": "z"} for _ in range(200)]
    began, logged = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        for _ in range(int(rate * min(passed + SLICE_S, seconds)) - logged):
            log.log_prediction(rows[logged % 200], logged % 2, score=0.5)
            logged += 1
            if time.perf_counter() - began >= seconds:
                break
        time.sleep(max(0.0, logged / rate - (time.perf_counter() - began)))
    logging_s = time.perf_counter() - began
    done = log.flush(timeout_s=600.0)
    all_s = time.perf_counter() - began
    log.close()
    store.refresh(store.names.everything)
    stored = store.count(store.names.all_predictions("bench"))
    print(f"{'logged, events/s':40}{logged / logging_s:10,.0f}   wanted {rate:,}")
    print(f"{'stored until the last, events/s':40}{stored / all_s:10,.0f}   target >= {rate:,}")
    print(f"{'logged / stored':40}{logged:,} / {stored:,}   {'equal' if done and logged == stored else 'NOT EQUAL'}")


def wait_ready(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    main()
