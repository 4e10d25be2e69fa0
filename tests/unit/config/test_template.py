"""The commented file, the list of settings and the page about them hold together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from driftlog.config.describe import DESCRIPTIONS, rows
from driftlog.config.load import build_settings, load_settings
from driftlog.config.masked import masked
from driftlog.config.reference import with_table
from driftlog.config.template import render_template, write_template
from driftlog.config.yaml_file import parse_yaml
from driftlog.contract.errors import UsageError
from driftlog.contract.settings import ModelSettings, Secret, Settings

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_file_of_init_gives_the_defaults_and_one_model(tmp_path: Path) -> None:
    """It loads without error as it is written."""
    write_template(tmp_path / "driftlog.yml")

    assert load_settings(tmp_path / "driftlog.yml", {}) == Settings(models=(ModelSettings(name="my-model"),))


def test_every_commented_setting_can_be_switched_on() -> None:
    """With the comment signs removed the file still loads, and holds every setting."""
    text = re.sub(
        r"^( *)# (\w+:|  - \w+:|    \w+:)", r"\1\2", render_template().split("\n\n", 1)[1], flags=re.MULTILINE
    )
    content, origins = parse_yaml(text, name="driftlog.yml")
    settings = build_settings(content, {}, origins)

    assert len(settings.models[0].thresholds) == 4
    written = {path.rpartition(".")[2] for path, *_ in rows() if "[]" not in path and path.count(".") <= 3}
    assert [name for name in written if not re.search(rf"^ *{name}:", text, re.MULTILINE)] == []


def test_every_setting_has_a_description_and_no_description_is_left_over() -> None:
    """A setting that is added must be explained."""
    assert {path for path, *_ in rows()} == set(DESCRIPTIONS)


def test_the_page_holds_the_table_as_it_is_now() -> None:
    """python -m driftlog.config.reference docs/configuration.md"""
    text = PAGE.read_text(encoding="utf-8")

    assert with_table(text) == text


def test_an_existing_file_is_not_overwritten_unless_forced(tmp_path: Path) -> None:
    """Somebody's settings are in it."""
    file = tmp_path / "driftlog.yml"
    file.write_text("prefix: mine")

    with pytest.raises(UsageError, match="exists"):
        write_template(file)
    assert file.read_text() == "prefix: mine"
    write_template(file, force=True)
    assert file.read_text() == render_template()


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    """No traceback."""
    with pytest.raises(UsageError, match="cannot be written"):
        write_template(tmp_path / "none" / "driftlog.yml")


def test_settings_shown_are_settings_that_load_and_hold_no_secret() -> None:
    """What `config show` prints is itself a file, with the secrets masked."""
    settings = build_settings(
        {"elasticsearch": {"username": "me", "password": "hush"}, "models": {"churn": {"window": "1w"}}}, {}
    )
    shown = masked(settings)

    assert "hush" not in str(shown)
    again = build_settings(shown, {})
    assert again.elasticsearch.password == Secret("***")
    assert again.models == settings.models
