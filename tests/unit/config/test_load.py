"""Settings from file and environment, and the messages for what cannot be used."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from driftlog.config.load import load_settings
from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import Secret, Settings, ThresholdSettings


def load(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    file = tmp_path / "driftlog.yml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ or {})


def refusal(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, environ)
    return str(caught.value)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    """A newcomer needs no configuration."""
    assert load_settings(None, {}, folder=tmp_path) == Settings()


def test_the_working_folder_is_searched_after_the_variable_and_the_option(tmp_path: Path) -> None:
    """--config, then DRIFTLOG_CONFIG, then ./driftlog.yml."""
    for name in ("option", "variable", "driftlog"):
        (tmp_path / f"{name}.yml").write_text(f"prefix: from-{name}\n")
    environ = {"DRIFTLOG_CONFIG": str(tmp_path / "variable.yml")}

    assert load_settings(tmp_path / "option.yml", environ, folder=tmp_path).prefix == "from-option"
    assert load_settings(None, environ, folder=tmp_path).prefix == "from-variable"
    assert load_settings(None, {}, folder=tmp_path).prefix == "from-driftlog"


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """The default file may be absent, a named one may not."""
    with pytest.raises(ConfigError, match="does not exist"):
        load_settings(None, {"DRIFTLOG_CONFIG": str(tmp_path / "none.yml")})


def test_a_whole_file_becomes_settings(tmp_path: Path) -> None:
    """Every kind of value: text, number, duration, list, secret, none, nested group."""
    settings = load(
        tmp_path,
        """
prefix: team
elasticsearch:
  urls: ["https://a:9200", "https://b:9200"]
  api_key: ${KEY}
intake: {max_age: none, tcp_port: null, http_port: "${PORT:8080}"}
models:
  churn-v2:
    task: regression
    positive_label: 1
    window: 1w
    features: [age, "länge"]
    thresholds:
      - {metric: mae, kind: relative, warning: 0.1, share: true, of_windows: [2, 3]}
