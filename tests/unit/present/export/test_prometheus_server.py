"""What the port of the exporter bears from people who have not said who they are."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from driftlog.contract.exporting import PrometheusSettings
from driftlog.present.export.cache import Cache
from driftlog.present.export.prometheus_server import IDLE_S, ExporterServer
from driftlog.present.export.reading import Reading

ASK = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
Start = Callable[..., ExporterServer]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def started(**given: object) -> ExporterServer:
            def read() -> list[Reading]:
                return []

            cache = Cache(read, min_interval_s=10, timeout_s=20, max_age_s=60)
            server = ExporterServer(cache, PrometheusSettings(port=0), **given)  # type: ignore[arg-type]
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            stack.callback(thread.join, 30)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            thread.start()
            return server

        yield started


def dial(server: ExporterServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=20)


def rest(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionError:
        pass
    return found


@pytest.mark.parametrize(
    "header", [b"Content-Length: 45", b"Transfer-Encoding: chunked", b"Content-Length: 0\r\nContent-Length: 45"]
)
def test_a_body_is_not_read_as_the_next_request(start: Start, header: bytes) -> None:
    """One answer, 400, and the connection is closed: else a proxy's next caller would get the answer to the second."""
    with dial(start()) as connection:
        connection.sendall(ASK + header + b"\r\n\r\n" + ASK + b"\r\n")
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_connection_is_kept_for_requests_without_a_body(start: Start) -> None:
    """A length of 0 says so too."""
    with dial(start()) as connection:
        connection.sendall(ASK + b"Content-Length: 0\r\n\r\n" + ASK + b"Connection: close\r\n\r\n")
        assert rest(connection).count(b"HTTP/1.1 200") == 2


def test_one_connection_too_many_is_closed(start: Start) -> None:
    """Threads are bounded before anybody has said who he is; a place that becomes free is taken."""
    server = start(most_connections=2)
    with dial(server) as first, dial(server) as second:
        for each in (first, second):
            each.sendall(ASK + b"\r\n")
            assert each.recv(12) == b"HTTP/1.1 200"
        with dial(server) as third:
            third.sendall(ASK + b"Connection: close\r\n\r\n")
            assert rest(third) == b""
    for _ in range(20):  # until the threads of the first two have ended
        with dial(server) as fourth:
            fourth.sendall(ASK + b"Connection: close\r\n\r\n")
            if rest(fourth).startswith(b"HTTP/1.1 200"):
                return
    pytest.fail("no place became free")


def test_headers_that_never_end_are_cut_off(start: Start) -> None:
    """However steadily their bytes come, there is one limit for the request as a whole."""
    clock = Clock()
    server = start(most_connections=1, monotonic=clock)
    with dial(server) as slow:
        slow.sendall(ASK + b"\r\n" + ASK)
        assert slow.recv(12) == b"HTTP/1.1 200"
        slow.settimeout(0.1)
        for _ in range(200):  # 20 s, less than what one byte may take
            clock.now += IDLE_S
            try:
                slow.sendall(b"A: b\r\n")
                while slow.recv(65_536):
                    pass
            except TimeoutError:
                continue
            except ConnectionError:
                pass
            return
    pytest.fail("the connection is still open")


def test_a_thread_that_cannot_start_costs_no_place(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is closed; the next one is served."""
    server, begin = start(most_connections=1), threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", _refuse)
    with dial(server) as refused:
        assert rest(refused) == b""
    monkeypatch.setattr(threading.Thread, "start", begin)
    with dial(server) as served:
        served.sendall(ASK + b"Connection: close\r\n\r\n")
        assert rest(served).startswith(b"HTTP/1.1 200")


def _refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
