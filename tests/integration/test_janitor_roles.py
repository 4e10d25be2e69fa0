"""The janitor and the worker on a secured server, each with no more rights than its role has."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftlog.audit.chain import Chain
from driftlog.audit.erase import unfinished_drops
from driftlog.audit.forget import SealKeeper
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.errors import StoreAccessDenied
from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings, Secret
from driftlog.store.client import Store
from driftlog.store.local.server import LocalServer, LocalServerInfo, LocalSettings
from driftlog.store.models import register
from driftlog.store.templates import install
from driftlog.store.values import BulkAction
from driftlog.worker.audit import seal
from driftlog.worker.cycle import run_cycle
from driftlog.worker.erasure import Eraser, request_erasure
from driftlog.worker.janitor import drop_periods

pytestmark = [pytest.mark.elasticsearch, pytest.mark.slow, pytest.mark.timeout(480)]

NAMES = IndexNames("driftlog")
START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
MODEL = ModelSettings(name="churn", min_rows=5)


@pytest.fixture(scope="module")
def settings(scratch: Path) -> Iterator[LocalSettings]:
    if os.environ.get("DRIFTLOG_SKIP_ELASTICSEARCH") == "1" and os.environ.get("CI") != "true":
        pytest.skip("DRIFTLOG_SKIP_ELASTICSEARCH=1")
    settings = LocalSettings(port=0, heap="512m", home=scratch / "roles", secure=True)
    yield settings
    LocalServer().reset(settings, stop=True)


@pytest.fixture(scope="module")
def info(settings: LocalSettings) -> LocalServerInfo:
    return LocalServer().start(settings)


def store_as(info: LocalServerInfo, user: str, password: str) -> Store:
    elasticsearch = ElasticsearchSettings(
        urls=(info.url,), username=user, password=Secret(password), ca_certs=str(info.ca_cert)
    )
    return Store.connect(elasticsearch, NAMES)


def ready(store: Store) -> Store:
    """The server reads new users every five seconds."""
    deadline = time.monotonic() + 30
    while True:
        try:
            store.request("GET", "/_cluster/health")
        except StoreAccessDenied:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return store


def test_each_does_its_part_and_nothing_else(settings: LocalSettings, info: LocalServerInfo) -> None:
    """The worker evaluates and seals, and can delete nothing raw; the janitor erases and drops, and writes no event."""
    assert info.password_file is not None
    administrator = store_as(info, info.username or "", info.password_file.read_text().strip())
    users = {name: LocalServer().add_user(settings, name, [f"driftlog_{name}"]) for name in ("evaluator", "janitor")}
    install(administrator)
    register(administrator, ModelRecord(name="churn", registered=START))
    index = NAMES.predictions("churn", START)
    events = [
        {
            "@timestamp": (START + timedelta(minutes=n)).isoformat(),
            "event": {"id": f"p-{n}", "ingested": (START + timedelta(minutes=n)).isoformat()},
            "model": {"name": "churn"},
            "features": {"x": float(n)},
            "subject": {"id": "somebody" if n < 3 else f"s-{n}"},
        }
        for n in range(20)
    ]
    administrator.bulk([BulkAction("create", index, e["event"]["id"], e) for e in events], refresh=True)  # type: ignore[index]
    for kind in ("feedback", "quarantine", "resources"):
        administrator.put(NAMES.monthly(kind, START), "x", {"@timestamp": START.isoformat()}, refresh=True)

    with ready(store_as(info, "evaluator", users["evaluator"])) as worker:
        record = run_cycle(
            worker, MODEL, as_of=START + 2 * DAY, worker_id="w", term=1, now=lambda: START + 2 * DAY, verify=True
        )
        assert (record.status, record.error) == ("ok", "")
        sealed = seal(worker, MODEL, AuditSettings(seal_after=timedelta(0)), Chain(worker), now=lambda: START + 2 * DAY)
        assert sealed == 20
        for forbidden in (
            lambda: worker.drop_index(index),
            lambda: worker.delete(index, "p-9"),
            lambda: worker.put(index, "p-9", {"forged": True}),
            lambda: worker.delete(NAMES.audit, "1"),
            lambda: worker.put(NAMES.audit, "1", {"forged": True}),
        ):
            with pytest.raises(StoreAccessDenied):
                forbidden()

    with ready(store_as(info, "janitor", users["janitor"])) as janitor:
        chain = Chain(janitor)
        eraser = Eraser(janitor, chain, SealKeeper(janitor, chain, "j"), None, "j", lambda: datetime.now(UTC))
        job = eraser.carry_out(request_erasure(janitor, "somebody", by="j", now=datetime.now(UTC)).id)
        assert (job.status, job.found[index]) == ("done", 3)
        for forbidden in (
            lambda: janitor.put(index, "p-9", {"forged": True}),
            lambda: janitor.create(index, "new", {"forged": True}),
            lambda: janitor.put(NAMES.audit, "1", {"forged": True}),
            lambda: janitor.drop_index(NAMES.audit),
        ):
            with pytest.raises(StoreAccessDenied):
                forbidden()
        dropped = drop_periods(
            janitor,
            chain,
            {"predictions": DAY},
            now=lambda: START + 45 * DAY,
            actor="j",
            unfinished=lambda: unfinished_drops(janitor),
        )
    assert [each.index for each in dropped] == [index]
    administrator.close()
