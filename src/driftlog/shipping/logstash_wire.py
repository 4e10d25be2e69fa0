"""The TCP and Beats transports of python-logstash-async behind our spool.

TCP has no acknowledgement: what the kernel took counts as delivered, and is lost when the receiver dies with it
unread. Beats is acknowledged by the receiver.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from typing import Any, Literal

from driftlog.shipping.endpoints import Address, Endpoints
from driftlog.shipping.http_wire import TlsSettings
from driftlog.shipping.wire import Answer, Verdict


class LogstashWire:
    """Delivers through the library's transport, made when first needed, one for each receiver."""

    def __init__(
        self,
        kind: Literal["tcp", "beats"],
        addresses: tuple[Address, ...],
        *,
        tls: TlsSettings | None = None,
        timeout_s: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
        randomness: random.Random | None = None,
    ) -> None:
        self.endpoints = Endpoints(addresses, monotonic, randomness)
        self._kind = kind
        self._tls = tls
        self._timeout_s = timeout_s
        self._transports: dict[int, Any] = {}

    def deliver(self, body: bytes, origin: str = "") -> Answer:  # noqa: ARG002  the protocols have no place for it
        """Offer the batch to each receiver that is not resting."""
        message, tried = "every receiver is resting", False
        for _ in self.endpoints.addresses:
            number = self.endpoints.choose()
            if number is None:
                break
            tried = True
            try:
                self._transport(number).send(self._events(body), use_logging=False)
            except Exception as error:  # noqa: BLE001  sockets, ssl and pylogbeat raise many kinds; all mean: not delivered
                self.endpoints.failed(number)
                message = f"{self.endpoints.addresses[number]}: {type(error).__name__}: {error}"
                with contextlib.suppress(Exception):
                    self._transports.pop(number).close()
                continue
            self.endpoints.worked(number)
            return Answer(Verdict.DELIVERED)
        return Answer(Verdict.KEEP, message=message, tried=tried, wait_s=self.endpoints.wait_s())

    def _events(self, body: bytes) -> list[Any]:
        if self._kind == "tcp":
            return [body]  # one write for the batch
        return [line for line in body.split(b"\n") if line]

    def _transport(self, number: int) -> Any:
        transport = self._transports.get(number)
        if transport is None:
            from logstash_async.transport import BeatsTransport

            address = self.endpoints.addresses[number]
            tls = self._tls or TlsSettings()
            transport = (_tcp_transport() if self._kind == "tcp" else BeatsTransport)(
                host=address.host,
                port=address.port,
                timeout=self._timeout_s,
                ssl_enable=self._tls is not None or address.scheme == "tls",
                ssl_verify=tls.verify,
                ssl_verify_flags=None,
                keyfile=tls.client_key,
                certfile=tls.client_cert,
                ca_certs=tls.ca_certs,
            )
            self._transports[number] = transport
        return transport

    def close(self) -> None:
        for transport in self._transports.values():
            with contextlib.suppress(Exception):
                transport.close()
        self._transports.clear()


def _tcp_transport() -> Any:
    """The library's TCP transport, which closes its connection after every batch, with an honest end.

    As it comes it waits 30 seconds for the buffer of a connection that was never made, and takes a batch for sent
    whose bytes the receiver has not taken.
    """
    from logstash_async.transport import TcpTransport

    class HonestTcpTransport(TcpTransport):  # type: ignore[misc]
        def _wait_for_socket_buffer_empty(self) -> None:
            deadline = time.monotonic() + self._timeout
            while self._connected() and not self._is_sock_write_buff_empty():
                if time.monotonic() >= deadline:
                    self._sock.close()
                    raise TimeoutError("the receiver does not take what was sent")
                time.sleep(0.002)

        def _connected(self) -> bool:
            try:
                self._sock.getpeername()
            except OSError:
                return False
            return True

    return HonestTcpTransport
