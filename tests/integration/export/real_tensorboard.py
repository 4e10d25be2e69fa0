"""A real TensorBoard that serves a folder over HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WAIT_S = 120


@dataclass
class TensorBoard:
    url: str

    def ask(self, path: str, **query: str) -> Any:
        """JSON of ``/data/<path>``; None where it answers that there is no such thing."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        address = f"{self.url}/data/{path}?{urllib.parse.urlencode(query)}"
        try:
            with opener.open(address, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError:
            return None

    def scalars(self, run: str, tag: str) -> list[tuple[int, float]]:
        found = self.ask("plugin/scalars/scalars", run=run, tag=tag) or []
        return [(step, value) for _, step, value in found]

    def until(self, ask: Callable[[], Any], fits: Callable[[Any], bool]) -> Any:
        """What `ask` gives, once it fits: TensorBoard reads the folder every second."""
        end = time.monotonic() + WAIT_S
        while True:
            found = ask()
            if fits(found):
                return found
            assert time.monotonic() < end, found
            time.sleep(0.2)


@contextmanager
def tensorboard(logdir: Path, log: Path) -> Iterator[TensorBoard]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--logdir", str(logdir), "--host", "127.0.0.1", "--port", str(port), "--reload_interval", "1"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", *arguments],
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            start_new_session=True,  # it starts a process that reads the files
        )
    made = TensorBoard(f"http://127.0.0.1:{port}")
    try:
        end = time.monotonic() + WAIT_S
        while True:
            assert server.poll() is None, log.read_text()[-2000:]
            try:
                made.ask("environment")
                break
            except OSError:
                assert time.monotonic() < end, log.read_text()[-2000:]
                time.sleep(0.1)
        yield made
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
