"""Flask, ASGI, logging, and the other wire transports, on the real libraries and real sockets."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import struct
import threading
import zlib
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from logstash_async.formatter import LogstashEcsFormatter
from logstash_async.handler import AsynchronousLogstashHandler, SynchronousLogstashHandler

from driftlog.shipping import PredictionLogger, SpoolHandler
from driftlog.shipping.asgi import DriftlogMiddleware
from driftlog.shipping.flask import Driftlog

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


def test_flask_views_log_with_trace_time_and_route(receiver, ship):
    """One line in the view; errors of views are failed predictions, a 404 is not."""
    from flask import Flask

    app = Flask("serving")
    driftlog = Driftlog(app, PredictionLogger("churn", shipping=ship(receiver.url)))

    @app.post("/predict/<kind>")
    def predict(kind):
        if kind == "bad":
            raise RuntimeError("model is gone")
        return driftlog.log({"kind": kind}, True, score=0.9)

    client = app.test_client()
    answer = client.post("/predict/good", headers=HEADERS)
    assert client.post("/predict/bad").status_code == 500
    assert client.get("/nowhere").status_code == 404
    assert driftlog.logger.flush(10)
    good, bad = receiver.events
    assert good["event"]["id"] == answer.text
    assert good["trace"]["id"] == TRACE
    assert good["labels"] == {"http_method": "POST", "http_route": "/predict/<kind>"}
    assert good["event"]["duration"] > 0
    assert (bad["error"]["message"], bad["event"]["outcome"]) == ("model is gone", "failure")
    assert "trace" not in bad


def test_starlette_endpoints_log_through_the_scope(receiver, ship):
    """Also what is logged with the plain logger carries the trace; errors are raised on."""
    import asyncio

    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    log = PredictionLogger("churn", shipping=ship(receiver.url))

    async def predict(request):
        if request.query_params.get("fail"):
            raise RuntimeError("model is gone")
        log.log_prediction({"by": "logger"}, 0)
        return PlainTextResponse(request.scope["driftlog"].log({"by": "scope"}, 1, score=0.9))

    app = DriftlogMiddleware(Starlette(routes=[Route("/predict", predict)]), log)
    assert asyncio.run(call(app, b"", HEADERS))[0]["status"] == 200
    with pytest.raises(RuntimeError, match="gone"):
        asyncio.run(call(app, b"fail=1", {}))
    assert log.flush(10)
    plain, scoped, failed = receiver.events
    assert (plain["features"], plain["trace"]["id"]) == ({"by": "logger"}, TRACE)
    assert (scoped["features"], scoped["trace"]["id"]) == ({"by": "scope"}, TRACE)
    assert failed["error"]["type"] == "RuntimeError"
    assert failed["labels"] == {"http_method": "GET", "http_route": "/predict"}


async def call(app, query, headers):
    """One request to an ASGI app; returns the messages it sent."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": "/predict",
        "raw_path": b"/predict", "root_path": "", "scheme": "http", "query_string": query, "server": ("test", 80),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent


@pytest.fixture
def library_logger():
    logger = logging.getLogger("test.shipping.library")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def test_the_library_s_handlers_take_the_spool_as_their_transport(receiver, ship, library_logger):
    """Synchronous, asynchronous and our own handler; plain and ECS formatter."""
    shipping = ship(receiver.url)
    ecs = SpoolHandler(shipping)
    ecs.setFormatter(LogstashEcsFormatter())
    asynchronous = AsynchronousLogstashHandler("x", 0, database_path=None, transport=shipping)
    for handler in (SynchronousLogstashHandler("x", 0, transport=shipping), ecs):
        library_logger.addHandler(handler)
    library_logger.info("hello %s", "world", extra={"features": {"a": 1}})
    assert shipping.spool.pending == 2 or shipping.flush(10)
    library_logger.addHandler(asynchronous)
    library_logger.info("later")
    asynchronous.flush()
    assert wait_for(lambda: len(receiver.events) >= 5)
    messages = sorted(event["message"] for event in receiver.events)
    assert messages == ["hello world", "hello world", "later", "later", "later"]
    plain = next(event for event in receiver.events if event["message"] == "hello world" and "extra" in event)
    assert plain["extra"]["features"] == {"a": 1}
    library_logger.removeHandler(asynchronous)
    asynchronous.close()


