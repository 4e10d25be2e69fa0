"""The fixtures clean up behind each test."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

pytestmark = pytest.mark.elasticsearch

SEEN: list[str] = []


def ask(url: str, method: str = "GET", body: object = None) -> Any:
    """Return the answer, or the status where it is an error."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as response:
            return json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("turn", [1, 2])
def test_nothing_of_a_test_is_left_for_the_next(elasticsearch_url: str, prefix: str, turn: int) -> None:
    """Indices, hidden ones too, and templates are gone; the next prefix is another."""
    for past in SEEN:
        assert past != prefix
        assert ask(f"{elasticsearch_url}/_cat/indices/{past}-*?format=json&expand_wildcards=all") == []
        assert ask(f"{elasticsearch_url}/_index_template/{past}-t") == 404
        assert ask(f"{elasticsearch_url}/_component_template/{past}-c") == 404
    ask(f"{elasticsearch_url}/_component_template/{prefix}-c", "PUT", {"template": {"settings": {}}})
    template = {"index_patterns": [f"{prefix}-*"], "composed_of": [f"{prefix}-c"], "priority": 700}
    assert ask(f"{elasticsearch_url}/_index_template/{prefix}-t", "PUT", template) == {"acknowledged": True}
    assert ask(f"{elasticsearch_url}/{prefix}-a.b/_create/1", "PUT", {"a": 1})["result"] == "created"
    hidden = {"settings": {"index.hidden": True}}
    assert ask(f"{elasticsearch_url}/{prefix}-hidden", "PUT", hidden)["acknowledged"] is True
    SEEN.append(prefix)
