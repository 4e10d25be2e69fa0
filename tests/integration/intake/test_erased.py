"""A late re-send of what was erased: taken from its sender, and stored nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from driftlog.audit.chain import Chain
from driftlog.audit.forget import SealKeeper
from driftlog.store.client import Store
from driftlog.worker.erasure import Eraser, request_erasure

pytestmark = pytest.mark.elasticsearch

SUBJECT = "5d1f0a77c2e94b0b8a61"


def erase(store: Store) -> None:
    chain = Chain(store)
    job = request_erasure(store, SUBJECT, by="tester", now=datetime.now(UTC))
    eraser = Eraser(store, chain, SealKeeper(store, chain, "tester"), None, "tester", lambda: datetime.now(UTC))
    eraser.carry_out(job.id)


def test_a_re_send_of_what_was_erased_is_taken_and_not_stored(make_intake: Callable[..., Any], helpers: Any) -> None:
    """Its prediction, a broken line about it and the late truth get 200 as ever; strangers' events are stored."""
    intake = make_intake().start()
    own = helpers.line("p-1", subject={"id": SUBJECT})
    truth = json.dumps(
        {
            "@timestamp": datetime.now(UTC).isoformat(),
            "event": {"id": "f-1", "dataset": "driftlog.feedback"},
            "model": {"name": "churn"},
            "feedback": {"prediction_id": "p-1", "actual": "1"},
        }
    ).encode()
    dotted = json.dumps(json.loads(own) | {"event": {"id": "p-2", "dataset": "driftlog.prediction"}}).encode()
    dotted = dotted.replace(b'"subject": {"id"', b'"subject.id"').replace(
        SUBJECT.encode() + b'"}', SUBJECT.encode() + b'"'
    )
    broken = own.replace(b'"x":1.5', b'"x":NaN,,')
    assert intake.post(b"\n".join([own, helpers.line("p-9")]))[1]["stored"] == 2
    helpers.wait_for(lambda: helpers.ids() == ["p-1", "p-9"])
    erase(helpers.store)

    def gone() -> bool:
        status, answer = intake.post(b"\n".join([own, dotted, truth, broken, helpers.line("p-10")]))
        assert status == 200
        return bool(answer["stored"] + answer["duplicates"] == 1 and answer["quarantined"] == 0)

    helpers.wait_for(gone)
    erase(helpers.store)  # what the intake took before it looked at the list again

    assert gone()
    assert intake.stats()["erased"] >= 8
    assert helpers.ids() == ["p-10", "p-9"]
    assert helpers.quarantined() == []
    helpers.store.refresh(helpers.store.names.everything)
    stored = [json.dumps(hit) for info in helpers.store.list_indices() for hit in helpers.store.scan(info.name)]
    assert SUBJECT not in "".join(stored)
    assert '"p-1"' not in "".join(stored)
