"""Receivers of pushed metrics: real sockets, and an HTTP server that is strict about what it takes."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WAIT_S = 60


@dataclass
class Datagrams:
    """What came in at a datagram socket, or by lines over TCP."""

    address: str
    packets: list[bytes] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [line for packet in self.packets for line in packet.decode().split("\n") if line]

    def until(self, found: Callable[[list[str]], bool]) -> list[str]:
        """The lines, once `found` holds of them."""
        end = time.monotonic() + WAIT_S
        while not found(self.lines):
            assert time.monotonic() < end, self.lines[-20:]
            time.sleep(0.01)
        return self.lines


@contextmanager
def datagrams(path: Path | None = None) -> Iterator[Datagrams]:
    """A UDP socket on a free port, or a unix socket at `path`."""
    with socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(str(path) if path else ("127.0.0.1", 0))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        opened.settimeout(0.05)
        made = Datagrams(f"unix://{path}" if path else f"udp://127.0.0.1:{opened.getsockname()[1]}")
        stop = threading.Event()

        def receive() -> None:
            while not stop.is_set():
                try:
                    made.packets.append(opened.recv(65_536))
                except TimeoutError:
                    continue

        thread = threading.Thread(target=receive)
        thread.start()
        try:
            yield made
        finally:
            stop.set()
            thread.join()


@contextmanager
def stream() -> Iterator[Datagrams]:
    """A TCP server that reads everything of every connection."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        opened.settimeout(0.05)
        made = Datagrams(f"tcp://127.0.0.1:{opened.getsockname()[1]}")
        stop = threading.Event()

        def receive() -> None:
            while not stop.is_set():
                try:
                    connection, _ = opened.accept()
                except TimeoutError:
                    continue
                with connection, connection.makefile("rb") as file:
                    made.packets.append(file.read())

        thread = threading.Thread(target=receive)
        thread.start()
        try:
            yield made
        finally:
            stop.set()
            thread.join()


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes
    status: int = 0


Judge = Callable[[Request], tuple[int, bytes]]


@dataclass
class HttpReceiver:
    """Answers as `judge` says; before that those in `next`: 0 breaks the connection, -1 after it has taken it."""

    judge: Judge
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    next: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    after: Callable[[Request], None] = lambda request: None
    """Called when a request was taken, before it is answered."""


@contextmanager
def http_receiver(judge: Judge) -> Iterator[HttpReceiver]:
    made = HttpReceiver(judge)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            coded = self.headers.get("Content-Encoding") == "gzip"
            request = Request(self.path, dict(self.headers), gzip.decompress(raw) if coded else raw)
            made.requests.append(request)
            if made.next:
                request.status, headers = made.next.pop(0)
                if request.status in (0, -1):  # broken before, or (-1) after it was taken
                    if request.status == -1:
                        made.judge(request)
                    self.close_connection = True
                    self.connection.close()
                    return
                self._answer(request.status, headers, b'{"errors":["told to"]}')
                return
            request.status, answer = made.judge(request)
            made.after(request)
            self._answer(request.status, {}, answer)

        def _answer(self, status: int, headers: dict[str, str], answer: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError):  # the client went away
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

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


API_KEY = "0123456789abcdef0123456789abcdef"
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.]{0,199}\Z")
_TAG = re.compile(r"[a-z][\w.\-/:]{0,199}\Z")


@dataclass
class DatadogBooks:
    """What Datadog would have: the last value a series and time stamp, every distribution value, every event."""

    points: dict[tuple[str, tuple[str, ...], int], tuple[int, float]] = field(default_factory=dict)
    values: dict[tuple[str, tuple[str, ...]], list[float]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    def counted(self, metric: str) -> float:
        """The sum of a count over all series and times."""
        return sum(value for (name, _, _), (kind, value) in self.points.items() if name == metric and kind == 1)

    def last(self, metric: str, *tags: str) -> float:
        """The newest value of the one series of a metric that has these tags."""
        found = {
            series[2]: value
            for series, (_, value) in self.points.items()
            if series[0] == metric and {*tags} <= {*series[1]}
        }
        assert found, (metric, tags)
        return found[max(found)]

    def judge(self, request: Request) -> tuple[int, bytes]:
        """Take a request, or answer as the API does."""
        if request.headers.get("DD-API-KEY") != API_KEY:
            return 403, b'{"errors":["Forbidden: key ' + request.headers.get("DD-API-KEY", "").encode() + b'"]}'
        try:
            assert request.headers["Content-Type"] == "application/json"
            assert request.headers["Content-Encoding"] == "gzip"
            assert len(request.body) < 5_000_000
            take = {
                "/api/v2/series": self._series,
                "/api/v1/distribution_points": self._distributions,
                "/api/v1/events": self._event,
            }[request.path]
            take(json.loads(request.body))
        except (AssertionError, KeyError, ValueError, TypeError) as error:
            return 400, json.dumps({"errors": [f"{type(error).__name__}: {error}"]}).encode()
        return 202, b'{"errors":[]}' if request.path == "/api/v2/series" else b'{"status":"ok"}'

    def _series(self, body: dict[str, Any]) -> None:
        assert set(body) == {"series"}
        for one in body["series"]:
            kinds = {"metric", "type", "points", "tags"}
            assert kinds <= set(one) <= {*kinds, "interval", "unit"}, one
            assert _NAME.match(one["metric"]), one
            assert one["type"] in (1, 3), one
            assert (type(one.get("interval")) is int and one["interval"] > 0) == (one["type"] == 1), one
            assert all(_TAG.match(tag) for tag in one["tags"]), one
            for point in one["points"]:
                assert set(point) == {"timestamp", "value"}, one
                assert type(point["timestamp"]) is int and isinstance(point["value"], int | float), one
                key = (one["metric"], tuple(one["tags"]), point["timestamp"])
                self.points[key] = (one["type"], float(point["value"]))

    def _distributions(self, body: dict[str, Any]) -> None:
        for one in body["series"]:
            assert set(one) == {"metric", "points", "tags", "type"} and one["type"] == "distribution", one
            for at, values in one["points"]:
                assert type(at) is int and values and len(values) <= 1000, one
                self.values.setdefault((one["metric"], tuple(one["tags"])), []).extend(values)

    def _event(self, body: dict[str, Any]) -> None:
        assert {"title", "text", "date_happened", "alert_type", "aggregation_key", "tags"} <= set(body), body
        assert body["alert_type"] in ("error", "warning", "info", "success"), body
        assert 0 < len(body["title"]) <= 100 and len(body["text"]) <= 4000, body
        assert type(body["date_happened"]) is int and len(body["aggregation_key"]) <= 100, body
        self.events.append(body)
