"""What the conformance cases do not send: refused events, classic log lines."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.logstash.conftest import Scripts


@pytest.mark.parametrize(
    ("why", "reason"),
    [("index_not_found_exception: no such index", "unknown_model"), ("mapper_parsing_exception", "rejected")],
)
def test_a_dead_letter_becomes_a_quarantine_document(scripts: Scripts, why: str, reason: str) -> None:
    """With the reason that Elasticsearch gave, and the event's own id."""
    event: dict[str, Any] = {"model": {"name": "churn"}, "event": {"id": "e-1"}, "driftlog": {"source": "tcp"}}
    metadata = {"dead_letter_queue": {"reason": why}}
    (found,) = scripts.run("dead_letter.rb", event | {"@metadata": metadata})

    assert found["index"].startswith("driftlog-quarantine.")
    assert found["id"].startswith("e-1.")
    quarantined = found["source"]["quarantine"]
    assert (quarantined["reason"], quarantined["message"], quarantined["source"]) == (reason, why, "tcp")


def test_a_classic_log_line_is_an_event(scripts: Scripts) -> None:
    """A time, a level, and pairs; lines about anything else are passed over."""
    line = '2026-11-03 12:00:00,123 INFO app: prediction model=churn id=e-1 label=1 score=0.83 features={"age": 41}'
    metadata = {"driftlog_source": "file"}
    (found,) = scripts.run("normalise.rb", {"message": line, "@metadata": metadata}, max_age_days="36500")

    assert (found["index"], found["id"]) == ("driftlog-predictions.churn.2026-11", "e-1")
    assert found["source"]["@timestamp"] == "2026-11-03T12:00:00.123000Z"
    assert found["source"]["prediction"] == {"label": "1", "score": 0.83}
    assert found["source"]["features"] == {"age": 41}
    assert scripts.run("normalise.rb", {"message": "INFO started", "@metadata": metadata}) == []


@pytest.mark.parametrize(
    ("pairs", "features", "labels"),
    [
        ("age=41 plan=gold", {"age": 41.0, "plan": "gold"}, None),
        ('request=r-1 features={"age": 41}', {"age": 41}, {"request": "r-1"}),
    ],
)
def test_pairs_of_other_names_are_features_or_labels(
    scripts: Scripts, pairs: str, features: dict[str, Any], labels: dict[str, Any] | None
) -> None:
    """What an application writes without thinking of driftlog: nothing of it is left lying at the top."""
    line = f"2026-11-03 12:00:00,123 INFO app: prediction model=churn id=e-1 label=1 {pairs}"
    metadata = {"driftlog_source": "file"}
    (found,) = scripts.run("normalise.rb", {"message": line, "@metadata": metadata}, max_age_days="36500")

    assert found["source"]["features"] == features
    assert found["source"].get("labels") == labels
    assert not {"age", "plan", "request"} & found["source"].keys()
