"""The door: cheap to import, and clear about what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import driftlog
from driftlog.contract.errors import ConfigError, NameRefused


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_importing_driftlog_loads_nothing_of_others() -> None:
    """A serving app pays for what it uses."""
    heavy = ("driftlog.", "msgspec", "pandas", "numpy", "elasticsearch", "logstash_async")
    loaded = python(f"import sys, driftlog; print([name for name in sys.modules if name.startswith({heavy})])")
    assert loaded.stdout.strip() == "[]", loaded.stderr


def test_a_missing_extra_is_named() -> None:
    """Instead of a ModuleNotFoundError."""
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "import driftlog\n"
        "try:\n    driftlog.connect('http://127.0.0.1:1')\n"
        "except driftlog.contract.errors.UsageError as error:\n    print(error)"
    )
    told = python(code).stdout
    assert "pandas" in told and 'pip install "driftlog[worker]"' in told


def test_arguments_win_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is sent before the first question."""
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    file = tmp_path / "driftlog.yml"
    file.write_text("prefix: ours\nelasticsearch: {urls: ['http://a:1'], api_key: secret}\nmodels: {churn: {}}\n")
    assert repr(driftlog.connect(config=file)) == "Driftlog('http://a:1', prefix='ours')"
    with driftlog.connect(["http://b:2", "http://c:3"], username="u", password="p", config=str(file), prefix="x") as d:
        assert repr(d) == "Driftlog('http://b:2', 'http://c:3', prefix='x')"
        assert (d.settings.elasticsearch.username, d.settings.elasticsearch.api_key) == ("u", None)
        assert [model.name for model in d.settings.models] == ["churn"]
    assert "secret" not in repr(d.settings)


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """By the same rules as the command line."""
    with pytest.raises(NameRefused):
        driftlog.connect("http://a:1", prefix="Not Good")
    with pytest.raises(ConfigError):
        driftlog.connect(config=tmp_path / "absent.yml")
