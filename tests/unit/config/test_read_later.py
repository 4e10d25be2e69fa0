"""References in requests of the maintenance loop are read when the request is sent, not when the file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftlog.config.load import load_settings
from driftlog.contract.errors import ConfigError

FILE = """
models:
  churn:
    maintain:
      executor:
        kind: http
        url: https://ci.example.org/${PROJECT}
        headers: ["Authorization: Bearer ${CI_TOKEN}"]
        body: '{"token": "${TRIGGER}"}'
        status_url: https://ci.example.org/${PROJECT}/{remote}
        working_folder: ${HOME}
      promotion:
        url: https://app.example.org/${SECRET_PATH}
        headers: ["X-Token: ${HOOK_TOKEN}"]
"""
ENVIRON = {"CI_TOKEN": "s3cret", "TRIGGER": "s3cret", "SECRET_PATH": "s3cret", "PROJECT": "s3cret", "HOME": "/home/ada"}


def test_requests_keep_their_references(tmp_path: Path) -> None:
    """No secret becomes a setting, and a variable that is not set is no error yet."""
    (tmp_path / "driftlog.yml").write_text(FILE)
    (model,) = load_settings(tmp_path / "driftlog.yml", ENVIRON).models
    assert "s3cret" not in repr(model)
    assert model.maintain.executor.headers == ("Authorization: Bearer ${CI_TOKEN}",)
    assert model.maintain.executor.body == '{"token": "${TRIGGER}"}'
    assert model.maintain.executor.status_url == "https://ci.example.org/${PROJECT}/{remote}"
    assert model.maintain.promotion.headers == ("X-Token: ${HOOK_TOKEN}",)
    assert model.maintain.executor.working_folder == "/home/ada"


def test_other_settings_do_not(tmp_path: Path) -> None:
    """A reference elsewhere is an error where it is not set."""
    (tmp_path / "driftlog.yml").write_text("models:\n  churn:\n    maintain:\n      registry: {folder: '${NO_SUCH}'}\n")
    with pytest.raises(ConfigError, match="NO_SUCH"):
        load_settings(tmp_path / "driftlog.yml", {})
