"""Spool, sender and resource sampler of one process, behind the transport interface of python-logstash-async."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from driftlog.contract.errors import ConfigError
from driftlog.contract.events import ResourceGroup
from driftlog.contract.settings import Secret
from driftlog.shipping.counters import Complaints, Counters
from driftlog.shipping.encode import Identity, encode_resource
from driftlog.shipping.endpoints import parse_address
from driftlog.shipping.http_wire import Credentials, HttpWire, TlsSettings
from driftlog.shipping.logstash_wire import LogstashWire
from driftlog.shipping.resources import ResourceSampler
from driftlog.shipping.sender import Sender
from driftlog.shipping.spool import OnFull, Spool
from driftlog.shipping.state_folder import service_folder, spool_root
from driftlog.shipping.wire import Wire

TransportName = Literal["http", "tcp", "beats"]
SCHEMES: Final[dict[str, tuple[str, ...]]] = {"http": ("http", "https"), "tcp": ("tcp", "tls"), "beats": ("beats",)}
DEFAULT_URL: Final = "http://127.0.0.1:9280"
EXIT_FLUSH_S: Final = 2.0
ANNOUNCE_EVERY_S: Final = 60.0


class Shipping:
    """Ships lines of JSON: durable when `send` returns, delivered in the background.

    It is a transport in the sense of python-logstash-async (``send(events, use_logging=...)`` and ``close()``), so its
    handlers take it as their ``transport``. Several `PredictionLogger` of one process can share one.

    Parameters
    ----------
    service
        Names the spool's subfolder, and ``service.name`` of resource events.
    url
        One receiver or several, tried in this order: ``http://intake:9280``, ``https://...``, ``tcp://host:port``,
        ``tls://host:port``, ``beats://host:port``.
    transport
        ``http`` (acknowledged), ``tcp`` (not acknowledged) or ``beats``.
    spool
        Folder for spool files, a subfolder a service; by default the user's state folder.
    max_bytes, on_full, block_timeout_s
        Limit of this process's spool on disk and what happens at it, see `Spool`.
    full_sync
        Survive power loss too: every log call waits for the disk.
    resources_s
        Seconds between two samples of CPU, memory, GPU and storage; None for none.
    storage_path
        The volume whose use is sampled; by default the spool's.

    Raises
    ------
    ConfigError
        For settings that cannot be used. Nothing raises after that: trouble is counted in `stats` and logged on
        ``driftlog.shipping``, once a minute for each kind.
    """

    def __init__(
        self,
        *,
        service: str = "default",
        version: str | None = None,
        environment: str = "production",
        url: str | Iterable[str] = DEFAULT_URL,
        transport: TransportName = "http",
        spool: str | Path | None = None,
        max_bytes: int = 1 << 30,
        on_full: OnFull = "drop_oldest",
        block_timeout_s: float = 1.0,
        full_sync: bool = False,
        batch_events: int = 2000,
        batch_bytes: int = 2 << 20,
        linger_s: float = 0.2,
        timeout_s: float = 30.0,
        compress: bool = False,
        api_key: Secret | str | None = None,
        username: str | None = None,
        password: Secret | str | None = None,
        ca_certs: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        verify_certs: bool = True,
        resources_s: float | None = 30.0,
        storage_path: str | None = None,
    ) -> None:
        self.service = service
        self.version = version
        self.environment = environment
        self.counters = Counters()
        self.complaints = Complaints()
        self._transport = _choice("transport", transport, SCHEMES)
        urls = (url,) if isinstance(url, str) else tuple(url)
        if not urls:
            raise ConfigError("needs at least one address", path="url", remedy=f"write {DEFAULT_URL}")
        self._addresses = tuple(parse_address(one, SCHEMES[transport]) for one in urls)
        if api_key is not None and username is not None:
            raise ConfigError("and a user name exclude each other", path="api_key", remedy="give one of them")
        self._credentials = Credentials(api_key=_secret(api_key), username=username, password=_secret(password))
        tls = TlsSettings(ca_certs=ca_certs, client_cert=client_cert, client_key=client_key, verify=verify_certs)
        self._tls = tls
        self._tls_asked = tls != TlsSettings()
        self._timeout_s = timeout_s
        self._compress = compress
        self._batch = (batch_events, batch_bytes, linger_s)
        self._resources_s = resources_s
        self._storage_path = storage_path
        _choice("on_full", on_full, ("drop_oldest", "block"))
        if max_bytes < 1 << 20:
            raise ConfigError(
                "is less than 1 MiB", path="max_bytes", value=max_bytes, remedy="give the spool some room"
            )
        self.root = Path(spool) if spool is not None else spool_root(os.environ)
        self.spool = Spool(
            self._folder(),
            self.counters,
            self.complaints,
            max_bytes=max_bytes,
            on_full=on_full,
            block_timeout_s=block_timeout_s,
            full_sync=full_sync,
        )
        _load(transport, resources=resources_s is not None)
        self._closed = False
        self._started = False
        self._start_lock = threading.Lock()
        self._announced = (0, 0.0)
        self._sender = self._new_sender()
        self._sampler: ResourceSampler | None = None
        if any(address.scheme in ("https", "tls") for address in self._addresses):
            self._check_tls()
        _alive.add(self)

    def _folder(self) -> Path | None:
        try:
            return service_folder(self.root, self.service)
        except OSError as error:
            message = f"no spool: {error}; events are kept in memory only, give a folder that can be written to"
            self.complaints.note("spool", message, level=logging.ERROR)
            return None

    def _check_tls(self) -> None:
        try:
            self._tls.context()
        except OSError as error:
            raise ConfigError(f"certificates cannot be loaded: {error}", path="ca_certs", value=self._tls) from error

    def _new_sender(self) -> Sender:
        events, size, linger = self._batch
        return Sender(
            self.spool,
            self._make_wire,
            self.counters,
            self.complaints,
            max_events=events,
            max_bytes=size,
            linger_s=linger,
            on_delivered=self._announce_losses,
        )

    def _make_wire(self) -> Wire:
        if self._transport == "http":
            return HttpWire(
                self._addresses,
                credentials=self._credentials,
                tls=self._tls,
                timeout_s=self._timeout_s,
                compress=self._compress,
            )
        return LogstashWire(
            "tcp" if self._transport == "tcp" else "beats",
            self._addresses,
            tls=self._tls if self._tls_asked else None,
            timeout_s=self._timeout_s,
        )

    # -- the transport interface -----------------------------------------------------------------------------------

    def send(self, events: Iterable[bytes | str], use_logging: bool = False) -> None:
        """Keep events, each a JSON text; durable when this returns. Never raises."""
        del use_logging
        try:
            append = self.spool.append
            for event in events:
                append(event if type(event) is bytes and event.endswith(b"\n") else _line(event))
            if not self._started:
                self.start()
        except Exception as error:  # noqa: BLE001  the caller's request must go on
            self.failed("send", error)

    def close(self, timeout_s: float = EXIT_FLUSH_S) -> None:
        """Deliver what can be delivered in this time; the rest stays in the spool for the next process."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._started:
                self.flush(timeout_s)
                self._stop_sampler()
                self._sender.stop(max(timeout_s, 1.0))
            self.spool.close()
            self.complaints.report(force=True)
        except Exception as error:  # noqa: BLE001
            self.failed("close", error)
        _alive.discard(self)

    # -- the rest --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the threads: done by the first event; call it to deliver what an earlier process left, before that."""
        with self._start_lock:
            if self._started or self._closed:
                return
            self._started = True
            try:
                self._sender.start()
                self._start_sampler()
            except RuntimeError as error:  # no thread can be started, for example at interpreter exit
                self.complaints.note("sender", f"{error}; events stay in the spool")
                self.complaints.report()

    @property
    def started(self) -> bool:
        return self._started

    @property
    def closed(self) -> bool:
        return self._closed

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything is delivered; False when the time was too short."""
        deadline = time.monotonic() + timeout_s
        self.start()
        while self.spool.pending:
            if time.monotonic() >= deadline or not self._sender.alive:
                return False
            self._sender.wake()
            time.sleep(0.01)
        return True

    def stats(self) -> dict[str, float | int | None]:
        """Counts since the process started, and the spool as it is; see `driftlog.shipping.counters`."""
        try:
            return {
                **self.counters.snapshot(),
                "pending": self.spool.pending,
                "oldest_age_s": self.spool.oldest_age_s(),
                "spool_bytes": self.spool.disk_bytes(),
            }
        except Exception as error:  # noqa: BLE001
            self.failed("stats", error)
            return {**self.counters.snapshot()}

    def failed(self, where: str, error: BaseException) -> None:
        """Count an error the caller must not see; logged once a minute."""
        self.counters.add("failures")
        self.complaints.note("internal error", f"in {where}: {type(error).__name__}: {error}", level=logging.ERROR)
        if not self._started:
            self.complaints.report()

    def _start_sampler(self) -> None:
        if self._resources_s is None:
            return
        path = self._storage_path or str(self.spool.folder or "/")
        self._sampler = ResourceSampler(self._ship_sample, interval_s=self._resources_s, storage_path=path)
        self._sampler.start()

    def _stop_sampler(self) -> None:
        if self._sampler is not None:
            self._sampler.stop()

    def _ship_sample(self, sample: ResourceGroup) -> None:
        """Complete a sample with the state of the spool and ship it."""
        sample.spool_events = self.spool.pending
        sample.spool_bytes = self.spool.disk_bytes()
        sample.events_dropped = self.counters["dropped"]
        self.spool.append(encode_resource(sample, self.identity()))

    def identity(self) -> Identity:
        """Who sends from here."""
        return Identity.of_process(self.service, self.version, self.environment)

    def _announce_losses(self) -> None:
        """Ship a resource event when events were lost since the last one, so that an alert can be set on it.

        After a delivery, because before one it would wait in the full spool and be among what is dropped next.
        """
        dropped = self.counters["dropped"]
        announced, at = self._announced
        now = time.monotonic()
        if dropped > announced and (at == 0.0 or now - at >= ANNOUNCE_EVERY_S):
            self._announced = (dropped, now)
            self._ship_sample(ResourceGroup())

    def __repr__(self) -> str:
        urls = ", ".join(str(address) for address in self._addresses)
        return f"Shipping(service={self.service!r}, url=[{urls}], {self._credentials!r}, spool={self.spool.folder})"

    # -- forks -----------------------------------------------------------------------------------------------------

    def _hold(self) -> list[threading.RLock]:
        """Locks taken before a fork, in the order in which the sender takes them; at most a second each."""
        held = [self._sender.busy] if self._sender.busy.acquire(timeout=1.0) else []
        return held + self.spool.hold()

    def _start_over(self) -> None:
        """In a forked child: own counts, own files, own threads once there is something to send."""
        self.spool.start_over()
        self.counters.reset()
        self.complaints.reset()
        self._start_lock = threading.Lock()
        self._started = False
        self._sampler = None
        self._announced = (0, 0.0)
        self._sender = self._new_sender()


def _load(transport: str, *, resources: bool) -> None:
    """Import now what the sender will need: a fork in the middle of an import would leave its lock to the child."""
    if transport == "http":
        import http.client  # noqa: F401

        "".encode("idna")  # name look-up loads this codec
    else:
        import logstash_async.transport  # noqa: F401
    if resources:
        with contextlib.suppress(ImportError):
            import psutil  # noqa: F401
            import pynvml  # noqa: F401


def _line(event: bytes | str) -> bytes:
    """One line: a JSON text spread over several lines is the same JSON on one."""
    raw = event.encode("utf-8", "replace") if isinstance(event, str) else bytes(event)
    return raw.strip().replace(b"\n", b" ") + b"\n"


def _secret(value: Secret | str | None) -> Secret | None:
    return Secret(value) if isinstance(value, str) else value


def _choice(path: str, value: str, known: Iterable[str]) -> str:
    if value not in known:
        raise ConfigError("is not one of the choices", path=path, value=value, remedy=f"use {', '.join(known)}")
    return value


_alive: weakref.WeakSet[Shipping] = weakref.WeakSet()
_held: list[threading.RLock] = []


def _before_fork() -> None:
    for shipping in list(_alive):
        _held.extend(shipping._hold())


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().release()


def _after_fork_in_child() -> None:
    _held.clear()
    for shipping in list(_alive):
        shipping._start_over()


def _at_exit() -> None:
    for shipping in list(_alive):
        shipping.close()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