def wait_for(condition, timeout_s: float = 15.0) -> bool:
    import time

    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_our_own_complaints_do_not_go_round_in_circles(ship):
    """A handler on the root logger with nobody listening: complaints are not shipped."""
    shipping = ship("http://127.0.0.1:1")
    handler = SpoolHandler(shipping)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        logging.getLogger("driftlog.shipping").error("trouble")
        logging.getLogger("app").error("fine")
    finally:
        root.removeHandler(handler)
    assert shipping.spool.pending == 1


class LineServer:
    """Accepts TCP connections one after the other and keeps the lines."""

    def __init__(self, serve) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.lines: list[bytes] = []
        self._serve = serve
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                self._serve(self, stream)

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(5)


@pytest.fixture
def line_server():
    started = []

    def start(serve):
        started.append(LineServer(serve))
        return started[-1]

    yield start
    for server in started:
        server.close()


def test_tcp_through_the_library_s_transport_with_failover(line_server, ship):
    """The first address is dead; JSON lines arrive at the second."""
    server = line_server(lambda self, stream: self.lines.extend(stream))
    shipping = ship(["tcp://127.0.0.1:1", f"tcp://127.0.0.1:{server.port}"], transport="tcp")
    shipping.send([b'{"n":%d}\n' % n for n in range(300)])
    assert shipping.flush(10)
    assert wait_for(lambda: len(server.lines) == 300)
    assert [json.loads(line)["n"] for line in server.lines] == list(range(300))


def serve_beats(self, stream) -> None:
    """The part of the Lumberjack protocol that pylogbeat speaks: window, compressed frames, acknowledgement."""
    while header := stream.read(2):
        if header[1:] == b"W":
            stream.read(4)
            continue
        assert header == b"2C"
        (size,) = struct.unpack(">I", stream.read(4))
        payload = zlib.decompress(stream.read(size))
        sequence = 0
        while payload:
            sequence, length = struct.unpack(">II", payload[2:10])
            self.lines.append(payload[10 : 10 + length])
            payload = payload[10 + length :]
        stream.write(b"2A" + struct.pack(">I", sequence))
        stream.flush()


def test_beats_through_the_library_s_transport(line_server, ship):
    """Acknowledged by the receiver."""
    server = line_server(serve_beats)
    shipping = ship(f"beats://127.0.0.1:{server.port}", transport="beats")
    shipping.send([b'{"n":%d}\n' % n for n in range(60)])
    assert shipping.flush(10)
    assert [json.loads(line)["n"] for line in server.lines] == list(range(60))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A certificate authority and a certificate for localhost that also serves as a client's."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("tls")
    now = datetime.now(UTC)

    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def build(subject, issuer, key, signer, authority):
        builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        return builder.sign(signer, hashes.SHA256())

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(build("driftlog test", "driftlog test", ca_key, ca_key, True).public_bytes(pem))
    (folder / "cert.pem").write_bytes(build("localhost", "driftlog test", key, ca_key, False).public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


def test_tls_with_own_authority_and_client_certificate(certificates, ship, wait_until):
    """Delivered where both sides trust each other; kept where the receiver is not trusted."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    class Server(HTTPServer):
        def handle_error(self, request, client_address) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"https://localhost:{server.server_address[1]}"
    try:
        suspicious = ship(url, service="suspicious")
        suspicious.send([b'{"n":1}\n'])
        assert wait_until(lambda: suspicious.stats()["retries"] >= 1)
        assert suspicious.stats()["pending"] == 1
        trusting = ship(
            url,
            ca_certs=str(certificates / "ca.pem"),
            client_cert=str(certificates / "cert.pem"),
            client_key=str(certificates / "key.pem"),
        )
        trusting.send([b'{"n":2}\n'])
        assert trusting.flush(10)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
    assert bodies == [b'{"n":2}\n']
