"""Decisions, runs and trials become documents and come back; nothing of them is unmapped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from driftlog.contract.maintenance import Comparison, Decision, Evidence, LoopState, MaintainRequest, TrainingRun, Trial
from driftlog.contract.window import Window
from driftlog.store.decisions import KIND, decision_document, find_query
from driftlog.store.documents import finite_of
from driftlog.store.template_files import composed_mappings, load

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
WINDOW = Window(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
DECISION = Decision(
    id="churn|production|3",
    model="churn",
    environment="production",
    at=AT,
    until=AT,
    outcome="retrain",
    reason="retraining is wanted (drifted)",
    triggers=("drifted",),
    evidence=(Evidence(kind="count", name="labels", value=5000, needed=1000, met=True),),
    next_look=AT,
    number=3,
    run_id="churn-production-1",
    version="2",
    stage="trial",
    approval="promote",
)
COMPARISON = Comparison(metric="roc_auc", champion=0.7, candidate=float("nan"), difference=None)


def test_a_decision_is_mapped_field_by_field() -> None:
    """What is searched stands beside the value that holds all of it."""
    templates = load("driftlog")
    (template,) = (each for each in templates if each.name == "driftlog-decisions")
    document = decision_document(DECISION, term=7)

    mapped = composed_mappings(template, templates)["properties"]
    assert set(document) <= set(mapped)
    assert document["triggers"] == ["drifted"]
    assert msgspec.convert(document["value"], Decision) == DECISION


@pytest.mark.parametrize(
    "value",
    [
        TrainingRun(
            id="r",
            model="m",
            environment="e",
            decision_id="d",
            executor="command",
            status="lost",
            started=AT,
            data=WINDOW,
            error="gone",
        ),
        LoopState(stage="watch", since=AT, starts=(AT,), taken=("r1",), trained_until=AT),
        MaintainRequest(id="a", model="m", environment="e", kind="approve", by="ann", at=AT, decision_id="d"),
    ],
)
def test_values_come_back_as_they_were(value: Any) -> None:
    """Through JSON."""
    there = msgspec.json.decode(msgspec.json.encode(finite_of(value)))

    assert msgspec.convert(there, type(value)) == value


def test_numbers_that_are_not_finite_become_null() -> None:
    """They would refuse the document."""
    trial = Trial(
        id="t",
        model="m",
        environment="e",
        champion="1",
        candidate="2",
        window=WINDOW,
        rows=0,
        at=AT,
        passed=False,
        reason="",
        main=COMPARISON,
    )
    there = msgspec.convert(finite_of(trial), Trial)

    assert there.main.candidate is None


def test_decisions_are_found_by_looks_that_overlap_a_time() -> None:
    """One document holds the looks of a day: its last look must not be before `since`."""
    query = find_query("decision", "churn", None, since=AT, until=AT, outcome="retrain")["bool"]["filter"]

    assert {"range": {"until": {"gte": AT}}} in query
    assert {"range": {"@timestamp": {"lt": AT}}} in query
    assert KIND == "decisions"
