"""The intake process: HTTP, TCP and followed files in one event loop."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from aiohttp import web

from driftlog.contract.errors import PortBusy
from driftlog.contract.listening import server_tls
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import Settings
from driftlog.intake.access import check_exposure
from driftlog.intake.arrival import Rules
from driftlog.intake.availability import Availability
from driftlog.intake.capacity import Capacity
from driftlog.intake.erased import Erased
from driftlog.intake.follow import FileIntake, default_positions
from driftlog.intake.http import HttpIntake
from driftlog.intake.pipeline import Pipeline
from driftlog.intake.receiver import Receiver
from driftlog.intake.registry import Registry
from driftlog.intake.stats import Stats
from driftlog.intake.survey import SurveyPages
from driftlog.intake.tcp import READ_BYTES, TcpIntake
from driftlog.store import templates
from driftlog.store.bulk_stream import BulkStream
from driftlog.store.client import Store

T = TypeVar("T")
log = logging.getLogger(__name__)

STOP_S: Final = 20.0
"""How long a stopping intake tries to store what it has read."""
_GC_THRESHOLD: Final = 50_000


def utc_now() -> datetime:
    return datetime.now(UTC)


def serve(
    settings: Settings,
    *,
    files: Sequence[Path] = (),
    positions: Path | None = None,
    ready: Callable[[], None] | None = None,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Run the intake until SIGTERM or SIGINT; then store what was read, and return.

    Parameters
    ----------
    settings
        `settings.intake` says where to listen, `settings.elasticsearch` where to write.
    files
        Log files to follow from their beginning.
    positions
        Where the positions in these files are remembered; default: the user's state folder.
    ready
        Called when the intake listens.
    now
        Clock.

    Raises
    ------
    ConfigError
        Settings that cannot be used, or would let strangers write.
    PortBusy
        A port belongs to another program.
    """
    check_exposure(settings.intake)
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)  # else it tells of every request
    gc.set_threshold(_GC_THRESHOLD, 20, 50)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(Intake(settings, files=files, positions=positions, now=now).run(ready))


class Intake:
    """The parts of one intake process, put together."""

    def __init__(
        self,
        settings: Settings,
        *,
        files: Sequence[Path] = (),
        positions: Path | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._files = files
        self._positions = positions or default_positions(settings.prefix)
        self._now = now
        self._stop = asyncio.Event()

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Serve until stopped."""
        intake = self._settings.intake
        tls = server_tls(intake.tls_cert, intake.tls_key, "intake")
        self._catch_signals()
        async with AsyncExitStack() as stack:
            bulk = await stack.enter_async_context(BulkStream(self._settings.elasticsearch))
            store = Store.connect(
                self._settings.elasticsearch, IndexNames(self._settings.prefix, self._settings.period)
            )
            stack.callback(store.close)
            stats = Stats()
            capacity = Capacity(intake.max_pending_bytes)
            availability = Availability(_probe(bulk, store))
            pipeline = Pipeline(bulk, stats)
            registry = Registry(store, self._settings, now=self._now, monotonic=time.monotonic)
            erased = Erased(store, stats, now=self._now, monotonic=time.monotonic)
            receiver = Receiver(Rules.of(self._settings), registry, pipeline, bulk, stats, now=self._now, erased=erased)

            survey = SurveyPages(self._settings, receiver, availability, now=self._now)
            http = HttpIntake(intake, receiver, capacity, availability, stats, survey)
            runner = web.AppRunner(http.application(), access_log=None, shutdown_timeout=STOP_S)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await _listening(
                web.TCPSite(runner, intake.host, intake.http_port, ssl_context=tls).start(), intake.http_port
            )

            tcp = TcpIntake(receiver, capacity, availability, stats, max_event_bytes=intake.max_event_bytes)
            tcp_server = None
            if intake.tcp_port is not None:
                starting = asyncio.start_server(tcp.connected, intake.host, intake.tcp_port, ssl=tls, limit=READ_BYTES)
                tcp_server = await _listening(starting, intake.tcp_port)
            follower = FileIntake(
                self._files, self._positions, receiver, capacity, availability, max_event_bytes=intake.max_event_bytes
            )
            probing = asyncio.create_task(availability.run())
            following = asyncio.create_task(follower.run())
            stack.callback(probing.cancel)
            log.info(
                "the intake listens on %s, http port %s, tcp port %s", intake.host, intake.http_port, intake.tcp_port
            )
            if ready is not None:
                ready()
            await self._stop.wait()

            log.info("the intake stops: storing what it has read")
            if tcp_server is not None:
                tcp_server.close()
            follower.stop()
            await asyncio.gather(_within(tcp.stop(), "tcp"), _within(following, "files"), runner.cleanup())
            await _within(pipeline.drain(), "pipeline")

    def stop(self) -> None:
        """Stop as SIGTERM does."""
        self._stop.set()

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed: asyncio's own copies large bodies once for every piece it sends of them."""
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        return None
    return uvloop.new_event_loop


def _probe(bulk: BulkStream, store: Store) -> Callable[[], Awaitable[None]]:
    async def probe() -> None:
        await bulk.ping()
        await asyncio.to_thread(templates.check, store)

    return probe


async def _listening(starting: Awaitable[T], port: int) -> T:
    try:
        return await starting
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortBusy(
                f"port {port} belongs to another program", remedy="stop it, or set intake.http_port or intake.tcp_port"
            ) from error
        raise


async def _within(stopping: Awaitable[object], what: str) -> None:
    """Wait for the end of one part, but not for ever."""
    try:
        await asyncio.wait_for(stopping, STOP_S)
    except TimeoutError:
        log.error("%s: what was read could not be stored within %g s and is given up", what, STOP_S)
