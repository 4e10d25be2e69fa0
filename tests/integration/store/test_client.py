"""The verbs of the store on a real Elasticsearch."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from driftlog.contract.errors import (
    NameRefused,
    PartialResult,
    StoreConflict,
    StoreNotFound,
    StoreRejected,
    StoreUnavailable,
)
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import BulkAction, Store

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
def index(bare_store: Store) -> str:
    return bare_store.names.state


def test_info_names_version_and_health(bare_store: Store) -> None:
    """Without ``GET /``, which the local server has not."""
    info = bare_store.info()

    assert info.version.startswith("9.")
    assert info.health in ("green", "yellow")
    assert info.disk_total_bytes is not None


def test_what_does_not_exist_is_empty(bare_store: Store) -> None:
    """Before the first event nothing is an error."""
    nothing = bare_store.names.every("results")

    assert bare_store.search(nothing, {"size": 1})["hits"]["hits"] == []
    assert bare_store.msearch([(nothing, {"size": 1})])[0]["hits"]["hits"] == []
    assert list(bare_store.scan(nothing)) == []
    assert bare_store.count(nothing) == 0
    assert bare_store.get(bare_store.names.models, "churn") is None
    assert bare_store.mget(bare_store.names.models, ["churn"]) == {}
    assert bare_store.find_by_ids(nothing, ["x"]) == []
    assert bare_store.list_indices() == []
    assert bare_store.drop_index(bare_store.names.models) is False
    bare_store.refresh(nothing)


def test_create_says_whether_the_document_is_new(bare_store: Store, index: str) -> None:
    """Ids may hold any character."""
    id = "a/b?c#d%20 é|" + "x" * 400

    assert bare_store.create(index, id, {"n": 1}) is True
    assert bare_store.create(index, id, {"n": 2}) is False
    hit = bare_store.get(index, id)
    assert hit is not None
    assert (hit.id, hit.source, hit.version) == (id, {"n": 1}, 1)


def test_put_is_refused_when_somebody_else_wrote_since(bare_store: Store, index: str) -> None:
    """Optimistic concurrency by sequence number."""
    first = bare_store.put(index, "x", {"n": 1})
    second = bare_store.put(index, "x", {"n": 2}, if_seq_no=first.seq_no, if_primary_term=first.primary_term)

    with pytest.raises(StoreConflict):
        bare_store.put(index, "x", {"n": 3}, if_seq_no=first.seq_no, if_primary_term=first.primary_term)
    assert bare_store.get(index, "x") == second


def test_an_older_term_is_refused_and_the_same_one_is_not(bare_store: Store, index: str) -> None:
    """``external_gte``: a worker may correct itself, a paused one may not overwrite its successor."""
    bare_store.put(index, "x", {"n": 1}, version=5)
    bare_store.put(index, "x", {"n": 2}, version=5)

    with pytest.raises(StoreConflict):
        bare_store.put(index, "x", {"n": 3}, version=4)
    report = bare_store.bulk([BulkAction("index", index, "x", {"n": 4}, version=4)])
    assert (report.stored, report.conflicts, report.failures) == (0, 1, [])


def test_bulk_reports_each_refused_document_with_its_reason(store: Store) -> None:
    """One bad document does not take the others with it."""
    index = store.names.monthly("feedback", datetime(2026, 3, 3, tzinfo=UTC))
    good, bad = {"@timestamp": "2026-03-03T00:00:00Z"}, {"@timestamp": "yesterday"}
    report = store.bulk(
        [
            BulkAction("create", index, "good", good),
            BulkAction("create", index, "bad", bad),
            BulkAction("create", index, "good", good),
            BulkAction("delete", index, "absent"),
        ]
    )

    assert (report.stored, report.conflicts) == (2, 1)
    (failure,) = report.failures
    assert (failure.id, failure.status, failure.document) == ("bad", 400, bad)
    assert "yesterday" in failure.reason


def test_not_a_number_becomes_null(bare_store: Store, index: str) -> None:
    """NaN and infinity never reach an index, by any verb."""
    values = {"nan": float("nan"), "inf": float("-inf"), "one": 1.5}
    bare_store.put(index, "a", values)
    bare_store.bulk([BulkAction("index", index, "b", values)])

    assert bare_store.mget(index, ["a", "b"]) == {id: {"nan": None, "inf": None, "one": 1.5} for id in "ab"}


def make_without_node(store: Store, index: str) -> None:
    """An index whose shard waits for a node that is not there."""
    settings = {"number_of_replicas": 0, "routing.allocation.require._name": "nobody"}
    store.request("PUT", f"/{index}", params={"wait_for_active_shards": "0"}, body={"settings": {"index": settings}})


def test_reading_by_id_waits_for_an_index_that_is_just_being_made(bare_store: Store, index: str) -> None:
    """Of two that start at once one may ask while the other's index has no shard yet."""
    make_without_node(bare_store, index)
    free = {"index": {"routing.allocation.require._name": None}}
    allowed = threading.Timer(0.3, bare_store.request, ("PUT", f"/{index}/_settings"), {"body": free})
    allowed.start()
    assert bare_store.mget(index, ["a"]) == {}
    allowed.join()


