"""Events a second that the intake acknowledges, over 1 and 4 connections, beside direct bulk into the same server.

``python -m benchmarks.intake_throughput [--quick]``. The client is a process of its own with batches encoded before;
the intake is a process of its own too. Events: 20 random double features and 3 categorical ones, about 700 bytes, as
driftlog's shipper writes them, in NDJSON batches of 1,000. Acknowledged means: Elasticsearch answered for every event.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

BATCH = 1000
TARGETS = {1: 20_000, 4: 40_000}
TARGET_RSS_MB = 150


def event(model: str) -> dict[str, object]:
    """One prediction, in the shape of driftlog's shipper."""
    return {
        "@timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "event": {
            "id": uuid.uuid4().hex,
            "dataset": "driftlog.prediction",
            "outcome": "success",
            "duration": random.randrange(10**6, 10**7),
            "hash": secrets.token_hex(8),
        },
        "model": {"name": model, "version": "1"},
        "features": {
            **{f"x{number:02}": random.random() for number in range(20)},
            "colour": random.choice(("red", "green", "blue")),
            "shop": f"s{random.randrange(20)}",
            "weekday": random.choice(("mo", "tu", "we", "th", "fr", "sa", "su")),
        },
        "prediction": {"score": random.random()},
    }


def batches(n: int, model: str, size: int = BATCH) -> list[bytes]:
    return [b"\n".join(json.dumps(event(model), separators=(",", ":")).encode() for _ in range(size)) for _ in range(n)]


def as_bulk(batch: bytes, index: str) -> bytes:
    lines = []
    for line in batch.split(b"\n"):
        action = {"create": {"_index": index, "_id": json.loads(line)["event"]["id"]}}
        lines += [json.dumps(action).encode(), line]
    return b"\n".join((*lines, b""))


def post_all(port: int, path: str, bodies: list[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in bodies:
        while True:
            connection.request("POST", path, body, {"Content-Type": "application/x-ndjson"})
            response = connection.getresponse()
            answer = response.read()
            if response.status == 200:
                break
            if response.status not in (429, 503):
                raise SystemExit(f"{response.status}: {answer[:300]!r}")
            time.sleep(0.1)
        if b'"errors":true' in answer or (b'"quarantined":0' not in answer and path == "/"):
            raise SystemExit(answer[:300])
    connection.close()


def measure(port: int, path: str, bodies: list[bytes], connections: int, found: object) -> None:
    """Runs in the client process: send and put events a second."""
    threads = [
        threading.Thread(target=post_all, args=(port, path, bodies[number::connections]))
        for number in range(connections)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.put(len(bodies) * BATCH / (time.perf_counter() - started))  # type: ignore[attr-defined]


def run_client(make: Callable[[], list[bytes]], port: int, path: str, connections: int) -> float:
    context = multiprocessing.get_context("fork")
    found = context.SimpleQueue()
    client = context.Process(target=lambda: measure(port, path, make(), connections, found))
    client.start()
    rate = found.get()
    client.join()
    return float(rate)


@contextmanager
def elasticsearch() -> Iterator[str]:
    """The server that DRIFTLOG_TEST_ELASTICSEARCH names, else a local one for this run."""
    given = os.environ.get("DRIFTLOG_TEST_ELASTICSEARCH")
    if given:
        yield given.rstrip("/")
        return
    from driftlog.store.local.server import LocalServer
    from driftlog.store.local.settings import LocalSettings, base_folder

    settings = LocalSettings(port=0, home=base_folder() / "benchmarks")
    server = LocalServer()
    try:
        yield server.start(settings, print).url
    finally:
        server.stop(settings)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def intake(elasticsearch_url: str, prefix: str) -> Iterator[tuple[int, int]]:
    """A running intake: its port and process id."""
    port = free_port()
    code = (
        "import sys; from driftlog.contract.settings import *; from driftlog.intake.server import serve; "
        "serve(Settings(prefix=sys.argv[1], elasticsearch=ElasticsearchSettings(urls=(sys.argv[2],)), "
        "intake=IntakeSettings(http_port=int(sys.argv[3]), tcp_port=None)), ready=lambda: print('ready', flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, prefix, elasticsearch_url, str(port)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health").close()
            break
        except OSError:
            time.sleep(0.1)
    try:
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def peak_rss_mb(pid: int) -> float:
    with Path(f"/proc/{pid}/status").open(encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="40,000 events a run instead of 200,000")
    n_batches = 40 if parser.parse_args().quick else 200
    with elasticsearch() as url:
        run(url, n_batches)


def run(url: str, n_batches: int) -> None:
    from driftlog.contract.names import IndexNames
    from driftlog.contract.settings import ElasticsearchSettings
    from driftlog.store import templates
    from driftlog.store.client import Store

    prefix = f"bench-{secrets.token_hex(3)}"
    elastic_port = int(url.rsplit(":", 1)[1])
    names = IndexNames(prefix)
    size = len(batches(1, "warm-up")[0]) // BATCH
    print(f"{n_batches * BATCH:,} events of {size} bytes a run, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'figure':44}{'measured':>12}{'target':>10}  met")
    with Store.connect(ElasticsearchSettings(urls=(url,)), names) as store:
        templates.install(store)
        try:
            with intake(url, prefix) as (port, pid):
                run_client(lambda: batches(20, "warm-up"), port, "/", 2)
                for connections, target in TARGETS.items():
                    bulk_index = names.predictions(f"direct{connections}", datetime.now(UTC))
                    direct = run_client(
                        lambda index=bulk_index: [as_bulk(each, index) for each in batches(n_batches, "direct")],
                        elastic_port,
                        "/_bulk?filter_path=errors",
                        connections,
                    )
                    model = f"bench{connections}"
                    rate = run_client(lambda name=model: batches(n_batches, name), port, "/", connections)
                    met = "yes" if rate >= target else "no"
                    print(f"{f'intake, {connections} connection(s), events/s':44}{rate:12,.0f}{target:10,}  {met}")
                    print(f"{f'direct bulk, {connections} connection(s), events/s':44}{direct:12,.0f}")
                    print(f"{'intake / direct bulk':44}{rate / direct:12.2f}")
                rss = peak_rss_mb(pid)
                met = "yes" if rss <= TARGET_RSS_MB else "no"
                print(f"{'intake peak RSS, MB':44}{rss:12.0f}{TARGET_RSS_MB:10}  {met}")
        finally:
            for index in store.list_indices():
                store.drop_index(index.name)
            for kind in ("_index_template", "_component_template"):
                request = urllib.request.Request(f"{url}/{kind}/{prefix}-*", method="DELETE")
                urllib.request.urlopen(request).close()


if __name__ == "__main__":
    main()
