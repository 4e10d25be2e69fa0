"""Dropping old periods, and the doctor, on a real Elasticsearch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from driftlog.contract.errors import ConfigError
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import BulkAction, Store
from driftlog.store.doctor import diagnose
from driftlog.store.retention import drop_expired, expired

pytestmark = pytest.mark.elasticsearch

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def test_whole_periods_are_dropped_and_nothing_younger(store: Store) -> None:
    """First the list, then the same list dropped; what is not named in `keep` stays."""
    names = [store.names.predictions("churn", NOON - timedelta(days=31 * n)) for n in range(4)]
    names.append(store.names.predictions("late", NOON - timedelta(days=90)))
    names += [store.names.monthly("results", NOON - timedelta(days=90)), store.names.models]
    store.bulk(BulkAction("create", name, "x", {}) for name in names)
    keep = {"predictions": timedelta(days=31), "predictions.late": timedelta(days=365)}

    listed = [info.name for info in expired(store, keep, NOON)]

    assert listed == sorted([names[2], names[3]])
    assert len(store.list_indices()) == len(names)
    assert [info.name for info in drop_expired(store, keep, NOON)] == listed
    assert {info.name for info in store.list_indices()} == set(names) - set(listed)


@pytest.mark.parametrize("keep", [{"models": timedelta(days=1)}, {"predictions": timedelta(0)}, {"typo": timedelta(1)}])
def test_a_retention_that_would_drop_too_much_is_refused(bare_store: Store, keep: dict[str, timedelta]) -> None:
    """Before anything is looked up."""
    with pytest.raises(ConfigError, match=r"retention\."):
        drop_expired(bare_store, keep, NOON)


def test_the_doctor_finds_a_healthy_installation_healthy(store: Store) -> None:
    """Every check has looked; none crashed on the modules that the local server lacks."""
    store.put(store.names.state, "x", {"kind": "lease"}, refresh=True)
    findings = diagnose(store, datetime.now(UTC))

    checks = {finding.check for finding in findings}
    assert checks >= {
        "connection",
        "version",
        "licence",
        "templates",
        "security",
        "health",
        "max_buckets",
        "disk",
        "heap",
        "clock",
    }
    assert [f for f in findings if f.status != "ok" and f.check not in ("disk", "heap", "shards")] == []


def test_the_doctor_says_what_is_wrong_and_what_to_do(bare_store: Store) -> None:
    """No templates, an index made without them, writes blocked, a shard without node, a wrong clock."""
    blocked, lost = bare_store.names.state, bare_store.names.alerts
    bare_store.put(blocked, "x", {"kind": "lease"})
    bare_store.request("PUT", f"/{blocked}/_settings", body={"index.blocks.write": True})
    nowhere = {"settings": {"index.routing.allocation.require._name": "no-such-node"}}
    bare_store.request("PUT", f"/{lost}", params={"wait_for_active_shards": "0"}, body=nowhere)

    found = diagnose(bare_store, datetime.now(UTC) + timedelta(hours=1))
    findings = {finding.check: finding for finding in found if finding.status == "problem"}

    for check, words in (
        ("templates", "driftlog setup"),
        ("mappings", "driftlog setup"),
        ("blocks", "index.blocks"),
        ("health", "node"),
        ("clock", "NTP"),
    ):
        assert words in findings[check].remedy
    assert lost in findings["health"].message
    assert blocked in findings["blocks"].message


def test_the_doctor_of_an_unreachable_cluster_has_one_finding() -> None:
    """Nothing else can be known."""
    with Store.connect(ElasticsearchSettings(urls=("http://127.0.0.1:9",)), IndexNames("none")) as store:
        (finding,) = diagnose(store, NOON)

    assert (finding.check, finding.status) == ("connection", "problem")
    assert "driftlog local start" in finding.remedy
