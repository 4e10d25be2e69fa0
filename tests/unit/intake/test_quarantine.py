"""Quarantine documents: identity and bounds."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.contract.errors import EventRefused
from driftlog.contract.events import MAX_QUARANTINE_RAW_BYTES
from driftlog.contract.names import IndexNames
from driftlog.intake.arrival import Accepted, Arrival, Rules
from driftlog.intake.quarantine import quarantine, show

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


def put(raw: bytes, *, batch: str = "b1", position: int = 1) -> Accepted:
    came = Arrival(Rules(IndexNames("driftlog")), now=NOW, source="http", batch=lambda: batch)
    return quarantine(EventRefused("not_json", "no"), raw, came, position=position)


def test_a_batch_sent_again_gives_the_same_id() -> None:
    """So Elasticsearch keeps one document."""
    assert put(b"{bad").id == put(b"{bad").id


@pytest.mark.parametrize("other", [{"batch": "b2"}, {"position": 2}])
def test_the_same_line_elsewhere_counts_again(other: dict[str, str]) -> None:
    """Repeated word for word in another batch or on another line it is another event."""
    assert put(b"{bad").id != put(b"{bad", **other).id  # type: ignore[arg-type]


def test_an_event_with_an_id_is_the_same_in_every_batch() -> None:
    """A bad event that is sent again in another batch is recognised by its own id."""
    raw = b'{"event":{"id":"e1"}}'

    assert put(raw).id == put(raw, batch="b2", position=9).id


def test_other_content_under_the_same_id_is_not_lost() -> None:
    """Two bad events with one id are two documents."""
    assert put(b'{"event":{"id":"e1"},"a":1}').id != put(b'{"event":{"id":"e1"},"a":2}').id


@pytest.mark.parametrize("own", ["x" * 600, "\N{GRINNING FACE}" * 300])
def test_the_id_of_the_document_fits_elasticsearch(own: str) -> None:
    """An id that is too long, in bytes, still has a quarantine document; refused as well it would be sent for ever."""
    assert len(put(json.dumps({"event": {"id": own}}).encode()).id.encode()) <= 512


@given(st.binary(max_size=60), st.integers(4, 40))
def test_raw_text_is_bounded_in_bytes(raw: bytes, limit: int) -> None:
    """Whatever the bytes, what is kept is text of at most the limit."""
    assert len(show(raw, limit).encode()) <= limit


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(4, 40))
def test_text_is_cut_between_characters(text: str, limit: int) -> None:
    """What is kept of UTF-8 is a beginning of it, with at most one character less than would fit."""
    kept = show(text.encode(), limit)

    assert text.startswith(kept)
    assert kept == text or len(kept.encode()) > limit - 4


def test_a_huge_line_keeps_its_size() -> None:
    """The raw text is cut, the size is not."""
    document = json.loads(put(b"x" * 1_000_000).document)["quarantine"]

    assert (len(document["raw"]), document["size_bytes"]) == (MAX_QUARANTINE_RAW_BYTES, 1_000_000)