def test_reading_by_id_where_no_shard_ever_starts_is_refused(bare_store: Store, index: str) -> None:
    """Never an answer that looks like an absent document."""
    make_without_node(bare_store, index)
    with pytest.raises(StoreUnavailable, match="No shard available"):
        bare_store.mget(index, ["a"])


def test_scan_sees_every_document_once_although_others_are_written(bare_store: Store, index: str) -> None:
    """One point in time, with ties in the sort."""
    bare_store.bulk((BulkAction("index", index, f"d{n}", {"tie": n % 3}) for n in range(2500)), refresh=True)
    seen = []
    for position, hit in enumerate(bare_store.scan(index, sort=[{"tie": "desc"}], size=700)):
        if position == 800:
            bare_store.bulk((BulkAction("index", index, f"late{n}", {"tie": 0}) for n in range(500)), refresh=True)
        seen.append((hit["_source"]["tie"], hit["_id"]))

    assert {id for _, id in seen} == {f"d{n}" for n in range(2500)}
    assert len(seen) == 2500
    assert [tie for tie, _ in seen] == sorted((tie for tie, _ in seen), reverse=True)


def test_a_scan_that_is_not_finished_leaves_no_search_context(bare_store: Store, index: str) -> None:
    """Closing the generator closes the point in time."""
    bare_store.bulk((BulkAction("index", index, str(n), {}) for n in range(20)), refresh=True)
    pages = bare_store.scan(index, size=5)
    next(pages)
    path = f"/{index}/_stats/search"

    assert bare_store.request("GET", path)["_all"]["total"]["search"]["open_contexts"] == 1
    pages.close()
    assert bare_store.request("GET", path)["_all"]["total"]["search"]["open_contexts"] == 0


def test_documents_are_found_by_id_over_all_periods(bare_store: Store) -> None:
    """Feedback does not know the period of its prediction; ids without a document are left out."""
    march, april = (bare_store.names.predictions("churn", datetime(2026, month, 1, tzinfo=UTC)) for month in (3, 4))
    bare_store.bulk([BulkAction("create", march, "a", {}), BulkAction("create", april, "b", {})], refresh=True)
    ids = ["b", *(f"none{n}" for n in range(2100)), "a"]

    found = bare_store.find_by_ids(bare_store.names.all_predictions("churn"), ids)

    assert sorted((hit.index, hit.id, hit.seq_no) for hit in found) == [(march, "a", 0), (april, "b", 0)]


