"""A real HTTP receiver: keeps what it was sent, and answers what it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """`answers` are (status, headers, body) in order; the last one is repeated."""

    url: str = ""
    answers: deque = field(default_factory=lambda: deque([(200, {}, b"{}")]))
    requests: list[Request] = field(default_factory=list)

    def answer(self, *answers: tuple[int, dict[str, str], Any]) -> None:
        self.answers = deque(
            (status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())
            for status, headers, body in answers
        )


@contextmanager
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.requests.append(Request(self.command, self.path, dict(self.headers), body))
            status, headers, answer = made.answers.popleft() if len(made.answers) > 1 else made.answers[0]
            if status == 0:  # the connection breaks after the request was read
                self.close_connection = True
                self.connection.close()
                return
            if "X-Sleep" in headers:
                time.sleep(float(headers["X-Sleep"]))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status == 204:
                answer = b""
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            self._any()

        def do_POST(self) -> None:
            self._any()

        def log_message(self, *args: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError):  # the client went away, or the connection was broken on purpose
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
