"""Datagrams and lines to an address: ``udp://host:port``, ``unix:///path``, ``tcp://host:port``."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from driftlog.contract.errors import DeliveryError

TIMEOUT_S: Final = 5.0


class Wire:
    """A connected socket, for one pass; use it in a `with` statement.

    Raises
    ------
    DeliveryError
        Nobody is there: no such socket, a refused connection, a name that does not resolve.
    """

    def __init__(self, address: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._parts = urlsplit(address)
        self._socket: socket.socket | None = None

    @property
    def stream(self) -> bool:
        """Whether it is a stream of lines, not of datagrams."""
        return self._parts.scheme == "tcp"

    def __enter__(self) -> Self:
        try:
            if self._parts.scheme == "unix":
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.settimeout(self._timeout_s)
                self._socket.connect(self._parts.path)
            else:
                kind = socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM
                self._socket = self._connected(kind)
        except OSError as error:
            self._close()
            raise self._failed(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def send(self, data: bytes) -> None:
        """Send one datagram, or one line and what ends it."""
        assert self._socket is not None  # noqa: S101 - inside `with`
        try:
            self._socket.sendall(data + b"\n" if self.stream else data)
        except OSError as error:
            raise self._failed(error) from error

    def check(self) -> None:
        """Raise `DeliveryError` where the receiver's machine has said that nobody listens (UDP)."""
        assert self._socket is not None  # noqa: S101 - inside `with`
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise self._failed(OSError(number, "connection refused"))

    def _connected(self, kind: socket.SocketKind) -> socket.socket:
        host, port = self._parts.hostname, self._parts.port
        last: OSError = OSError("no address")
        for family, type_, protocol, _, place in socket.getaddrinfo(host, port, type=kind):
            made = socket.socket(family, type_, protocol)
            made.settimeout(self._timeout_s)
            try:
                made.connect(place)
            except OSError as error:
                made.close()
                last = error
                continue
            return made
        raise last

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _failed(self, error: OSError) -> DeliveryError:
        why = error.strerror or str(error)
        return DeliveryError(
            f"{self.address} did not take it: {why}", remedy="check the address, and that the receiver runs"
        )
