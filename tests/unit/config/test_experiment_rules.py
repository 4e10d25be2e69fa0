"""Experiments that cannot be evaluated are refused with their setting and a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftlog.config.load import load_settings
from driftlog.contract.errors import ConfigError


def load(tmp_path: Path, experiments: str) -> str:
    """Names of the experiments, or the refusal."""
    file = tmp_path / "driftlog.yml"
    file.write_text(f"models: {{churn: {{experiments: [{experiments}]}}}}\n")
    try:
        (model,) = load_settings(file, {}).models
    except ConfigError as error:
        return str(error)
    return ", ".join(f"{e.name} {e.start}" for e in model.experiments)


def test_a_day_needs_no_quotes(tmp_path: Path) -> None:
    """YAML reads it as a date."""
    text = "{name: ab, control: a, treatments: [b], start: 2026-03-01, end: 2026-03-15T12:00:00Z, shares: [0.9, 0.1]}"
    assert load(tmp_path, text) == "ab 2026-03-01"


@pytest.mark.parametrize(
    ("change", "setting", "remedy"),
    [
        ("name: 'A b'", "experiments[0].name", "use 1 to 64"),
        ("control: ''", "experiments[0].control", "name the model.variant"),
        ("treatments: []", "experiments[0].treatments", "write [new-model]"),
        ("treatments: [a]", "experiments[0].treatments", "name the other variants"),
        ("treatments: [b, b]", "experiments[0].treatments", "name each once"),
        ("target: clicks", "experiments[0].target", "use accuracy"),
        ("target: features.", "experiments[0].target", "use accuracy"),
        ("shares: [0.5]", "experiments[0].shares", "one a variant"),
        ("shares: [0.5, 0.6]", "experiments[0].shares", "equal shares"),
        ("shares: [1.5, -0.5]", "experiments[0].shares", "equal shares"),
        ("start: soon", "experiments[0].start", "write 2026-03-01"),
        ("end: '2026-02-30'", "experiments[0].end", "write 2026-03-01"),
        ("end: 2026-03-01", "experiments[0].end", "later day"),
        ("minimum_effect: 0", "experiments[0].minimum_effect", "its size"),
        ("minimum_effect: 2", "experiments[0].minimum_effect", "0.01 for 1 point"),
        ("alpha: 0.6", "experiments[0].alpha", "0.05"),
        ("power: 0.4", "experiments[0].power", "0.8"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(tmp_path: Path, change: str, setting: str, remedy: str) -> None:
    """One setting at a time."""
    parts = {"name": "ab", "control": "a", "treatments": "[b]", "start": "2026-03-01"}
    key, _, value = change.partition(": ")
    text = ", ".join(f"{name}: {item}" for name, item in (parts | {key: value}).items())
    refusal = load(tmp_path, f"{{{text}}}")
    assert setting in refusal and remedy in refusal


def test_two_experiments_have_two_names(tmp_path: Path) -> None:
    """Decisions are kept by name."""
    one = "{name: ab, control: a, treatments: [b]}"
    assert "name of two experiments" in load(tmp_path, f"{one}, {one}")
