"""What a log call costs the serving app, and how fast the spool takes and gives up events.

    python -m benchmarks.shipping_log_call [--quick] [--json]

Events have 20 random double features and 3 categorical ones, about 780 bytes of JSON. Measured:

0. importing `driftlog.shipping` in a fresh interpreter (best of five);
1. a log call at 1,000 events/s, spool append included, while the sender thread delivers to a receiver process, while
   there is no receiver, and beside a thread that computes in Python half of the time. Wall time, and CPU time of the
   calling thread, which waiting for a core does not add to;
2. burst: log calls as fast as one thread can, nobody receiving; then draining that spool; then both at once;
3. python-logstash-async as it comes, with its memory and SQLite queues and its HTTP transport, on the same machine.

The first line times a plain Python loop: on a machine with other things to do all figures grow with it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
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
TARGETS = {
    ("import driftlog.shipping", "wall_ms"): ("<=", 150),
    ("call at 1,000/s, delivering", "p50_us"): ("<=", 60),
    ("call at 1,000/s, delivering", "p99_us"): ("<=", 300),
    ("burst, then drain", "burst_events_s"): (">=", 20_000),
    ("burst, then drain", "drain_events_s"): (">=", 10_000),
    ("log and deliver at once", "delivered_events_s"): (">=", 10_000),
}


def rows(count: int = 1000) -> list[dict[str, Any]]:
    chance = random.Random(1)
    return [
        {f"feature_{i:02d}": chance.gauss(0, 100) for i in range(20)}
        | {"carrier": chance.choice(CARRIERS), "origin": chance.choice(AIRPORTS), "dest": chance.choice(AIRPORTS)}
        for _ in range(count)
    ]


@contextmanager
def receiver() -> Iterator[int]:
    script = Path(__file__).with_name("_shipping_receiver.py")
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
    cpu: list[int] = []
    begin = time.perf_counter()
    for number in range(int(seconds * rate)):
        wait = begin + number / rate - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        row = given[number % len(given)]
        cpu_before, before = time.thread_time_ns(), time.perf_counter_ns()
        call(row)
        times.append(time.perf_counter_ns() - before)
        cpu.append(time.thread_time_ns() - cpu_before)
    return {**percentiles(times), "cpu_p50_us": percentiles(cpu)["p50_us"], "cpu_p99_us": percentiles(cpu)["p99_us"]}


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
    library.removeHandler(handler)
    handler.close()
    drained = time.perf_counter() - begin
    return {**call, "events_s_all_in": round((seconds * 1000 + 1200) / (seconds + drained))}


def loop_time() -> float:
    """CPU milliseconds of a plain loop, best of five."""
    found = []
    for _ in range(5):
        before, total = time.thread_time(), 0
        for number in range(1_000_000):
            total += number
        found.append(time.thread_time() - before)
    return round(min(found) * 1000, 1)


def import_time() -> dict[str, float]:
    program = (
        "import time; wall, cpu = time.perf_counter(), time.process_time(); import driftlog.shipping; "
        "print((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-c", program]
        runs = [
            subprocess.run(command, capture_output=True, check=True, env={**environment, "PYTHONPYCACHEPREFIX": cache})
            for _ in range(6)
        ]
    found = [[float(value) for value in run.stdout.split()] for run in runs[1:]]
    return {"wall_ms": round(min(run[0] for run in found)), "cpu_ms": round(min(run[1] for run in found))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 seconds and 20,000 events instead of 20 and 200,000")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds, events = (2.0, 20_000) if options.quick else (20.0, 200_000)
    logging.getLogger("driftlog.shipping").setLevel(logging.CRITICAL)
    results: dict[str, dict[str, float]] = {}
    results["1,000,000 additions in Python"] = {"cpu_ms": loop_time()}
    results["import driftlog.shipping"] = import_time()
    with receiver() as port:
        url = f"http://127.0.0.1:{port}"
        results["call at 1,000/s, delivering"] = log_call(seconds, url)
        results["call at 1,000/s, receiver down"] = log_call(seconds, "http://127.0.0.1:1")
        with busy_model():
            results["call at 1,000/s, delivering, busy model"] = log_call(seconds, url)
        results["burst, then drain"] = burst_and_drain(events, port)
        results["log and deliver at once"] = both_at_once(events, port)
        results["python-logstash-async, memory"] = as_it_comes(2, None, port)
        with tempfile.TemporaryDirectory() as folder:
            results["python-logstash-async, SQLite"] = as_it_comes(2, f"{folder}/q.db", port)
    if options.json:
        print(json.dumps(results))
        return
    for name, found in results.items():
        print(f"{name:46}", "  ".join(f"{key} {value:,}" for key, value in found.items()))
    print(f"\n{'figure':46}{'measured':>12}{'target':>12}  met")
    for (name, key), (relation, target) in TARGETS.items():
        value = results[name][key]
        met = value <= target if relation == "<=" else value >= target
        print(f"{f'{name}, {key}':46}{value:12,}{f'{relation} {target:,}':>12}  {'yes' if met else 'no'}")


if __name__ == "__main__":
    main()
