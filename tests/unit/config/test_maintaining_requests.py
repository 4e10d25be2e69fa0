"""Executors, hooks and registries that cannot work are refused when the file is read, without showing secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftlog.config.load import load_settings
from driftlog.contract.errors import ConfigError

GOOD = "kind: http, url: 'https://ci.example.org', body: '{}'"


@pytest.mark.parametrize(
    ("maintain", "said"),
    [
        ("executor: {kind: http, url: 'https://ci.example.org', body: '{x}'}", "executor.body: is not JSON"),
        ("executor: {kind: http, url: 'https://ci.example.org'}", "executor.body: is not JSON"),
        ("executor: {kind: http, url: 'ci.example.org/hush', body: '{}'}", "executor.url: is no address"),
        (f"executor: {{{GOOD}, headers: ['Authorization hush']}}", r"executor.headers\[0\]: is no header"),
        ('promotion: {headers: ["A: b", "X: hush\\n: y"]}', r"promotion.headers\[1\]: is no header"),
        ("promotion: {url: 'file:///hush'}", "promotion.url: is no address"),
        ("executor: {kind: incremental, command: ['churn:load']}", "executor.command: is empty"),
        ("executor: {kind: mlflow_project}", "executor.command: is empty"),
        ("registry: {kind: mlflow, tracking_uri: 'http://ada:hush@host'}", "tracking_uri: holds a user or password"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, maintain: str, said: str) -> None:
    """The path is named, the value is not shown."""
    (tmp_path / "driftlog.yml").write_text(f"models:\n  churn:\n    maintain:\n      {maintain}\n")
    with pytest.raises(ConfigError, match=said) as error:
        load_settings(tmp_path / "driftlog.yml", {})
    assert "hush" not in str(error.value)


def test_the_examples_of_the_docs_are_accepted(tmp_path: Path) -> None:
    """As docs/versions.md writes them."""
    (tmp_path / "driftlog.yml").write_text(
        "models:\n  churn:\n    maintain:\n"
        f"      executor: {{{GOOD}, headers: ['Authorization: Bearer ${{T}}', 'PRIVATE-TOKEN: ${{G}}']}}\n"
        "      registry: {kind: mlflow, tracking_uri: 'https://mlflow.example.org'}\n"
    )
    (model,) = load_settings(tmp_path / "driftlog.yml", {}).models
    assert model.maintain.executor.kind == "http"