""",
        {"KEY": "s3cret"},
    )

    assert settings.prefix == "team"
    assert settings.elasticsearch.urls == ("https://a:9200", "https://b:9200")
    assert settings.elasticsearch.api_key == Secret("s3cret")
    assert (settings.intake.max_age, settings.intake.tcp_port, settings.intake.http_port) == (None, None, 8080)
    (model,) = settings.models
    assert (model.name, model.task, model.positive_label) == ("churn-v2", "regression", "1")
    assert model.window == timedelta(weeks=1)
    assert model.features == ("age", "länge")
    assert model.thresholds == (
        ThresholdSettings(metric="mae", kind="relative", warning=0.1, share=True, of_windows=(2, 3)),
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("prefx: a", ["prefx", "is not a setting", "line 1", "did you mean prefix?"]),
        ("\nworker:\n  leese: 30s", ["worker.leese", "line 3", "did you mean lease?"]),
        ("worker: {lease: 30}", ["worker.lease", "has no unit", "got 30", "30s, 30m"]),
        ("worker: {lease: fast}", ["worker.lease", "is not a duration", "got 'fast'", "write 30s"]),
        ("worker: 5", ["worker", "must be a group of settings"]),
        ("period: months", ["period", "none of the choices", "did you mean month?"]),
        ("prefix: Team!", ["prefix", "cannot start index names", "a-z"]),
        ("prefix: {a: 1}", ["prefix", "must be text"]),
        ("local: {port: 70000}", ["local.port", "is no port", "70000"]),
        ("local: {port: many}", ["local.port", "must be a whole number", "many"]),
        ("local: {port:}", ["local.port", "has no value"]),
        ("local: {heap: big}", ["local.heap", "is no heap size"]),
        ("local: {secure: maybe}", ["local.secure", "must be true or false"]),
        ("elasticsearch: {timeout_s: .nan}", ["elasticsearch.timeout_s", "must be a finite number"]),
        ("elasticsearch: {urls: []}", ["elasticsearch.urls", "is empty"]),
        ("elasticsearch: {urls: [localhost]}", ["elasticsearch.urls[0]", "is no http or https address"]),
        ("elasticsearch: {urls: ['http://h:x']}", ["elasticsearch.urls[0]", "is no address"]),
        ("elasticsearch: {username: me}", ["elasticsearch.password", "is missing"]),
        ("elasticsearch: {username: me, password: a, api_key: b}", ["elasticsearch.api_key", "cannot stand beside"]),
        ("intake: {tls_cert: c.pem}", ["intake.tls_key", "is missing"]),
        ("intake: {http_port: 9281}", ["intake.tcp_port", "is the port of http_port"]),
        ("models: [churn]", ["models", "mapping from model name"]),
        ("models: {Churn: {}}", ["models.Churn", "is not a model name"]),
        ("models: {churn: {name: x}}", ["models.churn.name", "is not a setting"]),
        ("models: {churn: {bucket: 7m}}", ["models.churn.bucket", "does not divide a day"]),
        ("models: {churn: {window: 36h}}", ["models.churn.window", "fits no day"]),
        ("models: {churn: {window: 30m}}", ["models.churn.window", "is not whole buckets"]),
        ("models: {churn: {look_back: 1h}}", ["models.churn.look_back", "shorter than the window"]),
        ("models: {churn: {min_maturity: 80}}", ["models.churn.min_maturity", "between 0 and 1"]),
        ("models: {churn: {timezone: Mars/North}}", ["models.churn.timezone", "is no time zone"]),
        ("models: {churn: {positive_label: yes}}", ["models.churn.positive_label", "in quotes"]),
        ("models: {churn: {drift_measures: []}}", ["models.churn.drift_measures", "one or two"]),
        ("models: {churn: {thresholds: [{kind: none}]}}", ["models.churn.thresholds[0]", "metric is missing"]),
        ("models: {churn: {thresholds: [{metric: mae}]}}", ["models.churn.thresholds[0]", "has no limit"]),
        (
            "models:\n  churn:\n    thresholds:\n      - {metric: mae, warning: 2, critical: 1}",
            ["models.churn.thresholds[0].critical", "crossed before warning", "line 4", "must lie above"],
        ),
        ("models: {churn: {thresholds: [{metric: mae, kind: seasonal}]}}", ["thresholds[0]", "has no limit"]),
        (
            "models: {churn: {thresholds: [{metric: mae, kind: quantile, warning: 250}]}}",
            ["models.churn.thresholds[0].warning", "between 0 and 1", "0.99", "kind: constant"],
        ),
        (
            "models: {churn: {thresholds: [{metric: mae, kind: quantile, direction: below, critical: 0}]}}",
            ["models.churn.thresholds[0].critical", "between 0 and 1", "0.01"],
        ),
        (
            "models: {churn: {thresholds: [{metric: mae, kind: quantile, warning: 0.99, critical: 0.9}]}}",
            ["models.churn.thresholds[0].critical", "crossed before warning"],
        ),
        (
            "models: {churn: {thresholds: [{metric: mae, kind: seasonal, direction: below, warning: -3}]}}",
            ["models.churn.thresholds[0].warning", "must be positive", "direction says"],
        ),
        (
            "models: {churn: {thresholds: [{metric: mae, kind: seasonal, direction: below, warning: 6, critical: 3}]}}",
            ["models.churn.thresholds[0].critical", "crossed before warning", "must lie above"],
        ),
        (
            "models: {churn: {thresholds: [{metric: mae, warning: 2, of_windows: [3, 2]}]}}",
            ["thresholds[0].of_windows", "N of M"],
        ),
        ("prefix: ${MISSING}", ["prefix", "MISSING", "not set", "export MISSING"]),
        ("prefix: ${oops", ["prefix", "cannot be read", "${NAME}"]),
    ],
)
def test_what_cannot_be_used_is_named_with_value_and_remedy(tmp_path: Path, text: str, parts: list[str]) -> None:
    """Path, value, place and remedy stand in one message."""
    message = refusal(tmp_path, text)

    assert [part for part in parts if part not in message] == [], message
    assert "\n  -> " in message


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("prefix: a\nprefix: b", ["prefix", "stands twice", "line 1", "line 2"]),
        ("worker:\n  lease: 1m\n  lease: 2m", ["worker.lease", "stands twice"]),
        ("worker:\n\tlease: 1m", ["line 2, column 1", "spaces"]),
        ("a: b: c", ["line 1, column 5", "indentation"]),
        ("prefix: 'open", ["line 1"]),
        ("prefix: !!python/object/apply:os.system [ls]", ["line 1", "tag"]),
        ("- a\n- b", ["holds a list"]),
        ("just text", ["holds a str"]),
        ("a: &a {b: *a}", ["contains itself"]),
        (
            "\n".join(
                ["a: &a [x]"]
                + [f"{k}: &{k} [{', '.join([f'*{j}'] * 10)}]" for j, k in zip("abcdefg", "bcdefgh", strict=True)]
            ),
            ["values"],
        ),
        ("a: 2026-99-99", ["cannot be read"]),
        ("[" * 5000, ["nested too deeply"]),
        ("prefix: \x00", ["driftlog.yml"]),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, str) else "",
)
def test_what_is_no_yaml_is_refused_with_its_place(tmp_path: Path, text: str, parts: list[str]) -> None:
    """Duplicate keys, tabs, tags, aliases that explode, depth."""
    message = refusal(tmp_path, text)

    assert [part for part in parts if part not in message] == [], message


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """Latin-1 umlauts, say."""
    (tmp_path / "driftlog.yml").write_bytes(b"prefix: \xe4")

    with pytest.raises(ConfigError, match="not UTF-8"):
        load_settings(tmp_path / "driftlog.yml", {})


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path, {})


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    """So does one of comments, and sections without settings."""
    assert load(tmp_path, "") == load(tmp_path, "# nothing\nworker:\nmodels:\n") == Settings()


def test_a_secret_is_never_part_of_a_message(tmp_path: Path) -> None:
    """Neither a key of the wrong type nor credentials inside an address are echoed."""
    assert "hush" not in refusal(tmp_path, "elasticsearch: {api_key: [hush]}")
    assert "hush" not in refusal(tmp_path, "elasticsearch: {urls: ['http://me:hush@host']}")
    assert "hush" not in refusal(tmp_path, "elasticsearch: {username: me, password: hush, api_key: hush}")
    assert "hush" not in refusal(tmp_path, "elasticsearch: {urls: ['http://me:hush@host:port']}")
    assert "hush" not in refusal(tmp_path, "elasticsearch: {urls: ['me:hush@host:9200']}")
    assert "hush" not in refusal(tmp_path, "elasticsearch: [{password: hush}]")
    assert "hush" not in refusal(tmp_path, "elasticsearch: {api_key: hush\N{EURO SIGN}}")
    assert "hush" not in refusal(tmp_path, "intake: {api_key: ${KEY}}", {"KEY": "hush\nhush"})


def test_a_secret_loses_the_line_break_at_its_end(tmp_path: Path) -> None:
    """Files and secret stores add one; in a header it would be refused, with the secret in the message."""
    settings = load(tmp_path, "elasticsearch: {api_key: '${KEY}'}", {"KEY": "s3cret\r\n"})

    assert settings.elasticsearch.api_key == Secret("s3cret")


def test_the_content_of_a_variable_cannot_change_the_structure(tmp_path: Path) -> None:
    """It is inserted after the YAML was read."""
    settings = load(tmp_path, "worker: {id: '${ID}'}", {"ID": "x}\nprefix: evil"})

    assert settings.worker.id == "x}\nprefix: evil"
    assert settings.prefix == "driftlog"


def test_a_literal_dollar_brace_can_be_written(tmp_path: Path) -> None:
    """$${ is ${; a lone dollar is a dollar."""
    assert load(tmp_path, "worker: {id: 'a$${b}$c'}").worker.id == "a${b}$c"


def test_thresholds_that_look_back(tmp_path: Path) -> None:
    """Quantiles lie the other way round with direction below; standard deviations do not."""
    text = """models:
  churn:
    thresholds:
      - {metric: latency_p99_ms, kind: quantile, warning: 0.95, critical: 0.99}
      - {metric: predictions, kind: quantile, direction: below, warning: 0.05, critical: 0.01}
      - {metric: predictions, kind: seasonal, direction: below, warning: 3, critical: 6}
"""
    (tmp_path / "driftlog.yml").write_text(text)
    (model,) = load_settings(tmp_path / "driftlog.yml", {}).models
    assert [threshold.kind for threshold in model.thresholds] == ["quantile", "quantile", "seasonal"]
