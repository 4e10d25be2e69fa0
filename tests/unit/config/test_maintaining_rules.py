"""Settings of the maintenance loop that cannot be carried out are refused with their setting and a remedy."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from driftlog.config.load import load_settings
from driftlog.contract.errors import ConfigError
from driftlog.contract.maintaining import MaintainSettings


def load(tmp_path: Path, maintain: str, more: str = "") -> MaintainSettings:
    file = tmp_path / "driftlog.yml"
    file.write_text(f"models: {{churn: {{maintain: {{{maintain}}}{more}}}}}\n")
    (model,) = load_settings(file, {}).models
    return model.maintain


def test_a_whole_loop_is_read(tmp_path: Path) -> None:
    """As the docs write it."""
    found = load(
        tmp_path,
        "mode: act, triggers: {schedule: '0 6 * * MON', degraded: warning, drifted: [3, 4], new_labels: 5000},"
        "conditions: {quiet_hours: '22:00-06:00', cooldown: 3d, approval: [promote, rollback]},"
        "executor: {kind: command, command: [python, train.py], hold_back: 14d},"
        "promotion: {steps: [shadow, share, full], share: 0.2}",
    )

    assert found.mode == "act"
    assert found.triggers.drifted == (3, 4)
    assert found.executor.hold_back == timedelta(days=14)
    assert found.promotion.steps == ("shadow", "share", "full")


def test_off_needs_no_quotes(tmp_path: Path) -> None:
    """YAML reads it as a truth value."""
    assert load(tmp_path, "mode: off").mode == "off"


@pytest.mark.parametrize(
    ("text", "setting", "remedy"),
    [
        ("mode: on", "maintain.mode", "use off or advise or act"),
        ("triggers: {schedule: daily}", "triggers.schedule", "0 6 * * MON"),
        ("triggers: {schedule: '0 6 31 2 *'}", "triggers.schedule", "0 6 * * MON"),
        ("triggers: {drifted: [3]}", "triggers.drifted", "[3, 4]"),
        ("triggers: {drifted: [5, 4]}", "triggers.drifted", "[3, 4]"),
        ("triggers: {new_labels: 0}", "triggers.new_labels", "remove the line"),
        ("triggers: {estimated_loss: 10}", "triggers.estimated_loss", "business_value"),
        ("conditions: {min_labels: 0}", "conditions.min_labels", "remove the line"),
        ("conditions: {budget: 0}", "conditions.budget", "remove the line"),
        ("conditions: {cooldown: -1d}", "conditions.cooldown", "1h30m"),
        ("conditions: {quiet_hours: '22-6'}", "conditions.quiet_hours", "22:00-06:00"),
        ("conditions: {quiet_hours: '06:00-06:00'}", "conditions.quiet_hours", "22:00-06:00"),
        ("conditions: {approval: [train]}", "conditions.approval", "retrain, promote, rollback"),
        ("executor: {kind: command}", "executor.command", "give command"),
        ("executor: {kind: http}", "executor.url", "give url"),
        ("executor: {window: 0s}", "executor.window", "7d"),
        ("validation: {min_rows: 10}", "validation.min_rows", "remove the line"),
        ("validation: {alpha: 0.9}", "validation.alpha", ""),
        ("validation: {guard_margin: -0.1}", "validation.guard_margin", "remove the line"),
        ("validation: {schedule: '0 6 * * *'}", "validation.labelled_set", "name the file"),
        ("promotion: {steps: []}", "promotion.steps", "[full]"),
        ("promotion: {steps: [full, shadow]}", "promotion.steps", "[shadow, share, full]"),
        ("promotion: {steps: [share], share: 1.5}", "promotion.share", "0.1"),
        ("promotion: {watch_window: 0s}", "promotion.watch_window", "7d"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(tmp_path: Path, text: str, setting: str, remedy: str) -> None:
    """With the path of the setting."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)

    assert setting in str(caught.value)
    assert remedy in str(caught.value)
