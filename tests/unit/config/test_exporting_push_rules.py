"""Settings of the exporters that push: what cannot be used is refused, with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftlog.config.load import load_settings
from driftlog.config.masked import masked
from driftlog.contract.errors import ConfigError


def load(tmp_path: Path, text: str, **environ: str):
    file = tmp_path / "driftlog.yml"
    file.write_text(f"export: {text}\n", encoding="utf-8")
    return load_settings(file, environ)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("{datadog: {agent: '127.0.0.1:8125'}}", "export.datadog.agent", "udp://"),
        ("{datadog: {agent: 'tcp://127.0.0.1:8125'}}", "export.datadog.agent", "unix:///"),
        ("{datadog: {agent: 'udp://host:port'}}", "export.datadog.agent", "no address"),
        ("{datadog: {site: evil.example.org}}", "export.datadog.site", "datadoghq.eu"),
        ("{datadog: {site: datadoghq.com.evil.org}}", "export.datadog.site", "no site"),
        ("{datadog: {url: 'https://u:p4ssword@proxy'}}", "export.datadog.url", "user or password"),
        ('{datadog: {api_key: "a b"}}', "export.datadog.api_key", "no key"),
        ("{datadog: {tags: ['team']}}", "export.datadog.tags[0]", "team:risk"),
        ("{datadog: {tags: ['team:a,b']}}", "export.datadog.tags[0]", "no tag"),
        ("{datadog: {namespace: 'my metrics'}}", "export.datadog.namespace", "cannot begin"),
        ("{statsd: {address: 'unix:///run/x'}}", "export.statsd.address", "tcp://"),
        ("{statsd: {prefix: ''}}", "export.statsd.prefix", "cannot begin"),
        ("{otlp: {endpoint: 'grpc://host:4317'}}", "export.otlp.endpoint", "https://"),
        ("{otlp: {endpoint: 'http://h:1/?token=x'}}", "export.otlp.endpoint", "no address"),
        ('{otlp: {headers: ["t0ken-5ecret"]}}', "export.otlp.headers[0]", "Authorization"),
        ("{otlp: {resource: ['blue']}}", "export.otlp.resource[0]", "deployment=blue"),
        ("{otlp: {temporality: both}}", "export.otlp.temporality", "cumulative"),
    ],
)
def test_what_cannot_be_used_is_refused(text: str, where: str, what: str, tmp_path: Path) -> None:
    """With the setting's name; secrets are not repeated."""
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text)
    assert where in str(error.value)
    assert what in str(error.value)
    assert "5ecret" not in str(error.value)
    assert "p4ssword" not in str(error.value)


def test_keys_come_from_the_environment_and_are_masked(tmp_path: Path) -> None:
    """Nothing that prints settings prints them."""
    key = "0123456789abcdef"
    settings = load(
        tmp_path,
        "{datadog: {api_key: '${DD_API_KEY}'}, otlp: {headers: ['Authorization: Bearer ${TOKEN}']}}",
        DD_API_KEY=key,
        TOKEN="t0ken",
    )
    assert settings.export.datadog.api_key.reveal() == key
    assert settings.export.otlp.headers[0].reveal() == "Authorization: Bearer t0ken"
    shown = repr(settings) + repr(masked(settings))
    assert key not in shown
    assert "t0ken" not in shown
