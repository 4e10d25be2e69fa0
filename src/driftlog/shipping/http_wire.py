"""NDJSON over HTTP, acknowledged, with failover.

| answer | then |
|---|---|
| 2xx | delivered |
| 413, 400, 422 | the batch is split; one event alone is refused |
| 429, 503 | the receiver rests as long as Retry-After says |
| 401, 403, other 4xx, 3xx | about the credentials or the address, not the events: keep them, back off, alarm |
| other 5xx, no connection, no answer | the next receiver, then back off |
"""

from __future__ import annotations

import base64
import contextlib
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from driftlog.contract.settings import Secret
from driftlog.shipping.endpoints import Address, Endpoints
from driftlog.shipping.wire import Answer, Verdict

if TYPE_CHECKING:
    import http.client
    import ssl

CONTENT: Final = (400, 413, 422)
BUSY: Final = (429, 503)
LONGEST_RETRY_AFTER_S: Final = 300.0
ORIGIN: Final = "X-Driftlog-Origin"
"""Header that names where the batch comes from, see `Wire.deliver`; Logstash has no use for it."""


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to trust the receiver, and what to show it."""

    ca_certs: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    verify: bool = True

    def context(self) -> ssl.SSLContext:
        import ssl

        context = ssl.create_default_context(cafile=self.ca_certs)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.client_cert is not None:
            context.load_cert_chain(self.client_cert, self.client_key)
        return context


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """API key, or user and password; shown masked."""

    api_key: Secret | None = None
    username: str | None = None
    password: Secret | None = None

    def header(self) -> str | None:
        if self.api_key:
            return f"ApiKey {self.api_key.reveal()}"
        if self.username is not None:
            pair = f"{self.username}:{self.password.reveal() if self.password else ''}"
            return "Basic " + base64.b64encode(pair.encode()).decode("ascii")
        return None


class Reply(msgspec.Struct):
    """What driftlog's intake answers; Logstash answers ``ok``, which is not this."""

    stored: int = 0
    quarantined: int = 0
    duplicates: int = 0


class HttpWire:
    """Posts batches over one kept-alive connection. For one thread."""

    def __init__(
        self,
        addresses: tuple[Address, ...],
        *,
        credentials: Credentials | None = None,
        tls: TlsSettings | None = None,
        timeout_s: float = 30.0,
        compress: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        epoch: Callable[[], float] = time.time,
        randomness: random.Random | None = None,
    ) -> None:
        self.endpoints = Endpoints(addresses, monotonic, randomness)
        self._credentials = credentials or Credentials()
        self._tls = tls or TlsSettings()
        self._timeout_s = timeout_s
        self._compress = compress
        self._epoch = epoch
        self._context: ssl.SSLContext | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._connected_to: int | None = None
        if any(address.scheme == "https" for address in addresses):
            self._context = self._tls.context()

    def deliver(self, body: bytes, origin: str = "") -> Answer:
        """Offer the batch to each receiver that is not resting; the last answer when none took it."""
        answer = Answer(Verdict.KEEP, message="every receiver is resting", tried=False)
        for _ in self.endpoints.addresses:
            number = self.endpoints.choose()
            if number is None:
                break
            answer = self._offer(number, body, origin)
            if answer.verdict is not Verdict.KEEP:
                return answer
        return answer._replace(wait_s=self.endpoints.wait_s())

    def _offer(self, number: int, body: bytes, origin: str) -> Answer:
        address = self.endpoints.addresses[number]
        try:
            status, retry_after, text = self._post(number, body, origin)
        except Exception as error:  # noqa: BLE001  http.client, ssl and socket raise many kinds; all mean: not delivered
            self.close()
            self.endpoints.failed(number)
            return Answer(Verdict.KEEP, message=f"{address}: {type(error).__name__}: {error}")
        if 200 <= status < 300:
            self.endpoints.worked(number)
            return _delivered(status, text)
        message = f"{address} answered {status}: {text[:200].decode('utf-8', 'replace').strip()}"
        if status in CONTENT:
            self.endpoints.worked(number)
            return Answer(Verdict.SPLIT, status, message)
        self.endpoints.failed(number, self._retry_after_s(retry_after) if status in BUSY else 0.0)
        return Answer(Verdict.KEEP, status, message, denied=300 <= status < 500 and status not in (408, *BUSY))

    def _post(self, number: int, body: bytes, origin: str) -> tuple[int, str | None, bytes]:
        """Status, Retry-After and body of the answer. A kept-alive connection that has died is opened anew once."""
        import http.client

        headers = self._headers(self.endpoints.addresses[number])
        if origin:
            headers[ORIGIN] = origin
        if self._compress:
            import zlib

            body = _gzip(body, zlib)
            headers["Content-Encoding"] = "gzip"
        fresh = self._connected_to != number or self._connection is None
        try:
            return self._request(number, body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if fresh:
                raise
        self.close()
        return self._request(number, body, headers)

    def _request(self, number: int, body: bytes, headers: dict[str, str]) -> tuple[int, str | None, bytes]:
        connection = self._connect(number)
        connection.request("POST", self.endpoints.addresses[number].path, body=body, headers=headers)
        response = connection.getresponse()
        text = response.read()
        if response.will_close:
            self.close()
        return response.status, response.getheader("Retry-After"), text

    def _connect(self, number: int) -> http.client.HTTPConnection:
        if self._connection is not None and self._connected_to == number:
            return self._connection
        import http.client

        self.close()
        address = self.endpoints.addresses[number]
        if address.scheme == "https":
            self._connection = http.client.HTTPSConnection(
                address.host, address.port, timeout=self._timeout_s, context=self._context
            )
        else:
            self._connection = http.client.HTTPConnection(address.host, address.port, timeout=self._timeout_s)
        self._connected_to = number
        return self._connection

    def _headers(self, address: Address) -> dict[str, str]:
        headers = {"Content-Type": "application/x-ndjson"}
        own = Credentials(username=address.username, password=address.password)
        authorization = self._credentials.header() or own.header()
        if authorization is not None:
            headers["Authorization"] = authorization
        return headers

    def _retry_after_s(self, value: str | None) -> float:
        """Seconds of a Retry-After header, which is a number or a date."""
        if value is None:
            return 0.0
        seconds = 0.0
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            seconds = float(value) if value.strip().isdigit() else _date(value) - self._epoch()
        return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
        self._connection = self._connected_to = None


def _date(value: str) -> float:
    """Seconds since 1970 of an HTTP date."""
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(value).timestamp()


def _delivered(status: int, text: bytes) -> Answer:
    reply = Reply()
    if text.startswith(b"{"):
        with contextlib.suppress(msgspec.MsgspecError):
            reply = msgspec.json.decode(text, type=Reply)
    return Answer(
        Verdict.DELIVERED,
        status,
        stored=reply.stored,
        quarantined=reply.quarantined,
        duplicates=reply.duplicates,
    )


def _gzip(body: bytes, zlib: object) -> bytes:
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)  # type: ignore[attr-defined]
    return bytes(compressor.compress(body) + compressor.flush())
