"""A small real HTTP receiver on a real socket that does as it is told: accept, refuse, be busy, be slow, die."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from driftlog.shipping.shipping import Shipping

Reply = tuple[int, dict[str, str], bytes]


class Receiver:
    """Counts ids of accepted events. `answer(lines, headers)` may return another reply than 200."""

    def __init__(self, answer: Callable[[list[bytes], Any], Reply | None] | None = None, port: int = 0) -> None:
        self.answer = answer
        self.ids: Counter[str] = Counter()
        self.events: list[dict[str, Any]] = []
        self.requests: list[tuple[int, int]] = []
        self.headers: list[Any] = []
        self.connections = 0
        self.delay_s = 0.0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                receiver.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, text = receiver.take(body, self.headers)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64
            sockets: list[Any] = []  # noqa: RUF012

            def get_request(self) -> Any:
                got = super().get_request()
                self.sockets.append(got[0])
                return got

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.server.sockets = []
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def take(self, body: bytes, headers: Any) -> Reply:
        if headers.get("Content-Encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        lines = body.split(b"\n")[:-1]
        self.headers.append(headers)
        time.sleep(self.delay_s)
        special = self.answer(lines, headers) if self.answer is not None else None
        self.requests.append((special[0] if special else 200, len(lines)))
        if special is not None:
            return special
        for line in lines:
            event = json.loads(line)
            self.events.append(event)
            self.ids[event.get("event", {}).get("id", "?")] += 1
        return 200, {}, json.dumps({"stored": len(lines), "quarantined": 0, "duplicates": 0}).encode()

    def kill(self) -> None:
        """Stop listening and cut every connection."""
        self.server.shutdown()
        self.server.server_close()
        for connection in self.server.sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(2)
            connection.close()
        self._thread.join(5)


@pytest.fixture
def start_receiver() -> Iterator[Callable[..., Receiver]]:
    """Starts receivers and stops them after the test."""
    started: list[Receiver] = []

    def start(*args: Any, **kwargs: Any) -> Receiver:
        started.append(Receiver(*args, **kwargs))
        return started[-1]

    yield start
    for receiver in started:
        receiver.kill()


@pytest.fixture
def receiver(start_receiver: Callable[..., Receiver]) -> Receiver:
    return start_receiver()


@pytest.fixture
def ship(tmp_path: Path) -> Iterator[Callable[..., Shipping]]:
    """Makes a Shipping with its spool in the test's folder, and closes it."""
    made: list[Shipping] = []

    def make(url: Any, **settings: Any) -> Shipping:
        defaults: dict[str, Any] = {
            "spool": tmp_path / "spool",
            "resources_s": None,
            "linger_s": 0.02,
            "timeout_s": 2.0,
        }
        made.append(Shipping(url=url, **{**defaults, **settings}))
        return made[-1]

    yield make
    for shipping in made:
        shipping.close(timeout_s=0)


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """Poll a condition; False when it did not come true in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., bool]:
    return wait_until
