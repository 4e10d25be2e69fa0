"""A store of the test's own, with templates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.templates import install


@pytest.fixture
def bare_store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    """A store without templates."""
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        yield store


@pytest.fixture
def store(bare_store: Store) -> Store:
    """A store with templates."""
    install(bare_store)
    return bare_store
