"""Halves that another program wrote are told from those that can be worked with, whatever their fields hold."""

from __future__ import annotations

from typing import Any

import pytest

from driftlog.worker.pairing_halves import light, marking

SOURCE = {
    "payload": {"kind": "request", "state": "waiting", "request_id": "r", "size_bytes": 9},
    "event": {"ingested": "2026-03-31T23:58:00Z"},
}


def hit(source: Any) -> dict[str, Any]:
    return {"_index": "i", "_id": "x", "_seq_no": 5, "_primary_term": 1, "_source": source}


def changed(group: str, **fields: Any) -> dict[str, Any]:
    return SOURCE | {group: SOURCE[group] | fields}


@pytest.mark.parametrize(
    "source",
    [
        changed("event", ingested="2026-03-31T23:58:00"),
        changed("event", ingested=1774994280000),
        changed("event", ingested="yesterday"),
        changed("payload", size_bytes="1.5"),
        changed("payload", size_bytes=[1, 2]),
        changed("payload", size_bytes=float("inf")),
        changed("payload", kind=["request", "response"]),
        changed("payload", kind="other"),
        changed("payload", state=["waiting"]),
        changed("payload", request_id="\ud800"),
        SOURCE | {"payload": [SOURCE["payload"]]},
        {"payload.kind": "request"},
        {},
    ],
)
def test_a_half_with_other_fields_is_none(source: Any) -> None:
    """And raises nothing: one such document must not stop those behind it."""
    assert light(hit(source)) is None


def test_a_half_of_ours_is_read() -> None:
    """Without a size it counts as empty."""
    found = light(hit(changed("payload", size_bytes=None)))
    assert found is not None
    assert (found.key, found.request_id, found.size_bytes) == (("i", "x"), "r", 0)


def test_a_mark_changes_state_and_reason_alone() -> None:
    """On the version that was read; an old reason goes, and none is written where none was."""
    plain, again = hit(SOURCE), hit(changed("payload", reason="no_request"))
    assert marking(plain, "paired", "").document == {"payload": {"state": "paired"}}
    assert marking(again, "paired", "").document == {"payload": {"state": "paired", "reason": None}}
    action = marking({key: value for key, value in plain.items() if key != "_source"}, "refused", "illegal_payload")
    assert (action.op, action.if_seq_no, action.if_primary_term) == ("update", 5, 1)
    assert action.document == {"payload": {"state": "refused", "reason": "illegal_payload"}}
