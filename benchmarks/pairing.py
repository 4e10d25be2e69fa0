"""Halves of logged requests per second: into the intake, and from there paired into predictions.

    python -m benchmarks.pairing

Each request is of 20 numeric features. In: over HTTP to a real intake, one request a half, as the loggers of Seldon
Core and KServe send them, from several connections. Paired: passes of the worker until no half waits. The last rows
are a pass over paired halves of which none waits: what it costs when there is nothing to do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime

import msgspec

from benchmarks._stored import empty_store
from driftlog.contract.events import DriftlogGroup, EventGroup, ModelGroup
from driftlog.contract.payloads import PayloadDocument, PayloadGroup, PayloadSettings, half_id
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.store.client import BulkAction
from driftlog.worker.pairing import Pairing

NAMES = tuple(f"f{n:02}" for n in range(20))
MODEL = ModelSettings(name="bench", payloads=PayloadSettings(feature_names=NAMES, classes=("0", "1")))
INTAKE = """
import sys
from driftlog.contract.settings import *
from driftlog.intake.server import serve
url, prefix, port = sys.argv[1:]
intake = IntakeSettings(http_port=int(port), tcp_port=None)
serve(
    Settings(prefix=prefix, elasticsearch=ElasticsearchSettings(urls=(url,)), intake=intake),
    ready=lambda: print("ready", flush=True),
)
"""


def body(kind: str, instances: int, chance: random.Random) -> dict[str, object]:
    if kind == "request":
        return {"instances": [[round(chance.gauss(0, 1), 4) for _ in NAMES] for _ in range(instances)]}
    return {"predictions": [[0.25, 0.75] for _ in range(instances)]}


def half(kind: str, number: int, instances: int, chance: random.Random) -> BulkAction:
    now = datetime.now(UTC)
    document = PayloadDocument(
        timestamp=now,
        event=EventGroup(id=f"r{number}", ingested=now),
        model=ModelGroup(name="bench"),
        driftlog=DriftlogGroup(source="http"),
        payload=PayloadGroup(
            kind="request" if kind == "request" else "response",
            state="waiting",
            request_id=f"r{number}",
            time=now,
            size_bytes=300 * instances,
            body=body(kind, instances, chance),
        ),
    )
    index = f"-payloads.{now:%Y-%m}"
    return BulkAction("create", index, half_id("bench", f"r{number}", kind), msgspec.to_builtins(document))


def paired(halves: int, instances: int) -> tuple[float, float]:
    """Halves a second, and milliseconds of a pass when nothing waits."""
    chance = random.Random(1)
    with empty_store() as store:
        pairs = halves // 2
        for start in range(0, pairs, 5000):
            numbers = range(start, min(start + 5000, pairs))
            actions = [half(kind, n, instances, chance) for n in numbers for kind in ("request", "response")]
            prefix = store.names.prefix
            store.bulk(BulkAction(a.op, f"{prefix}{a.index}", a.id, a.document) for a in actions)
        store.refresh(store.names.every("payloads"))
        pairing = Pairing(store, Settings(prefix=store.names.prefix), now=lambda: datetime.now(UTC))
        began, made = time.perf_counter(), 0
        while made < pairs * instances:
            pairing = Pairing(store, Settings(prefix=store.names.prefix), now=lambda: datetime.now(UTC))
            made += pairing.run(MODEL, 1).predictions
        taken = time.perf_counter() - began
        idle = time.perf_counter()
        pairing = Pairing(store, Settings(prefix=store.names.prefix), now=lambda: datetime.now(UTC))
        pairing.run(MODEL, 1)
        return halves / taken, (time.perf_counter() - idle) * 1000


def received(halves: int, connections: int) -> float:
    """Halves a second into a real intake."""
    with empty_store() as store:
        port = 9480
        command = [sys.executable, "-c", INTAKE, store.urls[0], store.names.prefix, str(port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"})
        try:
            assert process.stdout is not None
            process.stdout.readline()
            return asyncio.run(send(port, halves, connections))
        finally:
            process.terminate()
            process.wait()


async def send(port: int, halves: int, connections: int) -> float:
    import aiohttp

    chance = random.Random(2)
    bodies = [json.dumps(body("request", 1, chance)).encode() for _ in range(100)]

    async def some(client: aiohttp.ClientSession, first: int) -> None:
        for number in range(first, halves, connections):
            headers = {
                "ce-id": f"r{number}",
                "ce-type": "org.kubeflow.serving.inference.request",
                "ce-time": datetime.now(UTC).isoformat(),
                "ce-inferenceservicename": "bench",
                "content-type": "application/json",
            }
            url = f"http://127.0.0.1:{port}/cloudevents"
            while True:
                async with client.post(url, data=bodies[number % 100], headers=headers) as answer:
                    if answer.status == 200:
                        break
                await asyncio.sleep(0.1)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as client:
        await some(client, halves - 1)  # the index, and the model, are there
        began = time.perf_counter()
        await asyncio.gather(*(some(client, first) for first in range(connections)))
        return halves / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--halves", type=int, default=40_000)
    parser.add_argument("--quick", action="store_true", help="2,000 halves")
    arguments = parser.parse_args()
    halves = 2_000 if arguments.quick else arguments.halves
    print(f"{'':44} {'halves/s':>10}")
    for connections in (1, 16, 64):
        rate = received(halves // 8, connections)
        print(f"{f'into the intake, {connections} connection(s)':44} {rate:>10,.0f}", flush=True)
    for instances in (1, 10):
        rate, idle_ms = paired(halves // instances, instances)
        print(f"{f'paired, {instances} instance(s) a request':44} {rate:>10,.0f}", flush=True)
        print(f"{'  a pass when nothing waits, ms':44} {idle_ms:>10,.0f}", flush=True)


if __name__ == "__main__":
    main()
