"""The demo's settings are a file like every other, and name its own prefix."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from driftlog.config.load import load_settings
from driftlog.contract.errors import UsageError
from driftlog.demo.settings import MODEL, WITHOUT_FAULT, DemoOptions, check_demo_prefix, fresh_spool, write_settings

URL = "http://127.0.0.1:9287"


@pytest.mark.parametrize("prefix", ["driftlog", "driftlog-demox", "driftlog-demo-", "driftlog-demo-*", "prod", ""])
def test_a_prefix_that_is_not_its_own_is_refused(prefix: str) -> None:
    """Everything under it would be deleted."""
    with pytest.raises(UsageError, match="not its own"):
        check_demo_prefix(prefix)
    with pytest.raises(UsageError):
        DemoOptions(prefix=prefix)


def test_its_own_prefixes_are_accepted() -> None:
    """Plain, or with a word."""
    assert [check_demo_prefix(name) for name in ("driftlog-demo", "driftlog-demo-t1")]


def test_the_file_reads_as_what_the_demo_uses(tmp_path: Path) -> None:
    """Weeks of days, any age, its own ports and prefix."""
    options = DemoOptions(folder=tmp_path)
    file, settings = write_settings(options, url=URL, intake_port=12345, app_port=8000, environ={})
    assert load_settings(file, {}) == settings
    assert (settings.prefix, settings.intake.http_port, settings.intake.max_age) == ("driftlog-demo", 12345, None)
    (model,) = settings.models
    assert (model.name, model.bucket, model.window) == (MODEL, timedelta(days=1), timedelta(weeks=1))


def test_a_scenario_has_a_second_model(tmp_path: Path) -> None:
    """The same flights without the fault."""
    options = DemoOptions(folder=tmp_path, scenario="unit-change")
    _, settings = write_settings(options, url=URL, intake_port=1, app_port=8000, environ={})
    assert [model.name for model in settings.models] == [MODEL, WITHOUT_FAULT]


def test_variables_give_credentials_and_nothing_else(tmp_path: Path) -> None:
    """A prefix from the environment would send the deletion elsewhere."""
    environ = {"DRIFTLOG_PREFIX": "driftlog", "DRIFTLOG_ELASTICSEARCH__API_KEY": "id:key"}
    _, settings = write_settings(DemoOptions(folder=tmp_path), url=URL, intake_port=1, app_port=8000, environ=environ)
    assert settings.prefix == "driftlog-demo"
    assert settings.elasticsearch.api_key is not None and settings.elasticsearch.api_key.reveal() == "id:key"


def test_an_old_spool_is_gone(tmp_path: Path) -> None:
    """Its events belong to indices that were deleted."""
    options = DemoOptions(folder=tmp_path)
    (fresh_spool(options) / "left.db").write_text("x")
    assert list(fresh_spool(options).iterdir()) == []


def test_an_unknown_scenario_is_answered_with_the_list() -> None:
    """Names with what they are."""
    with pytest.raises(UsageError, match=r"sensor-stuck \(a broken sensor"):
        DemoOptions(scenario="nonsense")