def test_multi_searches_answer_in_order_beyond_one_slice(bare_store: Store, index: str) -> None:
    """A hundred requests go out in slices of 32."""
    bare_store.bulk((BulkAction("index", index, str(n), {"n": n}) for n in range(100)), refresh=True)

    answers = bare_store.msearch([(index, {"size": 0, "query": {"range": {"n": {"lt": n}}}}) for n in range(100)])

    assert [answer["hits"]["total"]["value"] for answer in answers] == list(range(100))


def test_one_wrong_request_of_a_multi_search_is_an_error(bare_store: Store, index: str) -> None:
    """Never a missing answer among good ones."""
    bare_store.put(index, "x", {})

    with pytest.raises(StoreRejected, match="unknown query"):
        bare_store.msearch([(index, {}), (index, {"query": {"no_such_query": {}}})])


def test_too_many_buckets_say_what_to_do(bare_store: Store, index: str) -> None:
    """A limit of the cluster is not a riddle."""
    bare_store.bulk([BulkAction("index", index, str(n), {"n": n}) for n in (0, 10)], refresh=True)
    aggregation = {"histogram": {"field": "n", "interval": 1e-5, "min_doc_count": 0}}

    with pytest.raises(StoreRejected, match="buckets") as caught:
        bare_store.search(index, {"size": 0, "aggs": {"x": aggregation}})
    assert "coarser" in caught.value.remedy


def test_only_own_single_indices_can_be_dropped(bare_store: Store, index: str) -> None:
    """A pattern, or an index of another installation, is refused before anything is sent."""
    bare_store.put(index, "x", {})
    for name in (f"{bare_store.names.prefix}-*", "*", "_all", "other-state", f"{index},other", ""):
        with pytest.raises(NameRefused):
            bare_store.drop_index(name)

    assert bare_store.drop_index(index) is True


def test_indices_of_a_longer_prefix_are_not_listed(elasticsearch_url: str, bare_store: Store, index: str) -> None:
    """The pattern ``driftlog-*`` matches ``driftlog-demo-state`` too; the installation does not own it."""
    bare_store.put(index, "x", {}, refresh=True)
    longer = IndexNames(f"{bare_store.names.prefix}-demo")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), longer) as demo:
        demo.put(demo.names.state, "x", {})
        assert [info.name for info in demo.list_indices()] == [demo.names.state]

    (info,) = bare_store.list_indices()
    assert (info.name, info.docs, info.status) == (index, 1, "open")


def test_nobody_there_is_unavailable_and_the_message_has_no_password() -> None:
    """Keep the data, back off, try again."""
    settings = ElasticsearchSettings(urls=("http://user:s3cret@127.0.0.1:9",))
    with Store.connect(settings, IndexNames("none")) as store:
        with pytest.raises(StoreUnavailable) as caught:
            store.count("none-*")
        with pytest.raises(StoreUnavailable, match="not ready after"):
            store.wait_until_ready(0)
        assert "s3cret" not in f"{caught.value}{caught.value.__cause__!r}{store!r}"


def test_ready_returns_at_once_when_the_cluster_is(bare_store: Store) -> None:
    """And a missing path is an error of its own kind."""
    bare_store.wait_until_ready(5)
    with pytest.raises(StoreNotFound):
        bare_store.request("GET", f"/{bare_store.names.models}/_mapping")


def test_a_search_that_misses_a_shard_is_refused(bare_store: Store, index: str) -> None:
    """Half the hits with status 200 would make every count wrong."""
    bare_store.put(index, "x", {}, refresh=True)
    lost = bare_store.names.alerts
    unplaceable = {"settings": {"index.routing.allocation.require._name": "no-such-node"}}
    bare_store.request("PUT", f"/{lost}", params={"wait_for_active_shards": "0"}, body=unplaceable)

    for attempt in (
        lambda: bare_store.search(bare_store.names.everything, {}),
        lambda: bare_store.count(bare_store.names.everything),
        lambda: bare_store.msearch([(index, {}), (bare_store.names.everything, {})]),
        lambda: list(bare_store.scan(bare_store.names.everything)),
    ):
        with pytest.raises(PartialResult):
            attempt()
