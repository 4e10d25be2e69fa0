"""One intake process for all cases; each case has a model of its own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store import templates
from driftlog.store.client import Store

INTAKE = """
import sys, msgspec
from driftlog.contract.settings import *
from driftlog.intake.server import serve
url, prefix, http, tcp = sys.argv[1:]
serve(
    Settings(
        prefix=prefix,
        elasticsearch=ElasticsearchSettings(urls=(url,)),
        intake=IntakeSettings(http_port=int(http), tcp_port=int(tcp), max_event_bytes=1_000_000),
    ),
    ready=lambda: print("ready", flush=True),
)
"""


@dataclass(frozen=True)
class RunningIntake:
    """Where the intake listens, and the store behind it."""

    http_port: int
    tcp_port: int
    store: Store

    def post(self, body: bytes, headers: dict[str, str], path: str = "/") -> dict[str, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    def send_tcp(self, body: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.tcp_port), timeout=30) as connection:
            connection.sendall(body)

    def handled(self) -> int:
        """Events whose fate is known."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/stats", timeout=30) as response:
            stats = json.load(response)
            return int(stats["stored"] + stats["duplicates"] + stats["quarantined"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def intake(elasticsearch_url: str) -> Iterator[RunningIntake]:
    prefix = f"test-{secrets.token_hex(4)}"
    http_port, tcp_port = free_port(), free_port()
    settings = ElasticsearchSettings(urls=(elasticsearch_url,))
    with Store.connect(settings, IndexNames(prefix)) as store:
        templates.install(store)
        process = subprocess.Popen(
            [sys.executable, "-c", INTAKE, elasticsearch_url, prefix, str(http_port), str(tcp_port)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            wait_until_up(http_port)
            yield RunningIntake(http_port, tcp_port, store)
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=30)
            if process.stdout:
                process.stdout.close()
            for index in store.list_indices():
                store.drop_index(index.name)
            for kind in ("_index_template", "_component_template"):
                store.request("DELETE", f"/{kind}/{prefix}-*")
        assert code == 0


def wait_until_up(port: int, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError as error:
            if hasattr(error, "close"):
                error.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
