"""The intake as a process: what survives kill -9, SIGTERM, a dead Elasticsearch and too much at once."""

from __future__ import annotations

import base64
import gzip
import socket
import threading
from typing import Any

import pytest

pytestmark = pytest.mark.elasticsearch


def test_killed_in_mid_stream_and_sent_again(make_intake: Any, helpers: Any) -> None:
    """What a sender sends until it is acknowledged is there once, whatever was killed in between."""
    intake = make_intake().start()
    batches = [b"\n".join(helpers.line(f"{b}-{n}") for n in range(300)) + b"\n{bad %d" % b for b in range(8)]
    killer = threading.Timer(0.4, intake.kill)
    killer.start()
    left = [batch for batch in batches if intake.post(batch)[0] != 200]
    killer.join()

    intake.start()
    answers = [intake.post(batch)[0] for batch in [*left, batches[0]]]

    assert set(answers) == {200}
    assert helpers.ids() == sorted(f"{b}-{n}" for b in range(8) for n in range(300))
    assert len(helpers.quarantined()) == 8


def test_bad_lines_cut_into_other_batches_are_recognised(make_intake: Any, helpers: Any) -> None:
    """Rows of a spool keep their identity by the origin header; the same words on another row count again."""
    intake = make_intake().start()
    bad = b"these words again"

    intake.post(b"\n".join([bad] * 3), X_Driftlog_Origin="0001-42-ab:7")
    intake.post(b"\n".join([bad] * 5), X_Driftlog_Origin="0001-42-ab:8")
    intake.post(bad, X_Driftlog_Origin="0001-43-cd:7")

    assert len(helpers.quarantined()) == 6 + 1


def test_sigterm_stores_what_was_read(make_intake: Any, helpers: Any) -> None:
    """Everything that TCP senders had written before SIGTERM is stored, and the exit code is 0."""
    intake = make_intake().start()
    with socket.create_connection(("127.0.0.1", intake.options["tcp_port"])) as connection:
        connection.sendall(b"".join(helpers.line(str(n)) + b"\n" for n in range(2000)))
        helpers.wait_for(lambda: intake.stats()["tcp_connections"] == 1)

        assert intake.terminate() == 0
    assert len(helpers.ids()) == 2000


def test_nothing_is_accepted_while_elasticsearch_is_away(make_intake: Any, helpers: Any) -> None:
    """503 with Retry-After, and TCP is held back; when Elasticsearch is there, everything goes in."""
    with Gate(helpers.store.urls[0]) as gate:
        intake = make_intake(url=gate.url).start()
        assert intake.post(helpers.line("before"))[0] == 200
        gate.shut()
        status, answer = intake.post(helpers.line("refused"))
        intake.send_tcp(helpers.line("held") + b"\n")
        down = intake.get("/health")[0]
        gate.open()
        helpers.wait_for(lambda: intake.get("/health")[0] == 200)
        assert intake.post(helpers.line("after"))[0] == 200
        helpers.wait_for(lambda: "held" in helpers.ids())

    assert (status, down) == (503, 503)
    assert int(answer["retry_after"]) >= 1
    assert helpers.ids() == ["after", "before", "held"]


def test_nothing_is_accepted_without_templates(make_intake: Any, elasticsearch_url: str, prefix: str) -> None:
    """An index without its mappings would be wrong for ever."""
    intake = make_intake().start(wait=False)

    status, answer = intake.post(b'{"any": 1}')

    assert status == 503
    assert "nothing was accepted" in answer["error"]


def test_too_much_at_once_is_answered_429(make_intake: Any, helpers: Any) -> None:
    """Beyond max_pending_bytes senders are told to come back; those who do lose nothing."""
    intake = make_intake(max_pending_bytes=60_000).start()
    intake.post(helpers.line("first"))
    seen: set[int] = set()

    def send(number: int) -> None:
        body = b"\n".join(helpers.line(f"{number}-{n}") for n in range(200))
        while (status := intake.post(body)[0]) != 200:
            seen.add(status)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == {429}
    assert len(helpers.ids()) == 6 * 200 + 1
    assert intake.stats()["pending_bytes"] == 0


