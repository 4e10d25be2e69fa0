"""``/metrics`` and ``/healthz`` over HTTP or HTTPS, for those who may see them."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from driftlog.contract.errors import ConfigError, PortBusy
from driftlog.contract.exporting import PrometheusSettings
from driftlog.contract.listening import is_loopback, same_secret, server_tls
from driftlog.present.export.cache import Cache
from driftlog.present.export.prometheus import OPENMETRICS, TEXT, wants_openmetrics

log = logging.getLogger("driftlog.export")

IDLE_S: Final = 30.0
"""A connection on which no whole request has come for this long is closed, however many of its bytes have."""
MOST_CONNECTIONS: Final = 32
WAIT_S: Final = 1.0
"""How long one more connection waits for another to end before it is closed."""


class ExporterServer(ThreadingHTTPServer):
    """Serves what a `Cache` holds, a thread a connection; call `serve_forever`, and `shutdown` from another thread.

    Whoever reaches the port costs at most `most_connections` threads, each for a limited time.

    Raises
    ------
    ConfigError
        Other machines could read without credentials, or the certificate cannot be loaded.
    PortBusy
        Something else listens there.
    """

    daemon_threads = True
    request_queue_size = 32

    def __init__(
        self,
        cache: Cache,
        settings: PrometheusSettings,
        *,
        most_connections: int = MOST_CONNECTIONS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        check_exposure(settings)
        context = server_tls(settings.tls_cert, settings.tls_key, "export.prometheus")
        self.cache = cache
        self.settings = settings
        self._room = threading.BoundedSemaphore(most_connections)
        self._monotonic = monotonic
        self._until: dict[socket.socket, float] = {}
        if ":" in settings.host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((settings.host, settings.port), _Handler)
        except (OSError, OverflowError) as error:
            raise PortBusy(
                f"cannot listen on {settings.host} port {settings.port}: {error}",
                remedy="set export.prometheus.host and .port, or --listen HOST:PORT",
            ) from error
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        shown = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"{'https' if self.settings.tls_cert else 'http'}://{shown}:{port}/metrics"

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(timeout=WAIT_S):
            log.warning("too many connections: one from %s is closed", client_address[0])
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be started
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._until.pop(request, None)
            self._room.release()

    def allow(self, connection: socket.socket, seconds: float) -> None:
        """What happens next on a connection has this long."""
        self._until[connection] = self._monotonic() + seconds

    def service_actions(self) -> None:
        """Twice a second: cut the connections whose time is up; their threads then end by themselves."""
        now = self._monotonic()
        for connection, until in list(self._until.items()):
            if now > until:
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        log.debug("a connection from %s broke", client_address[0], exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: ExporterServer
    server_version = "driftlog"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def handle_one_request(self) -> None:
        self.server.allow(self.connection, IDLE_S)
        super().handle_one_request()

    def do_GET(self) -> None:
        self.server.allow(self.connection, self.server.settings.timeout_s + IDLE_S)
        path = self.path.partition("?")[0]
        if self._has_body():
            self.close_connection = True  # what follows would be read as the next request
            text = b"A request here has no body.\n"
            self._answer(400, "text/plain; charset=utf-8", text, {"Connection": "close"})
        elif path == "/healthz":
            self._answer(200, "application/json", json.dumps({"status": "ok", "up": self.server.cache.up}).encode())
        elif path != "/metrics":
            self._answer(404, "text/plain; charset=utf-8", b"Look at /metrics or /healthz.\n")
        elif not is_authorised(self.headers.get("Authorization"), self.server.settings):
            kind = "Bearer" if self.server.settings.token else 'Basic realm="driftlog"'
            text = b"Credentials are needed.\n"
            self._answer(401, "text/plain; charset=utf-8", text, {"WWW-Authenticate": kind})
        else:
            self._metrics()

    def do_HEAD(self) -> None:
        self.do_GET()

    def _has_body(self) -> bool:
        """Whether a body may follow, or the headers leave that open."""
        lengths = self.headers.get_all("Content-Length", [])
        return any(each.strip() != "0" for each in lengths) or bool(
            "Transfer-Encoding" in self.headers or self.headers.defects
        )

    def _metrics(self) -> None:
        openmetrics = wants_openmetrics(self.headers.get("Accept", ""))
        compress = "gzip" in self.headers.get("Accept-Encoding", "").lower()
        page = self.server.cache.page(openmetrics=openmetrics, compress=compress)
        more = {"Content-Encoding": "gzip"} if compress else {}
        self._answer(200, OPENMETRICS if openmetrics else TEXT, page, more)

    def _answer(self, status: int, kind: str, body: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


def is_authorised(header: str | None, settings: PrometheusSettings) -> bool:
    """Whether the ``Authorization`` header satisfies the settings; anything does when they name no secret."""
    scheme, _, value = (header or "").partition(" ")
    value = value.strip()
    if settings.token:
        return scheme.lower() == "bearer" and same_secret(value, settings.token.reveal())
    if settings.username and settings.password:
        try:
            given = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            return False
        return scheme.lower() == "basic" and same_secret(given, f"{settings.username}:{settings.password.reveal()}")
    return True


def check_exposure(settings: PrometheusSettings) -> None:
    """Raise `ConfigError` when other machines could read without credentials."""
    if settings.allow_open or settings.token or settings.password or is_loopback(settings.host):
        return
    raise ConfigError(
        "other machines could read without credentials",
        path="export.prometheus.host",
        value=settings.host,
        remedy="set export.prometheus.token, or username and password, or bind to 127.0.0.1, "
        "or set export.prometheus.allow_open where the network is trusted",
    )
