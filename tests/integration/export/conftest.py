"""A store with templates, an exporter that reads it, and a real Prometheus that scrapes both."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest
from tests.integration.export.seed import NOW

from driftlog.contract.exporting import ExportSettings, PrometheusSettings
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.present.export.cache import Cache
from driftlog.present.export.prometheus_server import ExporterServer
from driftlog.present.export.readings import Reader
from driftlog.store import templates
from driftlog.store.client import Store
from driftlog.worker.export_source import reader_of


@pytest.fixture(scope="module")
def module_store(elasticsearch_url: str) -> Iterator[Store]:
    """A store with templates, the same for all tests of a file."""
    names = IndexNames(f"test-{secrets.token_hex(4)}")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), names) as made:
        templates.install(made)
        yield made
        _drop_all(made)
        templates.uninstall(made)


@pytest.fixture
def store(module_store: Store) -> Iterator[Store]:
    """A store with templates and without a document."""
    yield module_store
    _drop_all(module_store)


def _drop_all(store: Store) -> None:
    for info in store.list_indices():
        store.drop_index(info.name)


@pytest.fixture
def reader(store: Store) -> Reader:
    return reader_of(store, ExportSettings())


Serve = Callable[..., ExporterServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start an exporter on a free port; it ends with the test."""
    with ExitStack() as stack:

        def start(reader: Reader, *, now: Callable[[], datetime] = lambda: NOW, **settings: object) -> ExporterServer:
            wanted = PrometheusSettings(port=0, min_interval=timedelta(milliseconds=200), **settings)  # type: ignore[arg-type]
            return stack.enter_context(serving(reader, wanted, now=now))

        yield start


class serving:  # noqa: N801
    """An exporter in a thread of its own."""

    def __init__(self, reader: Reader, settings: PrometheusSettings, *, now: Callable[[], datetime]) -> None:
        cache = Cache(
            lambda: reader.read(now=now()),
            min_interval_s=settings.min_interval.total_seconds(),
            timeout_s=settings.timeout_s,
            max_age_s=settings.max_age.total_seconds(),
        )
        self.server = ExporterServer(cache, settings)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> ExporterServer:
        self.thread.start()
        return self.server

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(30)
