"""deploy/prometheus: configuration and rules, by promtool."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml
from tests.unit.present.export.promtool import promtool

ROOT = Path(__file__).parents[4]
FOLDER = ROOT / "deploy" / "prometheus"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool(), *arguments], capture_output=True, text=True, check=False)


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_promtool_accepts_the_configuration_and_the_rules() -> None:
    """The files that operators copy."""
    config = run("check", "config", str(FOLDER / "prometheus.yml"))
    assert config.returncode == 0, config.stderr
    rules = run("check", "rules", "--lint=all", "--lint-fatal", str(FOLDER / "rules.yml"))
    assert rules.returncode == 0, rules.stderr


def test_every_alert_fires_when_it_should() -> None:
    """promtool test rules over rules_test.yml."""
    tested = run("test", "rules", str(Path(__file__).with_name("rules_test.yml")))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_test() -> None:
    """With at least one firing expected of each."""
    cases = yaml.safe_load(Path(__file__).with_name("rules_test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in cases for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert fired == {rule["alert"] for rule in alerts()}


def test_every_alert_says_what_to_do() -> None:
    """Severity, summary, description, and a paragraph of its own in the docs."""
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").strip()).lower().replace(" ", "-")
        for line in (ROOT / "docs" / "prometheus.md").read_text().splitlines()
        if line.startswith("#")
    }
    for rule in alerts():
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
        assert {"summary", "description", "runbook"} <= set(rule["annotations"])
        assert rule["annotations"]["runbook"] == f"docs/prometheus.md#{rule['alert'].lower()}"
        assert rule["alert"].lower() in headings