def test_compressed_bodies(make_intake: Any, helpers: Any) -> None:
    """gzip is taken, a bomb is not."""
    intake = make_intake(max_body_bytes=1_000_000).start()

    good = intake.post(gzip.compress(helpers.line("zipped")), Content_Encoding="gzip")
    bomb, _ = exchange_status(intake, gzip.compress(b"0" * 200_000_000))

    assert good == (200, {"stored": 1, "duplicates": 0, "quarantined": 0})
    assert bomb == 413
    assert intake.stats()["rss_bytes"] < 180_000_000


def exchange_status(intake: Any, body: bytes) -> tuple[int, str]:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", intake.options["http_port"], timeout=60)
    try:
        connection.request("POST", "/", body, {"Content-Encoding": "gzip", "Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_credentials(make_intake: Any, helpers: Any) -> None:
    """API key or user and password; anything else is 401."""
    intake = make_intake(api_key="k3y", username="app", password="pä:ss").start()
    basic = base64.b64encode("app:pä:ss".encode()).decode()
    wrong = base64.b64encode(b"app:no").decode()

    answers = [
        intake.post(helpers.line("e"), **({"Authorization": value} if value else {}))[0]
        for value in ("ApiKey k3y", f"Basic {basic}", f"Basic {wrong}", "Basic ???", "ApiKey k3", "")
    ]

    assert answers == [200, 200, 401, 401, 401, 401]


def test_unknown_models_beyond_the_limit_are_quarantined(make_intake: Any, helpers: Any) -> None:
    """A typo cannot fill the cluster with indices."""
    intake = make_intake(auto_register_limit=1).start()

    answer = intake.post(helpers.line("a", model="first") + b"\n" + helpers.line("b", model="second"))

    assert answer == (200, {"stored": 1, "duplicates": 0, "quarantined": 1})
    assert [each["reason"] for each in helpers.quarantined()] == ["unknown_model"]


def test_a_resend_after_the_turn_of_a_month_is_recognised(make_intake: Any, helpers: Any) -> None:
    """The index comes from the event's own time, not from the clock."""
    intake = make_intake().start()
    batch = (
        helpers.line("old", when="2026-01-31T23:59:59.999999Z")
        + b"\n"
        + helpers.line("new", when="2026-02-01T00:00:00.000000Z")
    )

    answers = [intake.post(batch)[1]["duplicates"] for _ in range(2)]

    assert answers == [0, 2]
    assert helpers.ids() == ["new", "old"]


def test_python_logstash_async_unmodified(make_intake: Any, helpers: Any) -> None:
    """Its own transports and formatter, as they come."""
    import logging

    from logstash_async.formatter import LogstashFormatter
    from logstash_async.transport import HttpTransport, TcpTransport

    intake = make_intake().start()
    formatter = LogstashFormatter()

    def event(event_id: str) -> str:
        record = logging.LogRecord("app", logging.INFO, "app.py", 1, "predicted", None, None)
        record.__dict__.update({"event": {"id": event_id}, "model": {"name": "churn"}, "features": {"x": 1}})
        return str(formatter.format(record))

    http = HttpTransport("127.0.0.1", intake.options["http_port"], ssl_enable=False, timeout=30)
    http.send([event("h1"), event("h2")])
    tcp = TcpTransport("127.0.0.1", intake.options["tcp_port"], False, False, None, None, None, None)
    tcp.send([f"{event('t1')}\n", f"{event('t2')}\n"])
    tcp.close()
    helpers.wait_for(lambda: intake.stats()["stored"] == 4)

    assert helpers.ids() == ["h1", "h2", "t1", "t2"]
    assert helpers.quarantined() == []


class Gate:
    """A TCP relay in front of Elasticsearch that can be shut: connections break and new ones are refused."""

    def __init__(self, url: str) -> None:
        self._target = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        self._sockets: list[socket.socket] = []
        self._port = 0
        self._listener: socket.socket | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Gate:
        self.open()
        return self

    def __exit__(self, *_error: object) -> None:
        self.shut()

    def open(self) -> None:
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def shut(self) -> None:
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for each in self._sockets:
            with_shutdown(each)
        self._sockets = []

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=relay, args=(source, sink), daemon=True).start()


def relay(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        with_shutdown(sink)
        source.close()


def with_shutdown(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
