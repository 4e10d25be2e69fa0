"""Stores of the tests' own: with templates (shared by a file, emptied after each test) and without."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.templates import install, uninstall


def connect(url: str, prefix: str) -> Store:
    return Store.connect(ElasticsearchSettings(urls=(url,)), IndexNames(prefix))


def drop_all(store: Store) -> None:
    for info in store.list_indices():
        store.drop_index(info.name)


@pytest.fixture
def bare_store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    """A store without templates."""
    with connect(elasticsearch_url, prefix) as store:
        yield store


@pytest.fixture(scope="module")
def module_store(elasticsearch_url: str) -> Iterator[Store]:
    """A store with templates, the same for all tests of a file."""
    with connect(elasticsearch_url, f"test-{secrets.token_hex(4)}") as store:
        install(store)
        yield store
        drop_all(store)
        uninstall(store)


@pytest.fixture
def store(module_store: Store) -> Iterator[Store]:
    """A store with templates and without a document."""
    yield module_store
    drop_all(module_store)
