"""Real intake processes in front of a real Elasticsearch."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store import templates
from driftlog.store.client import Store

CODE = """
import json, sys
from pathlib import Path
from driftlog.contract.settings import *
from driftlog.intake.server import serve
url, prefix, options, files, positions = sys.argv[1:]
options = json.loads(options)
for name in ("password", "api_key"):
    if name in options:
        options[name] = Secret(options[name])
serve(
    Settings(prefix=prefix, elasticsearch=ElasticsearchSettings(urls=(url,)), intake=IntakeSettings(**options)),
    files=[Path(each) for each in json.loads(files)],
    positions=Path(positions),
    ready=lambda: print("ready", flush=True),
)
"""


class IntakeProcess:
    """One intake process on ports of its own."""

    def __init__(self, url: str, prefix: str, folder: Any, files: list[str], **options: Any) -> None:
        self.url, self.prefix, self.folder, self.files = url, prefix, folder, files
        self.options = {"http_port": free_port(), "tcp_port": free_port(), **options}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.options['http_port']}"

    def start(self, *, wait: bool = True) -> IntakeProcess:
        self.close()
        arguments = [self.url, self.prefix, json.dumps(self.options), json.dumps(self.files)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", CODE, *arguments, str(self.folder / "positions.json")],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        if wait:
            wait_for(lambda: self.get("/health")[0] == 200)
        return self

    def get(self, path: str) -> tuple[int, Any]:
        return exchange(f"{self.base}{path}")

    def stats(self) -> Any:
        return self.get("/stats")[1]

    def post(self, body: bytes, **headers: str) -> tuple[int, Any]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return exchange(f"{self.base}/", body, {"Content-Type": "application/x-ndjson", **names})

    def send_tcp(self, body: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.options["tcp_port"]), timeout=30) as connection:
            connection.sendall(body)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=30)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=60)

    def close(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.kill()
            if self.process.stdout:
                self.process.stdout.close()


def exchange(url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Status and JSON answer; status 0 where nobody listens."""
    request = urllib.request.Request(url, body, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {**json.loads(error.read() or b"{}"), "retry_after": error.headers.get("Retry-After")}
    except OSError:
        return 0, None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], Any], timeout_s: float = 40) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.05)


def line(event_id: str, *, model: str = "churn", when: str | None = None, **fields: Any) -> bytes:
    """One event of driftlog's shipper."""
    event = {
        "@timestamp": when or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "event": {"id": event_id, "dataset": "driftlog.prediction", "outcome": "success", "hash": f"h-{event_id}"},
        "model": {"name": model},
        "features": {"x": 1.5, "plan": "gold"},
    }
    return json.dumps(event | fields, separators=(",", ":")).encode()


class Helpers:
    """What tests say in words."""

    line = staticmethod(line)
    wait_for = staticmethod(wait_for)

    def __init__(self, store: Store) -> None:
        self.store = store

    def ids(self) -> list[str]:
        """Ids of all stored predictions."""
        pattern = self.store.names.all_predictions()
        self.store.refresh(pattern)
        return sorted(hit["_id"] for hit in self.store.scan(pattern))

    def quarantined(self) -> list[dict[str, Any]]:
        pattern = self.store.names.every("quarantine")
        self.store.refresh(pattern)
        return [hit["_source"]["quarantine"] for hit in self.store.scan(pattern)]


@pytest.fixture
def helpers(elasticsearch_url: str, prefix: str) -> Iterator[Helpers]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        templates.install(store)
        yield Helpers(store)


@pytest.fixture
def make_intake(elasticsearch_url: str, prefix: str, tmp_path: Any) -> Iterator[Callable[..., IntakeProcess]]:
    """Makes intake processes; none survives its test."""
    made: list[IntakeProcess] = []

    def make(*, url: str = "", files: tuple[Any, ...] = (), **options: Any) -> IntakeProcess:
        made.append(IntakeProcess(url or elasticsearch_url, prefix, tmp_path, [str(each) for each in files], **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
