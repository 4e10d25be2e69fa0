"""Settings of Kibana that cannot be used are refused, with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftlog.config.load import load_settings
from driftlog.contract.errors import ConfigError


def load(tmp_path: Path, text: str) -> object:
    file = tmp_path / "driftlog.yml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, {}).kibana


def test_without_a_line_it_is_kibana_on_this_machine(tmp_path: Path) -> None:
    """The default space of http://127.0.0.1:5601, without further connectors."""
    settings = load_settings(None, {}).kibana
    assert (settings.url, settings.space, settings.connectors) == ("http://127.0.0.1:5601", "default", ())


@pytest.mark.parametrize(
    ("line", "where", "what"),
    [
        ("url: https://elastic:changeme@kibana:5601", "kibana.url", "user or password"),
        ("url: kibana", "kibana.url", "no http"),
        ("space: ../default", "kibana.space", "no space"),
        ("space: Team A", "kibana.space", "no space"),
        ("{api_key: abc, username: u, password: p}", "kibana.api_key", "beside"),
        ("username: elastic", "kibana.password", "missing"),
        ("timeout_s: 0", "kibana.timeout_s", "positive"),
        ("connectors: [{kind: email, id: mail}]", "kibana.connectors[0].to", "empty"),
        ("connectors: [{kind: email, to: [a@b.c], sender: a@b.c}]", "kibana.connectors[0].host", "missing"),
        ("connectors: [{kind: slack}]", "kibana.connectors[0].url", "missing"),
        ("connectors: [{kind: webhook, url: 'https://u:p@x/'}]", "kibana.connectors[0].url", "user or password"),
        ("connectors: [{kind: webhook, id: 'a/b'}]", "kibana.connectors[0].id", "no id"),
        ("connectors: [{kind: slack, url: 'https://a'}, {kind: slack, url: 'https://b'}]", "kibana.connectors", "two"),
        ("rules: {worker_silent_after: 90s}", "kibana.rules.worker_silent_after", "whole minutes"),
        ("rules: {error_rate: 5}", "kibana.rules.error_rate", "between 0 and 1"),
        ("rules: {failed_predictions: 0}", "kibana.rules.failed_predictions", "positive"),
        ("rules: {performance_metric: 'a\" or b'}", "kibana.rules.performance_metric", "no metric"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, line: str, where: str, what: str) -> None:
    """The message names the setting and what is wrong with it, and never a password."""
    text = f"kibana: {line}\n" if line.startswith("{") else f"kibana:\n  {line}\n"
    with pytest.raises(ConfigError, match=what) as refused:
        load(tmp_path, text)
    assert where in str(refused.value) and refused.value.remedy
    assert "changeme" not in str(refused.value) and "u:p" not in str(refused.value)
