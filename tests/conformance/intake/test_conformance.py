"""The intake stores what the cases say."""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.conformance.intake.cases import MODEL, all_cases, compare, fill_in, headers_of, inputs_of, path_of

CASES = [pytest.param(case, id=name) for name, case in all_cases()]
CONTENT_TYPES = {"http-ndjson": "application/x-ndjson", "http-json": "application/json"}


@pytest.mark.parametrize("case", CASES)
def test_the_documents_are_those_of_the_case(case: dict[str, Any], intake: Any) -> None:
    """What is stored of the input is what the case says, no more and no less."""
    now = datetime.now(UTC)
    tag = secrets.token_hex(4)
    expected = json.loads(fill_in(json.dumps(case["documents"]), tag, now))
    answer = send(case, inputs_of(case, tag, now), intake, len(expected), headers_of(case, tag, now))

    found = stored_since(now, intake)

    problems = compare(expected, found, intake.store.names.prefix)
    assert not problems, "\n".join([case["why"], *problems])
    if "answer" in case:
        assert case["answer"] == answer


def send(case: dict[str, Any], inputs: list[bytes], intake: Any, n_expected: int, headers: dict[str, str]) -> Any:
    if case["send"] == "tcp":
        handled = intake.handled()
        for body in inputs:
            intake.send_tcp(body)
        wait_for(lambda: intake.handled() >= handled + n_expected)
        return None
    if case["send"] == "cloudevents":
        return [intake.post(body, headers, path_of(case)) for body in inputs][-1]
    return [intake.post(body, {"Content-Type": CONTENT_TYPES[case["send"]]}) for body in inputs][-1]


def stored_since(start: datetime, intake: Any) -> list[dict[str, Any]]:
    """Events and quarantine documents ingested since `start`."""
    names = intake.store.names
    others = (names.every(kind) for kind in ("feedback", "resources", "payloads", "quarantine"))
    pattern = ",".join((f"{names.prefix}-predictions.{MODEL}.*", *others))
    intake.store.refresh(pattern)
    query = {"range": {"event.ingested": {"gte": start.isoformat()}}}
    hits: list[dict[str, Any]] = intake.store.search(pattern, {"query": query, "size": 100})["hits"]["hits"]
    return hits


def wait_for(condition: Any, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.02)
