"""Settings of alerts that cannot be used are refused by their path, with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftlog.config.load import load_settings
from driftlog.contract.errors import ConfigError

GOOD = """
models:
  churn:
    thresholds:
      - {metric: error_rate, warning: 0.05, critical: 0.1, clear: 0.02}
      - {metric: roc_auc, direction: below, warning: 0.7, clear: 0.75}
      - {metric: accuracy, kind: relative, direction: below, warning: 0.05, clear: 0.02}
    objectives:
      - {name: auc, metric: roc_auc, target: 0.8, why: fewer calls, owner: ann, priority: high}
    alerts:
      escalate_after: 30m
      escalate_from: warning
      cooldown: 2d
      maintenance:
        - {name: backup, cron: "0 2 * * SUN", duration: 2h, timezone: Europe/Berlin}
      runbooks:
        - {url: "https://wiki.example/drift", metric: data_drift}
"""


def load(tmp_path: Path, text: str):
    path = tmp_path / "driftlog.yml"
    path.write_text(text)
    return load_settings(path, {})


def test_a_full_group_is_read(tmp_path: Path) -> None:
    """Cron, durations and addresses."""
    (model,) = load(tmp_path, GOOD).models

    assert model.alerts.maintenance[0].cron == "0 2 * * SUN"
    assert [threshold.clear for threshold in model.thresholds] == [0.02, 0.75, 0.02]
    assert model.objectives[0].priority == "high"


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("escalate_after: 30m", "escalate_after: 0s", "alerts.escalate_after"),
        ('cron: "0 2 * * SUN"', 'cron: "0 25 * * *"', "alerts.maintenance.0.*cron"),
        ('cron: "0 2 * * SUN"', 'cron: "0 2 * *"', "alerts.maintenance.0.*cron"),
        ('cron: "0 2 * * SUN"', 'cron: "0 0 2 * * SUN"', "alerts.maintenance.0.*cron"),
        ('cron: "0 2 * * SUN"', 'cron: "0 0 31 2 *"', "alerts.maintenance.0.*cron"),
        ("duration: 2h", "duration: 0s", "alerts.maintenance.0.*duration"),
        ("duration: 2h", "duration: 30d", "alerts.maintenance.0.*duration"),
        ("timezone: Europe/Berlin", "timezone: Europe/Nowhere", "alerts.maintenance.0.*timezone"),
        ("name: backup", 'name: " "', "alerts.maintenance.0.*name"),
        ("https://wiki.example/drift", "wiki/drift", "alerts.runbooks.0.*url"),
        ("https://wiki.example/drift", "https://u:secret@wiki.example/", "alerts.runbooks.0.*url"),
        ("metric: roc_auc, target", 'metric: "", target', "objectives.0.*metric"),
        ("target: 0.8", "target: .nan", "objectives.0.*target"),
        ("clear: 0.02}", "clear: 0.06}", "thresholds.0.*clear"),
        ("clear: 0.75", "clear: 0.6", "thresholds.1.*clear"),
        ("warning: 0.05, clear: 0.02", "warning: 0.05, clear: 0.1", "thresholds.2.*clear"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_path(tmp_path: Path, good: str, bad: str, message: str) -> None:
    """One thing wrong at a time."""
    assert good in GOOD
    with pytest.raises(ConfigError, match=message) as error:
        load(tmp_path, GOOD.replace(good, bad, 1))
    assert error.value.remedy
    assert "secret" not in str(error.value)


def test_names_stand_there_once(tmp_path: Path) -> None:
    """A muted alert names the maintenance, a review the objective."""
    line = '        - {name: backup, cron: "0 2 * * SUN", duration: 2h, timezone: Europe/Berlin}\n'
    with pytest.raises(ConfigError, match="stands there twice"):
        load(tmp_path, GOOD.replace(line, line + line))
