"""Fixtures shared by all tests: a real Elasticsearch, and a prefix of one's own in it.

``DRIFTLOG_TEST_ELASTICSEARCH=URL`` uses a server that runs already. Otherwise the first test session starts a local one
with a home folder and a free port of its own; sessions that run at the same time share it, and the last one stops it.
Its data is deleted at the next first start; what was fetched stays. Where no server can be had the tests that need one
fail; ``DRIFTLOG_SKIP_ELASTICSEARCH=1`` skips them on a laptop, and is ignored where ``CI=true``.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from driftlog.contract.errors import DriftlogError, UsageError

ROOM_BYTES = 3 << 30


class SharedServer:
    """The local Elasticsearch of all test sessions running now; each holds a shared lock while it needs it."""

    def __init__(self) -> None:
        self.url: str | None = None
        self.failure: str | None = None
        self._lock: int | None = None

    def start(self, progress: Callable[[str], None]) -> None:
        """Have a server, once; a failure is kept for the tests that need it."""
        if self.url or self.failure:
            return
        if given := os.environ.get("DRIFTLOG_TEST_ELASTICSEARCH"):
            self._use(given.rstrip("/"))
            return
        try:
            self.url = self._start_local(progress)
        except (DriftlogError, ImportError) as error:
            self.failure = f"no Elasticsearch for the tests: {error}"

    def _use(self, url: str) -> None:
        try:
            ask(f"{url}/_cluster/health?wait_for_status=yellow&timeout=30s")
            self.url = url
        except OSError as error:
            self.failure = f"DRIFTLOG_TEST_ELASTICSEARCH={url} does not answer: {error}"

    def _start_local(self, progress: Callable[[str], None]) -> str:
        from driftlog.store.local.server import LocalServer

        settings = self._settings()
        settings.home.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(settings.home / "sessions.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        with suppress(UsageError):  # it runs: another session uses it
            LocalServer().reset(settings)
        return LocalServer().start(settings, progress).url

    def stop(self) -> None:
        """Stop the server unless another session still needs it."""
        if self._lock is None:
            return
        from driftlog.store.local.server import LocalServer

        with suppress(BlockingIOError):
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            LocalServer().stop(self._settings())
        os.close(self._lock)
        self._lock = None

    @staticmethod
    def _settings() -> Any:
        from driftlog.store.local.settings import LocalSettings, base_folder

        return LocalSettings(port=0, home=quick_folder() or base_folder() / "tests")


def quick_folder() -> Path | None:
    """A folder in memory, where there is room: every index that a test makes or drops waits for a disk otherwise."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < ROOM_BYTES or not os.access(memory, os.W_OK):
        return None
    return memory / f"driftlog-tests-{os.getuid()}"


SERVER = pytest.StashKey[SharedServer]()


def skipped() -> bool:
    """Whether the tests that need Elasticsearch are switched off; never in CI."""
    return os.environ.get("DRIFTLOG_SKIP_ELASTICSEARCH") == "1" and os.environ.get("CI") != "true"


def pytest_configure(config: pytest.Config) -> None:
    """Have one server a session."""
    config.stash[SERVER] = SharedServer()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the server before the first test: the first fetch takes longer than any one test may."""
    needed = any("elasticsearch_url" in getattr(item, "fixturenames", ()) for item in session.items)
    if not needed or session.config.option.collectonly or skipped():
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    session.config.stash[SERVER].start(reporter.write_line if reporter else lambda message: None)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server at the end of the session, also after Ctrl-C."""
    server = config.stash.get(SERVER, None)
    if server is not None:
        server.stop()


@pytest.fixture(scope="session")
def elasticsearch_url(request: pytest.FixtureRequest) -> str:
    """Base address of a real Elasticsearch without security."""
    if skipped():
        pytest.skip("DRIFTLOG_SKIP_ELASTICSEARCH=1")
    server = request.config.stash[SERVER]
    server.start(lambda message: None)
    if server.url is None:
        pytest.fail(server.failure or "no Elasticsearch", pytrace=False)
    return server.url


@pytest.fixture
def prefix(elasticsearch_url: str) -> Iterator[str]:
    """An index prefix of the test's own; indices and templates under it are deleted afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    delete_prefix(elasticsearch_url, name)


def delete_prefix(url: str, prefix: str) -> None:
    """Delete every index, index template and component template named ``<prefix>-*``."""
    indices = ask(f"{url}/_cat/indices/{prefix}-*?h=index&format=json&expand_wildcards=all")
    names = [index["index"] for index in indices]
    for path in (*names, f"_index_template/{prefix}-*", f"_component_template/{prefix}-*"):
        try:
            ask(f"{url}/{path}", method="DELETE")
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 404:  # there was none, or the test deleted it
                raise


def ask(url: str, *, method: str = "GET", body: object = None) -> Any:
    """Send one JSON request, past any proxy, and return the JSON answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as response:
        return json.loads(response.read() or b"null")


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder that a server started by root for an unprivileged user can reach (pytest's own cannot be entered)."""
    import shutil

    from driftlog.store.local.settings import base_folder

    folder = base_folder() / f"tests-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
