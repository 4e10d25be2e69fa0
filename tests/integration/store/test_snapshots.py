"""A period is backed up, dropped and brought back, as docs/retention.md says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from driftlog.store.client import Store
from driftlog.store.retention import drop_expired
from driftlog.store.values import BulkAction

pytestmark = pytest.mark.elasticsearch

MARCH = datetime(2026, 3, 3, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def repository(store: Store) -> Iterator[str]:
    """A file repository of the test's own, below ``path.repo``."""
    name = store.names.prefix
    store.request(
        "PUT",
        f"/_snapshot/{name}",
        body={"type": "fs", "settings": {"location": name, "compress": True}},
        timeout_s=120,
    )
    yield name
    for entry in store.request("GET", f"/_snapshot/{name}/_all")["snapshots"]:
        store.request("DELETE", f"/_snapshot/{name}/{entry['snapshot']}", timeout_s=120)
    store.request("DELETE", f"/_snapshot/{name}")


def test_a_dropped_period_comes_back_from_its_snapshot(store: Store, repository: str) -> None:
    """The same documents under the same ids, with the mapping they had; what was written since is not touched."""
    index = store.names.predictions("churn", MARCH)
    events = {f"p{n}": {"@timestamp": MARCH.isoformat(), "features": {"age": n, "plan": "ä"}} for n in range(500)}
    store.bulk((BulkAction("create", index, id, event) for id, event in events.items()), refresh=True)
    store.put(store.names.state, "a-lease", {"kind": "lease", "term": 1}, refresh=True)
    before = store.request("GET", f"/{index}/_mapping")[index]

    path = f"/_snapshot/{repository}/march"
    body = {"indices": f"{store.names.prefix}-predictions.*", "include_global_state": False}
    done = store.request("PUT", path, params={"wait_for_completion": "true"}, body=body, timeout_s=120)["snapshot"]
    assert (done["state"], done["indices"]) == ("SUCCESS", [index])

    store.put(store.names.state, "a-lease", {"kind": "lease", "term": 2}, refresh=True)
    dropped = drop_expired(store, {"predictions": timedelta(days=30)}, JUNE)
    assert [info.name for info in dropped] == [index]
    assert store.count(index) == 0

    body = {"indices": index, "include_global_state": False}
    answer = store.request("POST", f"{path}/_restore", params={"wait_for_completion": "true"}, body=body, timeout_s=120)
    assert answer["snapshot"]["shards"]["failed"] == 0
    store.refresh(index)
    assert {hit["_id"]: hit["_source"] for hit in store.scan(index)} == events
    assert store.request("GET", f"/{index}/_mapping")[index] == before
    lease = store.get(store.names.state, "a-lease")
    assert lease is not None
    assert lease.source["term"] == 2


def test_a_period_is_restored_beside_the_one_that_is_there(store: Store, repository: str) -> None:
    """Under a prefix of its own, to look into without touching what runs."""
    index = store.names.monthly("results", MARCH)
    store.put(index, "r", {"metric": "psi", "value": 0.25}, refresh=True)
    path = f"/_snapshot/{repository}/results"
    body = {"indices": index, "include_global_state": False}
    store.request("PUT", path, params={"wait_for_completion": "true"}, body=body, timeout_s=120)
    store.put(index, "r", {"metric": "psi", "value": 0.5}, refresh=True)

    renamed = f"{store.names.prefix}-results.before.2026-03"
    body = {"indices": index, "include_global_state": False, "rename_pattern": ".+", "rename_replacement": renamed}
    store.request("POST", f"{path}/_restore", params={"wait_for_completion": "true"}, body=body, timeout_s=120)

    then, now = store.get(renamed, "r"), store.get(index, "r")
    assert then is not None
    assert now is not None
    assert (then.source["value"], now.source["value"]) == (0.25, 0.5)
