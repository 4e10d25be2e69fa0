"""Settings are refused with path, value and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import LocalSettings as ConfiguredServer
from driftlog.store.local.layout import Layout, ServerRecord
from driftlog.store.local.settings import LocalSettings, base_folder


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", -1),
        ("port", 65536),
        ("heap", "1"),
        ("heap", "0g"),
        ("heap", "1 g"),
        ("heap", "-1g"),
        ("heap", "255m"),
        ("version", "latest"),
        ("version", "9.5.3/../../x"),
    ],
)
def test_unusable_settings_are_named(name: str, value: Any) -> None:
    """The message begins with the path of the setting."""
    with pytest.raises(ConfigError) as caught:
        LocalSettings(home=Path("/tmp/x"), **{name: value})
    assert caught.value.path == f"local.{name}"
    assert caught.value.value == value
    assert caught.value.remedy


def test_the_configured_server_becomes_these_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the user's home; what is not said has its default."""
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = LocalSettings.configured(ConfiguredServer(port=1234, home="~/data", secure=True, distribution="~/es"))
    assert settings == LocalSettings(1234, tmp_path / "data", distribution=tmp_path / "es", secure=True)


def test_the_data_folder_follows_the_platform() -> None:
    """XDG on Linux where it is absolute, Application Support on macOS."""
    xdg = {"HOME": "/home/ada", "XDG_DATA_HOME": "/data"}
    assert base_folder(xdg, root=False, platform="linux") == Path("/data/driftlog")
    assert base_folder(xdg | {"XDG_DATA_HOME": "rel"}, root=False, platform="linux") == Path(
        "/home/ada/.local/share/driftlog"
    )
    assert base_folder(xdg, root=False, platform="darwin") == Path("/home/ada/Library/Application Support/driftlog")


def test_a_record_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    """Absent, cut short, or of another version of this program."""
    record = ServerRecord(9287, False, "9.5.3", "/java", "/es")
    path = Layout(tmp_path).record
    path.parent.mkdir()
    record.save(path)
    assert ServerRecord.load(path) == record
    for text in ("", '{"port": 1', '{"port": 1}', "[]", '{"colour": 1}'):
        path.write_text(text)
        assert ServerRecord.load(path) is None
