"""What a log call costs the serving app, and how fast the spool takes and gives up events.

    python benchmarks/shipping_log_call.py [--seconds 10] [--json]

Events have 20 random double features and 3 categorical ones, about 780 bytes of JSON. Measured:

1. log call at 1,000 events/s: median and 99th percentile, with the sender thread delivering to a receiver process, and
   with no receiver (everything stays in the spool); once more with a model that keeps the interpreter busy beside it;
2. burst: log calls as fast as one thread can;
3. drain: a full spool into the receiver;
4. python-logstash-async as it comes, on the same machine: its log call and its rate with its memory and SQLite queues.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from driftlog.shipping import PredictionLogger

CARRIERS = ["UA", "AA", "DL", "B6", "WN"]
AIRPORTS = ["JFK", "LGA", "EWR", "LAX", "ORD", "ATL"]


def rows(count: int = 1000) -> list[dict[str, Any]]:
    chance = random.Random(1)
    return [
        {f"feature_{i:02d}": chance.gauss(0, 100) for i in range(20)}
        | {"carrier": chance.choice(CARRIERS), "origin": chance.choice(AIRPORTS), "dest": chance.choice(AIRPORTS)}
        for _ in range(count)
    ]


@contextmanager
def receiver() -> Iterator[int]:
    script = Path(__file__).with_name("shipping_receiver.py")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def percentiles(times_ns: list[int]) -> dict[str, float]:
    ordered = sorted(times_ns)
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
    found = {f"{name}_us": round(ordered[int(len(ordered) * share)] / 1000, 1) for name, share in shares.items()}
    return {**found, "max_us": round(ordered[-1] / 1000, 1)}


def paced(call: Callable[[dict[str, Any]], object], seconds: float, rate: int = 1000) -> dict[str, float]:
    """Percentiles of a call made `rate` times a second."""
    given = rows()
    for row in given[:200]:
        call(row)
    times: list[int] = []
    begin = time.perf_counter()
    for number in range(int(seconds * rate)):
        wait = begin + number / rate - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        before = time.perf_counter_ns()
        call(given[number % len(given)])
        times.append(time.perf_counter_ns() - before)
    return percentiles(times)


@contextmanager
def busy_model() -> Iterator[None]:
    """Another thread that computes in Python half of the time, as a model served from the same process does."""
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            sum(n * n for n in range(20_000))
            time.sleep(0.002)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    stopping.set()
    thread.join()


def logger(url: str, folder: str) -> PredictionLogger:
    return PredictionLogger("bench", version="1", url=url, spool=folder, resources_s=None, max_bytes=8 << 30)


def log_call(seconds: float, url: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        log = logger(url, folder)
        found = paced(lambda row: log.log_prediction(row, "1", score=0.3, duration_ns=1_000_000), seconds)
        log.close(timeout_s=0)
    return found


def burst_and_drain(count: int, port: int) -> dict[str, float]:
    given = rows()
    with tempfile.TemporaryDirectory() as folder:
        log = logger("http://127.0.0.1:1", folder)
        begin = time.perf_counter()
        for number in range(count):
            log.log_prediction(given[number % 1000], "1", score=0.3, duration_ns=1_000_000)
        burst = time.perf_counter() - begin
        log.close(timeout_s=0)
        drain_log = logger(f"http://127.0.0.1:{port}", folder)
        begin = time.perf_counter()
        drain_log.shipping.start()  # type: ignore[attr-defined]
        while drain_log.stats()["acknowledged"] != count:
            time.sleep(0.005)
        drain = time.perf_counter() - begin
        drain_log.close()
    return {"burst_events_s": round(count / burst), "drain_events_s": round(count / drain)}


def both_at_once(count: int, port: int) -> dict[str, float]:
    """Log as fast as possible while the sender delivers; the rate is that of the last acknowledgement."""
    given = rows()
    with tempfile.TemporaryDirectory() as folder:
        log = logger(f"http://127.0.0.1:{port}", folder)
        begin = time.perf_counter()
        for number in range(count):
            log.log_prediction(given[number % 1000], "1", score=0.3, duration_ns=1_000_000)
        logged = time.perf_counter() - begin
        assert log.flush(120)
        total = time.perf_counter() - begin
        log.close()
    return {"logged_events_s": round(count / logged), "delivered_events_s": round(count / total)}


def as_it_comes(seconds: float, database: str | None, port: int) -> dict[str, float]:
    """python-logstash-async's asynchronous handler, HTTP transport, its defaults."""
    from logstash_async.handler import AsynchronousLogstashHandler
    from logstash_async.transport import HttpTransport

    transport = HttpTransport("127.0.0.1", port, timeout=5.0, ssl_enable=False)
    handler = AsynchronousLogstashHandler("127.0.0.1", port, database, transport=transport)
    library = logging.getLogger("bench")
    library.propagate = False
    library.setLevel(logging.INFO)
    library.addHandler(handler)
    call = paced(lambda row: library.info("prediction", extra={"features": row, "prediction": {"label": "1"}}), seconds)
    begin = time.perf_counter()
    given = rows(1000)
    for row in given:
        library.info("prediction", extra={"features": row})
    worker = AsynchronousLogstashHandler._worker_thread
    library.removeHandler(handler)
    handler.close()
    del worker
    drained = time.perf_counter() - begin
    return {**call, "events_s_all_in": round((seconds * 1000 + 1200) / (seconds + drained))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--library", action="store_true", help="also python-logstash-async as it comes (slow)")
    options = parser.parse_args()
    logging.getLogger("driftlog.shipping").setLevel(logging.CRITICAL)
    results: dict[str, dict[str, float]] = {}
    with receiver() as port:
        url = f"http://127.0.0.1:{port}"
        results["log call at 1,000/s, delivering"] = log_call(options.seconds, url)
        results["log call at 1,000/s, receiver down"] = log_call(options.seconds, "http://127.0.0.1:1")
        with busy_model():
            results["log call at 1,000/s, delivering, busy model"] = log_call(options.seconds, url)
        results["burst, then drain"] = burst_and_drain(options.events, port)
        results["log and deliver at once"] = both_at_once(options.events, port)
        if options.library:
            results["python-logstash-async, memory"] = as_it_comes(3, None, port)
            with tempfile.TemporaryDirectory() as folder:
                results["python-logstash-async, SQLite"] = as_it_comes(3, f"{folder}/q.db", port)
    if options.json:
        print(json.dumps(results))
        return
    for name, found in results.items():
        print(f"{name:48s}", "  ".join(f"{key} {value:,}" for key, value in found.items()))


if __name__ == "__main__":
    main()
