"""The raw bulk connection against a real Elasticsearch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from driftlog.contract.errors import StoreRejected, StoreUnavailable
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.bulk_stream import BulkStream
from driftlog.store.client import Store

pytestmark = pytest.mark.elasticsearch
T = TypeVar("T")


def using(url: str, work: Callable[[BulkStream], Awaitable[T]]) -> T:
    async def run() -> T:
        async with BulkStream(ElasticsearchSettings(urls=(url,), timeout_s=10)) as bulk:
            return await work(bulk)

    return asyncio.run(run())


def create(index: str, event_id: str, document: Any) -> bytes:
    action = {"create": {"_index": index, "_id": event_id}}
    return f"{json.dumps(action)}\n{json.dumps(document)}".encode()


def test_failures_name_their_position(elasticsearch_url: str, prefix: str) -> None:
    """Stored items are silent; a conflict and a refused document are told by position and status."""
    index = f"{prefix}-x"
    lines = [create(index, "1", {"a": 1}), create(index, "1", {"a": 2}), create(index, "2", {"a": "word"})]

    async def work(bulk: BulkStream) -> list[tuple[int, int, str]]:
        assert await bulk.send(lines[:1]) == []
        return [(each.position, each.status, each.type) for each in await bulk.send(lines)]

    assert using(elasticsearch_url, work) == [
        (0, 409, "version_conflict_engine_exception"),
        (1, 409, "version_conflict_engine_exception"),
        (2, 400, "document_parsing_exception"),
    ]


def test_an_index_without_its_shard_does_not_hold_up_the_others(elasticsearch_url: str, prefix: str) -> None:
    """Its items fail, and soon; the rest of the bulk is stored and known to be."""
    nowhere = {"index.routing.allocation.require.box": "none", "index.number_of_replicas": 0}
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        store.request(
            "PUT", f"/{prefix}-red", params={"wait_for_active_shards": "0"}, body={"settings": nowhere}, timeout_s=60
        )
    lines = [create(f"{prefix}-red", "1", {"a": 1}), create(f"{prefix}-x", "1", {"a": 1})]

    failures = using(elasticsearch_url, lambda bulk: bulk.send(lines))
    assert [(each.position, each.status) for each in failures] == [(0, 503)]


def test_fetching_leaves_out_what_is_not_there(elasticsearch_url: str, prefix: str) -> None:
    """Documents are found at once, without a refresh; missing ones and missing indices are no error."""
    index = f"{prefix}-x"

    async def work(bulk: BulkStream) -> dict[tuple[str, str], bytes]:
        await bulk.send([create(index, "1", {"a": 1})])
        return await bulk.fetch([(index, "1"), (index, "2"), (f"{prefix}-none", "1")])

    assert using(elasticsearch_url, work) == {(index, "1"): b'{"a": 1}'}


def test_nobody_there() -> None:
    """A refused connection means: keep the data."""
    with pytest.raises(StoreUnavailable, match="does not answer"):
        using("http://127.0.0.1:9", lambda bulk: bulk.send([b"{}\n{}"]))


def test_a_broken_request_is_rejected(elasticsearch_url: str) -> None:
    """400 for the request as a whole."""
    with pytest.raises(StoreRejected):
        using(elasticsearch_url, lambda bulk: bulk.send([b'{"create"']))
