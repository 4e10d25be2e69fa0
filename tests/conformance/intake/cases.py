"""Input bytes -> the exact documents in the exact indices. The same cases hold for Logstash with driftlog's filters.

A case: ``name``; ``why``; ``send`` = http-ndjson | http-json | tcp | cloudevents; ``input`` (text) or
``input_base64``, or a list ``inputs`` sent one after the other; with ``cloudevents``, ``headers`` and ``path``
(``/cloudevents``) of the request; ``answer`` of the last HTTP request; ``documents`` = [{index, id?, source}] with
matchers; ``logstash`` where Logstash necessarily differs, and ``logstash_documents`` what it stores then;
``needs_elasticsearch`` where the answer of a real one is part of it.

In input and expectation ``@NOW@`` is the present minute, ``@MONTH@`` its month, ``@PAST@`` and ``@FUTURE@`` are three
years before and one hour after, ``@MODEL@`` is a model, ``@CASE@`` makes ids unique, ``@LONG@`` stands for 100,000
characters.

Matchers: ``{"$time": T}``: the same instant as T. ``{"$any": "timestamp" | "string"}``: anything of that kind.
``{"$contains": S}``: a string with S in it. ``{"$sha256": S}``: the SHA-256 of S in hexadecimal.
``{"$repeat": [S, N]}``: S N times.
An object of a case must have exactly the fields of the document, those of `VOLATILE` aside.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MODEL = "m01234567"
VOLATILE = ("event.ingested", "driftlog.source", "quarantine.message", "quarantine.source", "quarantine.index")
"""Not compared unless a case names them: when and how the event came, and the wording."""


def all_cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, case) of every file here."""
    for path in sorted(Path(__file__).parent.glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8")):
            yield f"{path.stem}:{case['name']}", case


def expected_of_logstash(case: dict[str, Any]) -> list[dict[str, Any]]:
    """Documents that Logstash stores: the same, except where the case says otherwise."""
    documents: list[dict[str, Any]] = case.get("logstash_documents", case["documents"])
    return documents


def fill_in(text: str, tag: str, now: datetime) -> str:
    """`text` with the placeholders of a case replaced."""
    minute = now.replace(second=0, microsecond=0)
    values = {
        "@NOW@": minute.strftime("%Y-%m-%dT%H:%M"),
        "@MONTH@": minute.strftime("%Y-%m"),
        "@PAST@": (minute - timedelta(days=1100)).strftime("%Y-%m-%dT%H:%M"),
        "@FUTURE@": (minute + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
        "@MODEL@": MODEL,
        "@CASE@": tag,
        "@LONG@": "x" * 100_000,
    }
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def inputs_of(case: dict[str, Any], tag: str, now: datetime) -> list[bytes]:
    if "input_base64" in case:
        raw = base64.b64decode(case["input_base64"])
        for name in ("@NOW@", "@MODEL@"):
            raw = raw.replace(name.encode(), fill_in(name, tag, now).encode())
        return [raw]
    texts = case["inputs"] if "inputs" in case else [case["input"]]
    return [fill_in(text, tag, now).encode() for text in texts]


def headers_of(case: dict[str, Any], tag: str, now: datetime) -> dict[str, str]:
    """Headers of a request with CloudEvents."""
    headers: dict[str, str] = json.loads(fill_in(json.dumps(case.get("headers", {})), tag, now))
    return headers


def path_of(case: dict[str, Any]) -> str:
    return fill_in(case.get("path", "/cloudevents"), "", datetime.now(UTC))


def compare(expected: list[dict[str, Any]], found: list[dict[str, Any]], prefix: str) -> list[str]:
    """Match each expected document with one that was found."""
    left = list(found)
    problems = []
    for number, wanted in enumerate(expected, 1):
        tried = []
        for hit in left:
            lines = differences(wanted["source"], hit["_source"])
            if hit["_index"] != f"{prefix}-{wanted['index']}":
                lines.append(f"index: expected {wanted['index']}, found {hit['_index']}")
            if "id" in wanted:
                lines += differences(wanted["id"], hit["_id"], "_id")
            tried.append((len(lines), lines, hit))
        best = min(tried, key=lambda each: each[0], default=(1, ["nothing was stored"], None))
        if best[0]:
            problems += [f"document {number}:", *(f"  {line}" for line in best[1])]
        else:
            left.remove(best[2])
    return problems + [
        f"stored and not expected: {hit['_index']} {json.dumps(hit['_source'])[:600]}" for hit in left if not problems
    ]


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """What is wrong, a line each; empty when `actual` is as expected."""
    if isinstance(expected, dict):
        if len(expected) == 1 and next(iter(expected)).startswith("$"):
            return _matcher(*next(iter(expected.items())), actual, path)
        if not isinstance(actual, dict):
            return [f"{path}: expected an object, found {actual!r}"]
        return [line for key in {**expected, **actual} for line in _field(expected, actual, key, path)]
    if type(expected) in (int, float) and type(actual) in (int, float):
        return [] if expected == actual else [f"{path}: expected {expected!r}, found {actual!r}"]
    same = type(expected) is type(actual) and expected == actual
    return [] if same else [f"{path}: expected {expected!r}, found {actual!r:.300}"]


def _field(expected: dict[str, Any], actual: dict[str, Any], key: str, path: str) -> list[str]:
    name = f"{path}.{key}" if path else key
    if key not in expected:
        if name in VOLATILE or all(f"{name}.{inner}" in VOLATILE for inner in _keys(actual[key])):
            return []
        return [f"{name}: not expected, found {actual[key]!r:.300}"]
    if key not in actual:
        return [f"{name}: missing"]
    return differences(expected[key], actual[key], name)


def _keys(value: Any) -> list[str]:
    return list(value) if isinstance(value, dict) and value else [""]


def _matcher(kind: str, wanted: Any, actual: Any, path: str) -> list[str]:
    if kind == "$time":
        fits = isinstance(actual, str) and datetime.fromisoformat(actual) == datetime.fromisoformat(wanted)
    elif kind == "$any":
        fits = isinstance(actual, str) and (wanted == "string" or datetime.fromisoformat(actual).tzinfo is not None)
    elif kind == "$contains":
        fits = isinstance(actual, str) and wanted in actual
    elif kind == "$sha256":
        fits = actual == hashlib.sha256(wanted.encode()).hexdigest()
    elif kind == "$repeat":
        fits = actual == wanted[0] * wanted[1]
    else:
        raise ValueError(f"{path}: no matcher {kind}")
    return [] if fits else [f"{path}: expected {kind} {wanted!r}, found {actual!r:.300}"]
