"""The page about rules says what the code does: privileges as valid JSON, every rule, every limit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from driftlog.contract.kibana import KibanaRuleSettings
from driftlog.present.kibana.conditions import conditions
from driftlog.present.kibana.connectors import notices_index

PAGE = (Path(__file__).parents[4] / "docs" / "kibana-rules.md").read_text(encoding="utf-8")
CONDITIONS = conditions("driftlog")


def privileges() -> list[dict[str, Any]]:
    """Bodies of the requests in the page's JSON blocks."""
    blocks = re.findall(r"```json\n\w+ \S+\n(.*?)```", PAGE, re.DOTALL)
    return [json.loads(block) for block in blocks]


def test_the_privileges_reach_what_rules_read_and_write() -> None:
    """In both forms: every index that a rule searches is read, and the one that it writes may be added to."""
    key, role = privileges()
    for indices in (
        key["role_descriptors"]["driftlog_kibana"]["indices"],
        role["elasticsearch"]["indices"],
    ):
        read, write = indices
        covered = {name.removesuffix(".*") for name in read["names"]}
        assert {condition.index.partition(".")[0] for condition in CONDITIONS} == covered
        assert read["privileges"] == ["read", "view_index_metadata"]
        assert write == {"names": [notices_index("driftlog")], "privileges": ["create_doc", "auto_configure"]}
    features = {name for grant in role["kibana"] for name in grant["feature"]}
    (granted,) = key["role_descriptors"]["driftlog_kibana"]["applications"]
    assert granted["privileges"] == [
        f"feature_{name}.all" for name in ("stackAlerts", "actions", "savedObjectsManagement")
    ]
    assert features == {"stackAlerts", "actions", "savedObjectsManagement"}


def test_every_rule_has_its_row() -> None:
    """With its type, in the order in which they are made."""
    rows = re.findall(r"^\| `([a-z-]+)`[^|]*\| (\.[a-z-]+) \|", PAGE, re.MULTILINE)
    kinds = [(one.name, ".index-threshold" if one.index_threshold else ".es-query") for one in CONDITIONS]
    assert rows == kinds


def test_the_limits_are_the_defaults() -> None:
    """As the table says them."""
    limits = KibanaRuleSettings()
    for text in (
        f"more than {limits.quarantined_per_hour} refused",
        f"more than {limits.failed_predictions} failed",
        f"above {limits.error_rate:.0%}".replace("%", " %"),
        f"`{limits.performance_metric}` over the last mature windows is below {limits.performance_below}",
        f"within {limits.worker_silent_after.seconds // 60} minutes",
    ):
        assert text in PAGE, text
    assert limits.drifted_features == 3 and "three or more features" in PAGE
