"""Watches: the shape that Watcher takes, and nothing else; about the same as the rules."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from driftlog.contract.kibana import KibanaRuleSettings
from driftlog.present.kibana.conditions import conditions
from driftlog.present.kibana.watches import Watch, watches

CONDITIONS = {one.name: one for one in conditions("driftlog")}
WATCHES = watches("driftlog", tuple(CONDITIONS.values()))
_INTERVAL = re.compile(r"[1-9][0-9]*[smhd]\Z")


def check(body: Any, required: set[str], optional: set[str] = frozenset()) -> dict[str, Any]:  # type: ignore[assignment]
    assert isinstance(body, dict) and required <= body.keys() <= required | optional, body
    return body


@pytest.mark.parametrize("watch", WATCHES, ids=lambda watch: watch.name)
def test_the_shape_is_watchers(watch: Watch) -> None:
    """Every key that there is, and no other."""
    body = check(watch.body, {"trigger", "input", "condition", "throttle_period", "metadata", "actions"})
    assert re.fullmatch(r"[a-z0-9_-]+", watch.id)
    schedule = check(check(body["trigger"], {"schedule"})["schedule"], {"interval"})
    assert _INTERVAL.match(schedule["interval"]) and _INTERVAL.match(body["throttle_period"])
    search = check(check(body["input"], {"search"})["search"], {"request"})
    request = check(search["request"], {"indices", "body", "rest_total_hits_as_int", "indices_options"})
    assert request["rest_total_hits_as_int"] is True
    check(request["indices_options"], {"expand_wildcards", "ignore_unavailable", "allow_no_indices"})
    check(request["body"], {"size", "query", "track_total_hits"}, {"sort", "aggs"})
    actions = check(body["actions"], {"index_documents", "log"})
    index = check(actions["index_documents"], {"transform", "index"})
    check(index["index"], {"index", "execution_time_field"})
    script = check(check(index["transform"], {"script"})["script"], {"lang", "source", "params"})
    assert {name.split(".")[1] for name in re.findall(r"params\.\w+", script["source"])} <= script["params"].keys()
    assert set(re.findall(r"params\.(\w+)", script["source"])) == script["params"].keys()
    log = check(check(actions["log"], {"logging"})["logging"], {"level", "text"})
    assert log["level"] in {"error", "warn", "info", "debug", "trace"}


@pytest.mark.parametrize("watch", WATCHES, ids=lambda watch: watch.name)
def test_its_condition_is_the_rules(watch: Watch) -> None:
    """The same limit, on a number that the search gives."""
    condition, body = CONDITIONS[watch.name], watch.body
    operator = {">": "gt", ">=": "gte", "<": "lt"}[condition.comparator]
    if not condition.group_by:
        assert body["condition"] == {"compare": {"ctx.payload.hits.total": {operator: condition.limit}}}
        return
    ((path, test),) = body["condition"]["array_compare"].items()
    assert path == "ctx.payload.aggregations.groups.buckets"
    assert test[operator] == {"value": condition.limit, "quantifier": "some"}
    groups = body["input"]["search"]["request"]["body"]["aggs"]["groups"]
    assert groups["terms"]["field"] == condition.group_by
    assert test["path"] == ("doc_count" if "aggs" not in groups else "value.value")


@pytest.mark.parametrize("watch", WATCHES, ids=lambda watch: watch.name)
def test_its_time_window_ends_when_it_was_to_run(watch: Watch) -> None:
    """Not when it got round to it: after a pause nothing is left out or counted twice."""
    text = json.dumps(watch.body["input"])
    assert text.count("{{ctx.trigger.scheduled_time}}") == 2 and "now" not in text


def test_watches_of_two_installations_have_different_ids() -> None:
    """<prefix>-<name>."""
    others = watches("demo", conditions("demo", KibanaRuleSettings()))
    assert {one.id for one in others}.isdisjoint(one.id for one in WATCHES)
    assert others[0].id == "demo-alerts-critical"
