"""What becomes of a line that trips the intake itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from driftlog.contract.names import IndexNames
from driftlog.intake.arrival import Accepted, Rules
from driftlog.intake.framing import split_lines
from driftlog.intake.receiver import Receiver
from driftlog.intake.stats import Outcome, Stats

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


class TrippingRules(Rules):
    """Rules with a mistake."""

    def predictions_index(self, model: str, timestamp: str) -> str:
        raise ValueError(f"{model} {timestamp}")


class Kept:
    """A pipeline that keeps what it is given."""

    def __init__(self) -> None:
        self.documents: list[Accepted] = []

    async def store(self, documents: Sequence[Accepted], _rework: Any) -> Outcome:
        self.documents += documents
        return Outcome(quarantined=len(documents))


async def nothing_there(_keys: Any) -> dict[str, bytes]:
    """No quarantine document of last month."""
    return {}


def test_a_line_that_trips_the_intake_is_quarantined(caplog: pytest.LogCaptureFixture) -> None:
    """Answered with an error, its sender would send it for ever and everything behind it would wait."""
    kept = Kept()
    registry: Any = SimpleNamespace(known={"churn"})
    bulk: Any = SimpleNamespace(fetch=nothing_there)
    receiver = Receiver(
        TrippingRules(IndexNames("driftlog")),
        registry,
        kept,  # type: ignore[arg-type]
        bulk,
        Stats(),
        now=lambda: NOW,
    )
    line = b'{"@timestamp":"2026-03-03T11:00:00Z","model":{"name":"churn"},"features":{"a":1}}\n'

    outcome = asyncio.run(receiver.receive(split_lines(line), source="http", batch=lambda: "b"))

    assert (outcome.quarantined, [document.kind for document in kept.documents]) == (1, ["quarantine"])
    assert b'"reason":"rejected"' in kept.documents[0].document
    assert "unforeseen" in caplog.text
