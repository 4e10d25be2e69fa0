"""What Grafana is provisioned with: generated, complete, and consistent with the exporter and the index templates."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftlog.present.grafana import rules
from driftlog.present.grafana.write import files

ROOT = Path(__file__).parents[4]
FOLDER = ROOT / "deploy" / "grafana"
MADE = files()
DASHBOARDS = {path: json.loads(text) for path, text in MADE.items() if path.endswith(".json")}
SOURCES = yaml.safe_load(MADE["provisioning/datasources/driftlog.yml"])["datasources"]
KINDS = {source["uid"]: source["type"] for source in SOURCES}
EXPORTED = re.compile(r"\bdriftlog(?:_[a-z0-9_]+|:[a-z0-9_:]+)")


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_the_committed_files_are_what_the_code_makes() -> None:
    """`python -m driftlog.present.grafana.write` writes them."""
    for path, text in MADE.items():
        assert (FOLDER / path).read_text(encoding="utf-8") == text, (
            f"{path}: run python -m driftlog.present.grafana.write"
        )
    committed = {str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*") if file.is_file()}
    assert committed == set(MADE)


def test_dashboards_have_ids_of_their_own() -> None:
    """Within Grafana's limit of 40 characters, and read-only: they come from files."""
    uids = [dashboard["uid"] for dashboard in DASHBOARDS.values()]
    assert len(set(uids)) == len(uids)
    assert all(re.fullmatch(r"[a-z0-9-]{1,40}", uid) for uid in uids)
    assert all(dashboard["editable"] is False and "id" not in dashboard for dashboard in DASHBOARDS.values())


@pytest.mark.parametrize("path", DASHBOARDS)
def test_panels_have_ids_titles_and_room_of_their_own(path: str) -> None:
    """No two overlap on the grid of 24 columns."""
    everything = DASHBOARDS[path]["panels"]
    ids = [panel["id"] for panel in everything]
    assert len(set(ids)) == len(ids)
    boxes = [panel["gridPos"] for panel in everything]
    for box in boxes:
        assert box["x"] + box["w"] <= 24
        assert min(box["w"], box["h"]) > 0
    for a, b in combinations(boxes, 2):
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert apart or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"], (a, b)
    assert all(panel["title"] for panel in everything)


@pytest.mark.parametrize("path", DASHBOARDS)
def test_every_data_source_is_provisioned(path: str) -> None:
    """Of panels, queries and variables; the type is that of the source."""
    dashboard = DASHBOARDS[path]
    used = [panel["datasource"] for panel in panels(dashboard)]
    used += [target["datasource"] for panel in panels(dashboard) for target in panel["targets"]]
    used += [variable["datasource"] for variable in dashboard["templating"]["list"]]
    assert used
    assert all(KINDS[source["uid"]] == source["type"] for source in used)


@pytest.mark.parametrize("path", DASHBOARDS)
def test_queries_have_references_of_their_own_and_known_variables(path: str) -> None:
    """A, B, C within a panel; $model and the like are variables of the dashboard."""
    dashboard = DASHBOARDS[path]
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    for panel in panels(dashboard):
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
        for target in panel["targets"]:
            text = target.get("expr", "") + target.get("query", "")
            assert set(re.findall(r"\$([a-z]+)", text)) <= known


def test_no_secret_and_no_address_stands_in_the_files() -> None:
    """Both come from the environment of the Grafana server."""
    for source in SOURCES:
        assert source["url"].startswith("$DRIFTLOG_GRAFANA_")
        assert source["editable"] is False
        assert all("$DRIFTLOG_GRAFANA_" in value for value in source.get("secureJsonData", {}).values())
    documented = (ROOT / "docs" / "grafana.md").read_text(encoding="utf-8")
    for name in set(re.findall(r"DRIFTLOG_GRAFANA_[A-Z_]+", MADE["provisioning/datasources/driftlog.yml"])):
        assert name in documented


def test_alert_rules_are_those_of_prometheus() -> None:
    """One for one, with a query, its value, and a threshold each."""
    prometheus = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text())
    wanted = {rule["alert"]: rule for group in prometheus["groups"] for rule in group["rules"] if "alert" in rule}
    groups = yaml.safe_load(MADE["provisioning/alerting/driftlog.yml"])["groups"]
    made = {rule["title"]: rule for group in groups for rule in group["rules"]}
    assert made.keys() == wanted.keys()
    assert len({rule["uid"] for rule in made.values()}) == len(made)
    for name, rule in made.items():
        assert {one["refId"] for one in rule["data"]} == {"A", "B", "C"}
        assert rule["condition"] == "C"
        assert all(one["datasourceUid"] in {*KINDS, "__expr__"} for one in rule["data"])
        assert rule["for"] == wanted[name].get("for", "0s")
        assert "$value" not in re.sub(r"\$values\.B\.Value", "", json.dumps(rule["annotations"]))


def test_recording_rules_stay_with_prometheus() -> None:
    """A group without alerts makes no group."""
    assert (
        rules.provisioned({"groups": [{"name": "recorded", "rules": [{"record": "a", "expr": "b"}]}]})["groups"] == []
    )


def test_every_metric_in_dashboards_and_rules_exists() -> None:
    """Named somewhere in the exporter, in the serving apps' metrics, or recorded by a rule."""
    source = "".join(
        file.read_text(encoding="utf-8")
        for folder in ("present/export", "shipping", "cli/commands")
        for file in (ROOT / "src" / "driftlog" / folder).glob("*.py")
    )
    recorded = (ROOT / "deploy" / "prometheus" / "rules.yml").read_text()
    shown = [
        target["expr"]
        for one in DASHBOARDS.values()
        for panel in panels(one)
        for target in panel["targets"]
        if "expr" in target
    ]
    used = set(EXPORTED.findall(" ".join([*shown, *re.findall(r"expr: (.*)", recorded)])))
    assert len(used) > 30
    for name in used:
        if ":" in name:
            assert f"record: {name}" in recorded, name
            continue
        base = re.sub(r"_(total|bucket)$", "", name)
        stem = re.sub(r"_(severity|limit|lower|upper|reference)$", "", base)
        own = base.removeprefix("driftlog_app_")
        assert any(f'"{one}"' in source for one in (base, stem, own)), name
