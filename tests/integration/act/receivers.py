"""Real receivers on this machine: a mail server and an HTTP server that keep what they get and can be made to fail."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mailbox:
    """A mail server; `emails` are those it took. `answer` is said instead of taking one, `refused` are recipients."""

    def __init__(self, **options: Any) -> None:
        self.emails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answer: str = ""
        self.refused: set[str] = set()
        self.logins: list[tuple[str, str]] = []
        if options.pop("login", False):
            options |= {"authenticator": self._login, "auth_required": True}
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port(), **options)

    def _login(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"p@ss/w:rd", handled=False)

    def __enter__(self) -> Mailbox:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer:
            return self.answer
        email = message_from_bytes(envelope.content, policy=default)
        assert isinstance(email, EmailMessage)
        self.emails.append(email)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"


@dataclass
class Request:
    """What an HTTP receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpReceiver:
    """An HTTP server; `status` is its answer, `content` its body; it waits for `gate` before it answers."""

    status: int = 200
    content: bytes = b"{}"
    gate: threading.Event | None = None
    requests: list[Request] = field(default_factory=list)
    before: Callable[[], None] | None = None

    def __enter__(self) -> HttpReceiver:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append(Request(self.path, dict(self.headers.items()), body))
                if outer.before is not None:
                    outer.before()
                if outer.gate is not None:
                    outer.gate.wait(60)
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.content)))
                self.end_headers()
                self.wfile.write(outer.content)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.gate is not None:
            self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])


def wait_for(condition: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Return as soon as `condition` holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.02)
