"""The janitor on a real Elasticsearch: what goes, what the chain says, and what a crash leaves."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from driftlog.audit.chain import Chain
from driftlog.audit.erase import unfinished_drops
from driftlog.audit.records import record_of
from driftlog.contract.audit import AuditEntry, AuditRecord
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.retention import freeing
from driftlog.store.templates import install, uninstall
from driftlog.store.values import BulkAction, IndexInfo
from driftlog.worker.janitor import Dropped, drop_periods

pytestmark = pytest.mark.elasticsearch

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KEEP = {"predictions": 40 * DAY, "quarantine": 31 * DAY}


class Killed(Exception):
    """The process dies here."""


class DyingChain(Chain):
    """Dies at the n-th record, before it is written."""

    def __init__(self, store: Store, at: int) -> None:
        super().__init__(store)
        self.left = at

    def record(self, entry: AuditEntry) -> AuditRecord | None:
        self.left -= 1
        if self.left == 0:
            raise Killed
        return super().record(entry)


@pytest.fixture(scope="module")
def installed(elasticsearch_url: str) -> Iterator[Store]:
    names = IndexNames(f"test-{secrets.token_hex(4)}")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), names) as store:
        install(store)
        yield store
        uninstall(store)


@pytest.fixture
def store(installed: Store) -> Iterator[Store]:
    """January and March of predictions, February of quarantine."""
    old, new = NOON - 80 * DAY, NOON
    documents = [(installed.names.predictions("churn", old), str(n)) for n in range(3)]
    documents += [(installed.names.predictions("churn", new), "x"), (installed.names.monthly("quarantine", old), "q")]
    installed.bulk((BulkAction("create", index, id, {}) for index, id in documents), refresh=True)
    yield installed
    for info in installed.list_indices():
        installed.drop_index(info.name)


def drop(store: Store, chain: Chain) -> list[Dropped]:
    return drop_periods(
        store, chain, KEEP, now=lambda: NOON, actor="janitor", unfinished=lambda: unfinished_drops(store)
    )


def said(store: Store) -> list[tuple[str, str, int]]:
    """(index, stage, documents) of each record."""
    store.refresh(store.names.audit)
    hits = store.scan(store.names.audit, sort=["sequence"])
    entries = [record_of(hit["_source"]["record"]).entry for hit in hits]
    return [(entry.object, entry.details["stage"], entry.details["documents"]) for entry in entries]


def test_what_has_expired_goes_and_the_chain_says_so_before_and_after(store: Store) -> None:
    """March stays; a second run has nothing to do and records nothing."""
    january, quarantine = store.names.predictions("churn", NOON - 80 * DAY), "quarantine.2026-01"

    dropped = drop(store, Chain(store))

    assert [(each.index, each.kind, each.model, each.documents) for each in dropped] == [
        (january, "predictions", "churn", 3),
        (f"{store.names.prefix}-{quarantine}", "quarantine", "", 1),
    ]
    assert [info.name for info in store.list_indices(store.names.all_predictions())] == [
        store.names.predictions("churn", NOON)
    ]
    assert said(store) == [
        (january, "intended", 3),
        (january, "done", 3),
        (f"{store.names.prefix}-{quarantine}", "intended", 1),
        (f"{store.names.prefix}-{quarantine}", "done", 1),
    ]
    assert drop(store, Chain(store)) == []
    assert len(said(store)) == 4


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_janitor_that_dies_is_followed_by_one_that_finishes(store: Store, at: int) -> None:
    """Before an intent, between intent and confirmation with the index gone: every drop ends with both records."""
    with pytest.raises(Killed):
        drop(store, DyingChain(store, at))
    drop(store, Chain(store))

    records = said(store)
    assert len(records) == 4
    assert sorted({(index, stage) for index, stage, _ in records}) == sorted((i, s) for i, s, _ in records)
    assert unfinished_drops(store) == []


def test_a_period_that_late_events_made_anew_is_dropped_anew(store: Store) -> None:
    """It is another index under the old name, with records of its own."""
    drop(store, Chain(store))
    january = store.names.predictions("churn", NOON - 80 * DAY)
    store.create(january, "late", {}, refresh=True)

    assert [each.documents for each in drop(store, Chain(store))] == [1]
    assert [stage for index, stage, _ in said(store) if index == january] == ["intended", "done"] * 2


def info(name: str, size_bytes: int) -> IndexInfo:
    return IndexInfo(name=name, docs=1, size_bytes=size_bytes, created=NOON)


def test_the_oldest_periods_that_would_make_room_are_named() -> None:
    """Not those that are not over, that the look-back reaches, or that hold results."""
    indices = [
        info("p-predictions.churn.2026-03", 100),
        info("p-predictions.churn.2026-02", 100),
        info("p-predictions.churn.2025-11", 40),
        info("p-predictions.slow.2025-10", 70),
        info("p-resources.2025-12", 30),
        info("p-results.2024-01", 500),
    ]
    reach = {"churn": 90 * DAY, "slow": 365 * DAY}

    def names(wanted: int) -> list[str]:
        return [each.name for each in freeing(indices, "p", wanted, NOON, look_back=reach)]

    assert names(30) == ["p-predictions.churn.2025-11"]
    assert names(50) == ["p-predictions.churn.2025-11", "p-resources.2025-12"]
    assert names(10**9) == ["p-predictions.churn.2025-11", "p-resources.2025-12"]
