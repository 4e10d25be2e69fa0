"""The scripts of logstash/filters make of each input what the intake makes of it.

They run on JRuby with stand-ins for LogStash::Event and LogStash::Json; the cases on a real Logstash:
``logstash/run-conformance --logstash CMD``.
"""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.conformance.intake.cases import (
    all_cases,
    compare,
    expected_of_logstash,
    fill_in,
    headers_of,
    inputs_of,
    path_of,
)
from tests.integration.logstash.conftest import Scripts

from driftlog.intake.fields import TYPES

CASES = [pytest.param(case, id=name) for name, case in all_cases() if not case.get("needs_elasticsearch")]
PREFIX = "test"
MIME_TYPES = {"http-ndjson": "application/x-ndjson", "http-json": "application/json"}


@pytest.mark.parametrize("case", CASES)
def test_the_documents_are_those_of_the_case(case: dict[str, Any], scripts: Scripts) -> None:
    """What the script makes of the input is what the case says, no more and no less."""
    now = datetime.now(UTC)
    tag = secrets.token_hex(4)
    expected = json.loads(fill_in(json.dumps(expected_of_logstash(case)), tag, now))

    stored: dict[tuple[str, str], dict[str, Any]] = {}
    for body in inputs_of(case, tag, now):
        if case["send"] == "cloudevents":
            found, script = [cloud_event(body, headers_of(case, tag, now), path_of(case))], "cloud_events.rb"
        else:
            found, script = arrivals(case["send"], body), "normalise.rb"
        for fields in found:
            for document in scripts.run(script, fields, prefix=PREFIX, max_event_bytes="1000000"):
                stored.setdefault((document["index"], document["id"]), document)

    hits = [{"_index": d["index"], "_id": d["id"], "_source": d["source"]} for d in stored.values()]
    problems = compare(expected, hits, PREFIX)
    assert not problems, "\n".join([case["why"], *problems])


def arrivals(send: str, body: bytes) -> list[dict[str, Any]]:
    """Events as Logstash's inputs make them: the http input has decoded the body, tcp lines keep every byte."""
    if send == "tcp":
        lines = body.split(b"\n")
        metadata = {"driftlog_source": "tcp"}
        return [{"message": line.decode("latin-1"), "@metadata": metadata} for line in lines if line]
    metadata = {"driftlog_source": "http", "headers": {"content_type": MIME_TYPES[send]}}
    return [{"message": body.decode("utf-8", "replace"), "@metadata": metadata}]


def cloud_event(body: bytes, headers: dict[str, str], path: str) -> dict[str, Any]:
    """The event that the http input makes of a request: names of headers in lower case, with underscores."""
    named = {name.lower().replace("-", "_"): value for name, value in headers.items()}
    metadata = {"driftlog_source": "http", "headers": named | {"request_path": path}}
    return {"message": body.decode("utf-8", "replace"), "url": {"path": path}, "@metadata": metadata}


def test_the_types_are_those_of_the_contract(scripts: Scripts) -> None:
    """A field that is added to an event must be added to the filter."""
    types = {
        group: {name: list(kind) if isinstance(kind, tuple) else kind for name, kind in fields.items()}
        for group, fields in TYPES.items()
    }
    assert scripts.ask({"types": True}) == types
