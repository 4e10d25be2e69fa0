"""A store with templates, and helpers to write events as the intake writes them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.templates import install, uninstall
from driftlog.store.values import BulkAction

Event = dict[str, Any]


@pytest.fixture(scope="module")
def installed(elasticsearch_url: str) -> Iterator[Store]:
    """Templates are installed once a module: it is the slowest thing these tests do."""
    names = IndexNames(f"test-{secrets.token_hex(4)}")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), names) as store:
        install(store)
        yield store
        uninstall(store)


@pytest.fixture
def store(installed: Store) -> Iterator[Store]:
    """An empty store."""
    yield installed
    for info in installed.list_indices():
        installed.drop_index(info.name)


@pytest.fixture
def write(store: Store) -> Callable[[Iterable[Event]], None]:
    """Store events under their ids and make them searchable."""

    def write(events: Iterable[Event]) -> None:
        report = store.bulk([_action(store, event) for event in events], refresh=True)
        assert not report.failures, report.failures[:3]

    return write


def _action(store: Store, event: Event) -> BulkAction:
    at = datetime.fromisoformat(event["@timestamp"]).astimezone(UTC)
    dataset = event.get("event", {}).get("dataset", "driftlog.prediction")
    if dataset == "driftlog.prediction":
        index = store.names.predictions(event["model"]["name"], at)
    else:
        index = store.names.monthly({"driftlog.feedback": "feedback", "driftlog.resource": "resources"}[dataset], at)
    return BulkAction("index", index, event["event"]["id"], event)
