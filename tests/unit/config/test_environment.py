"""Every setting is an environment variable too."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftlog.config.environment import setting_paths, variable_name
from driftlog.config.load import build_settings
from driftlog.config.masked import masked
from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import Settings, ThresholdSettings


def refusal(environ: dict[str, str], content: dict[str, object] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        build_settings(content or {}, environ)
    return str(caught.value)


def test_every_setting_can_be_given_its_default_by_variable() -> None:
    """The text form of each default is read back as the default."""
    plain = masked(Settings())
    environ = {}
    for path, _ in setting_paths():
        value: object = plain
        for part in path:
            assert isinstance(value, dict)
            value = value[part]
        text = ",".join(value) if isinstance(value, list) else "none" if value is None else str(value)
        environ[variable_name(path)] = text

    assert len(environ) >= 30
    assert build_settings({}, environ) == Settings()


def test_variables_win_over_the_file() -> None:
    """Also inside a group that the file has."""
    settings = build_settings({"worker": {"lease": "1m", "id": "w"}}, {"DRIFTLOG_WORKER__LEASE": "30s"})

    assert (settings.worker.lease, settings.worker.id) == (timedelta(seconds=30), "w")


def test_groups_within_groups_are_reached() -> None:
    """As docs/configuration.md names them; also beside a file that has part of the group."""
    variable = "DRIFTLOG_EXPORT__PROMETHEUS__PORT"
    settings = build_settings({"export": {"prometheus": {"host": "0.0.0.0", "token": "t" * 20}}}, {variable: "9999"})

    assert (settings.export.prometheus.host, settings.export.prometheus.port) == ("0.0.0.0", 9999)


def test_lists_are_separated_by_commas_or_written_as_yaml() -> None:
    """Three ways, one meaning."""
    for text in ("http://a:1,http://b:2", "[http://a:1, http://b:2]", '["http://a:1", "http://b:2"]'):
        settings = build_settings({}, {"DRIFTLOG_ELASTICSEARCH__URLS": text})
        assert settings.elasticsearch.urls == ("http://a:1", "http://b:2")


def test_a_model_is_found_whatever_its_dashes() -> None:
    """CHURN_V2 is churn-v2 when the file has that."""
    settings = build_settings({"models": {"churn-v2": {}}}, {"DRIFTLOG_MODELS__CHURN_V2__WINDOW": "1w"})

    assert [(model.name, model.window) for model in settings.models] == [("churn-v2", timedelta(weeks=1))]


def test_a_new_name_makes_a_new_model() -> None:
    """A container needs no file."""
    settings = build_settings({}, {"DRIFTLOG_MODELS__CHURN_V2__TASK": "regression"})

    assert [(model.name, model.task) for model in settings.models] == [("churn_v2", "regression")]


def test_thresholds_are_one_variable() -> None:
    """Written as YAML or JSON."""
    environ = {"DRIFTLOG_MODELS__CHURN__THRESHOLDS": '[{"metric": "mae", "warning": 3}]'}

    assert build_settings({}, environ).models[0].thresholds == (ThresholdSettings(metric="mae", warning=3.0),)


def test_an_empty_variable_is_as_good_as_none() -> None:
    """`FOO=${BAR:-}` of a compose file sets nothing."""
    assert build_settings({}, {"DRIFTLOG_PREFIX": " ", "DRIFTLOG_NOPE__NOPE": ""}) == Settings()


def test_other_variables_are_left_alone() -> None:
    """Those of the test suite, of the shipper, of other programs."""
    environ = {
        "DRIFTLOG_TEST_ELASTICSEARCH": "http://x",
        "DRIFTLOG_API_KEY": "k",
        "PREFIX": "p",
        "DRIFTLOG_CONFIG": "f",
    }

    assert build_settings({}, environ) == Settings()


@pytest.mark.parametrize(
    ("environ", "parts"),
    [
        ({"DRIFTLOG_WORKER__LEESE": "1m"}, ["DRIFTLOG_WORKER__LEESE", "did you mean DRIFTLOG_WORKER__LEASE?"]),
        ({"DRIFTLOG_PREFX": "a"}, ["DRIFTLOG_PREFX", "did you mean DRIFTLOG_PREFIX?"]),
        ({"DRIFTLOG_MODELS__CHURN__WINDW": "1d"}, ["names no setting of a model", "did you mean WINDOW?"]),
        ({"DRIFTLOG_MODELS__WINDOW": "1d"}, ["names no setting of a model", "<NAME>"]),
        ({"DRIFTLOG_WORKER__LEASE": "soon"}, ["worker.lease", "environment variable DRIFTLOG_WORKER__LEASE", "'soon'"]),
        ({"DRIFTLOG_MODELS__CHURN__THRESHOLDS": "[{"}, ["models.churn.thresholds", "cannot be read as YAML"]),
    ],
)
def test_variables_that_cannot_be_used_are_named(environ: dict[str, str], parts: list[str]) -> None:
    """With the nearest name that can."""
    message = refusal(environ)

    assert [part for part in parts if part not in message] == [], message


def test_a_variable_that_fits_two_models_is_refused() -> None:
    """churn-v2 and churn_v2 share one name."""
    content: dict[str, object] = {"models": {"churn-v2": {}, "churn_v2": {}}}

    assert "fits churn-v2 and churn_v2" in refusal({"DRIFTLOG_MODELS__CHURN_V2__WINDOW": "1w"}, content)
