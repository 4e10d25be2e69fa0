"""A real Elasticsearch on this machine: start, stop, status, reset.

>>> server = LocalServer()
>>> info = server.start(LocalSettings(port=0))           # doctest: +SKIP
>>> info.url                                             # doctest: +SKIP
'http://127.0.0.1:41873'
>>> server.stop(LocalSettings())                         # doctest: +SKIP
True

The server is a process of its own that outlives the caller; a home folder has one at most, also when two programs start
it at once. Data is where it was after a stop, a kill or a crash; only `LocalServer.reset` deletes it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from driftlog.contract.errors import LocalServerError, PortBusy, UsageError
from driftlog.store.local.account import Account, account_for, require_reachable
from driftlog.store.local.archive import Distribution, open_distribution, provide
from driftlog.store.local.configuration import write as write_configuration
from driftlog.store.local.health import ADMINISTRATOR, Endpoint, cluster_health
from driftlog.store.local.java import Java, choose, fetch_java, fetched_homes, read_release
from driftlog.store.local.layout import Layout, ServerRecord
from driftlog.store.local.lock import locked
from driftlog.store.local.preflight import check_disk, check_memory, check_platform, check_port, free_port
from driftlog.store.local.process import TERM_TIMEOUT_S, advice, end, is_server, launch, tail
from driftlog.store.local.process import find as find_server
from driftlog.store.local.security import prepare as prepare_security
from driftlog.store.local.security import set_user
from driftlog.store.local.settings import LocalSettings

__all__ = ["LocalServer", "LocalServerInfo", "LocalSettings"]

HEALTH_TIMEOUT_S = 60.0
FREE_PORT_TRIES = 3

Progress = Callable[[str], None]


def _silent(message: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class LocalServerInfo:
    """A running local server.

    Parameters
    ----------
    pid
        The Elasticsearch process itself.
    java
        Home of the Java it runs on.
    ca_cert, username, password_file
        How to connect to a secure server; None on an open one.
    health
        ``green``, ``yellow``, ``red``, or ``unresponsive`` while it starts or hangs.
    """

    url: str
    pid: int
    port: int
    version: str
    java: Path
    data_path: Path
    log_path: Path
    ca_cert: Path | None = None
    username: str | None = None
    password_file: Path | None = None
    health: str = "unresponsive"

    @property
    def healthy(self) -> bool:
        """Whether it answers and its indices can be used."""
        return self.health in {"green", "yellow"}


class LocalServer:
    """Starts and ends the local Elasticsearch of a home folder."""

    def __init__(
        self, *, monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._monotonic = monotonic
        self._sleep = sleep

    def start(self, settings: LocalSettings, progress: Progress = _silent) -> LocalServerInfo:
        """Return the running server of this home, starting it (and fetching what it needs) where none runs.

        A server that runs already is returned as it is, on whichever port it was started.

        Raises
        ------
        PortBusy
            Another program listens on the port.
        JavaNotFound
            No Java fits and none could be fetched.
        LocalServerError
            Anything else, with the end of the server's log and what to do.
        """
        check_platform()
        layout = Layout(settings.home)
        _make_home(layout)
        with locked(layout.lock, waiting=lambda: progress("another driftlog is at the local server; waiting")) as lock:
            running = find_server(layout)
            if running is not None:
                return self._adopt(running, settings, layout, progress)
            return self._start_new(settings, layout, progress, lock)

    def stop(self, settings: LocalSettings, *, timeout_s: float = TERM_TIMEOUT_S) -> bool:
        """End the server of this home and wait until it is gone; False when none runs."""
        layout = Layout(settings.home)
        if not layout.root.is_dir():
            return False
        with locked(layout.lock):
            running = find_server(layout)
            if running is None:
                return False
            end(running, term_timeout_s=timeout_s)
            layout.pid_file.unlink(missing_ok=True)
            return True

    def status(self, settings: LocalSettings) -> LocalServerInfo | None:
        """Return the running server of this home, healthy or not; None when none runs."""
        layout = Layout(settings.home)
        running = find_server(layout) if layout.root.is_dir() else None
        record = ServerRecord.load(layout.record)
        return _describe(running, record, layout) if running is not None and record is not None else None

    def reset(self, settings: LocalSettings, *, stop: bool = False) -> bool:
        """Delete data, snapshots, logs, users and configuration of this home; False when there was nothing.

        What was fetched stays.

        Raises
        ------
        UsageError
            The server runs, and ``stop`` is not given.
        LocalServerError
            The folder is not one that this program made, or cannot be deleted.
        """
        layout = Layout(settings.home)
        if not layout.root.is_dir():
            return False
        with locked(layout.lock):
            running = find_server(layout)
            if running is not None and not stop:
                raise UsageError(
                    f"the local server runs (pid {running.pid}); its data cannot be deleted under it",
                    remedy="stop it first: driftlog local stop",
                )
            if running is not None:
                end(running)
            _delete(layout)
            return True

    def add_user(self, settings: LocalSettings, name: str, roles: Sequence[str]) -> str:
        """Add a user with these roles to a secure server and return the password made for it.

        A running server knows the user within five seconds.
        """
        layout = Layout(settings.home)
        record = ServerRecord.load(layout.record)
        if record is None or not record.secure:
            raise UsageError("the local server has no users", remedy="start it with LocalSettings(secure=True) first")
        with locked(layout.lock):
            password = secrets.token_urlsafe(24)
            set_user(
                layout,
                open_distribution(Path(record.distribution)),
                Java(Path(record.java), record.version),
                account_for(layout.data),
                name,
                password,
                roles,
            )
            return password

    def _adopt(
        self, running: psutil.Process, settings: LocalSettings, layout: Layout, progress: Progress
    ) -> LocalServerInfo:
        """Return a server found running, once it is healthy."""
        record = ServerRecord.load(layout.record)
        if record is None:
            raise LocalServerError(
                f"a server runs (pid {running.pid}), but {layout.record} is gone",
                remedy="driftlog local stop, then start",
            )
        if record.secure != settings.secure:
            raise UsageError(
                f"the local server runs {'with' if record.secure else 'without'} security",
                remedy="stop it, and start it as you want it",
            )
        info = self._wait_healthy(running, record, layout, progress)
        progress(f"Elasticsearch {info.version} runs already at {info.url}")
        return info

    def _start_new(self, settings: LocalSettings, layout: Layout, progress: Progress, lock: int) -> LocalServerInfo:
        check_memory(settings.heap_bytes)
        check_disk(layout.root)
        if settings.port:
            check_port(settings.port)
        account = account_for(layout.data)
        distribution = provide(
            settings.version,
            settings.cache_folder,
            given=settings.distribution,
            offline=settings.offline,
            progress=progress,
        )
        _prepare_folders(layout, distribution, account)
        java = _choose_java(settings, distribution, account, progress)
        tries = 1 if settings.port else FREE_PORT_TRIES
        for remaining in reversed(range(tries)):
            port = settings.port or free_port()
            try:
                return self._launch(settings, layout, distribution, java, account, port, progress, lock)
            except PortBusy:  # somebody took the free port before Elasticsearch did
                if not remaining:
                    raise
        raise AssertionError("unreachable")

    def _launch(
        self,
        settings: LocalSettings,
        layout: Layout,
        distribution: Distribution,
        java: Java,
        account: Account,
        port: int,
        progress: Progress,
        lock: int,
    ) -> LocalServerInfo:
        write_configuration(settings, layout, distribution, port)
        if settings.secure:
            prepare_security(layout, distribution, java, account)
        for folder in layout.owned:
            account.own(folder)
        record = ServerRecord(port, settings.secure, distribution.version, str(java.home), str(distribution.home))
        record.save(layout.record)
        progress(f"starting Elasticsearch {distribution.version} on Java {java.version}, port {port}")
        started = launch(layout, distribution, java, account, lock=lock)
        info = self._wait_healthy(started, record, layout, progress)
        progress(f"Elasticsearch {info.version} runs at {info.url}")
        return info

    def _wait_healthy(
        self, running: psutil.Process, record: ServerRecord, layout: Layout, progress: Progress
    ) -> LocalServerInfo:
        """Wait until every primary shard is there; a server that stays red is returned so, with a word about it."""
        deadline = self._monotonic() + HEALTH_TIMEOUT_S
        while True:
            info = _describe(running, record, layout)
            if info.healthy:
                return info
            if not is_server(running, layout):
                raise LocalServerError(
                    f"Elasticsearch (pid {running.pid}) ended after its start\n{tail(layout.log_file)}",
                    remedy=advice(layout),
                )
            if self._monotonic() > deadline:
                break
            self._sleep(0.1)
        if info.health == "red":
            progress("Elasticsearch runs, but some of its indices cannot be used (health red)")
            return info
        raise LocalServerError(
            f"Elasticsearch (pid {running.pid}) does not answer at {info.url}\n{tail(layout.log_file)}",
            remedy="driftlog local stop, then start it again",
        )


def _describe(running: psutil.Process, record: ServerRecord, layout: Layout) -> LocalServerInfo:
    endpoint = Endpoint(record.port, record.secure, layout.ca_cert, layout.password_file)
    return LocalServerInfo(
        url=endpoint.url,
        pid=running.pid,
        port=record.port,
        version=record.version,
        java=Path(record.java),
        data_path=layout.data,
        log_path=layout.log_file,
        ca_cert=layout.ca_cert if record.secure else None,
        username=ADMINISTRATOR if record.secure else None,
        password_file=layout.password_file if record.secure else None,
        health=cluster_health(endpoint) or "unresponsive",
    )


def _make_home(layout: Layout) -> None:
    try:
        layout.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalServerError(
            f"the folder {layout.root} cannot be made: {error.strerror}",
            remedy="set DRIFTLOG_HOME to a folder you may write to",
        ) from error


def _prepare_folders(layout: Layout, distribution: Distribution, account: Account) -> None:
    """Make the server's folders, owned by its user, and see that it can reach them."""
    for folder in layout.owned:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # predictions and users are nobody else's
        account.own(folder)
    require_reachable(account, layout.data, "the data folder")
    require_reachable(account, distribution.home / "lib", "Elasticsearch in")


def _choose_java(settings: LocalSettings, distribution: Distribution, account: Account, progress: Progress) -> Java:
    """Return the Java a full distribution brings, else the best of this machine."""
    bundled = read_release(distribution.bundled_java) if distribution.bundled_java else None
    if bundled is not None and bundled.fits:
        return bundled
    folder = settings.cache_folder / "java"
    return choose(
        account,
        os.environ,
        fetch=lambda: fetch_java(folder, offline=settings.offline, progress=progress),
        extra=fetched_homes(folder),
    )


def _delete(layout: Layout) -> None:
    known = {path.name for path in (*layout.owned, layout.secure, layout.record, layout.console)}
    strange = sorted(path.name for path in layout.root.iterdir() if path.name not in known | {"server.partial"})
    if strange:
        raise LocalServerError(
            f"{layout.root} holds what driftlog did not put there: {', '.join(strange[:5])}",
            remedy="look at it, and move it away before the reset",
        )
    try:
        shutil.rmtree(layout.root)
    except OSError as error:
        raise LocalServerError(
            f"{layout.root} cannot be deleted: {error}", remedy="reset it as the user who started the server"
        ) from error
